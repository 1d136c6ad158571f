"""Analogue windows: every comparison with NaN, debounce, resume, warm-up, live zero, and what a loss means where."""

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.wire.plc import PlcState
from firmware_sim.plc.windows import (
    Act,
    LiveZero,
    Scale,
    Window,
    WindowMemory,
    blame,
    conclude,
    follow,
    left,
    read_windows,
    seasoned,
    unknown,
    value_of,
)

S = PlcState
ARMED = 1 << S.OPENING | 1 << S.CHARGE | 1 << S.FLOAT | 1 << S.RUN
LOOP = LiveZero(0.0, 16.0, Scale.LINEAR, 3.6, 21.0)
GAUGE = LiveZero(1e-11, 1e-3, Scale.LOG, 3.6, 21.0)
NOT_NUMBERS = (math.nan, math.inf, -math.inf, 9.9e37 * 10)


def window(act: Act = Act.TRIP, states: int = ARMED, **changes: object) -> Window:
    """Ten to twenty, comfortable from 12 to 18."""
    plain = Window("flow_l_per_min", 10.0, 20.0, 12.0, 18.0, 3, 4, 0, states, act, None)
    return plain._replace(**changes)  # type: ignore[arg-type]


def after(memory: WindowMemory, w: Window, *values: float) -> WindowMemory:
    """``memory`` after these values, one per scan."""
    for value in values:
        memory = follow(memory, (value,), (w,))
    return memory


def held(w: Window) -> WindowMemory:
    """A window that holds and is warm."""
    return after(unknown((w,)), w, *[15.0] * (w.good_max + 1))


@pytest.mark.parametrize(
    ("reading", "value"),
    [(4.0, 0.0), (12.0, 8.0), (20.0, 16.0), (3.6, -0.4), (21.0, 17.0), (5.0, 1.0)],
)
def test_a_loop_current_is_a_value(reading: float, value: float) -> None:
    assert value_of(reading, window(live_zero=LOOP)) == pytest.approx(value)


def test_a_logarithmic_gauge_goes_by_decades() -> None:
    w = window(live_zero=GAUGE)
    assert value_of(4.0, w) == pytest.approx(1e-11)
    assert value_of(12.0, w) == pytest.approx(1e-7)
    assert value_of(20.0, w) == pytest.approx(1e-3)


@pytest.mark.parametrize("reading", [0.0, 3.59, 21.01, -4.0, *NOT_NUMBERS])
def test_a_dead_live_zero_is_no_value(reading: float) -> None:
    assert math.isnan(value_of(reading, window(live_zero=LOOP)))


@pytest.mark.parametrize("reading", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_no_value(reading: float) -> None:
    assert math.isnan(value_of(reading, window()))
    assert value_of(15.0, window()) == 15.0


def test_a_terminal_that_is_not_there_is_dead() -> None:
    both = (window(), window())
    values = read_windows([15.0], both)
    assert values[0] == 15.0 and math.isnan(values[1])
    assert follow(unknown(both), values, both).dead == 0b10


def test_the_bounds_belong_to_the_window() -> None:
    w = window()
    for value, good in (
        (10.0, True),
        (20.0, True),
        (math.nextafter(10.0, 0), False),
        (math.nextafter(20.0, 30), False),
    ):
        assert (after(held(w), w, value).bad == (0,)) is good, value


def test_the_debounce_counts_scans_in_a_row() -> None:
    w = window()
    memory = after(held(w), w, 25.0, 25.0)
    assert (memory.lost, memory.bad) == (0, (2,))
    assert after(memory, w, 15.0, 25.0, 25.0).lost == 0, "begins again"
    lost = after(memory, w, 25.0)
    assert (lost.lost, lost.dead, lost.bad, lost.good) == (1, 0, (3,), (0,))
    assert after(lost, w, 25.0).bad == (3,), "saturates"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_needs_no_debounce(value: float) -> None:
    w = window()
    memory = after(held(w), w, value)
    assert (memory.lost, memory.dead, memory.good) == (1, 1, (0,))
    assert after(memory, w, 15.0).dead == 0


def test_a_lost_window_resumes_after_its_time_within_narrower_bounds() -> None:
    w = window()
    lost = after(held(w), w, 25.0, 25.0, 25.0)
    assert after(lost, w, 19.0, 19.0, 19.0, 19.0, 19.0).lost == 1, "inside, but not comfortable"
    assert after(lost, w, 15.0, 15.0, 15.0).lost == 1
    assert after(lost, w, 15.0, 15.0, 15.0, 11.0, 15.0).lost == 1, "in a row"
    assert after(lost, w, 12.0, 18.0, 12.0, 18.0).lost == 0


def test_nothing_holds_before_it_was_seen_to() -> None:
    w = window(resume=2)
    assert unknown((w,)).lost == 1
    assert after(unknown((w,)), w, 15.0).lost == 1
    assert after(unknown((w,)), w, 15.0, 15.0).lost == 0
    assert left(unknown((w,)), (w,)) == 0, "unknown is no fault of what cools"
    assert left(after(unknown((w,)), w, 25.0, 25.0, 25.0), (w,)) == 1


def test_warm_up_is_kept_through_a_short_excursion_and_lost_with_the_window() -> None:
    w = window(warm_up=6, resume=1)
    warm = held(w)
    assert conclude(warm, (w,), S.SAFE).fit and not conclude(warm, (w,), S.SAFE).cold
    glitch = after(warm, w, 25.0, 25.0, 15.0)
    assert conclude(glitch, (w,), S.SAFE).fit
    cold = after(warm, w, 25.0, 25.0, 25.0, 15.0, 15.0, 15.0, 15.0, 15.0)
    assert cold.lost == 0
    verdict = conclude(cold, (w,), S.SAFE)
    assert (verdict.fit, verdict.cold, verdict.trip) == (False, 1, False)
    assert conclude(after(cold, w, 15.0), (w,), S.SAFE).fit


def lost_of(w: Window, dead: bool = False) -> WindowMemory:
    return after(held(w), w, *([math.nan] if dead else [25.0] * 3))


IN_RUN = 1 << S.RUN


@pytest.mark.parametrize("state", S, ids=lambda state: state.name)
@pytest.mark.parametrize("act", Act, ids=lambda act: act.value)
@pytest.mark.parametrize("states", [ARMED, IN_RUN])
def test_what_a_loss_means_in_each_state(state: PlcState, act: Act, states: int) -> None:
    """Typed from the issue: a trip where it must hold, an inhibit where there is high voltage, else no going on."""
    w = window(act, states)
    verdict = conclude(lost_of(w), (w,), state)
    here = bool(states >> state & 1)
    before = state in ((S.SAFE, S.OPENING, S.CHARGE, S.FLOAT) if states == ARMED else (S.FLOAT,))
    assert verdict.trip is (here and act is Act.TRIP)
    assert verdict.inhibit is (here and act is Act.INHIBIT)
    inhibits = act is Act.INHIBIT and state in (S.CHARGE, S.FLOAT, S.RUN)
    assert verdict.fit is (inhibits or not (here or before))


@pytest.mark.parametrize("act", Act, ids=lambda act: act.value)
def test_a_dead_live_zero_trips_whatever_the_window_does(act: Act) -> None:
    w = window(act, live_zero=LOOP)
    memory = lost_of(w, dead=True)
    assert conclude(memory, (w,), S.RUN).trip
    assert not conclude(memory, (w,), S.SAFE).trip


def test_a_window_that_holds_means_nothing() -> None:
    for act, state in product(Act, S):
        w = window(act)
        assert conclude(held(w), (w,), state)[:3] == (False, False, True)


def test_a_reset_waits_for_what_tripped_and_for_nothing_else() -> None:
    two = (window(), window(states=IN_RUN))
    memory = follow(unknown(two), (15.0, 15.0), two)
    for _ in range(5):
        memory = follow(memory, (15.0, 15.0), two)
    for _ in range(3):
        memory = follow(memory, (25.0, 25.0), two)
    tripped = blame(memory, two, S.CHARGE)
    assert tripped.blamed == 0b01, "the second one need not hold in CHARGE"
    assert conclude(tripped, two, S.TRIP).trip
    for _ in range(4):
        tripped = follow(tripped, (15.0, 25.0), two)
    assert not conclude(tripped, two, S.TRIP).trip
    assert not conclude(memory, two, S.TRIP).trip, "nothing was blamed"


READINGS = st.one_of(st.floats(0.0, 30.0), st.floats(), st.just(math.nan))


@given(st.lists(READINGS, max_size=60), st.sampled_from(list(Act)))
def test_any_readings_keep_the_memory_within_its_bounds(readings: list[float], act: Act) -> None:
    """Written a second time, from what the words mean: lost after three bad scans in a row or one that is no number."""
    w = window(act, warm_up=5)
    memory = unknown((w,))
    lost, bad, good = True, 0, 0
    for value in readings:
        memory = follow(memory, read_windows([value], (w,)), (w,))
        inside = math.isfinite(value) and 10.0 <= value <= 20.0
        bad = 0 if inside else 3 if not math.isfinite(value) else bad + 1
        if bad >= 3:
            lost, good = True, 0
        elif inside and lost:
            good = good + 1 if 12.0 <= value <= 18.0 else 0
            lost = good < 4
        elif inside:
            good += 1
        assert memory.lost == lost and memory.bad == (min(bad, 3),) and memory.good == (min(good, 5),)
        assert memory.dead == (not math.isfinite(value))
        verdict = conclude(memory, (w,), S.RUN)
        assert verdict.fit is (not lost and good >= 5 if act is not Act.INHIBIT else True)


def test_what_is_found_running_is_warm_where_it_is_within_its_resume_bounds() -> None:
    pair = (window(), window(warm_up=9), window(warm_up=9), window())
    cold = unknown(pair)
    warm = seasoned(cold, (12.0, 18.0, 11.9, 18.1), pair)
    assert (warm.lost, warm.good) == (0b1100, (4, 9, 0, 0))
    assert (warm.dead, warm.blamed, warm.bad) == (cold.dead, cold.blamed, cold.bad)
    assert seasoned(cold, (math.nan,) * 4, pair) == cold
    with pytest.raises(ValueError, match="zip"):
        seasoned(cold, (12.0,) * 3, pair)
