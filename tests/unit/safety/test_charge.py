"""The charge that went into the bank as a third estimate of its voltage: numbers, doubt, and what it must notice."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.safety.charge import AGREE_FRACTION, STAMP_S, BankModel, add, agrees, begun, rest, still

BANK = BankModel(4e-3, 4 / 1e5, 1.0)
TIGHT = BankModel(4e-3, 0.0, 1.0)


def ns(time_s: float) -> int:
    return round(time_s * 1e9)


def test_a_constant_current_is_counted_exactly() -> None:
    tally = still(rest(0, 0.0), ns(1.0))
    tally = begun(tally, ns(1.0))
    for at in range(11):
        tally = add(tally, ns(1.5 + at * 0.5), 1.0, TIGHT)
    assert tally.voltage_v == pytest.approx(5.5 / 4e-3)
    assert tally.doubt_v == pytest.approx(1.0 * STAMP_S / 4e-3)  # only the stamp of the first reading


def test_without_the_plc_the_beginning_is_only_known_between_two_readings() -> None:
    tally = add(rest(0, 0.0), ns(0.5), 1.0, TIGHT)
    assert tally.voltage_v == pytest.approx(0.25 / 4e-3)
    assert tally.doubt_v == pytest.approx((0.25 + STAMP_S) / 4e-3)


def test_the_first_word_of_a_current_stays() -> None:
    tally = begun(rest(0, 0.0), ns(0.2))
    assert begun(tally, ns(0.3)).began_ns == ns(0.2)
    assert still(tally, ns(0.4)) == tally
    running = add(tally, ns(0.5), 1.0, TIGHT)
    assert still(running, ns(0.6)) == running == begun(running, ns(0.6))


def test_what_is_left_of_the_last_shot_counts_and_bleeds_away() -> None:
    tally = rest(0, 40.0)
    for at in range(1, 1001):
        tally = add(tally, ns(at * 0.1), 0.0, BANK)
    assert tally.voltage_v == pytest.approx(40.0 * math.exp(-100.0 / 100.0), rel=0.01)
    assert tally.doubt_v == 0.0


@settings(max_examples=40, deadline=None)
@given(
    current_a=st.floats(0.05, 2.0),
    start_s=st.floats(0.0, 0.5),
    target_v=st.floats(50.0, 3000.0),
    period_s=st.floats(0.05, 0.5),
    lag_s=st.floats(0.0, STAMP_S),
)
def test_the_truth_is_within_the_doubt(
    current_a: float, start_s: float, target_v: float, period_s: float, lag_s: float
) -> None:
    """Constant current, then the exponential of the charge resistors; readings late by ``lag_s``."""
    tight = TIGHT._replace(current_a=current_a)
    tau_s, step_s, farads = 0.04, 1e-3, TIGHT.capacitance_f
    true_v, due_s, tally = 0.0, 0.0, rest(0, 0.0)
    end_s = start_s + target_v * farads / current_a + 20 * tau_s + 2 * period_s
    for at in range(round(end_s / step_s)):
        now_s = at * step_s
        current = min(current_a, max(0.0, (target_v - true_v) * farads / tau_s)) if now_s >= start_s else 0.0
        if now_s >= due_s:
            tally = add(tally, ns(now_s + lag_s), current, tight) if current else tally
            due_s += period_s
        if at % 50 == 0:  # what the PLC's status says
            tally = begun(tally, ns(now_s)) if current else still(tally, ns(now_s))
        true_v += current * step_s / farads
    steps_v = 2.0 * current_a * step_s / TIGHT.capacitance_f  # of this test's own integration
    assert abs(tally.voltage_v - true_v) <= tally.doubt_v + steps_v + 0.02 * true_v


def test_agreement_is_ten_percent_beside_the_doubt() -> None:
    assert AGREE_FRACTION == 0.1
    assert agrees(1000.0, 0.0, 900.0) and not agrees(1000.0, 0.0, 899.0)
    assert agrees(900.0, 0.0, 1000.0) and not agrees(899.0, 0.0, 1000.0)
    assert agrees(1000.0, 60.0, 841.0) and not agrees(1000.0, 60.0, 839.0)
    for hopeless in (math.nan, math.inf, -math.inf):
        assert not agrees(hopeless, 10.0, 1000.0)
        assert not agrees(1000.0, 10.0, hopeless)
    assert not agrees(1000.0, math.nan, 500.0)
