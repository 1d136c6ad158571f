"""What ``run`` and ``demo`` share: prepare, run under supervision or on virtual time, show, and report the end."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controller import messages
from controller.app.logs import LOGS, configure_logs
from controller.app.signals import StopSignals
from controller.app.supervisor import Job, Outcome, Supervisor, never_started
from controller.cli.result import json_line, junit_xml, print_result, result_object
from controller.cli.screens import Screen, choose_screen
from controller.cli.stop import StopRequest
from controller.cli.writer import Writer
from controller.rig.source import Problem, Refused
from controller.sequencer.verdict import Exit, worst_exit

if TYPE_CHECKING:
    from controller.app.preflight import Prepared


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for, beyond the core's own configuration."""

    config: messages.RunConfig
    virtual: bool = False
    as_json: bool = False
    junit: str = ""


def execute(request: Request) -> int:
    """Do one run and return its exit code. Raises Refused for everything refused before anything opens."""
    stop = StopRequest()
    writer = Writer(1, on_closed=lambda: stop("standard output closed"))
    errors = Writer(2)
    try:
        with StopSignals(stop):
            outcome = _prepare_and_run(request, stop, writer)
        return _report(request, outcome, writer, errors)
    finally:
        writer.close()
        errors.close()


def _prepare_and_run(request: Request, stop: StopRequest, writer: Writer) -> Outcome:
    prepared = _check(request)
    if stop.reason:
        return Outcome(Exit.ABORTED, never_started(request.config, stop.reason))
    screen = choose_screen(writer, request.as_json)
    screen.start()
    try:
        if request.virtual:
            return _run_virtual(request, stop, screen, writer)
        return asyncio.run(_run_children(_job(prepared), request, stop, screen, writer))
    finally:
        screen.stop()


def _check(request: Request) -> "Prepared":
    """Everything that is refused before anything opens: profile, rig, overrides, faults, and where we shall write."""
    from controller.app.inventory import fault_catalogue
    from controller.app.preflight import prepare
    from controller.app.remarks import check_remarks

    _refuse_junit(request.junit)
    check_remarks(request.config)
    known = fault_catalogue(request.config.rig) if request.config.faults else {}
    prepared = prepare(request.config, known)
    configure_logs("supervisor", _log_dir(request.config))
    return prepared


def _refuse_junit(name: str) -> None:
    if name and not Path(name).absolute().parent.is_dir():
        raise Refused([Problem("--junit", 0, name, "its folder does not exist", "name a file in a folder that does")])
    if name and Path(name).is_dir():
        raise Refused([Problem("--junit", 0, name, "is a folder", "name a file")])


def _job(prepared: "Prepared") -> Job:
    from controller.app.attendant import scene_of

    config = prepared.config
    scene = () if config.lab else scene_of(prepared.plan, prepared.rig.bank.modules)
    return Job(config, _log_dir(config), standins=not config.lab, faults=prepared.faults, scene=scene)


def _log_dir(config: messages.RunConfig) -> Path:
    return Path(config.out) / LOGS


def _run_virtual(request: Request, stop: StopRequest, screen: Screen, writer: Writer) -> Outcome:
    from controller.app.virtual import run_virtual

    if request.as_json:
        writer.write_line(json_line({"pids": {}, "instruments": {}}))
    finished = run_virtual(request.config, screen.show, lambda: stop.reason)
    return Outcome(finished.exit, finished)


async def _run_children(job: Job, request: Request, stop: StopRequest, screen: Screen, writer: Writer) -> Outcome:
    loop = asyncio.get_running_loop()

    def announce(pids: Mapping[str, int], instruments: Mapping[str, Any]) -> None:
        if request.as_json:
            writer.write_line(json_line({"pids": dict(pids), "instruments": dict(instruments)}))

    def halt(reason: str) -> None:
        supervisor.abort(reason)
        screen.stopping(reason)

    def halt_from_anywhere(reason: str) -> None:
        loop.call_soon_threadsafe(halt, reason)

    supervisor = Supervisor(job, screen.show, announce)
    stop.listen(halt_from_anywhere)
    try:
        return await supervisor.run()
    finally:
        stop.forget()


def _report(request: Request, outcome: Outcome, writer: Writer, errors: Writer) -> int:
    for problem in outcome.problems:
        errors.write_line(problem)
    code = outcome.exit
    if outcome.finished is not None:
        if request.as_json:
            writer.write_line(json_line(result_object(outcome.finished)))
        else:
            print_result(outcome.finished, writer)
        code = worst_exit([Exit(code), Exit(_write_junit(request, outcome.finished, errors))])
    if code >= Exit.ABORTED:
        errors.write_line(f"log: {_log_dir(request.config)}")
    return int(code)


def _write_junit(request: Request, finished: messages.Finished, errors: Writer) -> int:
    if not request.junit:
        return Exit.PASS
    profile = Path(request.config.profile_path).stem
    try:
        Path(request.junit).write_bytes(junit_xml(finished, profile, request.config.rig))
    except OSError as error:
        errors.write_line(f"{request.junit}: {error.strerror}; the run is complete, its JUnit file is not")
        return Exit.INTERNAL
    return Exit.PASS
