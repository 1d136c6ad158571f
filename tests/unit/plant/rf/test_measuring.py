"""Directional coupler and detectors (physics.md B5): directivity's error bounds, curves, bandwidth."""

from math import exp, inf, pi

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.plant.rf.coupler import (
    CouplerParameters,
    coupled,
    measured_reflection,
    reflection_bounds,
    reflection_of_vswr,
    vswr,
)
from firmware_sim.plant.rf.detectors import LogDetector, Pickup, SquareLawDetector, dbm
from firmware_sim.plant.rf.waves import Wave
from tests.unit.plant.rf.numbers import DIODE, LOG


def steady(amplitude: complex, points: int = 8) -> Wave:
    return Wave(0.0, 2e-9, np.full(points, amplitude, dtype=complex))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(gamma=st.floats(0.0, 1.0), turn=st.floats(-pi, pi), directivity=st.floats(15.0, 60.0), phi=st.floats(-pi, pi))
def test_directivity_error_stays_within_its_bounds(gamma, turn, directivity, phi):
    p = CouplerParameters(50.0, directivity, phi)
    reflection = gamma * np.exp(1j * turn)
    low, high = reflection_bounds(gamma, directivity)
    measured = measured_reflection(reflection, p)
    assert low - 1e-12 <= measured <= high + 1e-12
    # the ports themselves: reverse over true forward is |Gamma + 10^(-D/20) e^j phi|, both 50 dB down
    forward, reverse = coupled(p, steady(2000.0), steady(2000.0 * reflection))
    assert abs(reverse.amplitude[0]) == pytest.approx(2000.0 * 10 ** (-2.5) * measured, rel=1e-9, abs=1e-9)
    assert 1.0 - 10 ** (-directivity / 20) <= abs(forward.amplitude[0]) / (2000.0 * 10**-2.5) * (1 + 1e-12)
    assert abs(forward.amplitude[0]) / (2000.0 * 10**-2.5) <= (1.0 + 10 ** (-directivity / 20)) * (1 + 1e-12)


def test_the_bounds_are_reached():
    for phi, side in ((0.0, 1), (pi, 0)):
        measured = measured_reflection(0.1, CouplerParameters(50.0, 30.0, phi))
        assert measured == pytest.approx(reflection_bounds(0.1, 30.0)[side], rel=1e-9)


def test_30_db_of_directivity_hides_a_30_db_load():
    """A -30 dB load reads between nothing and -24 dB: why directivity must be 10 dB better than what it measures."""
    low, high = reflection_bounds(10**-1.5, 30.0)
    assert low == pytest.approx(0.0, abs=1e-12)
    assert 20 * np.log10(high) == pytest.approx(-23.98, abs=0.01)


def test_4_mw_is_40_w_behind_50_db():
    forward, reverse = coupled(CouplerParameters(50.0, 35.0), steady(2000.0), steady(0.0))
    assert forward.power_w[0] == pytest.approx(40.0, rel=1e-12)
    assert reverse.power_w[0] == pytest.approx(40.0 * 10**-3.5, rel=1e-12)


def test_vswr():
    assert vswr(0.2) == pytest.approx(1.5, rel=1e-12)
    assert vswr(0.0) == 1.0 and vswr(1.0) == inf
    assert reflection_of_vswr(1.5) == pytest.approx(0.2, rel=1e-12)


def test_log_detector_is_linear_in_db():
    assert dbm(40.0) == pytest.approx(46.02, abs=0.01)
    volts = [LOG.volts_of(40.0 * 10.0 ** (-db / 10)) for db in (30, 40, 50)]
    assert np.diff(volts) == pytest.approx(-10 * 0.02)
    assert LOG.watts_of(LOG.volts_of(1e-4)) == pytest.approx(1e-4, rel=1e-9)
    assert LOG.volts_of(0.0) == LOG.volts_of(1e-9) == pytest.approx((-60.0 + 70.0) * 0.02)  # its noise floor
    assert LOG.volts_of(1e6) == pytest.approx((10.0 + 70.0) * 0.02)


def test_square_law_detector_is_linear_in_power_and_bends():
    behind_pad = 1e-4
    small = 1e-7 / behind_pad
    assert DIODE.volts_of(2 * small) / DIODE.volts_of(small) == pytest.approx(2.0, rel=1e-3)
    assert DIODE.volts_of(small) == pytest.approx(500.0 * 1e-7, rel=1e-3)
    assert DIODE.volts_of(4 * 40.0) / DIODE.volts_of(40.0) < 2.3  # linear in amplitude when large
    assert DIODE.watts_of(DIODE.volts_of(40.0)) == pytest.approx(40.0, rel=1e-9)
    assert DIODE.volts_of(1e6) == 2.0


@pytest.mark.parametrize("detector", [LOG, DIODE])
def test_video_bandwidth_is_one_time_constant(detector: LogDetector | SquareLawDetector):
    wave = Wave(0.0, 1e-9, np.concatenate([[0.0], np.full(400, 3.0)]).astype(complex))
    volts = detector.detect(wave)
    tau_s = 1.0 / (2 * pi * detector.video_hz)
    start, end = detector.volts_of(0.0), detector.volts_of(9.0)
    ramp = tau_s / 1e-9 * -np.expm1(-1e-9 / tau_s)
    for n in (3, 10, 30):
        assert volts[n] == pytest.approx(end + (start - end) * ramp * exp(-(n - 1) * 1e-9 / tau_s), rel=1e-9)


def test_a_pickup_has_one_detector():
    assert Pickup(log=LOG).detector is LOG and Pickup(square_law=DIODE).detector is DIODE
    for both in ({}, {"log": LOG, "square_law": DIODE}):
        with pytest.raises(ValueError, match="exactly one"):
            Pickup(**both)
