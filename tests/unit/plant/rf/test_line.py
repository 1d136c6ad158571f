"""Waves, cavities, line, arc, load (physics.md B5): closed forms and the account of every joule."""

from dataclasses import replace
from math import exp, pi

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.plant.rf.coupler import guide_delay, guide_wavelength
from firmware_sim.plant.rf.envelope import Cavity, fill
from firmware_sim.plant.rf.line import NO_ARC, Arc, LineParameters, LoadParameters, propagate
from firmware_sim.plant.rf.waves import Wave, delay, resample
from tests.unit.plant.rf.numbers import LINE, LOAD, STEP_S, pulse


def wave(**options) -> Wave:
    tube = pulse(**options)
    return resample(tube.time_s, tube.power_w, tube.phase_rad, STEP_S, 1e-6)


FLAT = slice(1500, 2500)
"""Points in the middle of the flat top (2.7-4.7 us)."""


def test_resampling_keeps_power_phase_and_energy():
    tube, grid = pulse(), wave()
    assert grid.power_w[FLAT] == pytest.approx(4e6)
    assert np.angle(grid.amplitude[FLAT]) == pytest.approx(0.3)
    assert grid.energy_j == pytest.approx(float(np.trapezoid(tube.power_w, tube.time_s)), rel=1e-3)
    assert grid.power_w[-100:].max() == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"power_w": np.ones(3)}, "points"),
        ({"time_s": np.array([0.0, 1e-6, 1e-6, 2e-6])}, "grow"),
        ({"power_w": np.array([0.0, -1.0, 0.0, 0.0])}, "0 or more"),
        ({"power_w": np.array([0.0, np.nan, 0.0, 0.0])}, "0 or more"),
        ({"time_s": np.array([0.0, 1.0, 2.0, 3.0])}, "in seconds"),
    ],
)
def test_impossible_arrays_are_refused(change, message):
    good = {"time_s": np.arange(4) * 1e-6, "power_w": np.ones(4), "phase_rad": np.zeros(4)}
    with pytest.raises(ValueError, match=message):
        resample(**(good | change), step_s=STEP_S, tail_s=0.0)


def test_a_cavity_fills_and_empties_with_its_loaded_q():
    cavity = Cavity(2.856e9, 2000.0)
    tau_s = 2.0 * 2000.0 / (2 * pi * 2.856e9)
    assert 1.0 / cavity.rate_per_s == pytest.approx(tau_s, rel=1e-12)
    step = Wave(0.0, 1e-9, np.concatenate([[0.0], np.ones(4000), np.zeros(4000)]).astype(complex))
    filled = fill((cavity,), step).amplitude
    ramp = tau_s / 1e-9 * -np.expm1(-1e-9 / tau_s)  # the input rises within one step, linearly
    for n in (2, 100, 400):
        assert filled[n] == pytest.approx(1.0 - ramp * exp(-(n - 1) * 1e-9 / tau_s), rel=1e-9)
    assert filled[4000] == pytest.approx(1.0, rel=1e-6)
    assert abs(filled[4001 + 500]) / abs(filled[4001]) == pytest.approx(exp(-500e-9 / tau_s), rel=1e-9)


def test_a_detuned_cavity_settles_on_its_resonance_curve():
    cavity = Cavity(2.856e9, 2000.0, detuning_hz=500e3)
    long = Wave(0.0, 2e-9, np.ones(4000, dtype=complex))
    long.amplitude[0] = 0.0
    settled = fill((cavity,), long).amplitude[-1]
    lorentz = 1.0 / (1.0 - 1j * 2 * 2000.0 * 500e3 / 2.856e9)
    assert settled == pytest.approx(lorentz, rel=1e-6)
    assert fill((cavity, cavity), long).amplitude[-1] == pytest.approx(lorentz**2, rel=1e-6)


def test_the_line_delays_attenuates_and_reflects():
    waves = propagate(LINE, LOAD, wave())
    sent, at_load, back = waves.forward.amplitude, waves.at_load.amplitude, waves.back.amplitude
    points = round(LINE.delay_s / STEP_S)
    print(f"one way {points} points of {STEP_S * 1e9:.0f} ns")
    assert at_load == pytest.approx(10 ** (-0.2 / 20) * delay(sent, points))
    assert back == pytest.approx(10 ** (-0.4 / 20) * 10 ** (-30 / 20) * delay(sent, 2 * points))
    assert waves.ledger.arc_j == 0.0
    assert waves.ledger.load_j == pytest.approx(4e6 * 5.26e-6 * 10 ** (-0.02) * (1 - 1e-3), rel=2e-3)


def test_guide_delay_is_that_of_the_group():
    """WR-284 at 2.856 GHz: guide wavelength 153.1 mm, group velocity 0.686 c."""
    guide_m = guide_wavelength(2.856e9, 72.136e-3)
    assert guide_m == pytest.approx(0.1531, abs=1e-4)
    phase_m_per_s = guide_m * 2.856e9
    assert 10.0 / guide_delay(10.0, 2.856e9, 72.136e-3) * phase_m_per_s == pytest.approx(299_792_458.0**2, rel=1e-12)
    with pytest.raises(ValueError, match="does not travel"):
        guide_wavelength(2.0e9, 72.136e-3)


def test_an_arc_collapses_the_transmitted_and_returns_the_incident_within_100_ns():
    arc_s, place = 2.5e-6, 0.5
    waves = propagate(LINE, LOAD, wave(), Arc(arc_s, place))
    flight_s = place * LINE.delay_s
    time_s = waves.forward.time_s
    reached = np.searchsorted(time_s, arc_s + flight_s + 0.1e-6)
    assert waves.at_load.power_w[reached] < 0.01 * 4e6
    assert waves.back.power_w[reached] > 0.8 * 4e6
    before = np.searchsorted(time_s, arc_s)
    assert waves.at_load.power_w[before] > 0.95 * 4e6
    assert waves.back.power_w[before] < 0.002 * 4e6
    assert waves.forward.power_w[reached] == pytest.approx(4e6)


def test_a_settled_arc_shares_the_power_as_its_scattering_says():
    arc = Arc(-1e-6, 0.0, reflection=-0.6, transmission=0.3)
    waves = propagate(LineParameters(50e-9, 0.0), LoadParameters(-300.0), wave(), arc)
    assert waves.back.power_w[FLAT] == pytest.approx(0.36 * 4e6)
    assert waves.at_load.power_w[FLAT] == pytest.approx(0.09 * 4e6)
    assert waves.arc_w[FLAT] == pytest.approx(0.55 * 4e6)


def test_echoes_between_arc_and_load_sum_to_the_signal_flow_graph():
    """Gamma + T^2 Gl / (1 - Gamma Gl) in the steady state: a missing load behind a half-transparent arc."""
    arc = Arc(-1e-6, 0.4, reflection=-0.4, transmission=0.5)
    waves = propagate(LineParameters(20e-9, 0.0), LoadParameters(0.0, 0.7), wave(), arc)
    load = np.exp(0.7j)
    total = -0.4 + 0.25 * load / (1.0 + 0.4 * load)
    assert waves.back.amplitude[FLAT] / waves.forward.amplitude[FLAT] == pytest.approx(total, rel=1e-6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    start=st.floats(-1e-6, 6e-6),
    place=st.floats(0.0, 1.0),
    size=st.floats(0.0, 1.0),
    angle=st.floats(-pi, pi),
    open_share=st.floats(0.0, 1.0),
    load_db=st.floats(-40.0, 0.0),
    phase=st.floats(-pi, pi),
    loss_db=st.floats(0.0, 4.0),
)
def test_every_joule_is_accounted_for(start, place, size, angle, open_share, load_db, phase, loss_db):
    """Incident = transmitted into the load + reflected + lost (walls, arc) + still under way; nothing is negative."""
    arc = Arc(start, place, size * np.exp(1j * angle), (1.0 - size) * open_share, 20e-9)
    waves = propagate(LineParameters(48e-9, loss_db), LoadParameters(load_db, phase), wave(), arc)
    account = waves.ledger
    parts = (account.load_j, account.back_j, account.lost_j, account.arc_j, account.held_j)
    assert account.incident_j == pytest.approx(sum(parts), rel=1e-12)
    assert abs(account.residual_j) < 1e-11 * account.incident_j
    assert min(parts) > -1e-12 * account.incident_j
    assert waves.arc_w.min() > -1e-8 * 4e6


def test_the_account_is_not_empty_words():
    """An arc that takes more than it is given shows up: the absorbed power is computed apart from the waves."""
    waves = propagate(LINE, LOAD, wave(), Arc(2e-6, 0.5))
    account = waves.ledger
    wrong = replace(account, arc_j=account.arc_j * 1.01)
    assert abs(wrong.residual_j) > 1e-3
    assert 0.5 < account.arc_j < 2.5


def test_a_part_in_front_of_the_load_that_amplifies_is_refused():
    with pytest.raises(ValueError, match="more than arrives"):
        LoadParameters(-1.0, loss_db=3.0)
    with pytest.raises(ValueError, match="loss_db"):
        LoadParameters(-20.0, loss_db=-3.0)


def test_arcs_that_amplify_are_refused():
    with pytest.raises(ValueError, match="exceed 1"):
        Arc(0.0, 0.5, reflection=-0.9, transmission=0.2)
    with pytest.raises(ValueError, match="place"):
        Arc(0.0, 1.5)
    assert propagate(LINE, LOAD, wave(), NO_ARC).ledger.arc_j == 0.0
