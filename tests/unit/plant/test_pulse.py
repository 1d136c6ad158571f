"""The pulse against closed forms (physics.md C2), the reference bench and its own ledger."""

from dataclasses import replace
from math import atan2, atanh, cos, e, exp, sin, sqrt

import numpy as np
import pytest

from firmware_sim.plant.parameters import DummyLoad
from firmware_sim.plant.pulse import solve_pulse
from tests.unit.plant.support import one_module, reference_bench, without_exit

C, L, V0 = 1e-3, 20e-6, 1000.0
Z0 = sqrt(L / C)


def peak_of(solution):
    """Time and value of the peak by a parabola through the highest point and its neighbours."""
    k = int(np.argmax(solution.load_a))
    t, i = solution.t_s[k - 1 : k + 2], solution.load_a[k - 1 : k + 2]
    a, b, c = np.polyfit(t - t[1], i, 2)
    return t[1] - b / (2 * a), c - b * b / (4 * a)


def underdamped(t, r):
    alpha, omega = r / (2 * L), sqrt(1 / (L * C) - (r / (2 * L)) ** 2)
    return V0 / (omega * L) * np.exp(-alpha * t) * np.sin(omega * t)


@pytest.mark.parametrize("zeta", [0.1, 1.0, 3.0])
def test_closed_forms_of_the_rlc_discharge(zeta):
    r = 2 * zeta * Z0
    alpha, w0 = r / (2 * L), 1 / sqrt(L * C)
    if zeta < 1:
        wd = sqrt(w0**2 - alpha**2)
        t_peak = atan2(wd, alpha) / wd
        i_peak = V0 / (wd * L) * exp(-alpha * t_peak) * sin(wd * t_peak)
        expected = (209.0261e-6, 6099.5057)
    elif zeta == 1.0:
        t_peak, i_peak = 1 / w0, 2 * V0 / (e * r)
        expected = (141.4214e-6, 2601.3005)
    else:
        beta = sqrt(alpha**2 - w0**2)
        t_peak = atanh(beta / alpha) / beta
        i_peak = V0 / (2 * beta * L) * (exp((beta - alpha) * t_peak) - exp((-beta - alpha) * t_peak))
        expected = (88.1374e-6, 1090.1723)
    assert (t_peak, i_peak) == pytest.approx(expected, rel=1e-6)
    points = np.linspace(0.0, t_peak, 201)
    solution = solve_pulse(one_module(r), [V0], [0.0], 1e-3, points_s=points, rtol=1e-9)
    error = abs(solution.load_a[-1] - i_peak) / i_peak
    print(f"zeta {zeta}: peak {solution.load_a[-1]:.4f} A, error {error:.1e}")
    assert error < 1e-6
    around = np.linspace(0.99 * t_peak, 1.01 * t_peak, 5)
    assert peak_of(solve_pulse(one_module(r), [V0], [0.0], 1e-3, points_s=around))[0] == pytest.approx(t_peak, rel=1e-4)


def test_the_whole_underdamped_wave_at_production_tolerance():
    r = 0.2 * Z0
    points = np.linspace(0.0, 230e-6, 500)
    solution = solve_pulse(one_module(r), [V0], [0.0], 230e-6, points_s=points)
    worst = np.abs(solution.load_a - underdamped(points, r)).max() / 6099.5
    print(f"worst of the wave {worst:.1e} of the peak at {solution.evaluations} evaluations")
    assert worst < 1e-6


def test_ideal_crowbar_and_action_integral():
    r = 0.2 * Z0
    p = one_module(r)
    alpha, wd = r / (2 * L), sqrt(1 / (L * C) - (r / (2 * L)) ** 2)
    t_crowbar = 237.5004e-6
    voltage = V0 * exp(-alpha * t_crowbar) * (cos(wd * t_crowbar) + alpha / wd * sin(wd * t_crowbar))
    assert abs(voltage) < 0.01  # the instant of physics.md C2 is where the capacitor is empty
    points = np.array([0.0, t_crowbar, t_crowbar + 707.107e-6, 20e-3])
    solution = solve_pulse(p, [V0], [0.0], 20e-3, points_s=points, rtol=1e-9)
    at_crowbar, later = solution.load_a[1:3].tolist()
    print(f"crowbar {at_crowbar:.2f} A, one tau later {later:.2f} A, action {solution.action_a2s[-1]:.3f} A^2 s")
    assert at_crowbar == pytest.approx(5977.9239, rel=1e-5)
    assert later == pytest.approx(5977.9239 / e, rel=1e-4)
    assert solution.action_a2s[-1] == pytest.approx(17677.67, rel=1e-4)


def test_reference_bench_peak_speed_and_ledger():
    p, volts, fire, _ = reference_bench()
    solution = solve_pulse(p, volts, fire, 0.02)
    t_peak, i_peak = peak_of(solution)
    residual = np.abs(solution.residual_j).max() / solution.stored_j
    print(
        f"peak {i_peak:.1f} A at {t_peak * 1e6:.1f} us, exit {solution.exit_s * 1e3:.4f} ms"
        f" {solution.exit_mps:.3f} m/s, residual {residual:.1e}, {solution.evaluations} evaluations"
    )
    print({name: round(float(joules[-1]), 2) for name, joules in solution.ledger_j.items()})
    assert i_peak == pytest.approx(64.58e3, rel=1e-3)
    assert t_peak == pytest.approx(792.0e-6, rel=2e-3)
    assert solution.exit_mps == pytest.approx(143.6, rel=1e-3)
    assert solution.exit_s == pytest.approx(4.763e-3, rel=1e-3)
    assert residual <= 1e-5
    assert all((np.diff(joules) >= -1e-8 * solution.stored_j).all() for joules in solution.ledger_j.values())


def test_without_the_snubber():
    p, volts, fire, _ = reference_bench()
    solution = solve_pulse(replace(p, snubber_ohm=None), volts, fire, 0.02)
    print(f"without snubber: {solution.load_a.max():.1f} A, {solution.exit_mps:.3f} m/s")
    assert solution.load_a.max() == pytest.approx(64.65e3, rel=2e-4)
    assert solution.exit_mps == pytest.approx(143.97, rel=2e-4)
    assert solution.ledger_j["snubber"][-1] == 0.0
    assert np.abs(solution.residual_j).max() <= 1e-6 * solution.stored_j


def test_production_tolerance_against_a_tight_one():
    p, volts, fire, end_s = reference_bench()
    points = np.linspace(0.0, end_s, 3001)
    coarse = solve_pulse(without_exit(p), volts, fire, end_s, points_s=points)
    fine = solve_pulse(without_exit(p), volts, fire, end_s, points_s=points, rtol=1e-10)
    worst = np.abs(coarse.load_a - fine.load_a).max() / fine.load_a.max()
    print(f"production tolerance {worst:.1e} of the peak")
    assert worst < 2e-6


def test_muzzle_arc_ends_the_current_and_is_in_the_ledger():
    p, volts, fire, _ = reference_bench()
    arc = replace(p, load=replace(p.load, muzzle_arc_v=150.0))
    solution = solve_pulse(arc, volts, fire, 0.04)
    inside = solution.t_s <= solution.exit_s
    assert solution.muzzle_v[inside].max() < 9.0
    assert solution.muzzle_v[~inside][1] == pytest.approx(150.0)
    assert solution.t_s[-1] < 6e-3
    assert solution.ledger_j["muzzle"][-1] > 50.0
    assert np.abs(solution.residual_j).max() <= 1e-5 * solution.stored_j


def test_muzzle_resistor_carries_its_share():
    p, volts, fire, _ = reference_bench()
    shunted = replace(p, load=replace(p.load, muzzle_ohm=0.02))
    solution = solve_pulse(shunted, volts, fire, 0.04)
    outside = solution.t_s > solution.exit_s
    assert solution.muzzle_v[outside][1] == pytest.approx(0.02 * solution.load_a[outside][1], rel=1e-6)
    inside_v, inside_a = solution.muzzle_v[~outside], solution.load_a[~outside]
    assert inside_v == pytest.approx(8.0 * np.tanh((inside_a - inside_v / 0.02) / 2000.0), abs=0.02)
    assert solution.exit_mps != solve_pulse(p, volts, fire, 0.04).exit_mps
    assert np.abs(solution.residual_j).max() <= 1e-5 * solution.stored_j


def test_stuck_armature_freewheels_as_rl():
    p, volts, fire, _ = reference_bench()
    stuck = replace(p, load=replace(p.load, stuck=True), snubber_ohm=None)
    solution = solve_pulse(stuck, volts, fire, 0.04)
    free = replace(p, snubber_ohm=None)
    moving = solve_pulse(free, volts, fire, 0.04)
    assert solution.exit_s is None
    assert solution.speed_mps.max() == 0.0
    assert solution.action_a2s[-1] > 1.01 * moving.action_a2s[np.searchsorted(moving.t_s, moving.exit_s)]
    late = (solution.t_s > 5e-3) & (solution.load_a > 2e3)
    total_h = 20e-6 / 4 + 0.6e-6 + 0.45e-6 * 0.05
    drop = (6e-3 + 0.5e-3) / 4 * solution.load_a + 1.5 + 1.01e-3 * solution.load_a + 8 * np.tanh(solution.load_a / 2000)
    assert solution.current_slope[late] == pytest.approx(-drop[late] / total_h, rel=1e-6)


def test_one_module_that_does_not_fire_keeps_its_charge():
    p, volts, fire, _ = reference_bench()
    solution = solve_pulse(p, volts, [fire[0], None, fire[2], fire[3]], 0.02)
    assert solution.capacitor_v[1, -1] == 3000.0
    assert np.abs(solution.current_a[1]).max() < 5.0
    assert 45e3 < solution.load_a.max() < 55e3
    assert np.abs(solution.residual_j).max() <= 1e-5 * solution.stored_j


def test_open_crowbar_reverses_the_capacitor():
    p, volts, fire, _ = reference_bench()
    solution = solve_pulse(p, volts, fire, 0.02, crowbar_open=[False, True, False, False])
    print(f"reversal {solution.capacitor_v[1].min():.0f} V")
    assert solution.capacitor_v[1].min() < -1000.0
    assert solution.capacitor_v[[0, 2, 3]].min() > -30.0
    assert np.abs(solution.residual_j).max() <= 1e-5 * solution.stored_j


def test_dummy_load_and_low_voltage():
    p, _, fire, _ = reference_bench()
    dummy = replace(p, load=DummyLoad(0.8e-6, 2e-3))
    solution = solve_pulse(dummy, [1000.0] * 4, fire, 0.04)
    rail = solution.ledger_j["rail"][-1]
    assert rail == pytest.approx(2e-3 * solution.action_a2s[-1], rel=1e-3)
    assert np.abs(solution.residual_j).max() <= 1e-5 * solution.stored_j
    low = solve_pulse(p, [30.0] * 4, fire, 0.04)
    assert 200.0 < low.load_a.max() < 1500.0
    assert low.exit_s is None
    assert (low.current_a[:, -1] > -1.0).all()


def test_a_weak_module_waits_until_it_is_above_the_load():
    p, _, fire, _ = reference_bench()
    solution = solve_pulse(p, [3000.0, 60.0, 3000.0, 3000.0], fire, 0.02)
    conducting = solution.current_a[1] > 1.0
    assert conducting.any()
    assert np.abs(solution.residual_j).max() <= 1e-5 * solution.stored_j


def test_nothing_fired_is_an_empty_pulse():
    p, volts, _, _ = reference_bench()
    solution = solve_pulse(p, volts, [None] * 4, 0.01)
    assert solution.load_a.max() == 0.0
    assert solution.capacitor_v[:, -1].tolist() == volts
    with pytest.raises(ValueError, match="4 modules"):
        solve_pulse(p, volts[:3], [None] * 4, 0.01)
