"""PURE: how long a conditioning still takes, from its own progress.

E* = E tau^(1/6) / BDR^(1/30) is one number for field, pulse length and breakdown rate, and conditioning raises it
(physics.md B8). Its samples are extrapolated to the goal's E* in two ways, least squares over the last samples: as a
straight line of the pulses fired, which is early because conditioning slows down, and as a straight line of their
logarithm, which is late as long as it does not. Pauses and holds are counted in at the share they have had so far. The
pulses that prove the goal come on top: what is missing in the window for the early end, a whole one for the late end.
A surface that is nearly finished can be later than both.
"""

from dataclasses import dataclass
from math import exp, log

from controller.sequencer.conditioning_recipe import ConditioningRecipe
from controller.sequencer.conditioning_state import ConditioningState, Fault, Phase

SAMPLES = 20
"""The last so many are extrapolated: older ones belong to a faster time."""

SAMPLES_MIN = 5
"""Fewer say nothing: one sample spreads by 2 % or so."""

EXPONENT_MAX = 50.0
"""Beyond e^50 times the pulses so far the answer is: not by going on like this."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Hours to go, between the two extrapolations."""

    low_h: float
    high_h: float


def goal_scaled_field(recipe: ConditioningRecipe) -> float:
    """E* of nominal field and length at the goal's rate, in V/m s^(1/6)."""
    return recipe.scaled_field(recipe.nominal_field_v_per_m, recipe.nominal_pulse_s, recipe.goal_rate)


def hours_to_goal(recipe: ConditioningRecipe, state: ConditioningState) -> Estimate | None:
    """The estimate; None with too few samples, and when the progress does not rise."""
    if state.phase is Phase.DONE:
        return Estimate(0.0, 0.0)
    samples = state.progress[-SAMPLES:]
    if len(samples) < SAMPLES_MIN:
        return None
    fired = [float(sample.fired) for sample in samples]
    reached = [sample.scaled_field for sample in samples]
    goal, now = goal_scaled_field(recipe), float(state.fired_total)
    level, rise = _line(fired, reached)
    log_level, log_rise = _line([log(pulses) for pulses in fired], reached)
    if rise <= 0.0 or log_rise <= 0.0:
        return None
    linear = max(0.0, (goal - level) / rise - now)
    exponent = (goal - log_level) / log_rise
    if exponent > log(now) + EXPONENT_MAX:
        return None
    late = max(0.0, exp(exponent) - now)
    proof = max(0, recipe.goal_pulses - state.goal.pulses)
    hours_per_pulse = state.total_s / 3600.0 / now
    low, high = sorted((linear, late))
    return Estimate((low + proof) * hours_per_pulse, (high + recipe.goal_pulses) * hours_per_pulse)


def reached_text(recipe: ConditioningRecipe, state: ConditioningState) -> str:
    """One line for people: field, pulse length, pulses, breakdowns by their first fault, hours to go."""
    field = f"{state.working_field_v_per_m * 1e-6:.2f} MV/m, {recipe.pulse_s(state.rung) * 1e9:.0f} ns"
    kinds = [f"{count} {kind.label}" for kind, count in zip(Fault, state.bursts, strict=True) if count]
    total = sum(state.bursts)
    broke = f"{total} breakdown{'s' * (total > 1)} ({', '.join(kinds)})" if kinds else "no breakdown"
    estimate = hours_to_goal(recipe, state)
    ahead = "no estimate yet" if estimate is None else f"{estimate.low_h:.0f} to {estimate.high_h:.0f} h to the goal"
    ended = {Phase.DONE: ", the goal", Phase.STOPPED: ", stopped: a person has to look"}.get(state.phase, "")
    return f"{field} after {state.fired_total} pulses, {broke}, {ahead}{ended}"


def _line(x: list[float], y: list[float]) -> tuple[float, float]:
    """Value at zero and slope of the straight line of least squares."""
    middle, mean = sum(x) / len(x), sum(y) / len(y)
    spread = sum((value - middle) ** 2 for value in x)
    slope = sum((at - middle) * (value - mean) for at, value in zip(x, y, strict=True)) / spread
    return mean - slope * middle, slope
