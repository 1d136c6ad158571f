"""PURE: the self-exciting process: from one breakdown to the next without looking at the pulses between.

The hazard of pulse k is  probability (1 - branching) + excitation exp(-(k - anchor)/decay_pulses)  (a discrete Hawkes
process, physics.md B7); its pulse breaks down with 1 - exp(-hazard). Between two anchors (a breakdown, a change of the
drive, a multiple of ``update_pulses``) everything is in closed form of k, so a stretch may be cut anywhere: the
breakdowns are the same to the pulse. That holds for a kill, and for a bench that asks pulse by pulse.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import exp, expm1

from firmware_sim.plant.breakdown.parameters import BreakdownParameters
from firmware_sim.plant.breakdown.points import COMMON, HAZARD_MAX, RandomPoints
from firmware_sim.plant.breakdown.surface import conditioned, effort, probability


@dataclass(frozen=True, slots=True)
class Drive:
    """What every pulse carries: surface field and flat length; zero field means that no pulse is fired."""

    field_v_per_m: float
    pulse_s: float

    @property
    def fires(self) -> bool:
        """False for a pulse that is inhibited."""
        return self.field_v_per_m > 0.0 and self.pulse_s > 0.0


OFF = Drive(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class BreakdownState:
    """Everything the future depends on beside seed, parameters and drive. Plain numbers: it can be kept as JSON.

    ``pulse`` is the next that is not decided; ``strength`` and ``excitation`` (hazard per pulse left over from earlier
    breakdowns) hold at ``anchor``, since which ``drive`` has been on. ``excited_at`` is the lowest probability the
    excitation has been through.
    """

    pulse: int
    anchor: int
    strength: float
    excitation: float = 0.0
    excited_at: float = 0.0
    drive: Drive = OFF


def fresh(parameters: BreakdownParameters, pulse: int = 0) -> BreakdownState:
    """A surface that has seen no pulse; ``pulse`` is the index of its first."""
    return BreakdownState(pulse, pulse, parameters.surface.start_strength)


def kick(parameters: BreakdownParameters) -> float:
    """Rise of the hazard after one breakdown: summed over all later pulses it makes ``branching``."""
    return parameters.cluster.branching * expm1(1.0 / parameters.cluster.decay_pulses)


def advance(
    points: RandomPoints, parameters: BreakdownParameters, state: BreakdownState, drive: Drive, until: int
) -> tuple[BreakdownState, int | None]:
    """Drive from ``state.pulse`` on; stop behind the first breakdown (its pulse is returned), or before ``until``.

    Raises ValueError when ``until`` lies behind the state.
    """
    if until < state.pulse:
        raise ValueError(f"until={until} is before the state's pulse {state.pulse}; give a later one")
    if drive != state.drive:
        state = _changed(parameters, state, drive)
    if not drive.fires:
        return replace(state, pulse=until), None
    grid = parameters.surface.update_pulses
    while state.pulse < until:
        edge = min((state.anchor // grid + 1) * grid, until)
        found = _search(points, parameters, state, edge)
        if found is not None:
            return _struck(parameters, state, found), found
        state = replace(state, pulse=edge)
        if edge % grid == 0:
            state = _anchored(parameters, state, edge)
    return state, None


def hazard(parameters: BreakdownParameters, state: BreakdownState) -> Callable[[int], float]:
    """The hazard of a pulse, not before the anchor, as long as no breakdown and no change comes between."""
    if not state.drive.fires:
        return lambda _: 0.0
    calm = _probability(parameters, state) * (1.0 - parameters.cluster.branching)
    decay, excitation, anchor = parameters.cluster.decay_pulses, state.excitation, state.anchor
    return lambda pulse: min(HAZARD_MAX, calm + excitation * exp((anchor - pulse) / decay))


def _search(points: RandomPoints, parameters: BreakdownParameters, state: BreakdownState, stop: int) -> int | None:
    """The first breakdown in [state.pulse, stop), looked for in stretches of one decay while it is high and falls.

    A stretch is searched up to the hazard at its beginning: short ones keep the points that cannot matter few.
    """
    of, start = hazard(parameters, state), state.pulse
    enough = max(COMMON, 1.25 * of(stop))
    while start < stop:
        end = min(stop, start + int(parameters.cluster.decay_pulses)) if of(start) > enough else stop
        found = points.first_below(start, end, of)
        if found is not None:
            return found
        start = end
    return None


def _probability(parameters: BreakdownParameters, state: BreakdownState) -> float:
    return probability(parameters.law, state.strength, state.drive.field_v_per_m, state.drive.pulse_s)


def _anchored(parameters: BreakdownParameters, state: BreakdownState, pulse: int) -> BreakdownState:
    """The same process with its anchor moved on to ``pulse``; inhibited pulses neither condition nor calm down."""
    if not state.drive.fires:
        return replace(state, anchor=pulse)
    pulses = pulse - state.anchor
    hard = pulses * effort(parameters.surface, parameters.law, _probability(parameters, state))
    strength = conditioned(parameters.surface, state.strength, hard)
    excitation = state.excitation * exp(-pulses / parameters.cluster.decay_pulses)
    return replace(state, anchor=pulse, strength=strength, excitation=excitation)


def _struck(parameters: BreakdownParameters, state: BreakdownState, pulse: int) -> BreakdownState:
    """Behind a breakdown at ``pulse``: its own kick counts from the next pulse on."""
    after = _anchored(parameters, state, pulse + 1)
    excitation = after.excitation + kick(parameters) * exp(-1.0 / parameters.cluster.decay_pulses)
    return replace(after, pulse=pulse + 1, excitation=excitation, excited_at=_probability(parameters, after))


def _changed(parameters: BreakdownParameters, state: BreakdownState, drive: Drive) -> BreakdownState:
    """Another drive from ``state.pulse`` on.

    ASSUMPTION: what is left of a cluster falls with the power law when the field is lowered, and does not come back
    when it is raised again. The fit of the clusters was made at a constant field and says nothing about it.
    """
    after = replace(_anchored(parameters, state, state.pulse), drive=drive)
    now = _probability(parameters, after)
    if not drive.fires or now >= after.excited_at:
        return after
    return replace(after, excitation=after.excitation * now / after.excited_at, excited_at=now)
