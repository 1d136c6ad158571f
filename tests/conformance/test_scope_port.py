"""What every Oscilloscope must do, whatever its model: one row of ``INSTRUMENTS`` each."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pytest

from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentRefused, WrongInstrument
from drivers.families.oscilloscope import open_dsox
from drivers.families.scope_rigol import open_ds1000z
from drivers.families.scope_rto import open_rto
from drivers.ports import Identity, Oscilloscope, ScopeChannel, ScopeSetup, ScopeState, Waveform
from drivers.wire.rto import INTERFACE_MESSAGES
from drivers.wire.scpi import ScpiError
from firmware_sim.personalities.ds1000z import Ds1074z
from firmware_sim.personalities.dsox import Dsox
from firmware_sim.personalities.rto import Rto
from firmware_sim.personalities.status488 import Status488
from firmware_sim.sessions.scpi import ScpiSession
from tests.conformance.port_bench import HEALED_S, PortCase, Question, Stage, Trial

SERIAL = "200001"
EXCHANGE_S = 4.0
"""Longest step of a scope that does not answer."""
WINDOW_S = 0.02


class Panel(Protocol):
    """What the suite does at a stand-in's front panel."""

    def trigger(self, t_ns: int, source: str) -> bool: ...

    def front_panel(self, setting: str, value: str) -> None: ...

    def inject(self, fault_id: str, on: bool = True) -> None: ...


def pulse(channel: int, t_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A decaying pulse from T0 on, (channel + 1) volts high; half a volt below zero before."""
    after: npt.NDArray[np.float64] = np.where(t_s >= 0, (channel + 1) * np.exp(-np.maximum(t_s, 0) * 300.0), -0.5)
    return after


@dataclass(frozen=True)
class Row:
    """One implementation: its driver, its stand-in, what it triggers on, how well it measures, and its knobs.

    ``knobs`` are turned on channel 1 and must be seen by the next read-back; ``too_much`` are setups that it refuses.
    """

    model: str
    open: Callable[..., Awaitable[Oscilloscope]]
    make: Callable[[], Panel]
    session: Callable[[Any], ScpiSession]
    trigger: str
    impedance: str
    step: dict[int, float]
    """Largest error of a record, in parts of the range, for 8 and for 16 bit."""
    knobs: tuple[tuple[str, str], ...]
    too_much: tuple[dict[str, Any], ...]
    identity: Identity


def scpi(panel: Any) -> ScpiSession:
    return ScpiSession(panel, ignored=INTERFACE_MESSAGES)


TOO_MUCH: tuple[dict[str, Any], ...] = (
    {"channels": (ScopeChannel("CHAN1", 4000.0, 0.0),)},
    {"channels": (ScopeChannel("CHAN7", 4.0, 0.0),)},
    {"channels": (ScopeChannel("CHAN1", 4.0, 0.0), ScopeChannel("CHAN1", 4.0, 0.0))},
    {"bits": 12},
    {"window_s": 1e9},
)

INSTRUMENTS = (
    Row(
        "DSO-X 3014A", open_dsox, lambda: Dsox(SERIAL, pulse, 5), scpi, "EXT", "FIFT", {8: 1.5 / 256, 16: 2 / 4096},
        ((":CHANnel1:RANGe", "4"), (":CHANnel1:OFFSet", "1"), (":CHANnel1:COUPling", "AC"), (":CHANnel1:PROBe", "10"),
         (":CHANnel1:INVert", "1"), (":CHANnel1:DISPlay", "0"), (":CHANnel4:DISPlay", "1"), (":TIMebase:RANGe", "0.01"),
         (":TIMebase:POSition", "0"), (":TRIGger:LEVel", "2"), (":TRIGger:SLOPe", "NEG"), (":WAVeform:POINts", "500")),
        (*TOO_MUCH, {"window_s": 1e-7, "pretrigger_s": 0.0}),
        Identity("KEYSIGHT TECHNOLOGIES", "DSO-X 3014A", SERIAL, "02.50.2019022736"),
    ),
    Row(
        "RTO1024", open_rto, lambda: Rto(SERIAL, pulse, 5), scpi, "EXT", "FIFT", {8: 1.5 / 253, 16: 2 / 4048},
        (("CHANnel1:RANGe", "4"), ("CHANnel1:OFFSet", "1"), ("CHANnel1:COUPling", "AC"), ("PROBe1:SET:ATT", "10"),
         ("CHANnel1:INVert", "1"), ("CHANnel1:STATe", "0"), ("CHANnel4:STATe", "1"), ("TIMebase:RANGe", "0.01"),
         ("TIMebase:HOR:POSition", "0"), ("TRIGger1:LEVel5", "2"), ("TRIGger1:EDGE:SLOPe", "NEG"),
         ("ACQuire:POINts", "1000"), ("CHANnel1:POSition", "2"), ("ACQ:COUN", "5"), ("TIM:REF", "10")),
        (*TOO_MUCH, {"points": 100}, {"channels": (ScopeChannel("CHAN1", 4.0, 0.0, "AC", "FIFT"),)}),
        Identity("Rohde&Schwarz", "RTO", f"1316.1000k14/{SERIAL}", "2.70.1.0"),
    ),
    Row(
        "DS1074Z", open_ds1000z, lambda: Ds1074z(SERIAL, pulse, 5), scpi, "CHAN1", "ONEM", {8: 2 / 200, 16: 2 / 200},
        ((":CHANnel1:RANGe", "4"), (":CHANnel1:OFFSet", "1"), (":CHANnel1:COUPling", "AC"), (":CHANnel1:PROBe", "10"),
         (":CHANnel1:INVert", "1"), (":CHANnel1:DISPlay", "0"), (":CHANnel4:DISPlay", "1"), (":TIMebase:SCALe", "0.01"),
         (":TIMebase:OFFSet", "0"), (":TRIGger:EDGe:LEVel", "2"), (":TRIGger:EDGe:SLOPe", "NEG"),
         (":ACQuire:MDEPth", "60000"), (":TRIGger:SWEep", "AUTO")),
        (*TOO_MUCH, {"points": 100}, {"trigger_source": "EXT"},
         {"channels": (ScopeChannel("CHAN1", 4.0, 0.0, "DC", "FIFT"),)}),
        Identity("RIGOL TECHNOLOGIES", "DS1074Z", SERIAL, "00.04.04.SP4"),
    ),
)  # fmt: skip


class Bench:
    """One scope behind a link that can be broken."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.panel = row.make()
        self.stage: Stage[Oscilloscope] = Stage("scope", lambda: row.session(self.panel), row.open, SERIAL)

    def setup(self, bits: int = 16) -> ScopeSetup:
        """Two channels in another order than the scope's own, 20 ms with 1.75 ms before the trigger."""
        channels = (
            ScopeChannel("CHAN3", 8.0, 1.0, "DC", self.row.impedance, "I total"),
            ScopeChannel("CHAN1", 6.28, -0.5, label="module 1"),
        )
        return ScopeSetup(channels, WINDOW_S, 0.00175, self.row.trigger, 0.5, 25_000, bits)

    def fire(self) -> bool:
        """T0, which is the edge of the trigger input or seen by the trigger channel."""
        now_ns = round(asyncio.get_running_loop().time() * 1e9)
        accepted = self.panel.trigger(now_ns, "EXT")
        return accepted if self.row.trigger == "EXT" else self.panel.trigger(now_ns, self.row.trigger)


@pytest.fixture(params=INSTRUMENTS, ids=lambda row: row.model)
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


def volts_and_times(wave: Waveform) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    volts = (wave.raw.astype(np.float64) - wave.y_reference) * wave.y_increment_v + wave.y_origin_v
    times = (np.arange(len(volts), dtype=np.float64) - wave.x_reference) * wave.x_increment_s + wave.x_origin_s
    return volts, times


def trial(row: Row) -> Trial:
    """Triggered, with a record."""
    bench = Bench(row)

    async def record(scope: Oscilloscope) -> None:
        await scope.configure(bench.setup())
        await scope.arm()
        assert bench.fire()
        await asyncio.sleep(0.1)

    def right(wave: Waveform) -> bool:
        volts, times = volts_and_times(wave)
        clear = np.abs(times) > 2e-5
        return bool(np.abs(volts - pulse(0, times))[clear].max() < row.step[16] * 6.28)

    return Trial(
        bench.stage,
        (
            Question(lambda scope: scope.state(), lambda state: state is ScopeState.TRIGGERED, EXCHANGE_S),
            Question(lambda scope: scope.read_back(), lambda setup: setup == bench.setup(), EXCHANGE_S),
            Question(lambda scope: scope.read_waveform("CHAN1"), right, EXCHANGE_S),
        ),
        commands=(
            lambda scope: scope.configure(bench.setup()),
            lambda scope: scope.arm(),
            lambda scope: scope.force_trigger(),
        ),
        prepare=record,
    )


PORT_CASES = tuple(
    PortCase(
        "oscilloscope", row.model, partial(trial, row), row.identity, ("999999",),
        command_s=EXCHANGE_S, healed_s=HEALED_S,
    )
    for row in INSTRUMENTS
)  # fmt: skip


def test_another_model_is_refused_at_connect(bench: Bench) -> None:
    async def main() -> None:
        for other in INSTRUMENTS:
            if other.model != bench.row.model:
                bench.stage.open_session = lambda other=other: other.session(other.make())  # type: ignore[misc]
                with pytest.raises(WrongInstrument, match="scope"):
                    await bench.stage.open("")

    run_virtual(main())


@pytest.mark.parametrize("bits", [8, 16])
def test_what_was_configured_is_read_back(bench: Bench, bits: int) -> None:
    async def job(scope: Oscilloscope) -> None:
        await scope.configure(bench.setup(bits))
        assert await scope.read_back() == bench.setup(bits)
        assert await scope.state() is ScopeState.STOPPED

    with_scope(bench, job)


def test_every_knob_turned_afterwards_is_seen(bench: Bench) -> None:
    async def job(scope: Oscilloscope) -> None:
        for knob in bench.row.knobs:
            await scope.configure(bench.setup())
            await scope.arm()
            bench.panel.front_panel(*knob)
            try:
                assert await scope.read_back() != bench.setup(), knob
            except InstrumentRefused as error:
                assert "changed since it was configured" in error.problem

    with_scope(bench, job)


def test_what_the_scope_cannot_do_is_refused(bench: Bench) -> None:
    async def job(scope: Oscilloscope) -> None:
        for change in bench.row.too_much:
            with pytest.raises(InstrumentRefused, match="scope"):
                await scope.configure(replace(bench.setup(), **change))
        await scope.configure(bench.setup())

    with_scope(bench, job)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_shot_is_armed_triggered_and_read_into_the_callers_memory(bench: Bench, bits: int) -> None:
    async def job(scope: Oscilloscope) -> None:
        await scope.configure(bench.setup(bits))
        await scope.arm()
        assert await scope.state() is ScopeState.ARMED
        await asyncio.sleep(30)
        assert await scope.state() is ScopeState.ARMED, "a single shot waits for its trigger"
        assert bench.fire()
        assert await scope.state() is ScopeState.TRIGGERED
        for channel in bench.setup().channels:
            memory = bytearray(60_000)
            wave = await scope.read_waveform(channel.source, memory)
            assert 1000 <= len(wave.raw) <= 25_000
            size = len(wave.raw) * bits // 8
            assert any(memory[:size]) and not any(memory[size:])
            if bits == 16:
                assert bytes(memory[:size]) == wave.raw.tobytes()
            volts, times = volts_and_times(wave)
            assert times[0] == pytest.approx(-0.00175, abs=1e-5)
            assert times[-1] == pytest.approx(WINDOW_S - 0.00175, abs=2e-5)
            clear = np.abs(times) > 2e-5  # the edge itself lies between two samples
            error_v = (volts - pulse(int(channel.source[-1]) - 1, times))[clear]
            assert np.abs(error_v).max() < bench.row.step[bits] * channel.range_v
            assert wave.full_scale[0] < wave.raw.min() and wave.raw.max() < wave.full_scale[1]
            assert wave.settings
        assert await scope.state() is ScopeState.TRIGGERED

    with_scope(bench, job)


def test_a_clipped_record_touches_the_end_of_its_scale(bench: Bench) -> None:
    async def job(scope: Oscilloscope) -> None:
        await scope.configure(bench.setup(8))
        await scope.arm()
        bench.panel.inject("clipped")
        assert bench.fire()
        wave = await scope.read_waveform("CHAN1")
        assert (wave.raw == wave.full_scale[1]).all()

    with_scope(bench, job)


def test_the_next_shot_is_another_record(bench: Bench) -> None:
    async def job(scope: Oscilloscope) -> None:
        await scope.configure(bench.setup())
        records = []
        for _ in range(2):
            await scope.arm()
            assert await scope.state() is ScopeState.ARMED
            with pytest.raises(InstrumentRefused, match="no record: armed"):
                await scope.read_waveform("CHAN1")
            await scope.force_trigger()
            records.append((await scope.read_waveform("CHAN1")).raw.tobytes())
        assert records[0] != records[1]

    with_scope(bench, job)


def test_forcing_what_is_not_armed_and_arms_that_are_lost_are_refused(bench: Bench) -> None:
    async def job(scope: Oscilloscope) -> None:
        await scope.configure(bench.setup())
        with pytest.raises(InstrumentRefused, match="-211"):
            await scope.force_trigger()
        bench.panel.inject("not_armed")
        with pytest.raises(InstrumentRefused, match="lost its arm"):
            await scope.arm()
        bench.panel.inject("not_armed", on=False)
        await scope.arm()
        bench.panel.inject("never_triggers")
        assert not bench.fire()
        with pytest.raises(InstrumentRefused, match="no record: armed"):
            await scope.read_waveform("CHAN1")

    with_scope(bench, job)


def test_arm_waits_for_the_pretrigger_memory(bench: Bench) -> None:
    async def job(scope: Oscilloscope) -> None:
        await scope.configure(replace(bench.setup(), window_s=2.0, pretrigger_s=1.0))
        loop = asyncio.get_running_loop()
        start = loop.time()
        await scope.arm()
        assert 0.99 <= loop.time() - start < 1.3

    with_scope(bench, job)


def test_memory_that_is_too_small_and_inputs_that_are_not_there_are_refused(bench: Bench) -> None:
    async def job(scope: Oscilloscope) -> None:
        await scope.configure(bench.setup())
        await scope.arm()
        assert bench.fire()
        with pytest.raises(InstrumentRefused, match="do not fit"):
            await scope.read_waveform("CHAN1", bytearray(100))
        with pytest.raises(InstrumentRefused, match="CHAN9"):
            await scope.read_waveform("CHAN9")
        assert len((await scope.read_waveform("CHAN1")).raw)

    with_scope(bench, job)


def test_an_error_that_the_scope_queued_while_it_was_read_is_told(bench: Bench) -> None:
    async def job(scope: Oscilloscope) -> None:
        await scope.configure(bench.setup())
        await scope.arm()
        assert bench.fire()
        status: Status488 = getattr(bench.panel, "status")  # noqa: B009
        status.report(ScpiError(-310))
        with pytest.raises(InstrumentRefused, match="-310 System error"):
            await scope.read_waveform("CHAN1")
        assert len((await scope.read_waveform("CHAN1")).raw)

    with_scope(bench, job)
