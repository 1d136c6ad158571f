"""Trains of a bench that pulses: the trigger generator runs by itself, a segment is the pulse of its own trigger."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from controller.runtime.bench import Bench
from drivers.ports import ScopeChannel, ScopeSetup, SegmentedWaveform
from tests.virtual.tube_rig import RATE_HZ, WIDTH_S, HandedRig, on_tube_rig, pulses

PERIOD_NS = round(1e9 / RATE_HZ)
POINTS = 1_000
BEAM, FORWARD, REFLECTED = "CHAN1", "CHAN3", "CHAN4"
HALF_BEAM_V = 65e3 * 20e-6
"""Half the beam voltage behind the divider of plant.yaml."""


def setup(segments: int, *sources: str) -> ScopeSetup:
    return ScopeSetup(
        channels=tuple(ScopeChannel(source, 5.0, 0.0) for source in sources),
        window_s=20e-6,
        pretrigger_s=4e-6,
        trigger_source="EXT",
        trigger_level_v=1.5,
        points=POINTS,
        segments=segments,
    )


def volts_of(train: SegmentedWaveform) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    wave = train.wave
    volts = (wave.raw.astype(np.float64) - wave.y_reference) * wave.y_increment_v + wave.y_origin_v
    return np.arange(wave.raw.shape[1]) * wave.x_increment_s + wave.x_origin_s, volts


def edges_s(time_s: npt.NDArray[np.float64], volts: npt.NDArray[np.float64], level_v: float) -> list[float]:
    """When each segment first passes ``level_v``, between two samples."""
    found = []
    for row in volts:
        k = int(np.argmax(row > level_v))
        part = (level_v - row[k - 1]) / (row[k] - row[k - 1])
        found.append(float(time_s[k - 1] + part * (time_s[k] - time_s[k - 1])))
    return found


def test_each_of_twenty_segments_shows_the_pulse_of_its_own_trigger() -> None:
    """An arc in one of them, and the thyratron's jitter of all, in the right places."""

    async def body(sim: HandedRig, bench: Bench) -> None:
        scope, plant = bench.scopes["scope"], sim.plant
        await scope.configure(replace(setup(20, BEAM, FORWARD, REFLECTED), points=10_000))
        await scope.arm()
        await pulses(bench, 0.2)
        plant.inject("arc_waveguide")
        await pulses(bench, 0.03)
        plant.inject("arc_waveguide", on=False)
        sim.out.latch_reset = True
        await asyncio.sleep(0.03)
        sim.out.latch_reset = False
        await pulses(bench, 0.5)
        assert await scope.segments_done() == 20
        marks: dict[int, Any] = {mark.t0_ns: mark for mark in plant.train.marks}  # type: ignore[attr-defined]
        await pulses(bench, 0.2)  # what the bench did since must not show
        train = await scope.read_train(BEAM)
        first_ns = min(marks)
        found = [marks.get(first_ns + int(t_ns)) for t_ns in train.trigger_ns]
        held = [k for k, mark in enumerate(found) if mark is None]  # by the latch, after the arc
        mine = [mark for mark in found if mark is not None]
        assert train.wave.raw.shape == (20, 10_000) and 1 <= len(held) <= 6
        time_s, beam = volts_of(train)
        assert abs(beam[held]).max() < 0.1
        beam = np.delete(beam, held, axis=0)
        others = [volts_of(await scope.read_train(source))[1] for source in (FORWARD, REFLECTED)]
        forward, reflected = (np.delete(volts, held, axis=0) for volts in others)
        seen = np.array(edges_s(time_s, beam, HALF_BEAM_V))
        true = np.array([mark.trigger_s for mark in mine])
        assert np.std(true) > 0.5e-9 and np.std(seen - true) < 0.6e-9
        (arced,) = (k for k, mark in enumerate(mine) if mark.shape.latches.first is not None)
        whole = [k for k in range(len(mine)) if k != arced]
        lengths_s = (forward > 0.5 * np.median(forward.max(axis=1))).sum(axis=1) * train.wave.x_increment_s
        assert lengths_s[whole] == pytest.approx(WIDTH_S, rel=0.1), "as the source was told"
        peaks = reflected.max(axis=1)
        assert peaks[arced] > peaks[whole].max() + 0.3, "15 dB more come back in this one than in any other"

    on_tube_rig(body)


def test_two_thousand_segments_are_two_thousand_pulses() -> None:
    async def body(sim: HandedRig, bench: Bench) -> None:
        scope, count = bench.scopes["scope"], 2_000
        await scope.configure(setup(count, BEAM, FORWARD))
        await scope.arm()
        await pulses(bench, 20.0)
        sim.out.pulse_gate = False
        await pulses(bench, 0.1)
        sim.out.pulse_gate = True
        await pulses(bench, 20.5)
        assert await scope.segments_done() == count
        begun = time.process_time()
        trains = [await scope.read_train(source) for source in (BEAM, FORWARD)]
        assert time.process_time() - begun < 10.0, "0.9 s where it was written"
        train = trains[0]
        assert train.wave.raw.shape == trains[1].wave.raw.shape == (count, POINTS)
        assert (np.abs(np.diff(train.trigger_ns) - PERIOD_NS) < 200).sum() >= count - 4
        time_s, beam = volts_of(train)
        peaks = beam.max(axis=1)
        gone = np.flatnonzero(peaks < 0.5 * np.median(peaks))
        assert 4 <= len(gone) <= 12 and np.ptp(gone) == len(gone) - 1, "the gate was shut for a while"
        there = np.delete(beam, gone, axis=0)
        assert there.max(axis=1) == pytest.approx(np.median(peaks), rel=0.02)
        assert np.std(edges_s(time_s, there, HALF_BEAM_V)) < 5e-9

    on_tube_rig(body)


def test_the_generator_goes_on_when_nobody_talks_to_it() -> None:
    async def body(sim: HandedRig, bench: Bench) -> None:
        await bench.delay.run_at(RATE_HZ)  # type: ignore[attr-defined]
        await bench.delay.close()
        begun_ns, before = sim.now_ns(), sim.plant.truth().pulses
        await asyncio.sleep(1.0)
        came = sim.plant.truth().pulses - before
        assert came == pytest.approx((sim.now_ns() - begun_ns) / PERIOD_NS, abs=1)

    on_tube_rig(body)


def test_a_pulse_is_solved_before_it_comes() -> None:
    """Solving takes longer than ten scans; the line that stands at its set-point says what will be needed."""

    async def body(sim: HandedRig, bench: Bench) -> None:
        plant: Any = sim.plant
        for _ in range(20):  # heater and magnet settle
            await asyncio.sleep(1.0)
            await bench.charger.read()
        known = plant.dispatch.shapes.solved
        assert known > 0 and plant.pulses == 0
        await pulses(bench, 0.1)
        assert plant.pulses > 0 and plant.dispatch.shapes.solved == known

    on_tube_rig(body)


def test_the_whole_bench_is_much_faster_than_real_time() -> None:
    """Twenty seconds at 50 Hz with every stand-in and the PLC: 0.8 s where it was written, thrice beside others."""

    async def body(sim: HandedRig, bench: Bench) -> float:
        await pulses(bench, 1.0)
        begun = time.process_time()
        await pulses(bench, 20.0)
        assert sim.plant.truth().pulses == pytest.approx(21.0 * RATE_HZ, abs=5)
        return time.process_time() - begun

    assert on_tube_rig(body) < 7.0
