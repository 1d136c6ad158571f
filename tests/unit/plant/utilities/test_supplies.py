"""Heater and cathode, magnet supply, monitors (physics.md B3, B9; safety.md 2.3 rows 45, 46)."""

from dataclasses import replace
from math import exp

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from firmware_sim.plant.utilities.heater import advance_cathode, emission_limit, equilibrium, heater_ok, heater_power
from firmware_sim.plant.utilities.magnet import advance_magnet, magnet_ok
from firmware_sim.plant.utilities.monitors import MonitorParameters, loop_current, loop_value, rf_leakage, xray_dose
from tests.unit.plant.utilities.numbers import HEATER, LEAKAGE, MAGNET


def test_cathode_against_an_integrator():
    radiation = 320.0 / (1300.0**4 - 293.15**4)
    for start, amperes in ((293.15, 20.0), (1300.0, 0.0), (1300.0, 19.0), (1200.0, 21.0)):
        power = heater_power(HEATER, amperes)

        def slope(_, y, power=power):
            return [(power - radiation * (y[0] ** 4 - 293.15**4)) / 200.0]

        peer = solve_ivp(slope, (0.0, 900.0), [start], rtol=1e-11, atol=1e-9, method="DOP853")
        assert advance_cathode(HEATER, start, amperes, 900.0) == pytest.approx(peer.y[0, -1], rel=1e-8)


def test_warm_up_takes_15_to_30_minutes():
    """Until the cathode emits 98 % of what it does when hot."""
    hot = emission_limit(HEATER, 1300.0)
    minutes = next(
        m for m in range(60) if emission_limit(HEATER, advance_cathode(HEATER, 293.15, 20.0, 60.0 * m)) > 0.98 * hot
    )
    print(f"{minutes} min")
    assert 15 <= minutes <= 30


def test_equilibrium_and_emission():
    assert equilibrium(HEATER, 20.0) == pytest.approx(1300.0, rel=1e-12)
    assert equilibrium(HEATER, 0.0) == pytest.approx(293.15, rel=1e-12)
    assert emission_limit(HEATER, 1300.0) == pytest.approx(300.0, rel=1e-12)
    assert emission_limit(HEATER, 1000.0) < 0.02 * 300.0  # temperature-limited when cold
    low = emission_limit(HEATER, equilibrium(HEATER, 19.0))
    print(f"heater 5 % low: {low:.0f} A of emission")
    assert 100.0 < low < 300.0
    assert heater_ok(HEATER, 20.9) and not heater_ok(HEATER, 21.1) and not heater_ok(HEATER, 18.9)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    start=st.floats(250.0, 1500.0), amperes=st.floats(0.0, 24.0), total=st.floats(0.01, 2e5), count=st.integers(2, 40)
)
def test_cathode_one_call_equals_many(start, amperes, total, count):
    many = start
    for _ in range(count):
        many = advance_cathode(HEATER, many, amperes, total / count)
    assert advance_cathode(HEATER, start, amperes, total) == pytest.approx(many, rel=1e-9)


def test_magnet_slews_regulates_and_decays():
    assert advance_magnet(MAGNET, 0.0, 50.0, True, 2.0).current_a == pytest.approx(10.0, rel=1e-12)
    step = advance_magnet(MAGNET, 0.0, 50.0, True, 3600.0)
    assert step.current_a == 50.0
    targets = [50.0 + 0.1 * n for n in range(1, 100)]
    reached = [advance_magnet(MAGNET, 0.0, amperes, True, 3600.0).current_a for amperes in targets]
    assert reached == targets  # exactly: it is still
    knee_s, tau_s = (60.0 - 5.0 * 2.0) / 5.0, 2.0  # voltage limit 60 A, L/R 2 s: the knee is at 50 A
    assert knee_s == 10.0
    assert advance_magnet(MAGNET, 0.0, 58.0, True, 12.0).current_a == pytest.approx(
        60.0 - 10.0 * exp(-2.0 / tau_s), rel=1e-12
    )
    assert advance_magnet(MAGNET, 50.0, 50.0, False, 2.0).current_a == pytest.approx(50.0 * exp(-1.0), rel=1e-12)
    assert advance_magnet(MAGNET, 50.0, 40.0, True, 60.0).current_a == 40.0
    assert advance_magnet(MAGNET, 0.0, 90.0, True, 1e4).current_a == pytest.approx(60.0, rel=1e-12)  # 30 V / 0.5 ohm
    assert magnet_ok(50.4, 50.0) and not magnet_ok(51.0, 50.0) and not magnet_ok(49.0, 50.0)


def test_magnet_action_against_an_integrator():
    def slope(_, y):
        return [min(5.0, (30.0 - 0.5 * y[0]) / 1.0), y[0] ** 2]

    peer = solve_ivp(slope, (0.0, 20.0), [0.0, 0.0], rtol=1e-10, max_step=0.05)
    step = advance_magnet(MAGNET, 0.0, 90.0, True, 20.0)
    assert step.current_a == pytest.approx(peer.y[0, -1], rel=1e-6)
    assert step.action_a2s == pytest.approx(peer.y[1, -1], rel=1e-6)
    fall = advance_magnet(MAGNET, 50.0, 0.0, False, 1e3)
    assert fall.action_a2s == pytest.approx(50.0**2 * 2.0 / 2, rel=1e-12)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    start=st.floats(0.0, 60.0),
    wanted=st.floats(0.0, 80.0),
    on=st.booleans(),
    total=st.floats(0.01, 1e4),
    count=st.integers(2, 40),
)
def test_magnet_one_call_equals_many(start, wanted, on, total, count):
    current, action = start, 0.0
    for _ in range(count):
        step = advance_magnet(MAGNET, current, wanted, on, total / count)
        current, action = step.current_a, action + step.action_a2s
    once = advance_magnet(MAGNET, start, wanted, on, total)
    assert once.current_a == pytest.approx(current, rel=1e-9, abs=1e-9)
    assert once.action_a2s == pytest.approx(action, rel=1e-9, abs=1e-9)


def test_live_zero_tells_quiet_from_dead():
    monitor = MonitorParameters(10.0, 0.2)
    assert loop_current(monitor, 0.0) == pytest.approx(4e-3)
    assert loop_current(monitor, 10.0) == pytest.approx(20e-3)
    assert loop_current(monitor, 1e6) == pytest.approx(20.5e-3)
    assert loop_current(monitor, 5.0, alive=False) == 0.0
    assert loop_value(monitor, loop_current(monitor, 3.0)) == pytest.approx(3.0, rel=1e-12)
    for amperes in (0.0, 3.5e-3, 22e-3, float("nan")):
        with pytest.raises(ValueError, match="a live monitor draws"):
            loop_value(monitor, amperes)


def test_leakage_and_dose_scale():
    assert rf_leakage(LEAKAGE, 1000.0, False) == pytest.approx(1e-2)
    assert rf_leakage(LEAKAGE, 1000.0, True) == pytest.approx(10.0)
    assert xray_dose(LEAKAGE, 131e3, 0.02, False) == pytest.approx(1e-10)
    assert xray_dose(replace(LEAKAGE, xray_exponent=5.0), 262e3, 0.02, False) == pytest.approx(32e-10)
