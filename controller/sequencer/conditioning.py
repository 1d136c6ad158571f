"""PURE: conditioning: one decision from what the bench shows, so that a surface learns to hold its field.

The field is raised as long as the breakdown rate over a sliding window stays below a target; faults step it down by a
ladder, and it comes back by itself; long pulses come after short ones (sequencing.md 3.9, physics.md B8). An input that
cannot be steps the field DOWN: a published loop that only set a status then, and left the voltage, is the bad example.
Stopping within a pulse, inhibiting the next and the interlocks are the hardware's and the PLC's, never this function's.
"""

from dataclasses import dataclass, replace
from enum import Enum
from math import exp

from controller.sequencer.conditioning_recipe import ConditioningRecipe
from controller.sequencer.conditioning_state import (
    PROGRESS_MAX,
    RECENT_MAX,
    ConditioningState,
    Fault,
    FirstFault,
    Phase,
    Progress,
    Window,
)

FAULTS_MAX = 64
"""In one observation. Pulses stop at the first; more than this is a broken input, not a burst."""

DOUBT = 0.05
"""The goal is proven when a bench just at the goal's rate would have shown so few breakdowns only this often."""

COUNT_MAX, NUMBER_MAX = 2**63, 1e30
"""More pulses than a counter has bits for, and more than any reading in SI units (9.9E37 says overflow)."""

LATE_S = 1.0
"""Pulses that are fired for longer than this after they were to be inhibited are no late ones."""

PRESSURE_MAX_PA = 1.1e5
"""Air. A gauge that shows more, or nothing at all, is broken."""


@dataclass(frozen=True, slots=True)
class FaultSeen:
    """One latch: in which pulse, and how long after its beginning."""

    kind: Fault
    pulse: int
    offset_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Observation:
    """What the bench shows since the last one; counters only rise.

    ``pulse`` is the index of the next pulse, so the number of all before it, fired or inhibited; ``fired`` how many of
    them were fired. ``field_v_per_m`` and ``pulse_s`` are means over the pulses fired since the last observation (any
    value when there were none).
    """

    pulse: int
    fired: int
    time_s: float
    pressure_pa: float
    field_v_per_m: float
    pulse_s: float
    faults: tuple[FaultSeen, ...] = ()


class Because(Enum):
    """Why the action is what it is, in words for the record."""

    RAISED = "the breakdown rate is below target: a step up"
    HELD = "the breakdown rate is at target: hold"
    LOWERED = "the breakdown rate is twice the target: a step down"
    LEVEL = "on the way to the next decision"
    RECOVERING = "coming back after a fault"
    LONGER = "nominal field held: longer pulses at lower field"
    SOAKING = "nominal field: hold it before the pulses get longer"
    PROVING = "nominal field and length: counting towards the goal"
    ARC = "an arc: the large step down"
    SECOND_ARC = "a second arc in the window: down to the normal operating point"
    MINOR = "reflection or vacuum: the small step down"
    PAUSED = "no pulse for a while after a fault"
    PRESSURE = "pressure too high: no pulse until it was good for long enough"
    INVALID = "an input cannot be: a step down"
    BUDGET = "too many arcs in too short a time: a person has to look"
    GOAL = "the goal is reached"


@dataclass(frozen=True, slots=True)
class Action:
    """What to do for the next ``pulses`` pulses, or until a fault: fire them so, or with zero field inhibit them."""

    field_v_per_m: float
    pulse_s: float
    pulses: int
    because: Because
    invalid: str = ""

    @property
    def fires(self) -> bool:
        """False when the pulses are to be inhibited."""
        return self.field_v_per_m > 0.0


Step = tuple[ConditioningState, Action]


def decide(recipe: ConditioningRecipe, state: ConditioningState, seen: Observation) -> Step:
    """The next state and what to do now. Never raises for what the bench shows: that steps down."""
    if state.phase.ended:
        because = Because.GOAL if state.phase is Phase.DONE else Because.BUDGET
        return state, _inhibit(recipe, recipe.vacuum_poll_s, because)
    problem = complaint(recipe, state, seen)
    possible = [fault for fault in seen.faults[:FAULTS_MAX] if _possible(fault)]
    if problem:
        # their pulses may be as wrong as the rest: they are kept where the bench was last known to be
        possible = [replace(fault, pulse=state.pulse) for fault in possible]
    faults = tuple(sorted(possible, key=lambda fault: (fault.pulse, fault.offset_s)))
    captured, is_new = _captured(recipe, state, faults)
    if problem:
        return _doubted(recipe, captured, problem, bool(faults), is_new)
    counted = _counted(recipe, captured, seen, is_new)
    if faults:
        high = seen.pressure_pa > recipe.vacuum_hold_pa
        paused = replace(counted, phase=Phase.VACUUM_HOLD if high else Phase.PAUSE, since_s=counted.time_s)
        return _struck(recipe, paused, any(fault.kind.is_arc for fault in faults), is_new)
    if seen.pressure_pa > recipe.vacuum_hold_pa or state.phase is Phase.VACUUM_HOLD:
        return _vacuum(recipe, counted, seen.pressure_pa)
    if state.phase is Phase.PAUSE:
        over = counted.time_s - counted.since_s >= recipe.pause_s and seen.pressure_pa < recipe.vacuum_resume_pa
        return _run(recipe, counted) if over else (counted, _inhibit(recipe, 1.0, Because.PAUSED))
    if counted.drop > 0.0:
        # only pulses show that a level holds: while the bench itself inhibits them, time alone brings nothing back
        proven = 2 * (seen.fired - state.fired) >= recipe.recover_pulses
        return _run(recipe, replace(counted, drop=_recovered(recipe, counted)) if proven else counted)
    return _regulated(recipe, counted)


def resume(recipe: ConditioningRecipe, state: ConditioningState, pulse: int, fired: int, time_s: float) -> Step:
    """A person goes on after an interruption or a stop; the counters are the bench's own, which may have begun anew.

    First good vacuum, then ``resume_drop`` lower: nobody knows what the surface met in the meantime. Reached field,
    rung, windows and faults are kept. A conditioning that is done stays done. Raises ValueError for counters that
    cannot be.
    """
    if not (_is_count(pulse) and _is_count(fired) and _is_number(time_s) and 0 <= fired <= pulse):
        counters = f"pulse={pulse!r}, fired={fired!r}, time_s={time_s!r}"
        raise ValueError(f"{counters} cannot be a bench's counters; give whole numbers, fired not above pulse")
    if state.phase is Phase.DONE:
        return state, _inhibit(recipe, recipe.vacuum_poll_s, Because.GOAL)
    state = replace(state, pulse=pulse, fired=fired, time_s=time_s, since_s=time_s, good_since_s=None, arcs_s=())
    state = replace(state, phase=Phase.VACUUM_HOLD, drop=max(state.drop, recipe.resume_drop), invalid_run=0)
    return state, _inhibit(recipe, recipe.vacuum_poll_s, Because.PRESSURE)


def commanded(recipe: ConditioningRecipe, state: ConditioningState) -> tuple[float, float]:
    """Field in V/m and pulse length in s that the state asks for; zero field while nothing may be fired."""
    if state.phase is not Phase.RUN:
        return 0.0, recipe.pulse_s(state.rung)
    return state.working_field_v_per_m * (1.0 - state.drop), recipe.pulse_s(state.rung)


def complaint(recipe: ConditioningRecipe, state: ConditioningState, seen: Observation) -> str:
    """What cannot be about an observation, empty when nothing. Written so that a NaN never passes."""
    if not all(_is_count(count) for count in (seen.pulse, seen.fired)):
        return f"counters {seen.pulse!r} and {seen.fired!r} are no whole numbers"
    readings = (seen.time_s, seen.pressure_pa, seen.field_v_per_m, seen.pulse_s)
    if not all(_is_number(value) for value in readings):
        return f"of the readings {readings!r} one is no finite number"
    pulses, fired, elapsed_s = seen.pulse - state.pulse, seen.fired - state.fired, seen.time_s - state.time_s
    if not 0 <= fired <= pulses:
        return f"{fired} pulses fired of {pulses} since the last observation"
    if not elapsed_s >= 0.0 or not pulses <= (1.0 + recipe.tolerance) * elapsed_s * recipe.rate_hz + 1.0:
        return f"{pulses} pulses in {elapsed_s:g} s are not {recipe.rate_hz:g} Hz"
    if not 0.0 < seen.pressure_pa <= PRESSURE_MAX_PA:
        return f"pressure {seen.pressure_pa:g} Pa"
    if len(seen.faults) > FAULTS_MAX:
        return f"{len(seen.faults)} faults at once"
    for fault in seen.faults:
        earliest = state.pulse - recipe.burst_s * recipe.rate_hz
        if not _possible(fault) or not earliest <= fault.pulse < seen.pulse:
            return f"fault {fault.kind!r} in pulse {fault.pulse!r} at {fault.offset_s!r} s"
    return _level_complaint(recipe, state, seen) if fired else ""


def _level_complaint(recipe: ConditioningRecipe, state: ConditioningState, seen: Observation) -> str:
    held = state.phase is not Phase.RUN
    # between bad pressure seen and the drive switched off some pulses still come, at the level of before; behind a
    # latch none can
    late = state.phase is Phase.VACUUM_HOLD and state.time_s == state.since_s
    late = late and seen.fired - state.fired <= LATE_S * recipe.rate_hz
    if held and not late and not state.invalid_run:
        return "pulses were fired while they were to be inhibited"
    field, pulse_s = commanded(recipe, state)
    lowest, highest = field, field
    if held or state.invalid_run:
        # the mean is over the levels since the last valid observation
        lowest, highest = 0.0, state.working_field_v_per_m
    low, high = 1.0 - recipe.tolerance, 1.0 + recipe.tolerance
    if not low * lowest <= seen.field_v_per_m <= high * highest:
        return f"field {seen.field_v_per_m:g} V/m where {highest:g} V/m was asked for"
    if not low * pulse_s <= seen.pulse_s <= high * pulse_s:
        return f"pulse length {seen.pulse_s:g} s where {pulse_s:g} s was asked for"
    return ""


def _possible(fault: FaultSeen) -> bool:
    when = _is_count(fault.pulse) and _is_number(fault.offset_s) and fault.offset_s >= 0.0
    return isinstance(fault.kind, Fault) and when


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < COUNT_MAX


def _is_number(value: object) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool) and abs(value) < NUMBER_MAX


def _captured(
    recipe: ConditioningRecipe, state: ConditioningState, faults: tuple[FaultSeen, ...]
) -> tuple[ConditioningState, bool]:
    """The first fault of the burst kept; stragglers of the last burst only counted. True for a new burst."""
    if not faults:
        return state, False
    last = state.recent[-1] if state.recent else None
    pulse = state.pulses_total + faults[0].pulse - state.pulse
    if last is not None and pulse <= last.pulse + recipe.burst_s * recipe.rate_hz:
        joined = replace(last, followers=last.followers + len(faults))
        first = joined if state.first == last else state.first
        return replace(state, recent=(*state.recent[:-1], joined), first=first), False
    field, pulse_s = commanded(recipe, state)
    kind = faults[0].kind
    found = FirstFault(kind, pulse, faults[0].offset_s, field, pulse_s, len(faults) - 1)
    bursts = tuple(count + (each is kind) for each, count in zip(Fault, state.bursts, strict=True))
    recent = (*state.recent, found)[-RECENT_MAX:]
    return replace(state, bursts=bursts, recent=recent, first=state.first or found), True


def _counted(
    recipe: ConditioningRecipe, state: ConditioningState, seen: Observation, is_new: bool
) -> ConditioningState:
    """Counters and windows moved on. Pulses below level prove nothing and are left out; breakdowns always count."""
    fired = seen.fired - state.fired
    at_level = fired if state.phase is Phase.RUN and state.drop == 0.0 and not state.invalid_run else 0
    nominal = state.working_field_v_per_m >= recipe.nominal_field_v_per_m
    last_rung = state.rung == recipe.rungs - 1
    state = replace(
        state,
        pulse=seen.pulse,
        fired=seen.fired,
        time_s=seen.time_s,
        pulses_total=state.pulses_total + seen.pulse - state.pulse,
        fired_total=state.fired_total + fired,
        total_s=state.total_s + seen.time_s - state.time_s,
        invalid_run=0,
        level_pulses=state.level_pulses + at_level,
        soaked_pulses=state.soaked_pulses + (at_level if nominal else 0),
        window=state.window.add(at_level, int(is_new)),
        goal=state.goal.add(at_level, int(is_new)) if nominal and last_rung else state.goal,
    )
    since = state.fired_total - (state.progress[-1].fired if state.progress else 0)
    if since < recipe.progress_pulses or not state.window.full:
        return state
    # half a breakdown more than were seen: the rate of an empty window is small but not zero
    window = state.goal if state.goal.pulses > state.window.pulses else state.window
    rate = (window.breakdowns + 0.5) / window.pulses
    reached = recipe.scaled_field(state.working_field_v_per_m, recipe.pulse_s(state.rung), rate)
    return replace(state, progress=(*state.progress, Progress(state.fired_total, reached))[-PROGRESS_MAX:])


def _struck(recipe: ConditioningRecipe, state: ConditioningState, arc: bool, is_new: bool) -> Step:
    """Nothing is fired after a fault, and then lower by the ladder; too many arcs end it."""
    state = replace(state, good_since_s=None)
    if not is_new:
        return state, _inhibit(recipe, recipe.pause_s, Because.PAUSED)
    if not arc:
        lower = _dropped(recipe, state, recipe.minor_drop)
        return lower, _inhibit(recipe, recipe.pause_s, Because.MINOR)
    second = any(state.time_s - arc_s <= recipe.second_arc_s for arc_s in state.arcs_s)
    arcs = (*(at for at in state.arcs_s if state.time_s - at <= max(recipe.second_arc_s, recipe.arc_budget_s)),)
    state = _dropped(recipe, replace(state, arcs_s=(*arcs, state.time_s)[-recipe.arc_budget :]), recipe.arc_drop)
    if sum(state.time_s - at <= recipe.arc_budget_s for at in state.arcs_s) >= recipe.arc_budget:
        return replace(state, phase=Phase.STOPPED), _inhibit(recipe, recipe.vacuum_poll_s, Because.BUDGET)
    if second:
        to_normal = 1.0 - recipe.normal_field_v_per_m / state.working_field_v_per_m
        state = replace(state, drop=min(recipe.drop_max, max(state.drop, to_normal)))
    return state, _inhibit(recipe, recipe.pause_s, Because.SECOND_ARC if second else Because.ARC)


def _doubted(recipe: ConditioningRecipe, state: ConditioningState, problem: str, fault: bool, is_new: bool) -> Step:
    """An input cannot be: a step down; no pulse when it lasts, beside a fault, or with no way further down."""
    bottom = state.drop >= recipe.drop_max
    state = replace(state, window=state.window.add(0, int(is_new)))
    state = _dropped(recipe, state, recipe.invalid_drop)
    state = replace(state, invalid=state.invalid + 1, invalid_run=state.invalid_run + 1, good_since_s=None)
    if fault or bottom or state.phase is Phase.PAUSE or state.invalid_run >= recipe.invalid_budget:
        state = replace(state, phase=Phase.VACUUM_HOLD)
    field, pulse_s = commanded(recipe, state)
    if not field:
        return state, replace(_inhibit(recipe, recipe.vacuum_poll_s, Because.INVALID), invalid=problem)
    return state, Action(field, pulse_s, recipe.recover_pulses, Because.INVALID, problem)


def _vacuum(recipe: ConditioningRecipe, state: ConditioningState, pressure_pa: float) -> Step:
    """Wait for good vacuum, and for it to stay good; then go on lower."""
    if state.phase is not Phase.VACUUM_HOLD:
        state = _dropped(recipe, replace(state, phase=Phase.VACUUM_HOLD, since_s=state.time_s), recipe.minor_drop)
    good_s = state.time_s if state.good_since_s is None else state.good_since_s
    state = replace(state, good_since_s=good_s if pressure_pa < recipe.vacuum_resume_pa else None)
    if state.good_since_s is not None and state.time_s - state.good_since_s >= recipe.vacuum_wait_s:
        return _run(recipe, replace(state, good_since_s=None))
    return state, _inhibit(recipe, recipe.vacuum_poll_s, Because.PRESSURE)


def _regulated(recipe: ConditioningRecipe, state: ConditioningState) -> Step:
    """At level: up, hold or down by the breakdowns in the window; a window that is not full yet counts as full."""
    if state.level_pulses < recipe.raise_pulses:
        return _run(recipe, state)
    # a little less, so that rounding does not make 3.0000000000000004 of three
    allowed, found = recipe.target_rate * recipe.window_pulses * (1.0 - 1e-9), state.window.breakdowns
    state = replace(state, level_pulses=0)
    if found >= 2.0 * allowed:
        field = state.working_field_v_per_m * (1.0 - recipe.lower_fraction)
        lower = replace(state, working_field_v_per_m=field, soaked_pulses=0, goal=Window(recipe.goal_pulses))
        return _run(recipe, lower, Because.LOWERED)
    nominal = state.working_field_v_per_m >= recipe.nominal_field_v_per_m
    if nominal and state.rung == recipe.rungs - 1:
        goal = state.goal
        if goal.full and _chance(goal.breakdowns, recipe.goal_rate * goal.pulses) <= DOUBT:
            return replace(state, phase=Phase.DONE), _inhibit(recipe, recipe.vacuum_poll_s, Because.GOAL)
        return _run(recipe, state, Because.PROVING)
    if found >= allowed:
        return _run(recipe, state, Because.HELD)
    if not nominal:
        field = min(recipe.nominal_field_v_per_m, state.working_field_v_per_m * (1.0 + recipe.raise_fraction))
        return _run(recipe, replace(state, working_field_v_per_m=field), Because.RAISED)
    if state.soaked_pulses < recipe.soak_pulses:
        return _run(recipe, state, Because.SOAKING)
    return _run(recipe, _longer(recipe, state), Because.LONGER)


def _chance(count: int, mean: float) -> float:
    """Probability of at most ``count`` events where ``mean`` are expected (Poisson)."""
    term = total = exp(-mean)
    for number in range(1, count + 1):
        term *= mean / number
        total += term
    return total


def _longer(recipe: ConditioningRecipe, state: ConditioningState) -> ConditioningState:
    """The next rung. The window begins anew: it counted other pulses."""
    field = state.working_field_v_per_m * (1.0 - recipe.rung_drop)
    window = Window(recipe.window_pulses)
    return replace(state, rung=state.rung + 1, working_field_v_per_m=field, window=window, soaked_pulses=0)


def _dropped(recipe: ConditioningRecipe, state: ConditioningState, by: float) -> ConditioningState:
    return replace(state, drop=min(recipe.drop_max, state.drop + by))


def _recovered(recipe: ConditioningRecipe, state: ConditioningState) -> float:
    """The drop one step smaller; the rest of a step that rounding leaves is none."""
    rest = state.drop - recipe.recover_fraction
    return rest if rest > 1e-6 * recipe.recover_fraction else 0.0


def _run(recipe: ConditioningRecipe, state: ConditioningState, because: Because = Because.LEVEL) -> Step:
    state = replace(state, phase=Phase.RUN)
    field, pulse_s = commanded(recipe, state)
    if state.drop > 0.0:
        return state, Action(field, pulse_s, recipe.recover_pulses, Because.RECOVERING)
    return state, Action(field, pulse_s, max(1, recipe.raise_pulses - state.level_pulses), because)


def _inhibit(recipe: ConditioningRecipe, for_s: float, because: Because) -> Action:
    return Action(0.0, 0.0, max(1, round(for_s * recipe.rate_hz)), because)
