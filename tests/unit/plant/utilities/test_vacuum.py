"""Vacuum (physics.md B6): steady state, time constants, history, ledger, exact steps, gauges, bursts."""

from dataclasses import replace
from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from firmware_sim.plant.utilities.vacuum import (
    PA_PER_TORR,
    VacuumDrive,
    add_burst,
    advance_vacuum,
    burst_amount,
    gas_content,
    gauge_pressure,
    gauge_volts,
    ion_pump_current,
    pressure_from_volts,
    start_vacuum,
    steady_pressure,
    vacuum_latch,
)
from tests.unit.plant.utilities.numbers import VACUUM

COLD = VacuumDrive(wall_k=293.15)
BARE = replace(VACUUM, reservoirs=())


def test_steady_state_is_inflow_over_pumping_speed():
    state = advance_vacuum(BARE, start_vacuum(BARE, 1e-2), COLD, 3600.0)
    expected = (1e-9 + 1e-7) / 0.15
    assert steady_pressure(BARE, COLD) == pytest.approx(expected, rel=1e-12)
    assert state.pressure_pa == pytest.approx(expected, rel=1e-9)
    assert state.gauges_pa == pytest.approx((expected, 0.8 * expected), rel=1e-9)


def test_pump_down_has_the_time_constant_volume_over_speed():
    tau_s = 0.02 / 0.15
    base = steady_pressure(BARE, COLD)
    for step_s in (0.01, 0.1, 1.0):
        state = advance_vacuum(BARE, start_vacuum(BARE, 1e-2), COLD, step_s)
        assert state.pressure_pa == pytest.approx(base + (1e-2 - base) * exp(-step_s / tau_s), rel=1e-12)


def test_a_leak_without_pumps_rises_in_a_straight_line():
    sealed = replace(COLD, turbo_on=False, ion_on=False, leak_pa_m3_per_s=1e-4)
    state = advance_vacuum(BARE, start_vacuum(BARE, 1e-6), sealed, 100.0)
    assert state.pressure_pa == pytest.approx(1e-6 + (1e-4 + 1.01e-7) * 100.0 / 0.02, rel=1e-12)


def test_against_an_integrator():
    """Every term at once, by scipy's Radau on the differential equations of B6."""
    drive = VacuumDrive(wall_k=310.0, rf_w=1000.0, leak_pa_m3_per_s=3e-8)
    start = add_burst(VACUUM, start_vacuum(VACUUM, 2e-4), 1e-6)
    cold = (1 / 293.15 - 1 / 310.0) / 8.314462618
    rates = [exp(r.activation_j_per_mol * cold) / r.tau_s + r.rf_per_j * 1000.0 for r in VACUUM.reservoirs]
    steady = 1e-9 + 3e-8 + 1e-7 * exp(40e3 * cold)

    def slope(_, y):
        gas = [rate * left for rate, left in zip(rates, y[3:6], strict=True)]
        into = steady + sum(gas)
        return [(into - 0.15 * y[0]) / 0.02, (y[0] - y[1]) / 0.02, (0.8 * y[0] - y[2]) / 0.04, *(-g for g in gas)]

    y0 = [start.pressure_pa, *start.gauges_pa, *start.reservoirs_pa_m3]
    peer = solve_ivp(slope, (0.0, 50.0), y0, method="Radau", rtol=1e-10, atol=1e-16, t_eval=[0.05, 1.0, 50.0])
    for n, t in enumerate(peer.t):
        state = advance_vacuum(VACUUM, start, drive, float(t))
        ours = [state.pressure_pa, *state.gauges_pa, *state.reservoirs_pa_m3]
        print(f"{t} s: worst relative difference {np.max(np.abs(ours / peer.y[:, n] - 1)):.1e}")
        assert ours == pytest.approx(peer.y[:, n].tolist(), rel=2e-7)


def close(a, b):
    assert a.pressure_pa == pytest.approx(b.pressure_pa, rel=1e-9)
    assert a.gauges_pa == pytest.approx(b.gauges_pa, rel=1e-9)
    assert a.reservoirs_pa_m3 == pytest.approx(b.reservoirs_pa_m3, rel=1e-9)
    assert a.pumped_pa_m3 == pytest.approx(b.pumped_pa_m3, rel=1e-9)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    pressure=st.floats(1e-7, 10.0),
    wall=st.floats(280.0, 420.0),
    rf=st.floats(0.0, 5e3),
    pumped=st.booleans(),
    total=st.floats(1e-3, 1e6),
    count=st.integers(2, 60),
)
def test_one_call_equals_many_small_steps(pressure, wall, rf, pumped, total, count):
    drive = VacuumDrive(wall_k=wall, rf_w=rf, turbo_on=pumped)
    start = many = start_vacuum(VACUUM, pressure)
    for _ in range(count):
        many = advance_vacuum(VACUUM, many, drive, total / count)
    close(advance_vacuum(VACUUM, start, drive, total), many)


def test_hours_equal_scans():
    start = many = start_vacuum(VACUUM, 1e-3)
    drive = VacuumDrive(wall_k=300.0, rf_w=1e3)
    for _ in range(6000):
        many = advance_vacuum(VACUUM, many, drive, 0.01)
    close(advance_vacuum(VACUUM, start, drive, 60.0), many)


def test_no_gas_is_lost():
    """What is in the volume, on the walls and pumped away grows by leak and permeation alone."""
    drive = VacuumDrive(wall_k=293.15, rf_w=2e3, leak_pa_m3_per_s=1e-6)
    state = add_burst(VACUUM, start_vacuum(VACUUM, 1e-3), 1e-5)
    before = gas_content(VACUUM, state)
    for step_s in (0.01, 1.0, 3600.0, 1e6):
        state = advance_vacuum(VACUUM, state, drive, step_s)
    inflow = (1e-6 + 1e-9 + 1e-7) * (0.01 + 1.0 + 3600.0 + 1e6)
    assert gas_content(VACUUM, state) == pytest.approx(before + inflow, rel=1e-12)
    assert state.pumped_pa_m3 > 0.1


def test_outgassing_has_a_history_and_grows_with_temperature_and_rf():
    fresh = advance_vacuum(VACUUM, start_vacuum(VACUUM, 1e-5), COLD, 3600.0)
    hot = advance_vacuum(VACUUM, fresh, replace(COLD, wall_k=330.0), 10.0)
    powered = advance_vacuum(VACUUM, fresh, replace(COLD, rf_w=2e3), 10.0)
    conditioned = advance_vacuum(VACUUM, fresh, replace(COLD, rf_w=2e3), 200 * 3600.0)
    print(f"{fresh.pressure_pa:.1e} Pa, hot {hot.pressure_pa:.1e}, RF {powered.pressure_pa:.1e}, after 200 h of it "
          f"{conditioned.pressure_pa:.1e}")  # fmt: skip
    assert hot.pressure_pa > 3 * fresh.pressure_pa
    assert powered.pressure_pa > 1.5 * fresh.pressure_pa
    assert conditioned.pressure_pa < 0.1 * powered.pressure_pa


def test_a_burst_steps_the_pressure_and_trips_at_1e_6_torr():
    settled = advance_vacuum(BARE, start_vacuum(BARE, 1e-6), COLD, 100.0)
    big = add_burst(VACUUM, settled, burst_amount(VACUUM, 1.0))
    small = add_burst(VACUUM, settled, burst_amount(VACUUM, 0.0))
    assert big.pressure_pa - settled.pressure_pa == pytest.approx(1e-5 / 0.02, rel=1e-9)
    assert small.pressure_pa < 1e-6 * PA_PER_TORR < big.pressure_pa
    assert burst_amount(VACUUM, 0.5) == pytest.approx(1e-6, rel=1e-12)
    seen = [advance_vacuum(BARE, big, COLD, t).gauges_pa[0] for t in (0.0, 0.02, 0.1, 1.0)]
    assert seen[0] < 1e-5 and seen[1] > 1e-6 * PA_PER_TORR  # one scan or two later the gauge sees it
    recovered_s = 0.02 / 0.15 * log(big.pressure_pa / (1e-7 * PA_PER_TORR))
    assert advance_vacuum(BARE, big, COLD, recovered_s + 0.05).pressure_pa < 1.1e-7 * PA_PER_TORR


def test_gauges_are_logarithmic_and_end():
    gauge = VACUUM.gauges[0]
    assert gauge_volts(gauge, 1e-4) == pytest.approx(4.0, rel=1e-12)
    assert pressure_from_volts(gauge, gauge_volts(gauge, 3.3e-5)) == pytest.approx(3.3e-5, rel=1e-12)
    assert gauge_pressure(gauge, 1e-12) == 1e-7 and gauge_pressure(gauge, 1e5) == 1e-1


def test_the_ion_pump_current_follows_the_pressure():
    assert ion_pump_current(VACUUM, 1e-5, True) == pytest.approx(1e-4 + 1e-7, rel=1e-12)
    assert ion_pump_current(VACUUM, 10.0, True) == 0.02
    assert ion_pump_current(VACUUM, 1e-5, False) == 0.0


@pytest.mark.parametrize("step_s", [-1.0, float("nan"), float("inf")])
def test_impossible_steps_are_refused(step_s):
    with pytest.raises(ValueError, match="step_s"):
        advance_vacuum(VACUUM, start_vacuum(VACUUM, 1e-5), COLD, step_s)


def test_the_vacuum_latch_has_hysteresis_and_a_pump_that_is_off_clears_nothing():
    seen, latched = [], False
    for amperes in (1e-6, 2e-3, 5e-4, 2e-4, 0.0, 5e-5, 5e-4):
        latched = vacuum_latch(latched, amperes, 1e-3, 1e-4)
        seen.append(latched)
    assert seen == [False, True, True, True, True, False, False]
