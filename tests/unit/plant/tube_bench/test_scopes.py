"""What oscilloscopes see: one pulse, thousands of segments, a quiet bench; each record with its own noise."""

import time
from dataclasses import replace

import numpy as np
import pytest

from firmware_sim.plant.tube_bench.train import PulseTrain
from tests.unit.plant.tube_bench.support import Bench, shipped

T_S = np.arange(-1e-6, 8e-6, 4e-9)


@pytest.fixture(scope="module")
def ran() -> Bench:
    bench = Bench()
    bench.go(dbm=20.0)
    bench.train(2.0)
    return bench


def test_beam_and_rf_as_the_probes_show_them(ran):
    scope, probes = ran.plant.scope_volts, shipped().probes
    flat = (T_S > 2e-6) & (T_S < 3.5e-6)
    volts = (scope("beam_voltage", T_S) - probes["beam_voltage"].offset_v) / probes["beam_voltage"].volts_per_unit
    assert volts[flat].mean() == pytest.approx(131.0e3, rel=5e-3)
    assert volts[T_S < 0.0].mean() == pytest.approx(0.0, abs=100.0)
    amperes = scope("beam_current", T_S) / probes["beam_current"].volts_per_unit
    assert amperes[flat].mean() == pytest.approx(92.0, rel=5e-3)
    forward = shipped().rf.forward_detector.detector.watts_of(float(scope("forward_detector", T_S)[flat].mean())) * 1e5
    assert forward == pytest.approx(4.07e6, rel=0.03)
    reflected = (
        shipped().rf.reverse_detector.detector.watts_of(float(scope("reflected_detector", T_S)[flat].mean())) * 1e5
    )
    assert 10.0 * np.log10(reflected / forward) == pytest.approx(-30.0, abs=6.0), "-30 dB of load, 35 dB of directivity"
    load = shipped().rf.load_detector.detector.watts_of(float(scope("load_detector", T_S)[flat].mean())) * 1e5
    assert 10.0 * np.log10(load / forward) == pytest.approx(-0.2, abs=0.1)
    assert abs(scope("arc_detector", T_S)[flat].mean()) < 0.01
    assert (scope("t0", T_S) > 2.5).sum() == pytest.approx(250, abs=2)
    line = scope("line_voltage", T_S) / probes["line_voltage"].volts_per_unit
    assert line[0] == pytest.approx(24.35e3, rel=3e-3) and abs(line[-1]) < 1000.0


def test_the_edge_follows_the_thyratrons_jitter(ran):
    probe, edges = shipped().probes["beam_voltage"], []
    for mark in ran.plant.train.marks[-40:]:
        volts = ran.plant.scope_volts("beam_voltage", T_S, t0_ns=mark.t0_ns)
        high = 65e3 * probe.volts_per_unit
        k = int(np.argmax(volts > high))
        edges.append(T_S[k - 1] + 4e-9 * (high - volts[k - 1]) / (volts[k] - volts[k - 1]))
    assert 1e-9 < np.std(edges) < 4e-9
    assert 0.3e-6 < np.mean(edges) < 0.5e-6


def test_segments_are_their_own_pulses_with_their_own_noise(ran):
    marks = ran.plant.train.marks
    first = ran.plant.scope_volts("forward_detector", T_S, t0_ns=marks[0].t0_ns)
    again = ran.plant.scope_volts("forward_detector", T_S, t0_ns=marks[0].t0_ns)
    other = ran.plant.scope_volts("forward_detector", T_S, t0_ns=marks[1].t0_ns)
    assert np.array_equal(first, again)
    noise_v = (first - other)[T_S < 0.0].std() / 2**0.5
    assert noise_v == pytest.approx(shipped().probes["forward_detector"].noise_v, rel=0.15)
    salted = ran.plant.scope_volts("forward_detector", T_S, 1, t0_ns=marks[0].t0_ns)
    assert not np.array_equal(first, salted)


def test_an_arc_is_seen_in_its_own_segment_only():
    bench = Bench()
    bench.go(dbm=20.0)
    bench.train(0.1)
    bench.plant.inject("arc_waveguide")
    bench.train(0.02)
    bench.plant.inject("arc_waveguide", on=False)
    bench.out.latch_reset = True
    bench.run(0.02)
    bench.out.latch_reset = False
    bench.train(0.1)
    seen = [
        float(bench.plant.scope_volts("arc_detector", T_S, t0_ns=mark.t0_ns).max()) > 0.1
        for mark in bench.plant.train.marks
    ]
    assert seen.count(True) == 1 and not seen[0] and not seen[-1]


def test_a_thousand_segments_cost_little(ran):
    begun = time.process_time()
    for mark in ran.plant.train.marks * 10:
        ran.plant.scope_volts("reflected_detector", T_S[:500], t0_ns=mark.t0_ns)
    assert time.process_time() - begun < 1.0, "1000 segments of 500 points"


def test_a_forgotten_pulse_and_a_live_look_show_a_quiet_bench(ran):
    for volts in (
        ran.plant.scope_volts("beam_voltage", T_S, t0_ns=1),
        ran.plant.scope_volts("beam_voltage", T_S, live=True),
    ):
        assert np.abs(volts).max() < 0.02
    quiet = ran.plant.scope_volts("reflected_detector", T_S, live=True)
    assert quiet.mean() == pytest.approx(0.2, abs=1e-3), "the log detector's floor"
    pump = ran.plant.scope_volts("ion_pump_current", T_S) / 500.0
    assert pump.mean() == pytest.approx(ran.plant.read("ion_pump_a"), abs=2e-6)
    with pytest.raises(KeyError):
        ran.plant.scope_volts("nothing", T_S)


def test_pulses_around_a_fault_are_remembered_longer():
    """A scope that a fault stopped is read at the end of a session, hours later."""
    bench = Bench()
    bench.go()
    bench.train(0.2)
    ordinary = bench.plant.train.last
    bench.plant.inject("arc_waveguide")
    bench.run(0.02)
    assert bench.trigger()
    struck = bench.plant.train.last
    assert struck.shape.latches.first is not None
    marks = PulseTrain()
    for number in range(40_000):
        shape = struck.shape if number == 5_000 else ordinary.shape
        marks.add(replace(ordinary, t0_ns=number, shape=shape))
    assert len(marks) == 20_000 and marks.at(4_000) is None and marks.at(6_000) is None
    for number in (4_501, 5_000, 5_500, 39_999):
        mark = marks.at(number)
        assert mark is not None and mark.t0_ns == number
    assert marks.at(5_000).shape is struck.shape
