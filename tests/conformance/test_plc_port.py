"""What every RigPlc must do, however it is reached: one row of ``INSTRUMENTS`` each."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from controller.app.linked import linked
from controller.runtime.virtual_loop import run_virtual
from drivers.errors import ConnectFailed, LinkError, LocalWireError, RemoteWireError, WrongInstrument
from drivers.ports import RigPlc
from drivers.registry import Open, open_plc
from drivers.wire.plc import EventCode, PlcCommand, PlcRequest, PlcState, Refusal
from firmware_sim.link_faults import FAULTS, LinkFaults
from firmware_sim.plc.registers import PlcRegisters
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.base import Session
from firmware_sim.sessions.modbus import ModbusSession
from tests.unit.links.wire_bench import MAY_BE_RIGHT
from tests.unit.plc.kit import Station

EXCHANGE_S = 0.2 + 1e-6
"""Two missed heartbeats end within the PLC's watchdog of 500 ms (bench.md 2)."""
HEAL_S = 60.0
"""What a line that dripped one byte per second still holds has come after this long."""


@dataclass(frozen=True)
class Row:
    """One implementation."""

    name: str
    open: Open
    serve: Callable[[Station], Callable[[], Session]]


def serve_modbus(station: Station) -> Callable[[], Session]:
    registers = PlcRegisters(station.plc)
    return lambda: ModbusSession(registers)


INSTRUMENTS = (Row("Modbus", open_plc, serve_modbus),)


class Bench:
    """A PLC of rig 1 in CHARGE whose only controller is the driver under test."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.faults = LinkFaults(seed=3)
        self.station = Station()
        self.station.reach(PlcState.CHARGE)
        self.station.alive = False
        self._session = row.serve(self.station)

    async def open(self, identity: str = "rig 1") -> RigPlc:
        connect = linked(lambda: SessionProtocol(lambda: self.faults.wrap(self._session())))
        opened = await self.row.open("plc", connect, identity=identity)
        assert hasattr(opened, "exchange") and hasattr(opened, "read_events")
        return opened  # type: ignore[return-value]


@pytest.fixture(params=INSTRUMENTS, ids=lambda row: row.name)
def row(request: pytest.FixtureRequest) -> Row:
    found: Row = request.param
    return found


def test_an_exchange_carries_the_command_and_brings_the_status_behind_it(row: Row) -> None:
    async def main() -> None:
        bench = Bench(row)
        port, station = await bench.open(), bench.station
        assert (await port.identify()).model == "rig-plc 1"
        assert (await port.identify()).serial == str(station.plc.status().boot_id)
        status = await port.exchange(station.request())
        assert status == station.plc.status()
        assert (status.state, status.ack) == (PlcState.CHARGE, Refusal.ACCEPTED)
        dump = station.request(PlcCommand.DUMP)
        await port.exchange(dump)
        station.scan()
        status = await port.exchange(station.request())
        assert (status.ack_sequence, status.ack) == (dump.sequence, Refusal.ACCEPTED)
        assert status.state is PlcState.DUMPING
        await port.close()
        await port.close()

    run_virtual(main())


def test_a_refusal_is_told_by_the_status_and_changes_nothing(row: Row) -> None:
    async def main() -> None:
        bench = Bench(row)
        port, station = await bench.open(), bench.station
        repeated = replace(station.request(PlcCommand.WARN), sequence=station.sequence - 1)
        status = await port.exchange(repeated)
        assert (status.ack_sequence, status.ack) == (repeated.sequence, Refusal.BAD_SEQUENCE)
        station.scan()
        assert station.state is PlcState.CHARGE
        assert (await port.exchange(station.request())).state is PlcState.CHARGE

    run_virtual(main())


def test_what_no_request_can_say_is_not_sent(row: Row) -> None:
    async def main() -> None:
        bench = Bench(row)
        port = await bench.open()
        heard = bench.faults.heard_bytes
        with pytest.raises(LocalWireError, match="plc"):
            await port.exchange(PlcRequest(PlcCommand.PERMIT, tuple(range(17))))
        with pytest.raises(LocalWireError, match="plc"):
            await port.exchange(PlcRequest(sequence=1 << 32))
        with pytest.raises(LocalWireError, match="plc"):
            await port.read_events(-1, 3)
        assert bench.faults.heard_bytes == heard

    run_virtual(main())


def test_events_come_by_number_and_what_the_ring_does_not_hold_is_left_out(row: Row) -> None:
    async def main() -> None:
        bench = Bench(row)
        port, station = await bench.open(), bench.station
        held = station.plc.events
        assert held[0].code == EventCode.BOOT and len(held) > 3
        assert await port.read_events(0, 256) == held
        assert await port.read_events(1, 2) == held[1:3]
        assert await port.read_events(len(held), 10) == ()
        assert await port.read_events(0, 0) == ()
        for number in range(300):
            station.plc.ring.record(number, EventCode.BOOT, number)
        head = station.plc.status().event_head
        assert await port.read_events(0, 256) == await port.read_events(head - 256, 256 - (head - 256))
        last = await port.read_events(head - 256, 256)
        assert last == station.plc.events[-256:]
        assert [event.number for event in last] == list(range(head - 256, head))

    run_virtual(main())


def test_two_tasks_never_get_each_others_answers(row: Row) -> None:
    async def main() -> None:
        bench = Bench(row)
        port, station = await bench.open(), bench.station
        held = station.plc.events

        async def heartbeat() -> None:
            for _ in range(20):
                assert (await port.exchange(station.request())).state is PlcState.CHARGE

        async def read() -> None:
            for _ in range(10):
                assert await port.read_events(0, 5) == held[:5]

        async with asyncio.TaskGroup() as group:
            group.create_task(heartbeat(), name="heartbeat")
            group.create_task(read(), name="read")

    run_virtual(main())


@pytest.mark.parametrize("identity", ["rig 2", "a PLC"])
def test_the_plc_of_another_rig_is_refused(row: Row, identity: str) -> None:
    async def main() -> None:
        with pytest.raises(WrongInstrument, match="plc"):
            await Bench(row).open(identity)

    run_virtual(main())


def test_nobody_there_is_said_when_it_is_opened(row: Row) -> None:
    async def main() -> None:
        async def refused(
            factory: Callable[[], asyncio.BaseProtocol],
        ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
            raise ConnectionRefusedError("nobody listens")

        with pytest.raises(ConnectFailed, match="plc"):
            await row.open("plc", refused, identity="rig 1")

    run_virtual(main())


@pytest.mark.parametrize("fault", FAULTS)
def test_every_link_fault_ends_in_the_truth_or_an_error_in_time_and_heals(row: Row, fault: str) -> None:
    """The status that is returned belongs to the request: its scan is the present one, never an older one's."""

    async def main() -> None:
        bench = Bench(row)
        loop = asyncio.get_running_loop()
        port, station = await bench.open(), bench.station
        bench.faults.inject(fault)
        for _ in range(4):
            station.scan()
            begin = loop.time()
            try:
                status = await port.exchange(station.request())
            except (LinkError, RemoteWireError):
                assert loop.time() - begin <= EXCHANGE_S
            else:
                assert status.scan == station.plc.status().scan or fault in MAY_BE_RIGHT, "a late answer is no answer"
        if fault in ("silent", "close", "garbage"):
            with pytest.raises((LinkError, RemoteWireError)):
                await port.exchange(station.request())
        bench.faults.inject(fault, False)
        station.scan()
        begin = loop.time()
        while True:
            try:
                status = await port.exchange(station.request(PlcCommand.DUMP))
                break
            except (LinkError, RemoteWireError):
                assert loop.time() - begin <= HEAL_S, "it heals"
                await asyncio.sleep(0.05)
        assert status.scan == station.plc.status().scan
        station.scan()
        assert station.state is PlcState.DUMPING, "a DUMP gets through once the link is sound"

    run_virtual(main())
