"""The oscilloscope port over a linked stand-in on virtual time, and over replies that cannot be right."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from controller.app.linked import linked
from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentRefused, LinkTimeout, RemoteWireError, WrongInstrument
from drivers.families.oscilloscope import open_dsox
from drivers.ports import Oscilloscope, ScopeChannel, ScopeSetup, ScopeState
from firmware_sim.personalities.dsox import Dsox
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.base import Chunk
from firmware_sim.sessions.scpi import ScpiSession
from tests.unit.scope.bench import SERIAL, pulse

SETUP = ScopeSetup(
    channels=(
        ScopeChannel("CHAN3", 8.0, 1.0, "DC", "FIFT", "I total"),
        ScopeChannel("CHAN1", 6.28, -0.5, label="module 1 current"),
    ),
    window_s=0.02,
    pretrigger_s=0.00175,
    trigger_source="EXT",
    trigger_level_v=1.5,
    points=25_000,
    bits=16,
)

Edit = Callable[[bytes, bytes], bytes | None]


class Tampered:
    """A session whose replies pass through ``edit(request, reply)``; None leaves the reply alone."""

    def __init__(self, scope: Dsox, edit: Edit) -> None:
        self._session = ScpiSession(scope)
        self._edit = edit

    @property
    def waiting(self) -> bool:
        return self._session.waiting

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        chunks = self._session.feed(data, now_ns)
        edited = self._edit(data, b"".join(bytes(chunk.data) for chunk in chunks))
        return chunks if edited is None else [Chunk(edited)]

    def tick(self, now_ns: int) -> list[Chunk]:
        return self._session.tick(now_ns)


def with_scope(job: Callable[[Oscilloscope, Dsox], Awaitable[Any]], edit: Edit = lambda request, reply: None) -> Any:
    """Run ``job`` on virtual time with a scope that shows :func:`pulse`."""
    scope = Dsox(SERIAL, pulse, seed=5)

    async def main() -> Any:
        driver = await open_dsox(
            "scope_1", linked(lambda: SessionProtocol(lambda: Tampered(scope, edit))), identity=SERIAL
        )
        try:
            return await job(driver, scope)
        finally:
            await driver.close()

    return run_virtual(main())


def now_ns() -> int:
    import asyncio

    return round(asyncio.get_running_loop().time() * 1e9)


def test_identity_is_checked_before_anything_else() -> None:
    async def main() -> None:
        scope = Dsox("MY99999999", pulse, 1)
        await open_dsox("scope_2", linked(lambda: SessionProtocol(lambda: ScpiSession(scope))), identity=SERIAL)

    with pytest.raises(WrongInstrument, match="scope_2"):
        run_virtual(main())


def test_configure_is_read_back_equal_and_forces_one_to_one_probes() -> None:
    async def job(driver: Oscilloscope, scope: Dsox) -> None:
        identity = await driver.identify()
        assert (identity.model, identity.serial) == ("DSO-X 3014A", SERIAL)
        await driver.configure(SETUP)
        assert await driver.read_back() == SETUP
        assert [own.probe for own in scope.settings.channels] == [1.0, 10.0, 1.0, 10.0]
        assert [own.display for own in scope.settings.channels] == [True, False, True, False]
        assert scope.settings.acquire.type == "HRES"
        assert scope.settings.timebase.start_s == pytest.approx(-0.00175)

    with_scope(job)


@pytest.mark.parametrize(
    "knob",
    [
        (":CHANnel1:RANGe", "4"),
        (":CHANnel3:OFFSet", "0.5"),
        (":CHANnel3:IMPedance", "ONEMeg"),
        (":CHANnel1:COUPling", "AC"),
        (":CHANnel1:PROBe", "10"),
        (":CHANnel1:INVert", "1"),
        (":CHANnel1:DISPlay", "0"),
        (":CHANnel2:DISPlay", "1"),
        (":CHANnel1:LABel", '"OTHER"'),
        (":TIMebase:RANGe", "0.01"),
        (":TIMebase:POSition", "0"),
        (":TRIGger:SOURce", "CHAN1"),
        (":TRIGger:LEVel", "2"),
        (":TRIGger:SWEep", "AUTO"),
        (":TRIGger:SLOPe", "NEG"),
        (":ACQuire:TYPE", "NORMal"),
        (":WAVeform:POINts", "1000"),
    ],
)
def test_a_knob_turned_since_arming_is_seen(knob: tuple[str, str]) -> None:
    async def job(driver: Oscilloscope, scope: Dsox) -> None:
        await driver.configure(SETUP)
        await driver.arm()
        scope.front_panel(*knob)
        try:
            assert await driver.read_back() != SETUP
        except InstrumentRefused as error:
            assert "changed since it was configured" in error.problem

    with_scope(job)


@pytest.mark.parametrize(
    "setup",
    [
        replace(SETUP, window_s=1e-7, pretrigger_s=0.0),
        replace(SETUP, channels=(ScopeChannel("CHAN1", 400.0, 0.0),)),
        replace(SETUP, channels=(ScopeChannel("CHAN7", 4.0, 0.0),)),
        replace(SETUP, bits=12),
    ],
    ids=["too few points", "range too large", "no such channel", "no such resolution"],
)
def test_what_the_scope_cannot_do_is_refused(setup: ScopeSetup) -> None:
    async def job(driver: Oscilloscope, scope: Dsox) -> None:
        with pytest.raises(InstrumentRefused, match="scope_1"):
            await driver.configure(setup)

    with_scope(job)


def test_arm_trigger_and_transfer_into_the_callers_memory() -> None:
    async def job(driver: Oscilloscope, scope: Dsox) -> None:
        await driver.configure(SETUP)
        await driver.arm()
        assert await driver.state() is ScopeState.ARMED
        assert scope.trigger(now_ns(), "EXT")
        assert await driver.state() is ScopeState.TRIGGERED
        memory = bytearray(60_000)
        wave = await driver.read_waveform("CHAN3", memory)
        assert await driver.state() is ScopeState.TRIGGERED
        assert bytes(memory[:50_000]) == wave.raw.tobytes() and not any(memory[50_000:])
        volts = (wave.raw - wave.y_reference) * wave.y_increment_v + wave.y_origin_v
        times = (np.arange(len(volts)) - wave.x_reference) * wave.x_increment_s + wave.x_origin_s
        assert np.abs(volts - pulse(2, times.astype(np.float64))).max() < 2 * 8.0 / 4096
        assert wave.full_scale == (1, 65535)
        assert wave.settings["channel.range"] == "8.0" and wave.settings["trigger.source"] == "EXT"

    with_scope(job)


def test_eight_bit_records() -> None:
    async def job(driver: Oscilloscope, scope: Dsox) -> None:
        await driver.configure(replace(SETUP, bits=8))
        assert (await driver.read_back()).bits == 8
        await driver.arm()
        await driver.force_trigger()
        wave = await driver.read_waveform("CHAN1")
        assert wave.raw.dtype == np.uint16 and wave.raw.shape == (25_000,)
        assert wave.full_scale == (1, 255) and wave.y_reference == 128

    with_scope(job)


def test_arm_returns_only_when_the_pretrigger_memory_is_full() -> None:
    async def job(driver: Oscilloscope, scope: Dsox) -> int:
        await driver.configure(replace(SETUP, window_s=2.0, pretrigger_s=1.0))
        before = now_ns()
        await driver.arm()
        return now_ns() - before

    assert 1.0e9 <= with_scope(job) < 1.1e9


def test_force_is_refused_when_nothing_is_armed() -> None:
    async def job(driver: Oscilloscope, scope: Dsox) -> None:
        await driver.configure(SETUP)
        with pytest.raises(InstrumentRefused, match="-211 Trigger ignored"):
            await driver.force_trigger()
        assert await driver.state() is ScopeState.STOPPED

    with_scope(job)


def test_an_arm_that_is_lost_is_refused() -> None:
    async def job(driver: Oscilloscope, scope: Dsox) -> None:
        await driver.configure(SETUP)
        scope.inject("not_armed")
        with pytest.raises(InstrumentRefused, match="lost its arm"):
            await driver.arm()

    with_scope(job)


def test_a_scope_that_never_triggered_has_no_record() -> None:
    async def job(driver: Oscilloscope, scope: Dsox) -> None:
        await driver.configure(SETUP)
        await driver.arm()
        scope.inject("never_triggers")
        assert not scope.trigger(now_ns(), "EXT")
        with pytest.raises(InstrumentRefused, match="no record: armed"):
            await driver.read_waveform("CHAN1")

    with_scope(job)


def test_wrong_setup_by_itself_is_seen_at_the_next_read_back() -> None:
    async def job(driver: Oscilloscope, scope: Dsox) -> None:
        await driver.configure(SETUP)
        scope.inject("wrong_setup")
        held = await driver.read_back()
        assert held != SETUP and held.channels[1].range_v == pytest.approx(12.56, rel=0.01)

    with_scope(job)


GOOD = b"+1,+3,+25000,+1,+8.00000E-07,-1.75000E-03,+0,+1.22070313E-04,+1.00000E+00,+32768\n"


@pytest.mark.parametrize(
    ("preamble", "block"),
    [
        (GOOD.replace(b"+8.00000E-07", b"NAN"), None),
        (GOOD.replace(b"+1.22070313E-04", b"+9.9E+37"), None),
        (GOOD.replace(b"+1.22070313E-04", b"+0.00000E+00"), None),
        (GOOD.replace(b"+25000", b"+2500000"), None),
        (GOOD.replace(b"+25000", b"+0"), None),
        (GOOD.replace(b"+1,+3", b"+0,+3"), None),
        (b"garbage\n", None),
        (None, b"#9999999999"),
        (None, b"#800000004abcd\n"),
        (None, b"#0abcd\n"),
        (None, b"no block at all\n"),
    ],
)
def test_records_that_cannot_be_right_are_refused(preamble: bytes | None, block: bytes | None) -> None:
    def edit(request: bytes, reply: bytes) -> bytes | None:
        if b":PREamble?" in request:
            return preamble
        return block if b":DATA?" in request else None

    async def job(driver: Oscilloscope, scope: Dsox) -> None:
        await driver.configure(SETUP)
        await driver.arm()
        await driver.force_trigger()
        with pytest.raises(RemoteWireError, match="scope_1"):
            await driver.read_waveform("CHAN1")
        assert (await driver.identify()).serial == SERIAL  # and the next exchange is clean again

    with_scope(job, edit)


def test_a_silent_scope_is_a_timeout_not_a_hang() -> None:
    async def job(driver: Oscilloscope, scope: Dsox) -> None:
        await driver.configure(SETUP)
        with pytest.raises(LinkTimeout):
            await driver.arm()

    with_scope(job, lambda request, reply: b"" if b":SINGle" in request else None)


def test_a_new_driver_fetches_the_record_of_a_shot_that_is_over() -> None:
    async def job(driver: Oscilloscope, scope: Dsox) -> None:
        await driver.configure(SETUP)
        await driver.arm()
        await driver.force_trigger()
        first = await driver.read_waveform("CHAN3")
        again = await open_dsox("scope_1", linked(lambda: SessionProtocol(lambda: ScpiSession(scope))), identity="")
        wave = await again.read_waveform("CHAN3", bytearray(8_000_000))
        assert wave.y_increment_v == first.y_increment_v and wave.x_origin_s == first.x_origin_s
        await again.close()

    with_scope(job)
