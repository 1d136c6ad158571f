"""The decision of conditioning: ladder, regulation, vacuum, budgets, inputs that cannot be."""

from dataclasses import replace
from itertools import pairwise
from math import inf, isfinite, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.sequencer.conditioning import (
    Because,
    FaultSeen,
    Observation,
    complaint,
    decide,
    resume,
)
from controller.sequencer.conditioning_state import (
    Fault,
    Phase,
    Window,
    from_text,
    start,
    to_text,
)
from tests.unit.sequencer.conditioning_bench import (
    ARC,
    BAD_PA,
    GOOD_PA,
    GUN,
    RECIPE,
    VACUUM,
    VSWR,
    Played,
    full,
    running,
)

# beginning and regulation


def test_it_waits_for_good_vacuum_before_the_first_pulse():
    played = Played(start(RECIPE))
    assert not played.go(500, BAD_PA).fires
    for _ in range(6):
        assert not played.go(500).fires
    action = played.go(500)
    assert (action.field_v_per_m, action.pulse_s) == (30e6, 50e-9)


@pytest.mark.parametrize(
    ("breakdowns", "because", "factor"),
    [
        *((count, Because.RAISED, 1.0025) for count in (0, 2)),
        *((count, Because.HELD, 1.0) for count in (3, 5)),
        *((count, Because.LOWERED, 0.995) for count in (6, 60)),
    ],
)
def test_the_rate_regulates_the_field(breakdowns, because, factor):
    """Target 1e-5 over 300,000 pulses is three breakdowns."""
    played = running(window=full(breakdowns), level_pulses=0)
    played.action = replace(played.action, pulses=RECIPE.raise_pulses)
    action = played.go()
    assert action.because is because
    assert action.field_v_per_m == pytest.approx(80e6 * factor)
    assert action.pulses == RECIPE.raise_pulses


def test_between_two_decisions_the_field_stays():
    played = running()
    action = played.go(10_000)
    assert (action.because, action.field_v_per_m, action.pulses) == (Because.LEVEL, 80e6, RECIPE.raise_pulses - 10_000)


def test_the_field_never_passes_nominal():
    played = running(field=99.9e6)
    for _ in range(40):
        action = played.go(RECIPE.raise_pulses)
        assert action.field_v_per_m <= 100e6
    assert played.state.working_field_v_per_m <= 100e6


def test_longer_pulses_come_after_the_soak_at_lower_field():
    played = running(field=100e6, rung=0, soaked_pulses=RECIPE.soak_pulses - 2 * RECIPE.raise_pulses)
    assert played.go(RECIPE.raise_pulses).because is Because.SOAKING
    action = played.go(RECIPE.raise_pulses)
    assert action.because is Because.LONGER
    assert (action.field_v_per_m, action.pulse_s) == (pytest.approx(90e6), pytest.approx(100e-9))
    assert (played.state.window.pulses, played.state.soaked_pulses) == (0, 0)


def test_the_soak_does_not_end_at_a_rate_above_target():
    played = running(field=100e6, rung=0, soaked_pulses=RECIPE.soak_pulses, window=full(4))
    assert played.go(RECIPE.raise_pulses).because is Because.HELD


@pytest.mark.parametrize(("breakdowns", "done"), [(0, True), (1, True), (2, False), (6, False)])
def test_the_goal_is_proven_with_95_percent(breakdowns, done):
    """2e7 pulses at 3e-7 show six: at most one comes by chance in 1.7 % of cases, at most two in 6.2 %."""
    goal = Window(RECIPE.goal_pulses, ((RECIPE.goal_pulses, breakdowns),))
    played = running(field=100e6, rung=RECIPE.rungs - 1, goal=goal)
    action = played.go(RECIPE.raise_pulses)
    assert (played.state.phase is Phase.DONE) is done
    assert action.because is (Because.GOAL if done else Because.PROVING)
    if done:
        assert not played.go().fires and not played.go(fault=ARC).fires


def test_a_step_down_begins_the_proof_anew():
    goal = Window(RECIPE.goal_pulses, ((10**6, 1),))
    played = running(field=100e6, rung=3, goal=goal, window=full(8))
    assert played.go(RECIPE.raise_pulses).because is Because.LOWERED
    assert played.state.goal.pulses == 0


# the ladder


def test_an_arc_takes_the_large_step_and_the_field_comes_back():
    played = running()
    action = played.go(1000, fault=ARC)
    assert (action.because, action.fires, action.pulses) == (Because.ARC, False, 250)
    action = played.until_firing(at_level=False)
    assert action.field_v_per_m == pytest.approx(0.90 * 80e6)
    levels = [played.go().field_v_per_m for _ in range(10)]
    assert all(b > a for a, b in pairwise(levels))
    assert (played.state.drop, levels[-1]) == (0.0, pytest.approx(80e6))


def test_time_without_pulses_brings_no_field_back():
    """The bench may inhibit by itself for a minute (a window of its PLC): a level that fired nothing proves nothing."""
    played = running(drop=0.10)
    before = played.action
    for _ in range(20):
        shown = replace(played.seen(0), time_s=played.state.time_s + 30.0)
        assert played.show(shown).field_v_per_m == before.field_v_per_m
    assert played.go().field_v_per_m > before.field_v_per_m


@pytest.mark.parametrize("fault", [VSWR, VACUUM])
def test_reflection_and_vacuum_take_the_small_step(fault):
    played = running()
    assert played.go(1000, fault=fault).because is Because.MINOR
    assert played.until_firing(at_level=False).field_v_per_m == pytest.approx(0.97 * 80e6)


@pytest.mark.parametrize(("first", "second"), [(ARC, ARC), (ARC, GUN), (GUN, ARC)])
def test_a_second_arc_in_the_window_goes_back_to_normal_operation(first, second):
    played = running()
    played.go(1000, fault=first)
    played.until_firing(at_level=False)
    assert played.go(1000, fault=second).because is Because.SECOND_ARC
    assert played.until_firing(at_level=False).field_v_per_m == pytest.approx(50e6)
    assert played.state.working_field_v_per_m == 80e6, "the working point stays: it is regulated by the rate"


def test_a_second_arc_after_the_window_is_a_first_one():
    played = running()
    played.go(1000, fault=ARC)
    played.until_firing()
    played.go(30_000)
    assert played.go(29_000, fault=ARC).because is Because.ARC


def test_the_fifth_arc_in_ten_minutes_stops_until_a_person_comes():
    played = running()
    for _ in range(4):
        played.go(100, fault=ARC)
        assert played.state.phase is not Phase.STOPPED
        played.until_firing(at_level=False)
    action = played.go(100, fault=ARC)
    assert (played.state.phase, action.because, action.fires) == (Phase.STOPPED, Because.BUDGET, False)
    before = played.state
    assert not played.go(10**6).fires
    assert played.state == before
    state, action = resume(RECIPE, played.state, 5 * 10**6, 4 * 10**6, 10**5)
    assert (state.phase, action.fires, state.arcs_s) == (Phase.VACUUM_HOLD, False, ())


def test_drops_have_a_bottom():
    played = running(drop=0.58)
    played.go(1000, fault=ARC)
    assert played.state.drop == RECIPE.drop_max


# first faults


def test_the_first_fault_of_a_burst_is_kept_and_the_others_counted():
    played = running()
    at = played.state.pulse + 99
    faults = (FaultSeen(VACUUM, at, 9e-8), FaultSeen(VSWR, at, 5e-8), FaultSeen(ARC, at, 4e-8))
    played.show(played.seen(100, faults=faults))
    first = played.state.first
    assert first is not None
    assert (first.kind, first.pulse, first.offset_s, first.followers) == (ARC, at, 4e-8, 2)
    assert (first.field_v_per_m, first.pulse_s) == (80e6, pytest.approx(100e-9))
    assert played.state.bursts == (1, 0, 0, 0)
    assert played.state.window.breakdowns == 1
    played.show(played.seen(10, faults=(FaultSeen(VACUUM, at + 5, 0.0),)))
    assert played.state.first is not None and played.state.first.followers == 3
    assert played.state.bursts == (1, 0, 0, 0), "a straggler is no burst of its own"
    assert len(played.state.arcs_s) == 1


def test_later_first_faults_are_kept_up_to_a_bound_and_the_very_first_for_ever():
    played = running()
    for _ in range(40):
        played.until_firing()
        played.go(30_000, fault=VSWR)
    assert played.state.first is not None
    assert played.state.first.pulse == 10**6 + 29_999
    assert len(played.state.recent) == 32
    assert sum(played.state.bursts) == 40


# vacuum


def test_pressure_holds_until_it_was_good_for_a_minute():
    played = running()
    action = played.go(1000, pressure_pa=1.4e-4)
    assert (action.because, action.fires) == (Because.PRESSURE, False)
    assert not played.go(500, pressure_pa=5e-5).fires, "below hold is not yet below resume"
    for _ in range(6):
        assert not played.go(500).fires
    assert not played.go(500, pressure_pa=2e-5).fires, "the minute begins anew"
    for _ in range(6):
        assert not played.go(500).fires
    assert not played.go(450).fires
    action = played.go(50)
    assert action.field_v_per_m == pytest.approx(0.97 * 80e6)


def test_an_arc_with_a_burst_of_gas_holds_for_the_minute_too():
    played = running()
    played.go(1000, pressure_pa=1e-3, fault=ARC)
    assert played.state.phase is Phase.VACUUM_HOLD
    paused = 0
    while not played.action.fires:
        paused += played.action.pulses
        played.go()
    assert paused / RECIPE.rate_hz >= 60.0
    assert played.action.field_v_per_m == pytest.approx(0.90 * 80e6)


# inputs that cannot be

SOUND = running().seen(1000)
ODD = [
    ("pulse", replace(SOUND, pulse=10**6 - 1)),
    ("pulse no number", replace(SOUND, pulse=1.5e6)),
    ("fired more than pulses", replace(SOUND, fired=SOUND.fired + 1)),
    ("fired back", replace(SOUND, fired=10**6 - 1)),
    ("time back", replace(SOUND, time_s=19_999.0)),
    ("time nan", replace(SOUND, time_s=nan)),
    ("too many pulses for the time", replace(SOUND, time_s=20_010.0)),
    ("pressure nan", replace(SOUND, pressure_pa=nan)),
    ("pressure zero", replace(SOUND, pressure_pa=0.0)),
    ("pressure negative", replace(SOUND, pressure_pa=-1e-6)),
    ("pressure overflow", replace(SOUND, pressure_pa=9.9e37)),
    ("field nan", replace(SOUND, field_v_per_m=nan)),
    ("field inf", replace(SOUND, field_v_per_m=inf)),
    ("field too high", replace(SOUND, field_v_per_m=85e6)),
    ("field too low", replace(SOUND, field_v_per_m=70e6)),
    ("pulses too long", replace(SOUND, pulse_s=150e-9)),
    ("fault of no kind", replace(SOUND, faults=(FaultSeen("arc", 10**6 + 5),))),  # type: ignore[arg-type]
    ("fault in the future", replace(SOUND, faults=(FaultSeen(ARC, SOUND.pulse),))),
    ("fault long ago", replace(SOUND, faults=(FaultSeen(ARC, 5),))),
    ("fault at nan", replace(SOUND, faults=(FaultSeen(ARC, 10**6 + 5, nan),))),
    ("too many faults", replace(SOUND, faults=(FaultSeen(ARC, 10**6 + 5),) * 65)),
]


@pytest.mark.parametrize(("what", "seen"), ODD, ids=[what for what, _ in ODD])
def test_an_input_that_cannot_be_steps_down(what, seen):
    played = running()
    assert complaint(RECIPE, played.state, SOUND) == ""
    action = played.show(seen)
    assert action.because is Because.INVALID and action.invalid
    assert action.field_v_per_m <= 0.9 * 80e6 * (1 + 1e-12)
    assert played.state.invalid == 1
    assert all(isfinite(value) for value in (played.state.time_s, played.state.drop, played.state.since_s))


def test_it_goes_on_down_and_then_stops_firing_and_needs_good_vacuum():
    played = running()
    fields_seen = [played.show(replace(played.seen(500), pressure_pa=nan)).field_v_per_m for _ in range(4)]
    assert fields_seen == [pytest.approx(0.9 * 80e6), pytest.approx(0.8 * 80e6), 0.0, 0.0]
    assert played.state.phase is Phase.VACUUM_HOLD


def test_what_was_fired_meanwhile_is_counted_later():
    played = running()
    odd = replace(played.seen(700), pressure_pa=nan)
    played.show(odd)
    played.show(Observation(10**6 + 1700, 10**6 + 1700, 20_034.0, GOOD_PA, 76e6, 100e-9))
    assert (played.state.fired_total, played.state.invalid_run, played.state.level_pulses) == (10**6 + 1700, 0, 0)


def test_pulses_while_inhibited_are_invalid():
    played = running()
    played.go(1000, fault=ARC)
    seen = replace(played.seen(250), fired=played.state.fired + 3)
    assert "inhibited" in complaint(RECIPE, played.state, seen)
    assert not played.show(seen).fires


def test_pulses_that_were_on_their_way_when_the_hold_began_are_late_and_not_invalid():
    """A bench takes a moment from what it saw to its drive switched off; it ended in INVALID for ever."""
    played = running()
    level = played.action.field_v_per_m, played.action.pulse_s
    assert played.go(100, BAD_PA).because is Because.PRESSURE
    state = played.state
    late = replace(played.seen(5), fired=state.fired + 3, field_v_per_m=level[0], pulse_s=level[1])
    action = played.show(late)
    assert action.because is Because.PRESSURE and played.state.invalid == 0
    assert played.state.fired_total == state.fired_total + 3 and played.state.window == state.window
    # once; and not for seconds
    again = replace(played.seen(5), fired=played.state.fired + 3, field_v_per_m=level[0], pulse_s=level[1])
    assert decide(RECIPE, played.state, again)[1].because is Because.INVALID
    many = replace(late, pulse=state.pulse + 200, fired=state.fired + 60, time_s=state.time_s + 4.0)
    assert decide(RECIPE, state, many)[1].because is Because.INVALID


def test_a_fault_beside_a_broken_reading_is_kept_and_nothing_is_fired():
    played = running()
    seen = played.seen(1000, faults=(FaultSeen(ARC, 10**6 + 999, 1e-8),))
    assert not played.show(replace(seen, pressure_pa=nan)).fires
    assert played.state.first is not None and played.state.first.kind is ARC
    assert played.state.window.breakdowns == 1


def test_a_fault_with_a_broken_pulse_number_does_not_hide_the_next_one():
    """Kept at a pulse far ahead it would make stragglers of all the arcs to come."""
    played = running()
    seen = played.seen(1000, faults=(FaultSeen(ARC, 10**15, 1e-8),))
    played.show(replace(seen, pulse=10**15 + 1))
    played.until_firing()
    assert played.go(1000, fault=ARC).because is Because.ARC


ANY_NUMBER = st.one_of(
    st.floats(), st.integers(), st.sampled_from([GOOD_PA, BAD_PA, 80e6, 100e-9, 20_020.0, 10**400, None, "7", True])
)
ANY_FAULT = st.builds(FaultSeen, st.sampled_from([*Fault, None]), st.one_of(st.integers(), ANY_NUMBER), ANY_NUMBER)
ANY_OBSERVATION = st.builds(
    Observation, *[ANY_NUMBER] * 6, st.one_of(st.just(()), st.lists(ANY_FAULT, max_size=3).map(tuple))
)


@given(st.lists(ANY_OBSERVATION, min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_whatever_the_bench_shows_the_field_does_not_rise_on_it(shown):
    played = running()
    for seen in shown:
        before, odd = played.action.field_v_per_m, complaint(RECIPE, played.state, seen)
        action = played.show(seen)
        assert 0.0 <= action.field_v_per_m <= RECIPE.nominal_field_v_per_m
        assert action.pulses >= 1
        if odd:
            assert action.field_v_per_m < before or not action.fires
        assert from_text(to_text(played.state), RECIPE) == played.state


def test_resume_refuses_counters_that_cannot_be():
    for counters in ((1, 2, 0.0), (-1, -1, 0.0), (5, 1, nan), (5.0, 1, 0.0)):
        with pytest.raises(ValueError, match="fired not above pulse"):
            resume(RECIPE, running().state, *counters)
