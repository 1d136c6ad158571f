"""Taking energy away waits for nothing: the charger hears before the journal does, and before a DUMP that the PLC has
decided on already."""

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from controller.app.preflight import prepare
from controller.messages import RunConfig
from controller.runtime.bench import Bench
from controller.runtime.core import Core, CoreSetup
from controller.runtime.offload import inline
from controller.runtime.runner import ShotTicket
from controller.runtime.virtual_loop import run_virtual
from controller.sequencer.engine import EngineState, Mode
from controller.sequencer.plan import StepKind
from drivers.errors import InstrumentError
from drivers.ports import ChargerReading
from drivers.wire.plc import PlcCommand, PlcRequest, PlcStatus
from tests.benchmarks.reaction_bench import HOLDING, TRIPPED


@dataclass
class Told:
    """A PLC, a charger, a DAQ and a journal that write down in which order they are told what."""

    tripped: bool = False
    answers_off: bool = True
    said: list[str] = field(default_factory=list)
    name: str = "bench"
    scan: int = 0

    async def exchange(self, request: PlcRequest) -> PlcStatus:
        if request.command is not PlcCommand.NONE:
            self.said.append(request.command.name)
        self.scan += 5
        return replace(TRIPPED if self.tripped else HOLDING, scan=self.scan)

    async def output(self, on: bool) -> None:
        self.said.append(f"charger {on}")
        if not self.answers_off:
            await asyncio.sleep(0.8)
            raise InstrumentError("charger", "no answer")

    def append(self, kind: str, payload: Any) -> int:
        self.said.append(kind)
        return 0


class Charger(Told):
    async def read(self) -> ChargerReading:
        return ChargerReading(0.0, 0.0, output_on=True, constant_voltage=True)


class Daq(Told):
    async def read(self) -> dict[str, float]:
        return {}


async def _trip(told: Told, folder: Path, seconds: float) -> list[str]:
    prepared = prepare(RunConfig("railgun_bench", "full", str(folder), overrides={"hold": "2 s"}))
    charger, daq = Charger(said=told.said, answers_off=told.answers_off), Daq()
    bench = Bench(cast(Any, told), cast(Any, charger), cast(Any, None), {}, cast(Any, daq))
    ticket = ShotTicket(1, "0" * 32, prepared.rig.rig_id, 1, 15, 0.005, 250.0, False)
    news: list[str] = []
    core = Core(
        CoreSetup(
            prepared.plan,
            prepared.rig,
            bench,
            cast(Any, told),
            ticket,
            inline,
            lambda message: news.append(str(message)),
            cast(Any, None),
            1,
            0,
            True,
            "",
        )
    )
    hold = next(index for index, step in enumerate(prepared.plan.steps) if step.kind is StepKind.FLOAT)
    core.runner.state = EngineState(Mode.RUN, hold, waiting=True, opened=True)
    running = asyncio.get_running_loop().create_task(core.run(), name="core")
    await asyncio.sleep(0.12)
    assert told.said == []
    told.tripped = True
    await asyncio.sleep(seconds)
    running.cancel()
    await asyncio.wait([running])
    return news


def test_after_a_trip_the_charger_hears_first_then_the_plc_then_the_journal(tmp_path: Path) -> None:
    told = Told()
    run_virtual(_trip(told, tmp_path, 0.035))
    assert told.said[:3] == ["charger False", "DUMP", "dump_intent"]


@pytest.mark.parametrize("answers_off", [True, False])
def test_the_charger_is_told_once_and_its_silence_is_no_more_than_a_warning(tmp_path: Path, answers_off: bool) -> None:
    told = Told(answers_off=answers_off)
    news = run_virtual(_trip(told, tmp_path, 1.5))
    assert told.said.count("charger False") == 1
    assert any("rest_charger" in line and "no answer" in line for line in news) is not answers_off
