"""Thermal network, water, chiller (physics.md B9): steady state, energy balance, exact steps."""

from math import exp, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.plant.utilities.cooling import ChillerParameters, CircuitParameters, advance_flow, advance_supply
from firmware_sim.plant.utilities.thermal import (
    Node,
    ThermalParameters,
    advance_thermal,
    outlet_temperature,
    split_beam,
    start_thermal,
    steady_temperatures,
    stored_heat,
    water_conductance,
)
from tests.unit.plant.utilities.numbers import CHILLER, THERMAL

HEAT = (60.0, 2000.0, 1200.0, 40.0)
FLOWS = (0.1, 0.4, 0.15, 0.05)
ONE = ThermalParameters((Node("body", 4e3, 0.0, 300.0, 0),))


def test_one_node_is_an_rc():
    conductance = water_conductance(300.0, 0.1)
    assert conductance == pytest.approx(0.1 * 4182.0 * (1.0 - exp(-300.0 / 418.2)), rel=1e-12)
    state = advance_thermal(ONE, start_thermal(ONE, 300.0), (500.0,), (0.1,), 293.0, 293.0, 20.0)
    end_k = 293.0 + 500.0 / conductance
    assert state.temperature_k[0] == pytest.approx(end_k + (300.0 - end_k) * exp(-20.0 * conductance / 4e3), rel=1e-13)


def test_without_flow_a_node_heats_up_in_a_straight_line():
    state = advance_thermal(ONE, start_thermal(ONE, 300.0), (500.0,), (0.0,), 293.0, 293.0, 1000.0)
    assert state.temperature_k[0] == pytest.approx(300.0 + 500.0 * 1000.0 / 4e3, rel=1e-12)
    assert state.water_j == (0.0,)


def test_steady_state_gives_all_heat_away():
    state = advance_thermal(THERMAL, start_thermal(THERMAL, 293.15), HEAT, FLOWS, 293.15, 298.15, 1e6)
    assert state.temperature_k == pytest.approx(steady_temperatures(THERMAL, HEAT, FLOWS, 293.15, 298.15), rel=1e-12)
    later = advance_thermal(THERMAL, state, HEAT, FLOWS, 293.15, 298.15, 3600.0)
    out = sum(later.water_j) - sum(state.water_j) + later.ambient_j - state.ambient_j
    assert out / 3600.0 == pytest.approx(sum(HEAT), rel=1e-9)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    heat=st.tuples(*[st.floats(0.0, 2e4)] * 4),
    flows=st.tuples(*[st.sampled_from((0.0, 0.01, 0.4))] * 4),
    total=st.floats(0.01, 1e5),
    count=st.integers(2, 40),
)
def test_energy_balance_and_one_call_equals_many(heat, flows, total, count):
    start = many = start_thermal(THERMAL, 310.0)
    for _ in range(count):
        many = advance_thermal(THERMAL, many, heat, flows, 291.0, 298.0, total / count)
    once = advance_thermal(THERMAL, start, heat, flows, 291.0, 298.0, total)
    assert once.temperature_k == pytest.approx(many.temperature_k, rel=1e-9)
    assert once.water_j == pytest.approx(many.water_j, rel=1e-9, abs=1e-3)
    kept = stored_heat(THERMAL, once) - stored_heat(THERMAL, start)
    scale = sum(heat) * total + stored_heat(THERMAL, start)
    assert kept + sum(once.water_j) + once.ambient_j == pytest.approx(sum(heat) * total, abs=1e-10 * scale)


def test_the_collector_takes_the_full_beam_when_the_drive_is_off():
    """131 kV, 92 A, 5.26 us at 50 Hz: 3.2 kW of beam; with 1.05 kW of RF the collector gets that less."""
    beam_w = 131e3 * 92.0 * 5.26e-6 * 50.0
    on, off = split_beam(beam_w, 1050.0, 0.02), split_beam(beam_w, 0.0, 0.02)
    assert off.collector_w - on.collector_w == pytest.approx(1050.0, rel=1e-12)
    assert off.collector_w + off.body_w == pytest.approx(beam_w, rel=1e-12)
    assert on.collector_w + on.body_w + on.rf_w == pytest.approx(beam_w, rel=1e-12)
    with pytest.raises(ValueError, match="RF"):
        split_beam(1000.0, 990.0, 0.02)


def test_water_conductance_between_no_flow_and_plenty():
    assert water_conductance(300.0, 0.0) == 0.0
    assert water_conductance(300.0, 100.0) == pytest.approx(300.0, rel=1e-3)
    assert water_conductance(300.0, 1e-4) == pytest.approx(1e-4 * 4182.0, rel=1e-9)
    assert outlet_temperature(293.0, 4182.0, 0.1) == pytest.approx(303.0, rel=1e-12)
    assert outlet_temperature(293.0, 4182.0, 0.0) == 293.0


def test_flow_starts_and_runs_down():
    circuit = CircuitParameters("body", 0.1, 1.0)
    flow = advance_flow(circuit, 0.1, False, 1.0)
    assert flow == pytest.approx(0.1 * exp(-1.0), rel=1e-12)
    assert advance_flow(circuit, 0.1, False, 30.0) == 0.0
    assert advance_flow(circuit, 0.0, True, 30.0) == 0.1
    assert advance_flow(circuit, 0.1, True, 1e6) == 0.1


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    supply=st.floats(280.0, 340.0),
    heat=st.floats(0.0, 4e4),
    running=st.booleans(),
    total=st.floats(0.1, 1e5),
    count=st.integers(2, 50),
)
def test_chiller_is_exact_region_by_region(supply, heat, running, total, count):
    many = supply
    for _ in range(count):
        many = advance_supply(CHILLER, many, 293.15, heat, running, total / count)
    assert advance_supply(CHILLER, supply, 293.15, heat, running, total) == pytest.approx(many, rel=1e-9)


def test_chiller_regions():
    p = ChillerParameters(10e3, 1e5, 50.0)
    assert advance_supply(p, 293.0, 293.0, 9e3, True, 1e4) == 293.0  # within its power: no droop
    assert advance_supply(p, 293.0, 293.0, 12e3, True, 100.0) == pytest.approx(295.0, rel=1e-12)  # beyond: 2 kW stay
    assert advance_supply(p, 293.0, 293.0, 5e3, False, 100.0) == pytest.approx(298.0, rel=1e-12)
    assert advance_supply(p, 313.0, 293.0, 0.0, True, 100.0) == pytest.approx(303.0, rel=1e-12)  # 10 kW of 1e5 J/K
    assert advance_supply(p, 283.0, 293.0, 5e3, True, 100.0) == pytest.approx(288.0, rel=1e-12)  # it cannot heat
    # 15 kW from 5 K below: regulated until 5 kW are missing at 2.5 K below, then 5 kW / 1e5 J/K upwards
    knee_s = 50.0 * log(2.0)
    assert advance_supply(p, 288.0, 293.0, 15e3, True, knee_s) == pytest.approx(290.5, rel=1e-12)
    assert advance_supply(p, 288.0, 293.0, 15e3, True, knee_s + 100.0) == pytest.approx(295.5, rel=1e-12)
    with pytest.raises(ValueError, match="heat_w"):
        advance_supply(p, 293.0, 293.0, -1.0, True, 1.0)
