"""What each pulse sends into scope inputs, the PLC's analogue inputs and serial lines (physics.md A10)."""

from dataclasses import replace

import numpy as np
import pytest

from firmware_sim.plant.tube_bench.parameters import StrayParameters
from tests.unit.plant.tube_bench.support import Bench, shipped

STEP_S = 2e-9
T_S = np.arange(-1e-6, 9e-6, STEP_S)


def pair(**changes: float) -> tuple[Bench, Bench]:
    """A bench, and the same one screened."""
    p = shipped()
    loud = Bench(parameters=replace(p, emi=replace(p.emi, **changes)))
    quiet = Bench(parameters=replace(p, emi=replace(p.emi, **changes)))
    quiet.plant.inject("no_emi")
    for bench in (loud, quiet):
        bench.go(dbm=20.0)
        bench.train(0.1)
    return loud, quiet


def bursts(loud: Bench, quiet: Bench, probe: str, t0_ns: int) -> np.ndarray:
    return loud.plant.scope_volts(probe, T_S, t0_ns=t0_ns) - quiet.plant.scope_volts(probe, T_S, t0_ns=t0_ns)


def test_a_scope_sees_both_ends_of_the_pulse_ring_and_nothing_before():
    (loud, quiet), t = pair(), T_S
    for probe in ("beam_voltage", "reflected_detector"):
        emi_v, delay_s = shipped().probes[probe].emi_v, shipped().probes[probe].delay_s
        for mark in loud.plant.train.marks:
            seen = bursts(loud, quiet, probe, mark.t0_ns)
            begin_s = mark.trigger_s + mark.shape.delay_s + delay_s
            end_s = begin_s + mark.shape.scalars.fwhm_s
            assert not seen[t < begin_s].any()
            first = seen[(t >= begin_s) & (t < begin_s + 1e-6)]
            assert 0.3 * emi_v < abs(first).max() <= 1.001 * emi_v * mark.line_v / 24.35e3
            assert abs(seen[(t > begin_s + 3e-6) & (t < end_s)]).max() < 1e-5
            assert abs(seen[t >= end_s]).max() == pytest.approx(0.2 * emi_v, abs=0.101 * emi_v)


def test_its_frequency_and_decay_are_those_of_the_file():
    (loud, quiet), t = pair(), T_S
    spectra = []
    for mark in loud.plant.train.marks:
        seen = bursts(loud, quiet, "beam_voltage", mark.t0_ns)
        begin_s = mark.trigger_s + mark.shape.delay_s + 30e-9
        window = seen[(t >= begin_s) & (t < begin_s + 1.5e-6)]
        spectrum = abs(np.fft.rfft(window, 1 << 14))
        spectra.append(float(np.fft.rfftfreq(1 << 14, STEP_S)[np.argmax(spectrum)]))
        late = seen[(t >= begin_s + 1e-6) & (t < begin_s + 1.2e-6)]
        assert abs(late).max() < 1.01 * 0.02 * np.exp(-5.0), "five time constants later"
    assert min(spectra) > 0.5e6 and max(spectra) < 10.5e6 and np.std(spectra) > 0.5e6, "each pulse its own"


def test_a_segment_shows_the_same_burst_whenever_it_is_read():
    loud, _ = pair()
    mark = loud.plant.train.marks[0]
    before = loud.plant.scope_volts("beam_current", T_S, t0_ns=mark.t0_ns)
    loud.train(0.2)
    assert np.array_equal(before, loud.plant.scope_volts("beam_current", T_S, t0_ns=mark.t0_ns))


def test_the_plc_samples_it_in_the_scan_after_a_pulse_only():
    loud, quiet = pair()
    off_ma, off_v = [], []
    for scan in range(200):
        for bench in (loud, quiet):
            if scan % 2 == 0:
                bench.trigger()
            bench.run(0.01)
        ma = np.array(loud.plant.inputs.analogue) - np.array(quiet.plant.inputs.analogue)
        volts = loud.plant.inputs.probe_a_v - quiet.plant.inputs.probe_a_v
        if scan % 2 == 0:
            off_ma.append(ma)
            off_v.append(volts)
        else:
            assert not ma.any() and volts == 0.0
    assert 0.0 < np.abs(off_ma).max() <= shipped().emi.analogue_ma
    assert np.std(off_ma) == pytest.approx(shipped().emi.analogue_ma / 3**0.5, rel=0.1)
    p = shipped()
    assert np.std(off_v) == pytest.approx(p.emi.probe_v - p.slow.probe.noise_v, rel=0.25), "in the place of the noise"


def test_one_pulse_in_so_many_gets_into_the_serial_lines():
    loud, quiet = pair(line_share=0.1)
    until = []
    for bench in (loud, quiet):
        for _ in range(500):
            bench.run(0.02)
            edges = bench.plant.offer_edges(bench.now_ns, (bench.now_ns, bench.now_ns, None, None, None))
            record = bench.plant.pulse(edges)
            bench.plant.apply(record)
            if record.emi_until_ns:
                assert bench is loud and record.emi_until_ns == bench.now_ns + 20_000_000
                until.append(record.emi_until_ns)
            assert record.false_edges_ns == ()
    assert 25 < len(until) < 80


def test_a_trigger_that_makes_no_pulse_disturbs_nothing():
    bench = Bench()
    bench.go()
    bench.plant.inject("thyratron_dead")
    bench.run(0.01)
    bench.trigger()
    mark = bench.plant.train.last
    assert mark.shape is None
    seen = bench.plant.scope_volts("beam_voltage", T_S, t0_ns=mark.t0_ns)
    assert abs(seen - shipped().probes["beam_voltage"].offset_v).max() < 6 * shipped().probes["beam_voltage"].noise_v


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"frequency_hz": (1e6,)}, "emi.frequency_hz"),
        ({"frequency_hz": (1e7, 1e6)}, "emi.frequency_hz"),
        ({"line_share": 1.5}, "emi.line_share"),
        ({"decay_s": 0.0}, "decay_s"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(changes, says):
    p: StrayParameters = shipped().emi
    with pytest.raises(ValueError, match=says):
        replace(p, **changes)
