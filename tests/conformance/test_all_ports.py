"""What every port must do, whatever the instrument; every port has a suite, and every model is one of its rows."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from controller.runtime.virtual_loop import run_virtual
from drivers import ports
from drivers.errors import ConnectFailed, LinkError, RemoteWireError, WrongInstrument
from drivers.ports import Instrument
from drivers.registry import MODELS
from firmware_sim.link_faults import FAULTS
from tests.conformance import (
    test_charger_port,
    test_chiller_port,
    test_daq_port,
    test_delay_port,
    test_gauge_port,
    test_plc_port,
    test_rf_port,
    test_scope_port,
    test_supply_port,
)
from tests.conformance.port_bench import BROKEN_LINKS, Job, PortCase, Question, Trial, first_good, identify
from tests.unit.links.wire_bench import MAY_BE_RIGHT, QUESTIONS, harmless

HERE = Path(__file__).parent
SUITES = {
    "CapacitorCharger": ("charger", test_charger_port),
    "PowerSupply": ("power_supply", test_supply_port),
    "DelayGenerator": ("delay_generator", test_delay_port),
    "PulseGenerator": ("delay_generator", test_delay_port),
    "Oscilloscope": ("oscilloscope", test_scope_port),
    "VacuumGauge": ("vacuum_gauge", test_gauge_port),
    "RfSource": ("rf_source", test_rf_port),
    "Chiller": ("chiller", test_chiller_port),
    "Daq": ("daq", test_daq_port),
    "RigPlc": ("plc", test_plc_port),
    "RunPlc": ("plc", test_plc_port),
}
"""Port -> ``Model.kind``, its suite. Two that are more than another port are in the suite of that one."""

CASES: tuple[PortCase, ...] = tuple(
    case for suite in dict.fromkeys(suite for _, suite in SUITES.values()) for case in suite.PORT_CASES
)

DEAF = ("silent", "garbage", "close")
"""Faults under which no answer can be right, however often it is asked."""


def test_no_port_is_without_a_suite() -> None:
    declared = {
        name
        for name, port in inspect.getmembers(ports, inspect.isclass)
        if port.__module__ == ports.__name__ and Instrument in port.__mro__[1:]
    }
    assert declared == set(SUITES)
    assert {model.kind for model in MODELS.values()} == {kind for kind, _ in SUITES.values()}
    assert {path.name for path in HERE.glob("test_*_port.py")} == {file_of(port).name for port in SUITES}


def file_of(port: str) -> Path:
    return Path(str(SUITES[port][1].__file__))


@pytest.mark.parametrize("port", SUITES)
def test_every_models_driver_is_in_the_suite_of_its_port(port: str) -> None:
    kind, suite = SUITES[port]
    text = file_of(port).read_text(encoding="utf-8")
    openers = {model.open.__name__ for model in MODELS.values() if model.kind == kind}  # type: ignore[attr-defined]
    missing = sorted(name for name in openers if text.count(name) < 2)
    assert openers and not missing, "imported, and used in a row"
    assert {case.kind for case in suite.PORT_CASES} == {kind} and len(suite.PORT_CASES) >= len(openers)


@pytest.fixture(params=CASES, ids=lambda case: f"{case.kind}: {case.name}")
def case(request: pytest.FixtureRequest) -> PortCase:
    found: PortCase = request.param
    return found


def with_port(case: PortCase, job: Callable[[Trial, Any], Coroutine[Any, Any, None]]) -> None:
    """Do ``job`` with the prepared port, and put it away."""

    async def main() -> None:
        trial = case.trial()
        port = await trial.stage.open()
        await trial.prepare(port)
        await job(trial, port)
        await port.close()

    run_virtual(main())


def test_it_says_who_it_is(case: PortCase) -> None:
    async def job(trial: Trial, port: Any) -> None:
        assert port.name == trial.stage.name
        assert await port.identify() == case.identity

    with_port(case, job)


def test_another_than_the_rig_expects_is_not_opened(case: PortCase) -> None:
    async def main() -> None:
        for other in case.others:
            stage = case.trial().stage
            with pytest.raises(WrongInstrument, match=stage.name):
                await stage.open(other)

    assert case.others
    run_virtual(main())


def test_nobody_at_the_address(case: PortCase) -> None:
    async def main() -> None:
        stage = case.trial().stage
        stage.refuse = True
        with pytest.raises(ConnectFailed, match=f"{stage.name}: nobody"):
            await stage.open()
        stage.refuse = False
        stage.faults.inject("silent")
        with pytest.raises(LinkError, match=stage.name):
            await stage.open()

    run_virtual(main())


@pytest.mark.parametrize("fault", FAULTS)
def test_a_link_fault_ends_in_the_truth_or_a_named_error_in_time_and_heals(case: PortCase, fault: str) -> None:
    async def job(trial: Trial, port: Any) -> None:
        for question in trial.questions:
            trial.stage.faults.inject(fault)
            for number in range(case.asked):
                turn(trial)
                answered = await in_time(case, fault, trial, port, question)
                assert not answered or fault not in DEAF
                assert not answered or number or fault in case.survives or harmless(fault, patience_s(case))
            trial.stage.faults.inject(fault, False)
            turn(trial)
            answer = await first_good(partial(question.ask, port), case.healed_s)
            assert question.right(answer), answer
        assert await port.identify() == case.identity
        await trial.afterwards(port)

    with_port(case, job)


def turn(trial: Trial) -> None:
    if trial.turn is not None:
        trial.turn()


def patience_s(case: PortCase) -> float:
    return QUESTIONS[case.kind].patience_s


async def in_time(case: PortCase, fault: str, trial: Trial, port: Any, question: Question) -> bool:
    """Whether an answer came, the right one; otherwise the error was named and came in time."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    try:
        answer = await question.ask(port)
    except (LinkError, RemoteWireError) as error:
        assert not harmless(fault, patience_s(case)), error
        assert error.instrument == trial.stage.name
        assert loop.time() - begin <= question.within_s
        return False
    assert question.right(answer) or (fault in MAY_BE_RIGHT and trial.turn is not None), answer
    return fault not in MAY_BE_RIGHT


@pytest.mark.parametrize("fault", BROKEN_LINKS)
def test_a_command_on_a_broken_link_fails_in_time_and_the_link_heals(case: PortCase, fault: str) -> None:
    async def job(trial: Trial, port: Any) -> None:
        assert trial.commands
        for command in trial.commands:
            trial.stage.faults.inject(fault)
            begin = asyncio.get_running_loop().time()
            with pytest.raises((LinkError, RemoteWireError), match=trial.stage.name):
                await command(port)
            assert asyncio.get_running_loop().time() - begin <= case.command_s
            trial.stage.faults.inject(fault, False)
            await first_good(partial(trial.questions[0].ask, port), case.healed_s)
            assert await port.identify() == case.identity

    with_port(case, job)


def test_a_cancelled_question_spoils_nothing(case: PortCase) -> None:
    async def job(trial: Trial, port: Any) -> None:
        for question in trial.questions:
            for after_s in (0.0, 0.001, 0.005, 0.01, 0.02, 0.05):
                asked = asyncio.create_task(awaited(question.ask, port), name="question")
                await asyncio.sleep(after_s)
                asked.cancel()
                await asyncio.gather(asked, return_exceptions=True)
                assert await port.identify() == case.identity
            assert question.right(await question.ask(port))

    with_port(case, job)


async def awaited(job: Job, port: Any) -> object:
    return await job(port)


def test_many_callers_never_get_each_others_answers(case: PortCase) -> None:
    async def job(trial: Trial, port: Any) -> None:
        async def ask(question: Question) -> None:
            for _ in range(10):
                assert question.right(await question.ask(port))

        async def do(job: Job) -> None:
            for _ in range(10):
                await job(port)
                assert await port.identify() == case.identity

        async with asyncio.TaskGroup() as group:
            for number, question in enumerate(trial.questions * 2):
                group.create_task(ask(question), name=f"question {number}")
            group.create_task(do(trial.beside), name="beside")

    with_port(case, job)


def test_closing_is_final_and_harmless(case: PortCase) -> None:
    async def job(trial: Trial, port: Any) -> None:
        await port.close()
        await port.close()
        for question in (*trial.questions, Question(identify, bool, 0.0)):
            with pytest.raises(LinkError, match=trial.stage.name):
                await question.ask(port)

    with_port(case, job)
