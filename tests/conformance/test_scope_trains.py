"""What every Oscilloscope with segmented memory must do; one without it refuses a train by name."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentRefused
from drivers.families.oscilloscope import open_dsox
from drivers.families.scope_rigol import open_ds1000z
from drivers.families.scope_rto import open_rto
from drivers.ports import Oscilloscope, ScopeChannel, ScopeSetup, ScopeState
from drivers.transports.link import Connect
from drivers.wire.rto import INTERFACE_MESSAGES
from drivers.wire.segments import DSOX_SEGMENTS, RTO_SEGMENTS, SegmentMemory
from firmware_sim.personalities.ds1000z import Ds1074z
from firmware_sim.personalities.dsox import Dsox
from firmware_sim.personalities.rto import Rto
from firmware_sim.sessions.scpi import ScpiSession
from tests.conformance.port_bench import Stage

SERIAL = "MY00000001"
PERIOD_S = 0.01
WINDOW_S, PRETRIGGER_S, POINTS = 1e-3, 2e-4, 2_000


def burst(channel: int, t_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Pulses of 0.3 ms every 10 ms; each is a tenth of a volt higher than the one before, channel 2 is twice that."""
    number, phase = np.floor(t_s / PERIOD_S), np.mod(t_s, PERIOD_S)
    height: npt.NDArray[np.float64] = (channel + 1) * (1.0 + 0.1 * number) * (phase < 3e-4)
    return height


@dataclass(frozen=True)
class Row:
    """A model with its memory; None where it has none."""

    model: str
    open: Callable[..., Awaitable[Oscilloscope]]
    make: Callable[[], Any]
    memory: SegmentMemory | None


MODELS = (
    Row("DSO-X 3014A", open_dsox, lambda: Dsox(SERIAL, burst, 5), DSOX_SEGMENTS),
    Row("RTO1024", open_rto, lambda: Rto(SERIAL, burst, 5), RTO_SEGMENTS),
)
SETUP = ScopeSetup(
    channels=(ScopeChannel("CHAN1", 8.0, 0.0), ScopeChannel("CHAN2", 8.0, 0.0)),
    window_s=WINDOW_S,
    pretrigger_s=PRETRIGGER_S,
    trigger_source="EXT",
    trigger_level_v=1.0,
    points=POINTS,
    segments=5,
)


class Bench:
    """One scope behind a link, and the generator that triggers it."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.panel = row.make()

        async def open_port(name: str, connect: Connect, *, identity: str) -> Oscilloscope:
            return await row.open(name, connect, identity=identity)

        self.stage: Stage[Oscilloscope] = Stage(
            "scope", lambda: ScpiSession(self.panel, False, INTERFACE_MESSAGES), open_port, ""
        )

    async def pulses(self, count: int) -> None:
        """``count`` triggers, a period apart; the first is T0."""
        first_ns = round(asyncio.get_running_loop().time() * 1e9)
        for number in range(count):
            t_ns = first_ns + round(number * PERIOD_S * 1e9)
            if number == 0:
                assert self.panel.trigger(t_ns, "EXT")
            else:
                assert self.panel.engine.run.trigger(t_ns)  # T0 stays the origin of the signal
            await asyncio.sleep(PERIOD_S)


@pytest.fixture(params=MODELS, ids=lambda row: row.model)
def bench(request: pytest.FixtureRequest) -> Bench:
    return Bench(request.param)


def with_scope(bench: Bench, job: Callable[[Oscilloscope], Awaitable[None]]) -> None:
    async def main() -> None:
        scope = await bench.stage.open()
        try:
            await job(scope)
        finally:
            await scope.close()

    run_virtual(main())


def test_a_train_is_read_with_its_own_trigger_times(bench: Bench) -> None:
    async def job(scope: Oscilloscope) -> None:
        await scope.configure(SETUP)
        assert await scope.read_back() == SETUP
        await scope.arm()
        assert (await scope.state(), await scope.segments_done()) == (ScopeState.ARMED, 0)
        await bench.pulses(5)
        assert (await scope.state(), await scope.segments_done()) == (ScopeState.TRIGGERED, 5)
        for source, factor in (("CHAN1", 1.0), ("CHAN2", 2.0)):
            train = await scope.read_train(source)
            wave = train.wave
            assert (train.planned, wave.raw.shape, wave.raw.dtype.itemsize) == (5, (5, POINTS), 2)
            assert train.trigger_ns.tolist() == pytest.approx([n * 1e7 for n in range(5)], abs=200)
            volts = (wave.raw.astype(float) - wave.y_reference) * wave.y_increment_v + wave.y_origin_v
            time_s = np.arange(POINTS) * wave.x_increment_s + wave.x_origin_s
            tops = volts[:, (time_s > 1e-5) & (time_s < 2.9e-4)].mean(axis=1)
            assert tops == pytest.approx(factor * np.array([1.0, 1.1, 1.2, 1.3, 1.4]), abs=0.01)
            assert abs(volts[:, time_s < -1e-5]).max() < 0.05
            assert wave.settings

    with_scope(bench, job)


def test_a_train_that_ends_early_gives_what_came(bench: Bench) -> None:
    async def job(scope: Oscilloscope) -> None:
        await scope.configure(SETUP)
        await scope.arm()
        await bench.pulses(3)
        assert (await scope.state(), await scope.segments_done()) == (ScopeState.TRIGGERED, 3)
        train = await scope.read_train("CHAN1")
        assert (train.planned, train.wave.raw.shape) == (5, (3, POINTS))
        assert await scope.state() is ScopeState.TRIGGERED
        assert (await scope.read_train("CHAN2")).wave.raw.shape == (3, POINTS)

    with_scope(bench, job)


def test_a_train_without_a_trigger_is_refused_and_the_next_single_shot_is_one(bench: Bench) -> None:
    async def job(scope: Oscilloscope) -> None:
        await scope.configure(SETUP)
        await scope.arm()
        with pytest.raises(InstrumentRefused, match="has no record: armed"):
            await scope.read_train("CHAN1")
        with pytest.raises(InstrumentRefused, match="has no 'CHAN9'"):
            await scope.read_train("CHAN9")
        await scope.configure(replace(SETUP, segments=1))
        assert (await scope.read_back()).segments == 1
        await scope.arm()
        await bench.pulses(1)
        assert (await scope.read_waveform("CHAN1")).raw.shape == (POINTS,)

    with_scope(bench, job)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_train_is_read_by_somebody_who_did_not_configure_it(bits: int, bench: Bench) -> None:
    """As `shots fetch` does after a crash: another connection, nothing armed by it."""

    async def main() -> None:
        first = await bench.stage.open()
        await first.configure(replace(SETUP, bits=bits))
        await first.arm()
        await bench.pulses(5)
        await first.close()
        second = await bench.stage.open()
        held = await second.read_back()
        assert (held.segments, held.points, held.bits) == (5, POINTS, bits)
        train = await second.read_train("CHAN2")
        assert (train.planned, train.wave.raw.shape) == (5, (5, POINTS))
        volts = (train.wave.raw.astype(float) - train.wave.y_reference) * train.wave.y_increment_v
        assert volts.max() == pytest.approx(2.8, abs=0.1)
        await second.close()

    run_virtual(main())


def test_a_count_turned_by_hand_is_seen(bench: Bench) -> None:
    knob = {"DSO-X 3014A": ":ACQuire:SEGMented:COUNt", "RTO1024": "ACQuire:COUNt"}[bench.row.model]
    mode = {"DSO-X 3014A": (":ACQuire:MODE", "RTIMe"), "RTO1024": ("ACQuire:SEGMented:STATe", "OFF")}[bench.row.model]

    async def job(scope: Oscilloscope) -> None:
        await scope.configure(SETUP)
        await scope.arm()
        bench.panel.front_panel(knob, "7")
        assert await scope.read_back() == replace(SETUP, segments=7)
        bench.panel.front_panel(*mode)
        with pytest.raises(InstrumentRefused, match="changed since it was configured"):
            await scope.read_back()

    with_scope(bench, job)


def test_more_than_the_memory_is_refused_with_what_it_holds(bench: Bench) -> None:
    memory = bench.row.memory
    assert memory is not None
    long = replace(SETUP, points=memory.points_max // 4, segments=5)

    async def job(scope: Oscilloscope) -> None:
        with pytest.raises(InstrumentRefused, match=f"at most {memory.segments_max} segments of {POINTS} points"):
            await scope.configure(replace(SETUP, segments=memory.segments_max + 1))
        with pytest.raises(InstrumentRefused, match="at most 4 segments"):
            await scope.configure(long)

    with_scope(bench, job)


def test_a_scope_without_segments_says_so() -> None:
    row = Row("DS1074Z", open_ds1000z, lambda: Ds1074z("DS1ZA00000001", burst, 5), None)

    async def job(scope: Oscilloscope) -> None:
        with pytest.raises(InstrumentRefused, match="has no segmented memory for 5 segments"):
            await scope.configure(replace(SETUP, trigger_source="CHAN1"))
        for work in (scope.segments_done, lambda: scope.read_train("CHAN1")):
            with pytest.raises(InstrumentRefused, match="has no segmented memory"):
                await work()

    with_scope(Bench(row), job)
