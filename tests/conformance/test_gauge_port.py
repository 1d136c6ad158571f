"""What every VacuumGauge must do, whatever its model: one row of ``INSTRUMENTS`` each."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from controller.app.linked import linked
from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentRefused, WrongInstrument
from drivers.families.vacuum_gauge import open_tpg_256a, open_tpg_262
from drivers.ports import GaugeStatus, PressureReading, VacuumGauge
from drivers.wire.tpg import TPG_256A, TPG_262, GaugeModel
from firmware_sim.link_faults import FAULTS, LinkFaults
from firmware_sim.personalities.tpg import NO_SENSOR, GaugePanel, Head
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.base import Session
from firmware_sim.sessions.tpg import GaugeSession
from tests.unit.links.wire_bench import QUESTIONS, under

DEADLINE_S = 3.0
LATE_S = 20.0
"""A line cannot be reconnected: what a dripping one still holds has to come first."""


@dataclass(frozen=True)
class Row:
    """One implementation. Gauge 1 can be switched and reads 3.2e-4 Pa, gauge 2 is missing; ``units``: by hand."""

    model: str
    gauges: int
    open: Callable[..., Awaitable[VacuumGauge]]
    make: Callable[[], tuple[Callable[[], Session], Callable[[bytes], object]]]
    units: tuple[bytes, ...]


def make_tpg(model: GaugeModel) -> tuple[Callable[[], Session], Callable[[bytes], object]]:
    heads = [Head("PKR", lambda: 3.2e-4), Head(NO_SENSOR)]
    if model.gauges > 2:
        heads += [Head("TPR", lambda: 5.0), Head("IKR", lambda: 1e9), Head("CMR", lambda: 0.0), Head(NO_SENSOR)]
    panel = GaugePanel(model, heads)
    return lambda: GaugeSession(panel), panel.request


INSTRUMENTS = (
    Row("TPG 262", 2, open_tpg_262, lambda: make_tpg(TPG_262), (b"UNI,0", b"UNI,1", b"UNI,2")),
    Row("TPG 256A", 6, open_tpg_256a, lambda: make_tpg(TPG_256A), (b"UNI,0", b"UNI,1", b"UNI,2")),
)


class Bench:
    """One controller behind a faulty line."""

    def __init__(self, row: Row) -> None:
        self.faults = LinkFaults()
        self._open = row.open
        self._session, self.tamper = row.make()
        self._joined = linked(lambda: SessionProtocol(lambda: self.faults.wrap(self._session(), serial=True)))

    async def open(self, identity: str) -> VacuumGauge:
        return await self._open("vacuum_gauge", self._joined, identity=identity)


@pytest.fixture(params=INSTRUMENTS, ids=lambda row: row.model)
def row(request: pytest.FixtureRequest) -> Row:
    found: Row = request.param
    return found


def test_every_gauge_is_read_in_pascals_whatever_the_unit(row: Row) -> None:
    async def main() -> None:
        bench = Bench(row)
        port = await bench.open(row.model)
        assert row.model in (await port.identify()).model
        for unit in row.units:
            bench.tamper(unit)
            held = await port.read()
            assert list(held) == list(range(1, row.gauges + 1))
            assert held[1].status is GaugeStatus.OK
            assert held[1].pressure_pa == pytest.approx(3.2e-4, rel=0.005), unit
            assert held[2].status is GaugeStatus.NO_SENSOR
        await port.close()
        await port.close()

    run_virtual(main())


def test_a_gauge_is_switched_and_says_so(row: Row) -> None:
    async def main() -> None:
        bench = Bench(row)
        port = await bench.open(row.model)
        await port.switch(1, False)
        assert (await port.read())[1].status is GaugeStatus.OFF
        await port.switch(1, True)
        assert (await port.read())[1].status is GaugeStatus.OK
        for gauge in (2, 0, row.gauges + 1):
            with pytest.raises(InstrumentRefused):
                await port.switch(gauge, True)
        assert (await port.read())[1].status is GaugeStatus.OK, "the next one is right"

    run_virtual(main())


def test_two_tasks_never_get_each_others_answers(row: Row) -> None:
    async def main() -> None:
        port = await Bench(row).open(row.model)
        readings: list[PressureReading] = []

        async def read() -> None:
            for _ in range(5):
                readings.append((await port.read())[1])

        async def switch() -> None:
            for _ in range(5):
                await port.switch(1, True)

        async with asyncio.TaskGroup() as group:
            group.create_task(read(), name="read")
            group.create_task(switch(), name="switch")
        assert [reading.status for reading in readings] == [GaugeStatus.OK] * 5

    run_virtual(main())


def test_another_instrument_is_refused(row: Row) -> None:
    async def main() -> None:
        with pytest.raises(WrongInstrument, match="vacuum_gauge"):
            await Bench(row).open("VGC 503")

    run_virtual(main())


@pytest.mark.parametrize("fault", FAULTS)
def test_every_link_fault_is_an_error_or_harmless_and_heals(row: Row, fault: str) -> None:
    async def main() -> None:
        bench = Bench(row)
        port = await bench.open(row.model)
        bench.faults.inject(fault)
        reading = await under(fault, QUESTIONS["vacuum_gauge"].patience_s, DEADLINE_S, port.read())
        assert reading is None or reading[1].pressure_pa == pytest.approx(3.2e-4, rel=0.005)
        bench.faults.inject(fault, False)
        await asyncio.sleep(LATE_S)
        held = await port.read()
        assert held[1].pressure_pa == pytest.approx(3.2e-4, rel=0.005)

    run_virtual(main())
