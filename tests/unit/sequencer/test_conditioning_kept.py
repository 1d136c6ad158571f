"""What is kept of a conditioning, its recipe, its window and its estimate."""

import json
from dataclasses import fields, replace
from math import log, nan

import pytest

from controller.sequencer.conditioning import resume
from controller.sequencer.conditioning_estimate import goal_scaled_field, hours_to_goal
from controller.sequencer.conditioning_recipe import ConditioningRecipe, RecipeRefused
from controller.sequencer.conditioning_state import (
    ConditioningState,
    Phase,
    Progress,
    StateRefused,
    Window,
    from_text,
    start,
    to_text,
)
from tests.unit.sequencer.conditioning_bench import (
    ARC,
    RECIPE,
    VSWR,
    Played,
    full,
    running,
)

# the kept state


def rich_state() -> ConditioningState:
    played = running(progress=(Progress(5 * 10**6, 1.1e7 / 3.0),))
    played.go(1000, fault=ARC)
    played.until_firing()
    played.go(12_345, fault=VSWR)
    return played.state


def test_the_text_is_lossless():
    for state in (start(RECIPE), rich_state(), running(field=1e8 / 3.0).state):
        assert from_text(to_text(state), RECIPE) == state
        assert to_text(from_text(to_text(state), RECIPE)) == to_text(state)


def changed(**values) -> str:
    return json.dumps({**json.loads(to_text(rich_state())), **values})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (changed(version=2), "version 2, this program knows up to 1; go on with the program that wrote it"),
        (changed(version=None), "no version"),
        (changed(recipe="0123"), "go on with the recipe it was begun with"),
        (changed(rung=9), "rung 9 is not on the ladder"),
        (changed(working_field_v_per_m=2e8), "above nominal"),
        (changed(drop=0.9), "no fraction up to drop_max"),
        (changed(phase="asleep"), "damaged"),
        (changed(surprise=1), "damaged"),
        (changed(recent=[{"kind": "vswr"}]), "damaged"),
        (changed(fired_total=10**12), "never were"),
        ("[]", "no version"),
        ("{", "no JSON"),
    ],
)
def test_a_text_that_cannot_be_gone_on_with_is_refused(text, said):
    with pytest.raises(StateRefused) as error:
        from_text(text, RECIPE)
    assert said in str(error.value)


def test_days_later_on_a_bench_with_new_counters():
    state = from_text(to_text(rich_state()), RECIPE)
    resumed, action = resume(RECIPE, state, pulse=0, fired=0, time_s=3.0)
    assert not action.fires
    played = Played(resumed)
    played.action = action
    action = played.until_firing(at_level=False)
    assert action.field_v_per_m == pytest.approx(0.8 * 80e6)
    assert (played.state.rung, played.state.working_field_v_per_m) == (state.rung, state.working_field_v_per_m)
    assert played.state.window == state.window
    played.until_firing()
    assert played.state.fired_total == state.fired_total + played.state.fired
    played.go(1000, fault=ARC)
    assert played.state.recent[-1].pulse == state.pulses_total + played.state.pulse - 1
    assert len(played.state.arcs_s) == 1


# recipe, window, estimate


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rate_hz": 0.0}, "rate_hz: 0.0 cannot be; write a number above zero"),
        ({"rate_hz": nan}, "rate_hz: nan cannot be"),
        ({"raise_pulses": 1.5}, "raise_pulses: 1.5 is no whole number"),
        ({"arc_drop": "3 kV"}, "arc_drop: '3 kV' is no number"),
        ({"arc_drop": 1.0}, "arc_drop: 1.0 is a fraction"),
        ({"start_field_v_per_m": 2e8}, "is above nominal_field_v_per_m"),
        ({"minor_drop": 0.2}, "minor_drop: 0.2 is above arc_drop"),
        ({"vacuum_resume_pa": 1e-3}, "vacuum_resume_pa: 0.001 is above vacuum_hold_pa"),
        ({"nominal_pulse_s": 210e-9}, "is no rung of the ladder"),
        ({"window_pulses": 100_000}, "write at least 200000"),
        ({"goal_pulses": 9_000_000}, "write at least 10000000"),
    ],
)
def test_a_recipe_that_contradicts_itself_is_refused(changes, said):
    with pytest.raises(RecipeRefused) as error:
        replace(RECIPE, **changes)
    assert said in str(error.value)


def test_all_problems_are_told_at_once():
    with pytest.raises(RecipeRefused) as error:
        replace(RECIPE, rate_hz=-1.0, pause_s=nan)
    assert len(error.value.problems) == 2


def test_every_number_is_part_of_the_digest():
    for field in fields(RECIPE):
        value = getattr(RECIPE, field.name)
        smaller = replace_loosely(field.name, value)
        assert smaller.digest() != RECIPE.digest(), field.name


def replace_loosely(name: str, value: float) -> ConditioningRecipe:
    """The recipe with one number a little different, whatever its checks think of that."""
    copy = replace(RECIPE)
    object.__setattr__(copy, name, value + 1 if isinstance(value, int) else value * 1.001)
    return copy


def test_a_window_slides_and_is_bounded():
    window = Window(1000)
    for number in range(1000):
        window = window.add(7, int(number == 500))
        assert window.pulses < 1000 + 50 + 7 or not window.full
        assert len(window.buckets) <= 22
    assert (window.full, window.breakdowns) == (True, 0)
    assert Window(1000).add(0, 1).add(0, 1).breakdowns == 2
    assert Window(1000).add(5000, 2).add(1, 0).pulses == 5001


def test_the_estimate_finds_a_straight_line_and_a_logarithm():
    goal = goal_scaled_field(RECIPE)
    assert goal == pytest.approx(1e8 * 200e-9 ** (1 / 6) / 3e-7 ** (1 / 30))
    counts = [10**7 * number for number in range(1, 11)]
    state = running().state
    state = replace(state, fired_total=10**8, pulses_total=10**8, total_s=2e6, window=full(0))
    proof_h = RECIPE.goal_pulses * 0.02 / 3600.0
    straight = replace(state, progress=tuple(Progress(n, goal * n / 2e8) for n in counts))
    found = hours_to_goal(RECIPE, straight)
    assert found is not None
    assert found.low_h == pytest.approx(1e8 * 0.02 / 3600.0 + proof_h)
    assert found.high_h > found.low_h
    slow = replace(state, progress=tuple(Progress(n, goal * (1.0 + 0.1 * log(n / 2e8))) for n in counts))
    found = hours_to_goal(RECIPE, slow)
    assert found is not None
    assert found.high_h == pytest.approx(1e8 * 0.02 / 3600.0 + proof_h)


def test_no_estimate_from_nothing_or_from_standing_still():
    state = running().state
    assert hours_to_goal(RECIPE, state) is None
    flat = tuple(Progress(10**7 * number, 1e6) for number in range(1, 11))
    assert hours_to_goal(RECIPE, replace(state, progress=flat)) is None
    assert hours_to_goal(RECIPE, replace(state, phase=Phase.DONE)) is not None
