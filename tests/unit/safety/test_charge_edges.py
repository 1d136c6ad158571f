"""The charge account reading by reading, in numbers worked out by hand: 0.5 F, 0.25 S, a set current of 2 A."""

import math

import pytest

from controller.safety.charge import BankModel, Tally, add, agrees, begun, rest, still

BANK = BankModel(0.5, 0.25, 2.0)
SECOND = 1_000_000_000


def test_rest_is_the_voltage_that_was_left() -> None:
    assert rest(5, 12.0) == Tally(5, 0.0, 12.0, 0.0, 0)
    assert Tally(5) == (5, 0.0, 0.0, 0.0, 0), "an account begins empty"


def test_clock_without_current_moves_only_the_time() -> None:
    assert still(rest(5, 12.0), 9) == Tally(9, 0.0, 12.0, 0.0, 0)
    assert begun(rest(5, 12.0), 9) == Tally(5, 0.0, 12.0, 0.0, 9)
    for running in (Tally(5, 1.0, 3.0, 1.0, 0), Tally(5, 0.0, 3.0, 1.0, 4)):
        assert still(running, 9) is running
        assert begun(running, 9) is running


def test_no_current_bleeds_in_proportion() -> None:
    """2 s at 8 V through 0.25 S: 4 C of the 4 C that 0.5 F hold."""
    assert add(rest(0, 8.0), 2 * SECOND, 0.0, BANK) == Tally(2 * SECOND, 0.0, 0.0, 0.0, 0)
    assert add(rest(0, 8.0), SECOND, 0.0, BANK) == Tally(SECOND, 0.0, 4.0, 0.0, 0)


def test_first_current_is_taken_from_where_the_plc_saw_it_begin() -> None:
    """Rise to 2 A within the 1 s before it began: (0 + 2) / 2 A * 1 s; then 2 A to 1 A within 1 s."""
    tally = add(begun(rest(0, 0.0), SECOND), 2 * SECOND, 1.0, BANK)
    risen_v = 1.0 / 0.5
    assert tally.voltage_v == pytest.approx(risen_v + (1.5 - risen_v * 0.25) / 0.5)
    assert tally.doubt_v == pytest.approx((2.0 * 0.55 + 1.0 * 0.55) / 0.5)
    assert (tally.t_ns, tally.current_a, tally.began_ns) == (2 * SECOND, 1.0, SECOND)


def test_first_current_without_a_word_of_the_plc() -> None:
    """It rose to the set current at the very moment of the reading, as far as anybody knows."""
    tally = add(rest(0, 0.0), SECOND, 1.5, BANK)
    assert tally.voltage_v == pytest.approx(1.0 / 0.5)
    assert tally.doubt_v == pytest.approx((2.0 * 0.55 + 0.5 * 0.05) / 0.5)
    assert (tally.t_ns, tally.current_a, tally.began_ns) == (SECOND, 1.5, 0)


def test_first_current_above_the_set_current_is_believed() -> None:
    tally = add(rest(0, 0.0), SECOND, 4.0, BANK)
    assert tally.voltage_v == pytest.approx(2.0 / 0.5) and tally.current_a == 4.0


def test_later_currents_are_trapezoids() -> None:
    tally = add(Tally(SECOND, 2.0, 4.0, 1.0, 7), 3 * SECOND, 1.0, BANK)
    assert tally.voltage_v == pytest.approx(4.0 + (1.5 - 1.0) * 2.0 / 0.5)
    assert tally.doubt_v == pytest.approx(1.0 + 1.0 * 1.05 / 0.5)
    assert (tally.t_ns, tally.current_a, tally.began_ns) == (3 * SECOND, 1.0, 7)
    ended = add(tally, 3 * SECOND, 0.0, BANK)
    assert (ended.voltage_v, ended.current_a) == (tally.voltage_v, 0.0)
    assert ended.doubt_v == pytest.approx(tally.doubt_v + 1.0 * 0.05 / 0.5)


def test_reading_from_the_past_adds_no_charge_and_does_not_turn_the_clock_back() -> None:
    tally = Tally(3 * SECOND, 2.0, 4.0, 0.0, 1)
    assert add(tally, SECOND, 2.0, BANK) == tally


def test_agreement_is_measured_from_the_higher_of_the_two() -> None:
    assert agrees(0.0, 0.0, 0.0)
    assert agrees(512.0, 12.8, 448.0) and not agrees(512.0, 12.75, 448.0)
    assert agrees(448.0, 12.8, 512.0) and not agrees(448.0, 12.75, 512.0)
    assert not agrees(math.nan, 1e9, 1.0) and not agrees(1.0, 1e9, math.inf)
    assert not agrees(1.0, math.nan, 1.0)
