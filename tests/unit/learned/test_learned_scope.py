"""The learned-scope driver against both stand-ins: the port's whole promise, on virtual time."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentRefused, RemoteWireError, WrongInstrument
from drivers.ports import ScopeState
from tests.unit.learned.bench import SHIPPED, Table, volts

both = pytest.mark.parametrize("name", SHIPPED)


@both
def test_a_shot_reads_the_signal_that_was_there(name: str) -> None:
    async def main() -> None:
        table = Table(name)
        port = await table.learned()
        await port.configure(table.setup)
        assert await port.state() is ScopeState.STOPPED
        await port.arm()
        assert await port.state() is ScopeState.ARMED
        assert await port.read_back() == table.setup
        await table.fire()
        assert await port.state() is ScopeState.TRIGGERED
        for index, source in enumerate((table.first, table.second)):
            wave = await port.read_waveform(source)
            time_s = np.arange(wave.raw.size) * wave.x_increment_s + wave.x_origin_s
            found = (wave.raw - wave.y_reference) * wave.y_increment_v + wave.y_origin_v
            step_v = (4.0, 8.0)[index] / 256
            assert wave.raw.size == 4000
            assert time_s[0] == pytest.approx(-2e-3, abs=5e-6)
            assert wave.x_increment_s == pytest.approx(5e-6, rel=1e-4)
            quiet = np.abs(time_s) > 10e-6
            assert np.abs(found - volts(index, time_s))[quiet].max() < 2.5 * step_v
        await port.close()

    run_virtual(main())


@both
def test_a_changed_panel_is_given_back_and_a_knob_turned_later_is_seen(name: str) -> None:
    async def main() -> None:
        table = Table(name)
        port = await table.learned()
        table.scope.panel.channels[2].offset_v = 1.25
        table.scope.panel.window_s = 1.0
        await port.configure(table.setup)
        assert table.scope.panel.channels[2].offset_v == 0.0, "the port cannot set channel 3: the blob did"
        assert table.scope.panel.window_s == pytest.approx(20e-3)
        table.scope.panel.channels[2].offset_v = 0.5
        with pytest.raises(InstrumentRefused, match="changed since it was configured"):
            await port.read_back()
        table.scope.panel.channels[2].offset_v = 0.0
        assert await port.read_back() == table.setup
        table.scope.panel.channels[0].range_v = 2.0
        assert (await port.read_back()).channels[0].range_v == pytest.approx(2.0), "what is told is compared by value"

    run_virtual(main())


@both
def test_a_set_up_other_than_the_learned_one_is_refused(name: str) -> None:
    async def main() -> None:
        table = Table(name)
        port = await table.learned()
        with pytest.raises(InstrumentRefused, match=r"window_s 0\.02 where 0\.01 is wanted.*learn it again"):
            await port.configure(replace(table.setup, window_s=10e-3))
        with pytest.raises(InstrumentRefused, match="cannot record"):
            await port.configure(replace(table.setup, bits=8))

    run_virtual(main())


def test_what_the_verb_file_can_write_is_written() -> None:
    async def main() -> None:
        table = Table("lecroy")
        port = await table.learned()
        narrow = replace(table.setup.channels[0], range_v=1.6, offset_v=0.4)
        await port.configure(replace(table.setup, channels=(narrow,)))
        assert table.scope.panel.channels[0].range_v == pytest.approx(1.6)
        assert table.scope.panel.channels[0].offset_v == pytest.approx(0.4)

    run_virtual(main())


@both
def test_an_arm_that_is_lost_is_not_armed(name: str) -> None:
    async def main() -> None:
        table = Table(name)
        port = await table.learned()
        await port.configure(table.setup)
        table.scope.inject("never_triggers")
        await port.arm()
        assert not table.scope.engine.trigger(round(asyncio.get_running_loop().time() * 1e9), "EXT")
        with pytest.raises(InstrumentRefused, match="has no record"):
            await port.read_waveform(table.first)

    run_virtual(main())


@both
def test_a_second_arm_forgets_the_first_record(name: str) -> None:
    async def main() -> None:
        table = Table(name)
        port = await table.learned()
        await port.configure(table.setup)
        await port.arm()
        await table.fire()
        assert await port.state() is ScopeState.TRIGGERED
        await port.arm()
        assert await port.state() is ScopeState.ARMED
        await port.force_trigger()
        await asyncio.sleep(0.03)
        assert await port.state() is ScopeState.TRIGGERED

    run_virtual(main())


@both
def test_identity_is_checked_and_told(name: str) -> None:
    async def main() -> None:
        table = Table(name)
        port = await table.open()
        found = await port.identify()
        assert found.vendor in ("TEKTRONIX", "LECROY")
        assert found.serial in ("C012345", "LCRY1")
        with pytest.raises(WrongInstrument):
            await table.open(identity="other serial")
        other = Table("lecroy" if name == "mso5" else "mso5")
        other.verbs = table.verbs
        with pytest.raises(WrongInstrument):
            await other.open()

    run_virtual(main())


@both
def test_a_panel_that_is_not_taken_is_refused(name: str) -> None:
    async def main() -> None:
        table = Table(name)
        bad = b":CH9:SCALE 1;:CH1:SCALE 1" if name == "mso5" else b"app.Acquisition.C1.VerScale = no\r\n"
        port = await table.open(bad)
        with pytest.raises(InstrumentRefused, match="refused its stored panel"):
            await port.configure(table.setup)

    run_virtual(main())


def test_a_descriptor_that_lies_is_a_wire_error_and_the_next_record_is_right() -> None:
    async def main() -> None:
        table = Table("lecroy")
        port = await table.learned()
        await port.configure(table.setup)
        await port.arm()
        await table.fire()
        honest = table.scope._queries
        table.scope._queries = {**honest, "WF": lambda n, text: (b"ALL,#9000000004", b"ABCD")}
        with pytest.raises(RemoteWireError, match="too few for its descriptor"):
            await port.read_waveform(table.first)
        table.scope._queries = honest
        assert (await port.read_waveform(table.first)).raw.size == 4000

    run_virtual(main())


@both
def test_an_arm_lost_before_or_after_is_never_armed(name: str) -> None:
    async def main() -> None:
        table = Table(name)
        port = await table.learned()
        await port.configure(table.setup)
        await port.arm()
        table.scope.inject("not_armed")
        assert await port.state() is ScopeState.ARMING
        with pytest.raises(InstrumentRefused, match="does not report that it is armed"):
            await port.arm()
        table.scope.inject("not_armed", False)
        await port.arm()
        assert await port.state() is ScopeState.ARMED

    run_virtual(main())


def test_a_scope_that_ignores_its_panel_without_an_error_is_seen() -> None:
    async def main() -> None:
        table = Table("lecroy")
        port = await table.learned()
        table.scope.panel.channels[3].offset_v = 1.0
        table.scope._commands = {**table.scope._commands, "PNSU": lambda channel, data: None}
        with pytest.raises(InstrumentRefused, match=r"did not take its stored panel: app.Acquisition.C4.VerOffset"):
            await port.configure(table.setup)

    run_virtual(main())
