"""What every Daq must do, whatever its model: one row of ``INSTRUMENTS`` each."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from controller.app.linked import linked
from controller.runtime.virtual_loop import run_virtual
from drivers.errors import ConnectFailed, InstrumentError, LinkError, RemoteWireError, WrongInstrument
from drivers.ports import Daq
from drivers.registry import Open, open_t7
from firmware_sim.link_faults import FAULTS, LinkFaults
from firmware_sim.personalities.labjack_t7 import LabJackT7
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.base import Session
from firmware_sim.sessions.modbus import ModbusSession
from tests.unit.links.wire_bench import MAY_BE_RIGHT

INPUTS = {"AIN0": 10.0, "AIN3": 1.0, "AIN13": 10.0}
VOLTS = {"AIN0": 7.5, "AIN3": -0.25, "AIN13": 0.0}
TOLERANCE_V = 2e-3
"""Some steps of a 16-bit converter on its widest range."""
MISS_S = 0.45
"""Two missed readings end within a second (safety.md 2.3 row 10)."""
HEAL_S = 60.0
"""What a line that dripped one byte per second still holds has come after this long."""


@dataclass(frozen=True)
class Row:
    """One implementation. ``make(volts)``: what opens a session, and a switch for a failed conversion."""

    model: str
    identity: str
    other_identity: str
    open: Open
    make: Callable[[Callable[[int], float]], tuple[Callable[[], Session], Callable[[], None]]]
    unknown_input: str
    impossible_v: float


def make_t7(volts: Callable[[int], float]) -> tuple[Callable[[], Session], Callable[[], None]]:
    device = LabJackT7(470010001, volts)
    return lambda: ModbusSession(device), lambda: device.inject("ain_dead")


INSTRUMENTS = (Row("T7", "T7 470010001", "T7 470010002", open_t7, make_t7, "AIN14", 20.0),)


class Bench:
    """One unit behind a faulty link; ``volts`` are at its inputs."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.faults = LinkFaults(seed=3)
        self.volts = {int(name[3:]): value for name, value in VOLTS.items()}
        self.session, self.fail_conversion = row.make(lambda index: self.volts.get(index, 0.0))

    async def open(self, identity: str | None = None) -> Daq:
        connect = linked(lambda: SessionProtocol(lambda: self.faults.wrap(self.session())))
        opened = await self.row.open("daq", connect, identity=self.row.identity if identity is None else identity)
        assert hasattr(opened, "configure") and hasattr(opened, "read")
        return opened  # type: ignore[return-value]


@pytest.fixture(params=INSTRUMENTS, ids=lambda row: row.model)
def row(request: pytest.FixtureRequest) -> Row:
    found: Row = request.param
    return found


def test_configured_inputs_are_read_by_name_in_volts(row: Row) -> None:
    async def main() -> None:
        bench = Bench(row)
        port = await bench.open()
        assert row.model in (await port.identify()).model
        assert await port.read() == {}
        await port.configure(INPUTS)
        assert await port.read() == pytest.approx(VOLTS, abs=TOLERANCE_V)
        bench.volts[0] = -3.25
        assert (await port.read())["AIN0"] == pytest.approx(-3.25, abs=TOLERANCE_V)
        await port.configure({"AIN3": 10.0})
        assert await port.read() == pytest.approx({"AIN3": VOLTS["AIN3"]}, abs=TOLERANCE_V)
        await port.close()
        await port.close()

    run_virtual(main())


def test_what_it_cannot_do_is_refused_and_the_inputs_stay(row: Row) -> None:
    async def main() -> None:
        port = await Bench(row).open()
        await port.configure(INPUTS)
        for ranges in ({row.unknown_input: 10.0}, {"AIN0": row.impossible_v}, {"AIN0": 1.0, row.unknown_input: 10.0}):
            with pytest.raises(InstrumentError, match="daq"):
                await port.configure(ranges)
            assert await port.read() == pytest.approx(VOLTS, abs=TOLERANCE_V), "nothing was changed"

    run_virtual(main())


def test_a_failed_conversion_is_an_error_and_no_voltage(row: Row) -> None:
    async def main() -> None:
        bench = Bench(row)
        port = await bench.open()
        await port.configure(INPUTS)
        bench.fail_conversion()
        with pytest.raises(RemoteWireError, match="AIN0"):
            await port.read()

    run_virtual(main())


def test_two_tasks_never_get_each_others_answers(row: Row) -> None:
    async def main() -> None:
        port = await Bench(row).open()
        await port.configure(INPUTS)

        async def read() -> None:
            for _ in range(10):
                assert await port.read() == pytest.approx(VOLTS, abs=TOLERANCE_V)

        async def identify() -> None:
            for _ in range(10):
                assert row.model in (await port.identify()).model

        async with asyncio.TaskGroup() as group:
            for number in range(2):
                group.create_task(read(), name=f"read {number}")
                group.create_task(identify(), name=f"identify {number}")

    run_virtual(main())


def test_another_unit_is_refused(row: Row) -> None:
    async def main() -> None:
        with pytest.raises(WrongInstrument, match="daq"):
            await Bench(row).open(row.other_identity)

    run_virtual(main())


def test_nobody_there_is_said_when_it_is_opened(row: Row) -> None:
    async def main() -> None:
        async def refused(
            factory: Callable[[], asyncio.BaseProtocol],
        ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
            raise ConnectionRefusedError("nobody listens")

        with pytest.raises(ConnectFailed, match="daq"):
            await row.open("daq", refused, identity=row.identity)

    run_virtual(main())


@pytest.mark.parametrize("fault", FAULTS)
def test_every_link_fault_ends_in_the_truth_or_an_error_in_time_and_heals(row: Row, fault: str) -> None:
    async def main() -> None:
        bench = Bench(row)
        loop = asyncio.get_running_loop()
        port = await bench.open()
        await port.configure(INPUTS)
        bench.faults.inject(fault)
        for number in range(4):
            bench.volts[0] = 1.0 + number
            begin = loop.time()
            try:
                found = await port.read()
            except (LinkError, RemoteWireError):
                assert loop.time() - begin <= MISS_S
            else:
                right = pytest.approx(1.0 + number, abs=TOLERANCE_V)
                assert found["AIN0"] == right or fault in MAY_BE_RIGHT, "an old answer is no answer"
        if fault in ("silent", "close", "garbage"):
            with pytest.raises((LinkError, RemoteWireError)):
                await port.read()
        bench.faults.inject(fault, False)
        bench.volts[0] = 9.0
        begin = loop.time()
        while True:
            try:
                found = await port.read()
                break
            except (LinkError, RemoteWireError):
                assert loop.time() - begin <= HEAL_S, "it heals"
                await asyncio.sleep(0.3)
        assert found["AIN0"] == pytest.approx(9.0, abs=TOLERANCE_V)

    run_virtual(main())
