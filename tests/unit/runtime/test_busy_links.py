"""A reading whose line was taken by our own commands says nothing of the instrument; one that never gets it does."""

import asyncio
from collections.abc import Iterator

import pytest

from controller.app.preflight import read_rig
from controller.runtime.health import Health
from controller.runtime.pollers import HELD_MAX, MISSES_MAX, Pollers
from controller.runtime.situation import Situation
from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentError, LinkBusy, LinkTimeout
from drivers.ports import ChargerReading
from tests.unit.runtime.test_frames import Idle

RIG = read_rig("railgun_bench")[0]


class Host(Idle):
    """Counts who was lost."""

    def __init__(self) -> None:
        self.lost: list[str] = []

    def lose(self, instrument: str, why: str) -> bool:
        self.lost.append(why)
        return True


class Charger:
    """Fails as it is told, then reads for ever."""

    name = "charger"

    def __init__(self, *failures: InstrumentError) -> None:
        self._failures: Iterator[InstrumentError] = iter(failures)
        self.reads = 0

    async def read(self) -> ChargerReading:
        self.reads += 1
        failure = next(self._failures, None)
        if failure is not None:
            raise failure
        return ChargerReading(0.0, 0.0, False, False)


BUSY, SILENT = LinkBusy("charger", "the link was busy until the deadline"), LinkTimeout("charger", "no answer")


@pytest.mark.parametrize(
    ("failures", "lost"),
    [
        ((BUSY,) * HELD_MAX, 0),
        ((BUSY, SILENT, BUSY), 0),
        ((BUSY,) * (HELD_MAX + MISSES_MAX), 1),
        ((SILENT,) * MISSES_MAX, 1),
        ((SILENT, BUSY, SILENT), 1),
    ],
)
def test_busy_is_not_silent(failures: tuple[InstrumentError, ...], lost: int) -> None:
    host, charger = Host(), Charger(*failures)

    async def main() -> None:
        pollers = Pollers(RIG, Situation(0), host, Health(), lambda message: None)
        task = asyncio.get_running_loop().create_task(pollers.charger(charger), name="charger")  # type: ignore[arg-type]
        await asyncio.sleep(10.0)
        task.cancel()
        await asyncio.wait([task])

    run_virtual(main())
    assert len(host.lost) == lost and charger.reads >= len(failures)
