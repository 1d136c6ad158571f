"""What every Chiller must do, whatever its model: one row of ``INSTRUMENTS`` each."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from controller.app.linked import linked
from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentRefused, WrongInstrument
from drivers.families.chiller import open_lauda
from drivers.ports import Chiller
from firmware_sim.link_faults import FAULTS, LinkFaults
from firmware_sim.personalities.lauda import LaudaPanel
from firmware_sim.personalities.lauda_bath import Bath
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.base import Session
from firmware_sim.sessions.lauda import open_lauda_session
from tests.unit.links.wire_bench import QUESTIONS, under

DEADLINE_S = 3.0


@dataclass(frozen=True)
class Row:
    """One implementation: ``make(external)`` has an external probe or none and starts at 22 C in standby."""

    model: str
    open: Callable[..., Awaitable[Chiller]]
    make: Callable[[bool], Callable[[], Session]]
    impossible_c: float
    impossible_pump: int


def make_lauda(external: bool) -> Callable[[], Session]:
    panel = LaudaPanel(Bath(external=external))
    return lambda: open_lauda_session(panel)


INSTRUMENTS = (Row("RP 245 E", open_lauda, make_lauda, 300.0, 9),)


class Bench:
    """One chiller behind a faulty link."""

    def __init__(self, row: Row, external: bool = True) -> None:
        self.faults = LinkFaults()
        self._open = row.open
        self._session = row.make(external)

    async def open(self, identity: str) -> Chiller:
        connect = linked(lambda: SessionProtocol(lambda: self.faults.wrap(self._session())))
        return await self._open("chiller", connect, identity=identity)


@pytest.fixture(params=INSTRUMENTS, ids=lambda row: row.model)
def row(request: pytest.FixtureRequest) -> Row:
    found: Row = request.param
    return found


def test_it_cools_to_the_set_point_and_goes_on_when_the_port_is_closed(row: Row) -> None:
    async def main() -> None:
        bench = Bench(row)
        port = await bench.open(row.model)
        assert row.model in (await port.identify()).model
        await port.configure(15.0, pump=6)
        before = await port.read()
        assert (before.set_point_c, before.running) == (15.0, False)
        assert before.bath_c == pytest.approx(22.0, abs=0.5)
        await port.run(True)
        await asyncio.sleep(60.0)
        during = await port.read()
        assert during.running
        assert 15.0 < during.bath_c < before.bath_c
        await port.close()
        await port.close()
        await asyncio.sleep(3600.0)
        again = await bench.open(row.model)
        after = await again.read()
        assert after.running, "closing the port stops nothing"
        assert after.set_point_c == 15.0
        assert after.bath_c == pytest.approx(15.0, abs=0.2)
        assert after.external_c == pytest.approx(15.0, abs=1.0)
        await again.run(False)
        assert not (await again.read()).running
        await asyncio.sleep(7200.0)
        assert (await again.read()).bath_c > 16.0, "a bath in standby drifts to the room"

    run_virtual(main())


def test_without_an_external_probe_there_is_no_temperature(row: Row) -> None:
    async def main() -> None:
        port = await Bench(row, external=False).open(row.model)
        assert (await port.read()).external_c is None

    run_virtual(main())


def test_what_it_cannot_do_is_refused_and_the_old_value_stays(row: Row) -> None:
    async def main() -> None:
        port = await Bench(row).open(row.model)
        await port.configure(25.0)
        with pytest.raises(InstrumentRefused):
            await port.configure(row.impossible_c)
        with pytest.raises(InstrumentRefused):
            await port.configure(25.0, pump=row.impossible_pump)
        assert (await port.read()).set_point_c == 25.0

    run_virtual(main())


def test_another_instrument_is_refused(row: Row) -> None:
    async def main() -> None:
        with pytest.raises(WrongInstrument, match="chiller"):
            await Bench(row).open("Julabo FL601")

    run_virtual(main())


@pytest.mark.parametrize("fault", FAULTS)
def test_every_link_fault_is_an_error_or_harmless_and_heals(row: Row, fault: str) -> None:
    async def main() -> None:
        bench = Bench(row)
        port = await bench.open(row.model)
        await port.configure(18.0)
        bench.faults.inject(fault)
        reading = await under(fault, QUESTIONS["chiller"].patience_s, DEADLINE_S, port.read())
        assert reading is None or reading.set_point_c == 18.0
        bench.faults.inject(fault, False)
        assert (await port.read()).set_point_c == 18.0

    run_virtual(main())
