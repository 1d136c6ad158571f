"""PURE: where a run's energy went: charged = beam + circuit + arcs + bled + dumped + left (physics.md A8)."""

from dataclasses import dataclass, fields

from firmware_sim.plant.tube_bench.shapes import PulseJoules
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

    def book(self, joules: PulseJoules, share: float) -> None:
        """One pulse; ``share`` is its true energy over the solved one's."""
        for name in _NAMES:
            setattr(self, name, getattr(self, name) + getattr(joules, name) * share)

    def pulse_residual_j(self) -> float:
        """What the pulses' account does not explain."""
        spent_j = self.left_j + self.beam_j + self.circuit_j + self.tube_arc_j + self.ring_j
        return self.line_j - spent_j

    def rf_residual_j(self) -> float:
        """What the account from the tube to the load does not explain."""
        return self.rf_j - self.load_j - self.back_j - self.walls_j - self.rf_arc_j


_NAMES = tuple(f.name for f in fields(RunLedger))


def run_residual_j(store: StoreLedger, run: RunLedger, stored_j: float) -> float:
    """What the whole run's account does not explain, begun with an empty line; ``stored_j`` is in the line now."""
    spent_j = run.beam_j + run.circuit_j + run.tube_arc_j + run.ring_j
    return store.charged_j - spent_j - store.bled_j - store.dumped_j - stored_j
