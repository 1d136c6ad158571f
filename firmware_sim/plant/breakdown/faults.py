"""PURE: what a breakdown looks like to the latches and to the vacuum."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

from firmware_sim.plant.breakdown.parameters import BreakdownParameters, FaultKind
from firmware_sim.plant.breakdown.points import RandomPoints


@dataclass(frozen=True, slots=True)
class Latch:
    """One latch that the breakdown sets, ``offset_s`` after the beginning of its pulse."""

    kind: FaultKind
    offset_s: float


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A breakdown at ``pulse``: latches in the order in which they set, and the gas it frees, in Pa m^3."""

    pulse: int
    latches: tuple[Latch, ...]
    burst_pa_m3: float

    @property
    def kind(self) -> FaultKind:
        """The first fault: what really happened."""
        return self.latches[0].kind


def breakdown_at(points: RandomPoints, parameters: BreakdownParameters, pulse: int, pulse_s: float) -> Breakdown:
    """The breakdown of ``pulse``: kind, instant within ``pulse_s`` and burst are drawn from numbers of that pulse.

    An arc reflects the wave, so the VSWR latch follows an arc in the waveguide after the reflection delay.
    """
    which, when, size = points.uniforms(pulse, 3)
    edges = list(accumulate(parameters.shares()))
    kind = tuple(FaultKind)[bisect_right(edges, which * edges[-1])]
    faults = parameters.faults
    latches = [Latch(kind, when * pulse_s)]
    if kind is FaultKind.WAVEGUIDE_ARC:
        latches.append(Latch(FaultKind.VSWR, when * pulse_s + faults.reflection_delay_s))
    burst = faults.burst_min_pa_m3 * (faults.burst_max_pa_m3 / faults.burst_min_pa_m3) ** size
    return Breakdown(pulse, tuple(latches), float(burst))
