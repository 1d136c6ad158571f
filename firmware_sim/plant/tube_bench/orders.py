"""PURE: one pulse on its way: what a trigger will make, and what it made."""

from dataclasses import dataclass

from firmware_sim.plant.breakdown.faults import Breakdown
from firmware_sim.plant.modulator.thyratron import Refusal
from firmware_sim.plant.tube_bench.shapes import PulseRequest, Shape


@dataclass(frozen=True, slots=True)
class TubeEdges:
    """A trigger that reached the thyratron, or a thyratron that fired by itself.

    ``index`` keys what is drawn for it. ``trigger_s`` is from T0 to the trigger, ``jitter_s`` this pulse's anode delay
    over the nominal one. ``request`` None with ``refusal``: it did not fire. ``allowed`` False: no open gate let it.
    ``stray`` False: it disturbs nothing.
    """

    t0_ns: int
    index: int
    line_v: float
    trigger_s: float
    jitter_s: float
    request: PulseRequest | None
    refusal: Refusal | None = None
    breakdown: Breakdown | None = None
    spontaneous: bool = False
    allowed: bool = True
    stray: bool = True


@dataclass(frozen=True, slots=True)
class TubePulse:
    """A pulse that was solved. It makes no edges on the trigger cable: that is a fibre."""

    edges: TubeEdges
    shape: Shape | None
    emi_until_ns: int = 0
    false_edges_ns: tuple[int, ...] = ()

    @property
    def share(self) -> float:
        """Line voltage over the one that was solved."""
        return 1.0 if self.shape is None else self.edges.line_v / self.shape.solved_v
