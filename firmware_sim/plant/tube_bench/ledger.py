"""PURE: where a run's energy went: charged = beam + circuit + arcs + bled + dumped + left (physics.md A8)."""

from dataclasses import dataclass, fields

from firmware_sim.plant.tube_bench.shapes import PulseJoules, Shape, arc_j
from firmware_sim.plant.tube_bench.store import StoreLedger


@dataclass(slots=True)
class RunLedger:
    """Joules of all pulses since the bench was switched on, by the names of :class:`PulseJoules`."""

    line_j: float = 0.0
    left_j: float = 0.0
    beam_j: float = 0.0
    circuit_j: float = 0.0
    tube_arc_j: float = 0.0
    ring_j: float = 0.0
    rf_j: float = 0.0
    load_j: float = 0.0
    back_j: float = 0.0
    walls_j: float = 0.0
    rf_arc_j: float = 0.0
    most_arc_j: float = 0.0
    """What arcs took in the worst pulse."""
    longest_s: float = 0.0
    """How long drive went on at most in a pulse that latched: to its blanking, or to its own end."""

    def book(self, shape: Shape, share: float) -> None:
        """One pulse; ``share`` is its true energy over the solved one's."""
        joules = shape.joules
        for name in _NAMES:
            setattr(self, name, getattr(self, name) + getattr(joules, name) * share)
        self.most_arc_j = max(self.most_arc_j, arc_j(shape) * share)
        if shape.latches.first_s is not None and shape.radiated.power_w > 0.0:
            end_s = shape.radiated.from_s + shape.radiated.width_s if shape.blanked_s is None else shape.blanked_s
            self.longest_s = max(self.longest_s, end_s - shape.radiated.from_s)

    def pulse_residual_j(self) -> float:
        """What the pulses' account does not explain."""
        spent_j = self.left_j + self.beam_j + self.circuit_j + self.tube_arc_j + self.ring_j
        return self.line_j - spent_j

    def rf_residual_j(self) -> float:
        """What the account from the tube to the load does not explain."""
        return self.rf_j - self.load_j - self.back_j - self.walls_j - self.rf_arc_j


_NAMES = tuple(f.name for f in fields(PulseJoules))


def run_residual_j(store: StoreLedger, run: RunLedger, stored_j: float) -> float:
    """What the whole run's account does not explain, begun with an empty line; ``stored_j`` is in the line now."""
    spent_j = run.beam_j + run.circuit_j + run.tube_arc_j + run.ring_j
    return store.charged_j - spent_j - store.bled_j - store.dumped_j - stored_j
