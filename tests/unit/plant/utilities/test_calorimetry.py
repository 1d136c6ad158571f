"""Water calorimeter (physics.md B5): steady state, delay, time constant, standstill, uncertainty, exact steps."""

from dataclasses import replace
from math import exp

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from firmware_sim.plant.utilities.calorimetry import (
    PIECES_MAX,
    advance_calorimeter,
    calorimetric_power,
    start_calorimeter,
    transport_delay,
)
from tests.unit.plant.utilities.numbers import CALORIMETER

TRUE = replace(CALORIMETER, flow_gain=1.0, outlet_offset_k=0.0)


def test_steady_rise_is_power_over_stream():
    state = advance_calorimeter(TRUE, start_calorimeter(293.0), 1050.0, 0.05, 293.0, 3600.0)
    assert state.outlet_k - 293.0 == pytest.approx(1050.0 / (0.05 * 4182.0), rel=1e-12)
    power = calorimetric_power(TRUE, state, 0.05)
    assert power.power_w == pytest.approx(1050.0, rel=1e-9)
    share = power.uncertainty_w / power.power_w
    print(f"{power.rise_k:.2f} K, {power.power_w:.0f} W +- {100 * share:.1f} %")
    assert 0.05 < share < 0.10
    by_parts = 0.05**2 + 0.03**2 + 2 * (0.1 / power.rise_k) ** 2
    assert share == pytest.approx(by_parts**0.5, rel=1e-12)


def test_this_benchs_errors_stay_within_the_stated_uncertainty_but_are_there():
    state = advance_calorimeter(CALORIMETER, start_calorimeter(293.0), 1050.0, 0.05, 293.0, 3600.0)
    power = calorimetric_power(CALORIMETER, state, 0.05 * CALORIMETER.flow_gain)
    assert abs(power.power_w - 1050.0) > 0.005 * 1050.0
    assert abs(power.power_w - 1050.0) < power.uncertainty_w


def test_a_step_of_power_arrives_after_the_delay_and_then_with_both_time_constants():
    assert transport_delay(TRUE, 0.05) == pytest.approx(10.0, rel=1e-12)
    settled = advance_calorimeter(TRUE, start_calorimeter(293.0), 0.0, 0.05, 293.0, 1000.0)
    before = advance_calorimeter(TRUE, settled, 1050.0, 0.05, 293.0, 10.0)
    assert before.outlet_k == pytest.approx(293.0, abs=1e-12)
    rise, mix_s, lag_s = 1050.0 / (0.05 * 4182.0), 1.0 / 0.05, 3.0
    for t in (0.5, 5.0, 60.0):
        after = advance_calorimeter(TRUE, settled, 1050.0, 0.05, 293.0, 10.0 + t)
        two = (mix_s * exp(-t / mix_s) - lag_s * exp(-t / lag_s)) / (mix_s - lag_s)
        assert after.outlet_k - 293.0 == pytest.approx(rise * (1.0 - two), rel=1e-9)


def test_a_change_of_flow_against_an_integrator():
    """The pipe as plug flow by hand: mixing by Radau, then the delay found from the mass that passed."""
    one = advance_calorimeter(TRUE, start_calorimeter(293.0), 800.0, 0.05, 293.0, 30.0)
    two = advance_calorimeter(TRUE, one, 1600.0, 0.08, 294.0, 20.0)

    def slope(t, y):
        flow, power, inlet = (0.05, 800.0, 293.0) if t < 30.0 else (0.08, 1600.0, 294.0)
        return [(flow * (inlet - y[0]) + power / 4182.0) / 1.0]

    first = solve_ivp(slope, (0, 30), [293.0], rtol=1e-11, atol=1e-11, dense_output=True)
    second = solve_ivp(slope, (30.0, 50.0), first.y[:, -1], rtol=1e-11, atol=1e-11, dense_output=True)
    assert two.load_k == pytest.approx(second.y[0, -1], abs=1e-6)

    def at_mass(mass):
        if mass <= 0.0:
            return 293.0
        return float(first.sol(mass / 0.05)[0] if mass < 1.5 else second.sol(30.0 + (mass - 1.5) / 0.08)[0])

    def lag(t, y):
        mass = 0.05 * t if t < 30.0 else 1.5 + 0.08 * (t - 30.0)
        return [(at_mass(mass - 0.5) - y[0]) / 3.0]

    seen = solve_ivp(lag, (0.0, 50.0), [293.0], rtol=1e-9, atol=1e-9, max_step=0.1)
    assert two.outlet_k == pytest.approx(seen.y[0, -1], abs=1e-4)


def test_without_flow_the_water_heats_where_it_stands_and_arrives_later():
    start = advance_calorimeter(TRUE, start_calorimeter(293.0), 0.0, 0.05, 293.0, 100.0)
    stood = advance_calorimeter(TRUE, start, 1000.0, 0.0, 293.0, 60.0)
    assert stood.load_k == pytest.approx(293.0 + 1000.0 * 60.0 / 4182.0, rel=1e-12)
    assert stood.outlet_k == pytest.approx(293.0, abs=1e-9)
    moved = advance_calorimeter(TRUE, stood, 0.0, 0.05, 293.0, 20.0)
    assert moved.outlet_k > 297.0


def test_energy_is_conserved_through_load_and_pipe():
    """Heat put in = stream times rise over time: sampled finely, a minute of power and ten of cooling."""
    state, seen = start_calorimeter(293.0), 0.0
    for n in range(66_00):
        state = advance_calorimeter(TRUE, state, 1050.0 if n < 600 else 0.0, 0.05, 293.0, 0.1)
        seen += 0.05 * 4182.0 * (state.outlet_k - 293.0) * 0.1
    assert seen == pytest.approx(1050.0 * 60.0, rel=2e-3)
    assert len(state.pieces) <= 2


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    powers=st.lists(st.floats(0.0, 5e3), min_size=1, max_size=4),
    flows=st.lists(st.sampled_from((0.0, 0.02, 0.05)), min_size=4, max_size=4),
    total=st.floats(0.1, 3e3),
    count=st.integers(2, 30),
)
def test_one_call_equals_many_small_steps(powers, flows, total, count):
    once = many = start_calorimeter(300.0)
    for power, flow in zip(powers, flows, strict=False):
        once = advance_calorimeter(TRUE, once, power, flow, 293.0, total)
        for _ in range(count):
            many = advance_calorimeter(TRUE, many, power, flow, 293.0, total / count)
        assert once.outlet_k == pytest.approx(many.outlet_k, rel=1e-9)
        assert once.load_k == pytest.approx(many.load_k, rel=1e-9)


def test_history_is_bounded():
    state = start_calorimeter(293.0)
    with pytest.raises(OverflowError, match="longer steps"):
        for n in range(PIECES_MAX + 1):
            state = advance_calorimeter(TRUE, state, float(n % 7), 1e-9, 293.0, 0.01)
    with pytest.raises(ValueError, match="flow"):
        advance_calorimeter(TRUE, state, 0.0, -0.1, 293.0, 0.01)
