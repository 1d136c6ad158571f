"""Klystron and magnetron by themselves: laws of physics.md B3 and B4."""

from dataclasses import replace
from math import pi

import numpy as np
import pytest

from firmware_sim.plant.modulator.klystron import (
    GainCurve,
    Klystron,
    KlystronParameters,
    efficiency_at,
    emission_limit_a,
    saturation_share,
)
from firmware_sim.plant.modulator.magnetron import Magnetron, MagnetronParameters, hartree_v, hull_cutoff_v
from firmware_sim.plant.modulator.parameters import read
from firmware_sim.plant.modulator.tube import NOMINAL, Conditions, Drive, Mode, drive_shape, low_pass
from firmware_sim.plant.modulator.tubes import build_tube
from tests.unit.plant.modulator.support import KLYSTRON, MAGNETRON

TIMES = np.arange(0.0, 6e-6, 4e-9)
FLAT_V = np.full_like(TIMES, 130e3)


def klystron(**changes) -> Klystron:
    return Klystron(read(KlystronParameters, {**KLYSTRON, **changes}, "klystron"))


def magnetron(**changes) -> Magnetron:
    return Magnetron(read(MagnetronParameters, {**MAGNETRON, **changes}, "magnetron"))


@pytest.mark.parametrize("curve", GainCurve)
def test_saturation_curve_peaks_at_one_and_rolls_over(curve):
    x = np.linspace(0.0, 2.0, 2001)
    share = saturation_share(curve, x)
    assert share[1000] == pytest.approx(1.0, abs=1e-9)
    assert share.argmax() == pytest.approx(1000, abs=1)
    assert share[0] == 0.0
    assert share[1500] < 0.9
    slope = 4.0 if curve is GainCurve.EMPIRICAL else (0.5 * 1.841 / 0.5819) ** 2
    assert share[10] / x[10] ** 2 == pytest.approx(slope, rel=1e-3)  # small signal: constant gain
    assert saturation_share(curve, np.array([50.0]))[0] < 2e-3


def test_efficiency_between_and_beyond_the_table():
    p = klystron().parameters
    assert [efficiency_at(p, v) for v in (80e3, 102e3, 130e3)] == pytest.approx([0.284, 0.311, 0.338], rel=1e-12)
    assert efficiency_at(p, 91e3) == pytest.approx(0.2975)
    assert efficiency_at(p, 40e3) == pytest.approx(0.142)
    assert efficiency_at(p, 140e3) == 0.338
    assert efficiency_at(p, -5.0) == 0.0
    volts = np.linspace(0.0, 150e3, 77)
    expected = [efficiency_at(p, v) * v for v in volts.tolist()]
    assert klystron().saturated_w(volts, np.ones_like(volts)) == pytest.approx(expected)


def test_scalar_and_array_characteristic_agree():
    for tube in (klystron(), magnetron()):
        for conditions in (NOMINAL, Conditions(cathode_k=1200.0, field_ratio=0.9), Conditions(mode=Mode.MODED)):
            volts = np.linspace(-20e3, 150e3, 301)
            law = tube.characteristic(conditions)
            assert tube.currents_a(volts, conditions) == pytest.approx([law(v) for v in volts.tolist()], rel=1e-12)


def test_cold_cathode_limits_the_emission():
    tube = klystron()
    p = tube.parameters
    hot, cool, cold = (tube.characteristic(Conditions(cathode_k=k))(130e3) for k in (1350.0, 1150.0, 300.0))
    full = tube.characteristic(NOMINAL)(130e3)
    print(f"1350 K {hot:.2f} A of {full:.2f} A, 1150 K {cool:.2f} A (limit {emission_limit_a(p, 1150.0):.2f} A)")
    assert hot == pytest.approx(full, rel=1e-3)
    assert cool == pytest.approx(emission_limit_a(p, 1150.0), rel=0.05)
    assert cool < 0.6 * full
    assert cold < 1e-9
    assert emission_limit_a(p, 1350.0) == pytest.approx(300.0)
    # Richardson: ln(I / T^2) is straight in 1/T with slope -W/k
    a, b = (np.log(emission_limit_a(p, t) / t**2) for t in (1200.0, 1300.0))
    assert (b - a) / (1 / 1200.0 - 1 / 1300.0) == pytest.approx(2.0 / 8.617333262e-5, rel=1e-9)
    below = np.linspace(1e3, 130e3, 50)
    assert (np.diff(tube.currents_a(below, Conditions(cathode_k=1150.0))) > 0).all()


def test_klystron_gain_power_and_no_drive():
    tube = klystron(bandwidth_hz=0.0)
    amps = tube.currents_a(FLAT_V, NOMINAL)
    saturating = tube.drive_for_saturation_w(130e3)
    saturated = 0.338 * 130e3 * 90.933
    assert saturated / saturating == pytest.approx(10**4.6, rel=1e-4)
    powers = {}
    for share in (0.01, 0.25, 1.0, 2.25):
        drive = Drive(share * saturating, 1e-6, 3e-6)
        powers[share] = tube.radiate(TIMES, FLAT_V, amps, drive, NOMINAL).power_w[500]
    print({k: f"{v / 1e6:.3f} MW" for k, v in powers.items()})
    assert powers[1.0] == pytest.approx(saturated, rel=1e-4)
    assert powers[0.25] == pytest.approx(0.64 * saturated, rel=1e-4)
    assert powers[2.25] == pytest.approx((3.0 / 3.25) ** 2 * saturated, rel=1e-4)
    quiet = tube.radiate(TIMES, FLAT_V, amps, None, NOMINAL)
    assert quiet.power_w.max() == 0.0
    gated = tube.radiate(TIMES, FLAT_V, amps, Drive(saturating, 1e-6, 3e-6), NOMINAL).power_w
    assert gated[TIMES < 0.99e-6].max() == 0.0
    assert gated[TIMES > 4.01e-6].max() == 0.0


def test_phase_pushing_follows_the_voltage():
    tube = klystron(bandwidth_hz=0.0)
    drive = Drive(100.0, 0.0, 10e-6)
    phases = []
    for volts in (130e3, 131.3e3):
        v = np.full_like(TIMES, volts)
        phases.append(tube.radiate(TIMES, v, tube.currents_a(v, NOMINAL), drive, NOMINAL).phase_rad[700])
    assert np.degrees(phases[1] - phases[0]) == pytest.approx(-8.0, rel=1e-9)


def test_bandwidth_is_the_half_power_width():
    tau_s = 1.0 / (pi * 20e6)
    times = np.arange(0.0, 10e-6, 1e-9)
    tone = low_pass(times, np.exp(2j * pi * 10e6 * times), tau_s)
    assert abs(tone[-1]) ** 2 == pytest.approx(0.5, rel=1e-3)
    step = low_pass(times, np.ones_like(times, dtype=complex), tau_s)
    # rest before the first point: the step itself is a ramp over one interval
    assert np.abs(step[1:] - (1 - np.exp(-(times[1:] + 0.5e-9) / tau_s))).max() < 1e-3
    coarse = np.arange(0.0, 1e-3, 1e-6)
    assert low_pass(coarse, np.ones_like(coarse, dtype=complex), 1e-9)[-1] == pytest.approx(1.0, abs=2e-3)


def test_drive_edges():
    drive = Drive(1.0, 1e-6, 2e-6, 80e-9)
    shape = drive_shape(TIMES, drive)
    assert np.interp(1e-6, TIMES, shape) == pytest.approx(0.5, abs=1e-6)
    low, high = np.interp([0.1, 0.9], shape[: len(shape) // 3], TIMES[: len(shape) // 3])
    assert high - low == pytest.approx(80e-9, rel=1e-3)


def test_magnetron_has_a_threshold_and_a_dynamic_resistance():
    tube = magnetron()
    law = tube.characteristic(NOMINAL)
    assert law(41e3) == pytest.approx(1.0)
    assert law(20e3) < 0.5
    slope = (law(46e3) - law(42e3)) / 4e3
    assert 1.0 / slope == pytest.approx(42.0, rel=2e-3)
    assert tube.threshold_v(Conditions(field_ratio=0.9)) == pytest.approx(41e3 * 0.88)
    assert tube.threshold_v(Conditions(field_ratio=0.0)) == 0.0


def test_magnetron_pushing_pulling_and_power():
    tube = magnetron(build_s=0.0)
    volts = np.full_like(TIMES, 45e3)
    amps = tube.currents_a(volts, NOMINAL)
    out = tube.radiate(TIMES, volts, amps, None, NOMINAL)
    working = amps[0] - 45e3 / 41e3
    assert out.power_w[10] == pytest.approx(0.6 * 45e3 * working)
    hertz = np.diff(out.phase_rad)[100] / (2 * pi * 4e-9)
    assert hertz == pytest.approx(0.2e6 * (amps[0] - 95.0), rel=1e-9)
    quarter, opposite = (tube.pulling_at_hz(r) for r in (0.2j, -0.2j))
    assert quarter - opposite == pytest.approx(8e6)
    pulled = tube.radiate(TIMES, volts, amps, None, Conditions(reflection=0.1j))
    assert np.diff(pulled.phase_rad - out.phase_rad)[100] / (2 * pi * 4e-9) == pytest.approx(2e6)
    assert tube.radiate(TIMES, volts, amps, None, Conditions(mode=Mode.MODED)).power_w.max() == 0.0


def test_magnetron_modes_by_slope_and_current():
    tube = magnetron()
    draws = np.random.default_rng(7).random(20_000).tolist()

    def shares(slope, amps):
        modes = [tube.starting_mode(slope, amps, draw, NOMINAL) for draw in draws]
        return [sum(mode is wanted for mode in modes) / len(modes) for wanted in (Mode.MODED, Mode.MISSING)]

    assert shares(1.2e12, 90.0)[0] == pytest.approx(0.5, abs=0.02)
    assert shares(1.0e12, 130.0)[0] == pytest.approx(0.5, abs=0.02)
    assert shares(1.0e12, 90.0)[0] < 0.01
    assert shares(1.5e12, 90.0)[0] > 0.98
    assert shares(1.0e12, 90.0)[1] == pytest.approx(0.001, abs=0.0007)


def test_hartree_line_touches_the_hull_parabola():
    """Textbook: where w / n = e B (1 - rc^2/ra^2) / 2m, both agree, and the Hartree line is below it elsewhere."""
    anode, cathode, field, n = 5e-3, 3e-3, 0.25, 8
    w = 1.75882001e11 * field * (1 - (cathode / anode) ** 2) / 2
    touching = n * w / (2 * pi)
    cutoff = hull_cutoff_v(field, anode, cathode)
    assert hartree_v(touching, n, field, anode, cathode) == pytest.approx(cutoff, rel=1e-9)
    for factor in (0.8, 1.2):
        assert hartree_v(factor * touching, n, field, anode, cathode) < cutoff


def test_wrong_tubes_are_named():
    with pytest.raises(ValueError, match="klystron or magnetron"):
        build_tube({"triode": {}}, "tube")
    with pytest.raises(ValueError, match=r"tube\.klystron\.gain_curve: 'odd'"):
        build_tube({"klystron": {**KLYSTRON, "gain_curve": "odd"}}, "tube")
    with pytest.raises(ValueError, match="must rise"):
        build_tube({"klystron": {**KLYSTRON, "efficiency_v": [80e3, 70e3, 130e3]}}, "tube")
    with pytest.raises(ValueError, match="2 efficiency_v for 3"):
        build_tube({"klystron": {**KLYSTRON, "efficiency_v": [80e3, 90e3]}}, "tube")
    with pytest.raises(ValueError, match="above zero"):
        Magnetron(replace(magnetron().parameters, dynamic_ohm=0.0))
