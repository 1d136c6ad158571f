"""Resonant and direct charging (physics.md B1, A9): closed forms, an ODE, and whether a charger fits."""

from dataclasses import asdict, replace
from math import pi

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from firmware_sim.plant.modulator.chargers import (
    build_charging,
    charge_line,
    charger_fit,
    line_voltages_v,
    pulse_line_v,
)
from firmware_sim.plant.modulator.charging import (
    DirectParameters,
    Resonant,
    ResonantParameters,
    direct_charge,
    direct_fit,
    direct_voltages_v,
    regulated_v,
    resonant_fit,
    resonant_v,
)

LINE_F = 211.6e-9
RESONANT = ResonantParameters(
    supply_v=13.2e3, supply_rated_v=14e3, supply_w=5e3, choke_h=5.0, quality=25.0, deq_v=24.35e3, regulation=5e-4
)
DIRECT = DirectParameters(rated_v=25e3, rated_a=0.6, peak_w=7.5e3, average_w=7.5e3, regulation=1e-3)


@pytest.mark.parametrize("quality", [10.0, 25.0, 200.0])
def test_resonant_voltage_is_the_reference_formula(quality):
    free = replace(RESONANT, quality=quality, deq_v=None)
    charge = Resonant(free, LINE_F).charge()
    formula = resonant_v(13.2e3, quality)
    print(f"Q {quality}: {charge.voltage_v:.1f} V, 2 V (1 - pi/4Q) {formula:.1f} V")
    assert charge.voltage_v == pytest.approx(formula, rel=1.05 * (pi / (4 * quality)) ** 2)
    assert charge.charge_s == pytest.approx(pi * (5.0 * LINE_F) ** 0.5, rel=2e-3)
    assert charge.deq_j == 0.0


@pytest.mark.parametrize("left_v", [-8e3, 0.0, 500.0])
def test_resonant_charge_against_an_ode(left_v):
    p = replace(RESONANT, deq_v=None)
    resonant = Resonant(p, LINE_F, left_v)
    ohm = (p.choke_h / LINE_F) ** 0.5 / p.quality
    times = np.linspace(0.0, resonant.half_s, 50)
    ode = solve_ivp(
        lambda _, y: [y[1] / LINE_F, (p.supply_v - y[0] - ohm * y[1]) / p.choke_h, ohm * y[1] ** 2],
        (0.0, resonant.half_s),
        [left_v, 0.0, 0.0],
        t_eval=times,
        rtol=1e-10,
        atol=1e-9,
    )
    assert np.abs(resonant.voltages_v(times) - ode.y[0]).max() < 1e-4
    assert resonant.charge().choke_j == pytest.approx(ode.y[2][-1], rel=1e-6)
    assert resonant.voltages_v(np.array([-1.0, 1.0])) == pytest.approx([left_v, resonant.charge().voltage_v])


def test_a_line_left_reversed_is_charged_higher():
    """The hazard of a mismatch: without de-Q'ing the next charge is higher by nearly what was left."""
    free = replace(RESONANT, deq_v=None)
    plain, reversed_line = (Resonant(free, LINE_F, left).charge().voltage_v for left in (0.0, -8e3))
    assert reversed_line - plain == pytest.approx(8e3 * (1 - pi / 50), rel=0.01)
    assert Resonant(RESONANT, LINE_F, -8e3).charge().voltage_v == pytest.approx(24.35e3, rel=1e-9)


def test_deqing_stops_at_its_voltage_and_takes_the_choke_field():
    charge = Resonant(RESONANT, LINE_F).charge()
    free = Resonant(replace(RESONANT, deq_v=None), LINE_F).charge()
    assert charge.voltage_v == pytest.approx(24.35e3, rel=1e-12)
    assert charge.charge_s < free.charge_s
    assert free.voltage_v > 24.35e3
    assert charge.deq_j > 0.5
    assert charge.supply_j == pytest.approx(charge.stored_j + charge.choke_j + charge.deq_j, rel=1e-12)
    assert charge.choke_j > 0.0
    steady = [Resonant(replace(RESONANT, supply_v=v), LINE_F).charge().voltage_v for v in (13.0e3, 13.5e3, 14e3)]
    assert np.ptp(steady) < 1e-6  # that is what it is for
    too_low = Resonant(replace(RESONANT, supply_v=12e3), LINE_F).charge()
    assert too_low.voltage_v < 24e3
    assert too_low.deq_j == 0.0
    assert Resonant(RESONANT, LINE_F, 24.5e3).charge().voltage_v == 24.5e3


def test_direct_charge_current_then_power():
    knee_v = 7.5e3 / 0.6
    charge = direct_charge(DIRECT, LINE_F, 24.35e3)
    expected = LINE_F * knee_v / 0.6 + 0.5 * LINE_F * (24.35e3**2 - knee_v**2) / 7.5e3
    assert charge.charge_s == pytest.approx(expected, rel=1e-12)
    times = np.linspace(0.0, charge.charge_s, 400)
    volts = direct_voltages_v(DIRECT, LINE_F, 24.35e3, 0.0, times)
    amps = np.gradient(volts, times) * LINE_F
    assert volts[-1] == pytest.approx(24.35e3, rel=1e-9)
    assert amps[2:-2].max() == pytest.approx(0.6, rel=1e-6)
    assert (amps * volts)[2:-2].max() <= 7.5e3 * 1.001
    assert direct_charge(DIRECT, LINE_F, 30e3).voltage_v == 25e3
    assert direct_charge(DIRECT, LINE_F, 1e3, left_v=2e3).charge_s == 0.0
    low = direct_charge(DIRECT, LINE_F, 5e3, left_v=-1e3)
    assert low.charge_s == pytest.approx(LINE_F * 6e3 / 0.6)


def test_lambda_application_note():
    """physics.md A9: 5 uF to 5 kV in 30 ms needs 2083 J/s of a constant-current charger with I = 2 P / V."""
    p = DirectParameters(rated_v=5e3, rated_a=2 * 2083.33 / 5e3, peak_w=1e9, average_w=2083.34, regulation=0.0)
    charge = direct_charge(p, 5e-6, 5e3)
    assert charge.charge_s == pytest.approx(30e-3, rel=1e-5)
    assert charge.stored_j / charge.charge_s == pytest.approx(2083.3, rel=1e-4)


def test_chargers_of_the_issue_fit_and_smaller_ones_do_not():
    """131 kV at 1:11 need 24.35 kV: 14 kV resonant or 25 kV direct do, and 50 Hz are 3.1 kW."""
    for fit in (resonant_fit(RESONANT, LINE_F, 24.35e3, 50.0, 1e-3), direct_fit(DIRECT, LINE_F, 24.35e3, 50.0, 1e-3)):
        print(fit)
        assert fit.fits, fit.problems
        assert fit.pulse_j == pytest.approx(62.73, abs=0.01)
        assert 3.1e3 < fit.average_w < 4.0e3
    low = replace(RESONANT, supply_v=10e3, supply_rated_v=10e3)
    assert any("reaches 193" in line for line in resonant_fit(low, LINE_F, 24.35e3, 50.0, 1e-3).problems)
    turned_down = resonant_fit(replace(RESONANT, supply_v=12e3), LINE_F, 24.35e3, 50.0, 1e-3)
    assert any("charge the line to" in line for line in turned_down.problems)
    weak = replace(DIRECT, rated_v=10e3, average_w=2e3)
    problems = direct_fit(weak, LINE_F, 24.35e3, 50.0, 1e-3).problems
    assert any("rated 10000 V" in line for line in problems)
    assert any("average power 3137 W" in line for line in problems)
    slow = direct_fit(DIRECT, LINE_F, 24.35e3, 200.0, 1e-3)
    assert any("ms between pulses" in line for line in slow.problems)
    assert not resonant_fit(RESONANT, LINE_F, 24.35e3, 400.0, 1e-4).fits


def test_regulation_scatters_by_seed_and_index():
    volts = np.array([regulated_v(24.35e3, 1e-3, (5, k)) for k in range(2000)])
    assert volts.mean() == pytest.approx(24.35e3, rel=1e-4)
    assert volts.std() == pytest.approx(24.35, rel=0.05)
    assert regulated_v(24.35e3, 1e-3, (5, 17)) == volts[17]
    assert regulated_v(24.35e3, 1e-3, (6, 17)) != volts[17]


def test_an_overdamped_choke_is_refused():
    with pytest.raises(ValueError, match="does not ring"):
        Resonant(replace(RESONANT, quality=0.4), LINE_F)


def test_both_ways_behind_one_set_of_functions():
    resonant = build_charging({"resonant": asdict(RESONANT)})
    direct = build_charging({"direct": asdict(DIRECT)})
    assert (resonant, direct) == (RESONANT, DIRECT)
    for p in (resonant, direct):
        charge = charge_line(p, LINE_F, 20e3, left_v=100.0)
        assert charge.voltage_v == pytest.approx(20e3, rel=1e-9)
        times = np.linspace(0.0, charge.charge_s, 50)
        volts = line_voltages_v(p, LINE_F, 20e3, 100.0, times)
        assert volts[[0, -1]] == pytest.approx([100.0, 20e3])
        assert (np.diff(volts) > 0.0).all()
        assert charger_fit(p, LINE_F, 20e3, 50.0, 1e-3).fits
        assert not charger_fit(p, LINE_F, 40e3, 50.0, 1e-3).fits
        assert pulse_line_v(p, 20e3, (1, 2)) == regulated_v(20e3, p.regulation, (1, 2))
    undamped = replace(RESONANT, deq_v=None)
    assert charge_line(undamped, LINE_F, 20e3).voltage_v > 25e3
    with pytest.raises(ValueError, match="resonant or direct"):
        build_charging({"magic": {}})
    with pytest.raises(ValueError, match=r"charging\.direct: rated_a is missing"):
        build_charging({"direct": {"rated_v": 1.0}})
