"""What was away comes back: a serial device that was unplugged, a network instrument that was reset in mid-write."""

import asyncio
import contextlib
import os
from pathlib import Path

import pytest

from controller.app.linked import linked
from controller.runtime.virtual_loop import run_virtual
from drivers.errors import ConnectFailed, InstrumentError, LinkClosed, LinkError, LinkTimeout
from drivers.families.charger import open_fug_hck
from drivers.families.delay_generator import open_dg645
from drivers.transports.modbus import ModbusLink
from drivers.transports.serial import serial_port
from drivers.wire.modbus import ExceptionCode, Function, Request
from firmware_sim.link_faults import LinkFaults
from firmware_sim.personalities.dg645 import DelayGeneratorPanel
from firmware_sim.personalities.fug_hck import CapacitorChargerPanel
from firmware_sim.personalities.small_capacitor import SmallCapacitor
from firmware_sim.servers.pty import serve_pty
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.dg645 import open_dg645_session
from firmware_sim.sessions.modbus import ModbusSession
from firmware_sim.sessions.probus import ProbusSession


@pytest.mark.skipif(os.name != "posix", reason="ptys exist on POSIX only")
@pytest.mark.parametrize("threaded", [False, True])
async def test_a_serial_device_that_was_unplugged_is_opened_again(threaded: bool, tmp_path: Path) -> None:
    """Udev gives the device its name back; the port behind it is another one then."""
    name = tmp_path / "ttyUSB0"
    first = await serve_pty(lambda: open_dg645_session(DelayGeneratorPanel()))
    name.symlink_to(first.address)
    driver = await open_dg645("dg", serial_port(str(name), threaded=threaded), identity="DG645")
    await first.close()
    name.unlink()
    with pytest.raises(LinkError):
        await driver.identify()
    with pytest.raises(ConnectFailed, match="No such file"):
        await driver.identify()
    second = await serve_pty(lambda: open_dg645_session(DelayGeneratorPanel()))
    name.symlink_to(second.address)
    assert (await driver.identify()).serial == "s/n001234"
    await driver.close()
    await second.close()


class Registers:
    """Counts what is written."""

    answering = True

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def read(self, address: int, count: int) -> bytes | ExceptionCode:
        return ExceptionCode.ILLEGAL_ADDRESS

    def write(self, address: int, data: bytes) -> ExceptionCode | None:
        self.written.append(data)
        return None

    def read_write(self, address: int, count: int, write_address: int, data: bytes) -> bytes | ExceptionCode:
        return ExceptionCode.ILLEGAL_ADDRESS


@pytest.mark.parametrize("fault", ["reset", "close", "drop", "truncated", "wrong_end", "half_open", "merge", "slow"])
def test_a_write_whose_answer_is_lost_is_never_sent_twice(fault: str) -> None:
    async def main() -> None:
        registers, faults = Registers(), LinkFaults()
        link = ModbusLink("daq", linked(lambda: SessionProtocol(lambda: faults.wrap(ModbusSession(registers)))))
        write = Request(Function.WRITE_ONE, 5, data=b"\0\1")
        faults.inject(fault)
        with pytest.raises(InstrumentError):
            await link.transact(write, timeout_s=1.0)
        faults.inject(fault, on=False)
        await asyncio.sleep(30.0)
        assert len(registers.written) <= 1
        with pytest.raises(InstrumentError, match=r"exception 2"):
            await link.transact(Request(Function.READ_HOLDING, 5, 1), timeout_s=1.0)
        await link.close()

    run_virtual(main())


def test_half_an_answer_is_not_completed_by_the_next_one() -> None:
    """The next answer's bytes would be taken for the missing ones: the connection is replaced instead."""

    async def main() -> None:
        registers, faults, made = Registers(), LinkFaults(), []

        def serve() -> SessionProtocol:
            made.append(1)
            return SessionProtocol(lambda: faults.wrap(ModbusSession(registers)))

        link = ModbusLink("daq", linked(serve))
        write = Request(Function.WRITE_ONE, 5, data=b"\0\1")
        await link.transact(write, timeout_s=1.0)
        faults.inject("no_end")
        with pytest.raises((LinkClosed, LinkError)):
            await link.transact(write, timeout_s=1.0)
        faults.inject("no_end", on=False)
        await link.transact(write, timeout_s=1.0)
        assert len(made) == 2 and len(registers.written) == 3
        await link.close()

    run_virtual(main())


def test_a_charger_behind_a_serial_server_that_was_left_half_open_is_connected_again() -> None:
    """A line that is drained, not reconnected: draining a dead network stream would go on for ever."""

    async def main() -> None:
        load, faults = SmallCapacitor(), LinkFaults()
        panel = CapacitorChargerPanel(load.read, load.drive)
        connect = linked(lambda: SessionProtocol(lambda: faults.wrap(ProbusSession(panel, load.advance))))
        charger = await open_fug_hck("charger", connect, identity="HCK")
        faults.inject("half_open")
        with pytest.raises(LinkTimeout):
            await charger.read()
        faults.inject("half_open", on=False)
        for _ in range(2):  # the first finds out that hello gets no answer either
            with contextlib.suppress(LinkTimeout):
                assert (await charger.read()).voltage_v == 0.0
                break
        assert (await charger.read()).voltage_v == 0.0
        await charger.close()

    run_virtual(main())
