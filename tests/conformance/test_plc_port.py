"""What every RigPlc must do, however it is reached: one row of ``INSTRUMENTS`` each."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

import pytest

from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentRefused, LocalWireError
from drivers.ports import Identity, RigPlc, RunPlc
from drivers.registry import open_plc
from drivers.wire.plc import EventCode, PlcCommand, PlcRequest, PlcState, PlcStatus, Refusal
from drivers.wire.plc_map import decode_run_status, encode_run_status
from drivers.wire.plc_run import PlcRunStatus, RunFlag
from firmware_sim.plc.registers import PlcRegisters
from firmware_sim.sessions.base import Session
from firmware_sim.sessions.modbus import ModbusSession
from tests.conformance.port_bench import MODBUS_ASKED, MODBUS_SURVIVES, PortCase, Question, Stage, Trial
from tests.unit.plc.kit import LIMITS, Station
from tests.unit.plc.run_kit import RUN_LIMITS, WINDOWS, RunStation

SAYS = Identity("sparkgap", "rig-plc 1", "4242", f"{LIMITS.limits_hash:016x}")
EXCHANGE_S = 0.2 + 1e-6
"""Two missed heartbeats end within the PLC's watchdog of 500 ms (bench.md 2)."""
EVENTS_S = 0.5 + 1e-6
"""Reading a page of events feeds no watchdog."""
HEAL_S = 60.0
"""What a line that dripped one byte per second still holds has come after this long."""


@dataclass(frozen=True)
class Row:
    """One implementation."""

    name: str
    open: Callable[..., Awaitable[RigPlc]]
    serve: Callable[[Station], Callable[[], Session]]


def serve_modbus(station: Station) -> Callable[[], Session]:
    registers = PlcRegisters(station.plc)
    return lambda: ModbusSession(registers)


INSTRUMENTS = (Row("Modbus", open_plc, serve_modbus),)
RUN_SAYS = replace(SAYS, firmware=f"{RUN_LIMITS.limits_hash:016x}")


class Bench:
    """A PLC of rig 1 in CHARGE whose only controller is the driver under test."""

    def __init__(self, row: Row) -> None:
        self.station = Station()
        self.station.reach(PlcState.CHARGE)
        self.station.alive = False
        self.stage: Stage[RigPlc] = Stage("plc", row.serve(self.station), row.open, "rig 1")


def trial(row: Row) -> Trial:
    """The status that is returned belongs to the request: its scan is the present one, never an older one's."""
    bench = Bench(row)
    station = bench.station
    held = station.plc.events[:5]

    async def exchange(port: RigPlc) -> PlcStatus:
        return await port.exchange(station.request())

    async def dump(port: RigPlc) -> None:
        await port.exchange(station.request(PlcCommand.DUMP))
        station.scan()
        assert station.state is PlcState.DUMPING, "a DUMP gets through once the link is sound"

    return Trial(
        bench.stage,
        (
            Question(exchange, lambda status: status == station.plc.status(), EXCHANGE_S),
            Question(lambda port: port.read_events(0, 5), lambda events: events == held, EVENTS_S),
        ),
        commands=(exchange,),
        turn=station.scan,
        afterwards=dump,
    )


class RunningBench:
    """The same of a bench that runs: in RUN, with pulses."""

    def __init__(self, row: Row, state: PlcState = PlcState.RUN) -> None:
        self.station = RunStation()
        self.station.arm(state)
        self.station.scan(20)
        self.station.alive = False
        self.stage: Stage[RunPlc] = Stage("plc", row.serve(self.station), row.open, "rig 1")  # type: ignore[arg-type]

    def held(self) -> PlcRunStatus:
        """The run block as registers can hold it."""
        return decode_run_status(encode_run_status(self.station.status))


def running_trial(row: Row) -> Trial:
    """As :func:`trial`, and the run block: what it says is of the present scan."""
    bench = RunningBench(row)
    station = bench.station

    async def exchange(port: RunPlc) -> PlcStatus:
        return await port.exchange(station.request())

    async def hold(port: RunPlc) -> None:
        station.alive = True
        await port.exchange(station.request(PlcCommand.DUMP))
        station.scan()
        assert station.state is PlcState.DUMPING and not (await port.read_run()).flags & RunFlag.PULSE_GATE

    return Trial(
        bench.stage,
        (
            Question(lambda port: port.read_run(), lambda status: status == bench.held(), EXCHANGE_S),
            Question(exchange, lambda status: status == station.plc.status(), EXCHANGE_S),
        ),
        commands=(exchange,),
        turn=station.scan,
        afterwards=hold,
    )


SURVIVES = MODBUS_SURVIVES | {"delay"}
"""Events wait longer than a status."""

PORT_CASES = tuple(
    PortCase(
        "plc", row.name + kind, partial(make, row), says, ("rig 2", "a PLC"),
        healed_s=HEAL_S, survives=survives, asked=MODBUS_ASKED,
    )
    for row in INSTRUMENTS
    for kind, make, says, survives in (("", trial, SAYS, SURVIVES), (", RUN", running_trial, RUN_SAYS, MODBUS_SURVIVES))
)  # fmt: skip


@pytest.fixture(params=INSTRUMENTS, ids=lambda row: row.name)
def row(request: pytest.FixtureRequest) -> Row:
    found: Row = request.param
    return found


def test_an_exchange_carries_the_command_and_brings_the_status_behind_it(row: Row) -> None:
    async def main() -> None:
        bench = Bench(row)
        port, station = await bench.stage.open(), bench.station
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

    run_virtual(main())


def test_a_refusal_is_told_by_the_status_and_changes_nothing(row: Row) -> None:
    async def main() -> None:
        bench = Bench(row)
        port, station = await bench.stage.open(), bench.station
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
        port = await bench.stage.open()
        heard = bench.stage.faults.heard_bytes
        with pytest.raises(LocalWireError, match="plc"):
            await port.exchange(PlcRequest(PlcCommand.PERMIT, tuple(range(17))))
        with pytest.raises(LocalWireError, match="plc"):
            await port.exchange(PlcRequest(sequence=1 << 32))
        with pytest.raises(LocalWireError, match="plc"):
            await port.read_events(-1, 3)
        assert bench.stage.faults.heard_bytes == heard

    run_virtual(main())


def test_events_come_by_number_and_what_the_ring_does_not_hold_is_left_out(row: Row) -> None:
    async def main() -> None:
        bench = Bench(row)
        port, station = await bench.stage.open(), bench.station
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


def test_the_run_block_follows_the_run(row: Row) -> None:
    """Permitted, running, inhibited by a window, held: as the PLC itself says, and as a bench would show it."""

    async def main() -> None:
        bench = RunningBench(row, PlcState.FLOAT)
        port: RunPlc = await bench.stage.open()
        station = bench.station
        station.alive = True
        before = await port.read_run()
        assert before == bench.held() and not before.flags & RunFlag.PULSE_GATE
        assert before.flags & RunFlag.WINDOWS_FIT and len(before.window_values) == len(WINDOWS)
        assert station.run(7).ack is Refusal.ACCEPTED
        station.scan(5)
        running = await port.read_run()
        assert running == bench.held() and running.flags & RunFlag.PULSE_GATE
        assert running.pulses_asked == 7 and 0 < running.pulses == running.pulse_counter - before.pulse_counter
        station.run_bench.values["vacuum_gun_torr"] = 1e-5
        station.scan(5)
        shut = await port.read_run()
        assert shut == bench.held() and not shut.flags & RunFlag.PULSE_GATE
        assert shut.inhibit and shut.windows_lost == 1 << WINDOWS.index("vacuum_gun_torr")
        assert shut.window_values[WINDOWS.index("vacuum_gun_torr")] == pytest.approx(1e-5, rel=1e-3)
        await port.close()

    run_virtual(main())


def test_asking_for_the_run_block_feeds_no_watchdog(row: Row) -> None:
    async def main() -> None:
        bench = RunningBench(row)
        port: RunPlc = await bench.stage.open()
        for _ in range(100):
            bench.station.scan()
            await port.read_run()
        assert bench.station.state is PlcState.TRIP

    run_virtual(main())


def test_a_plc_without_run_says_so(row: Row) -> None:
    async def main() -> None:
        bench = Bench(row)
        port = await bench.stage.open()
        with pytest.raises(InstrumentRefused, match="plc"):
            await port.read_run()  # type: ignore[attr-defined]
        assert (await port.exchange(bench.station.request())).state is PlcState.CHARGE

    run_virtual(main())
