"""What every Chiller must do, whatever its model: one row of ``INSTRUMENTS`` each."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import pytest

from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentRefused
from drivers.families.chiller import open_lauda
from drivers.ports import Chiller, Identity
from firmware_sim.personalities.lauda import LaudaPanel
from firmware_sim.personalities.lauda_bath import Bath
from firmware_sim.sessions.base import Session
from firmware_sim.sessions.lauda import open_lauda_session
from tests.conformance.port_bench import PortCase, Question, Stage, Trial

DEADLINE_S = 3.0


@dataclass(frozen=True)
class Row:
    """One implementation: ``make(external)`` has an external probe or none and starts at 22 C in standby."""

    model: str
    open: Callable[..., Awaitable[Chiller]]
    make: Callable[[bool], Callable[[], Session]]
    impossible_c: float
    impossible_pump: int
    identity: Identity


def make_lauda(external: bool) -> Callable[[], Session]:
    panel = LaudaPanel(Bath(external=external))
    return lambda: open_lauda_session(panel)


LAUDA = Identity("LAUDA", "PRO RP 245 E", "", "1.36")

INSTRUMENTS = (Row("RP 245 E", open_lauda, make_lauda, 300.0, 9, LAUDA),)


def chiller(row: Row, external: bool = True) -> Stage[Chiller]:
    return Stage("chiller", row.make(external), row.open, row.model)


def trial(row: Row) -> Trial:
    return Trial(
        chiller(row),
        (Question(lambda port: port.read(), lambda reading: reading.set_point_c == 18.0, DEADLINE_S),),
        prepare=lambda port: port.configure(18.0),
        commands=(lambda port: port.configure(18.0), lambda port: port.run(True)),
    )


PORT_CASES = tuple(
    PortCase("chiller", row.model, partial(trial, row), row.identity, ("Julabo FL601",)) for row in INSTRUMENTS
)


@pytest.fixture(params=INSTRUMENTS, ids=lambda row: row.model)
def row(request: pytest.FixtureRequest) -> Row:
    found: Row = request.param
    return found


def test_it_cools_to_the_set_point_and_goes_on_when_the_port_is_closed(row: Row) -> None:
    async def main() -> None:
        stage = chiller(row)
        port = await stage.open()
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
        await asyncio.sleep(3600.0)
        again = await stage.open()
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
        port = await chiller(row, external=False).open()
        assert (await port.read()).external_c is None

    run_virtual(main())


def test_what_it_cannot_do_is_refused_and_the_old_value_stays(row: Row) -> None:
    async def main() -> None:
        port = await chiller(row).open()
        await port.configure(25.0)
        with pytest.raises(InstrumentRefused):
            await port.configure(row.impossible_c)
        with pytest.raises(InstrumentRefused):
            await port.configure(25.0, pump=row.impossible_pump)
        assert (await port.read()).set_point_c == 25.0

    run_virtual(main())
