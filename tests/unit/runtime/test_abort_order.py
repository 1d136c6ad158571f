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
from controller.runtime.orders import ShotTicket
from controller.runtime.virtual_loop import run_virtual
from controller.sequencer.engine import EngineState, Mode
from controller.sequencer.plan import Plan, StepKind
from drivers.errors import InstrumentError
from drivers.ports import ChargerReading
from drivers.wire.plc import Flag, PlcCommand, PlcRequest, PlcState, PlcStatus
from tests.benchmarks.reaction_bench import HOLDING, TRIPPED


@dataclass
class Told:
    """A PLC, a charger, a DAQ and a journal that write down in which order they are told what."""

    status: PlcStatus = HOLDING
    answers_off: bool = True
    said: list[str] = field(default_factory=list)
    name: str = "bench"
    scan: int = 0

    async def exchange(self, request: PlcRequest) -> PlcStatus:
        if request.command is not PlcCommand.NONE:
            self.said.append(request.command.name)
        self.scan += 5
        return replace(self.status, scan=self.scan)

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


def make_core(told: Told, folder: Path, news: list[str]) -> tuple[Core, Plan]:
    """A core whose whole bench is ``told``; it has begun nothing yet."""
    prepared = prepare(RunConfig("railgun_bench", "full", str(folder), overrides={"hold": "2 s"}))
    charger, daq = Charger(said=told.said, answers_off=told.answers_off), Daq()
    bench = Bench(cast(Any, told), cast(Any, charger), cast(Any, None), {}, cast(Any, daq))
    ticket = ShotTicket(1, "0" * 32, prepared.rig.rig_id, 1, 15, 0.005, 250.0, False)
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
    return core, prepared.plan


def at(plan: Plan, kind: StepKind) -> EngineState:
    """In the middle of the first step of this kind."""
    index = next(index for index, step in enumerate(plan.steps) if step.kind is kind)
    return EngineState(Mode.RUN, index, waiting=True, opened=kind is not StepKind.PERMIT)


async def _leave_hold(told: Told, folder: Path, to: PlcStatus, seconds: float) -> list[str]:
    """In FLOAT the PLC's answers become ``to``; returns the news."""
    news: list[str] = []
    core, plan = make_core(told, folder, news)
    core.runner.state = at(plan, StepKind.FLOAT)
    running = asyncio.get_running_loop().create_task(core.run(), name="core")
    await asyncio.sleep(0.12)
    assert told.said == []
    told.status = to
    await asyncio.sleep(seconds)
    running.cancel()
    await asyncio.wait([running])
    return news


def test_after_a_trip_the_charger_hears_first_then_the_plc_then_the_journal(tmp_path: Path) -> None:
    told = Told()
    run_virtual(_leave_hold(told, tmp_path, TRIPPED, 0.035))
    assert told.said[:3] == ["charger False", "DUMP", "dump_intent"]


@pytest.mark.parametrize("answers_off", [True, False])
def test_the_charger_is_told_once_and_its_silence_is_no_more_than_a_warning(tmp_path: Path, answers_off: bool) -> None:
    told = Told(answers_off=answers_off)
    news = run_virtual(_leave_hold(told, tmp_path, TRIPPED, 1.5))
    assert told.said.count("charger False") == 1
    assert any("rest_charger" in line and "no answer" in line for line in news) is not answers_off


@pytest.mark.parametrize("state", [PlcState.OPENING, PlcState.CHARGE, PlcState.ISOLATE])
def test_when_the_plc_does_not_dump_by_itself_dump_is_the_very_first_thing(state: PlcState, tmp_path: Path) -> None:
    told = Told()
    run_virtual(_leave_hold(told, tmp_path, replace(HOLDING, state=state), 0.035))
    assert told.said[:2] == ["DUMP", "charger False"]


@pytest.mark.parametrize(
    ("kind", "gap_s", "aborts"),
    [
        (StepKind.PERMIT, 0.35, True),
        (StepKind.PERMIT, 0.05, False),
        (StepKind.SELF_TEST, 0.35, False),
        (StepKind.WARN, 0.35, False),
    ],
)
def test_a_loop_that_stood_still_while_the_dumps_open_aborts(
    kind: StepKind, gap_s: float, aborts: bool, tmp_path: Path
) -> None:
    """Before the permit nothing is armed: there a stall is caught up (safety.md 2.3 row 29)."""

    async def resume() -> EngineState:
        core, plan = make_core(Told(), tmp_path, [])
        core.runner.state = at(plan, kind)
        now_ns = core.runner.now_ns()
        status = replace(HOLDING, state=PlcState.SAFE, flags=Flag(0))
        core.situation.take(status, now_ns)
        core.situation.loop_gap_s = gap_s
        core.runner.on_status(status, now_ns)
        state = core.runner.state
        await asyncio.sleep(0.2)
        return state

    state = run_virtual(resume())
    assert (state.mode is Mode.ABORT) is aborts
    assert state.reason == ("the core stood still for more than 200 ms" if aborts else "")
