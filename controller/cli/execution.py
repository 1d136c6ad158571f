"""What ``run``, ``demo`` and ``up`` share: check, run under supervision or on virtual time, and report the end."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from controller.app.logs import configure_logs
from controller.app.signals import StopSignals
from controller.app.supervisor import Job, Onlooker, Outcome, Supervisor, never_started
from controller.cli.result import json_line
from controller.cli.show import Request, Show
from controller.cli.stop import StopRequest
from controller.cli.writer import Writer
from controller.rig.source import Problem, Refused
from controller.sequencer.verdict import Exit

if TYPE_CHECKING:
    from controller.app.panel_child import PanelJob
    from controller.app.preflight import Prepared


def execute(request: Request) -> int:
    """Do what was asked and return the exit code. Raises Refused for everything refused before anything opens."""
    stop = StopRequest()
    writer = Writer(1, on_closed=lambda: stop("standard output closed"))
    errors = Writer(2)
    try:
        with StopSignals(stop):
            show = Show(request, writer, errors)
            outcome = _check_and_run(request, stop, show, writer)
        return show.finish(outcome)
    finally:
        writer.close()
        errors.close()


def _check_and_run(request: Request, stop: StopRequest, show: Show, writer: Writer) -> Outcome:
    job = _check(request)
    if stop.reason:
        if request.watches_only:
            return Outcome(Exit.PASS)
        return Outcome(Exit.ABORTED, never_started(request.config, stop.reason))
    show.start()
    try:
        if request.virtual:
            return _run_virtual(request, stop, show, writer)
        return asyncio.run(_run_children(job, stop, show))
    finally:
        show.stop()


def _check(request: Request) -> Job:
    """Everything that is refused before anything opens: files, values, faults, the port, and where we shall write."""
    from controller.app.tape import require_new
    from controller.cli.page import panel_job

    require_new(request.config.tape)
    panel = panel_job(request.config, request.port, request.site) if request.page else None
    job = _bench_job(request, panel) if request.watches_only else _run_job(request, _prepare(request), panel)
    configure_logs("supervisor", request.log_dir)
    return job


def _prepare(request: Request) -> "Prepared":
    from controller.app.inventory import fault_catalogue
    from controller.app.preflight import prepare
    from controller.app.remarks import check_remarks

    _refuse_junit(request.junit)
    check_remarks(request.config)
    known = fault_catalogue(request.config.rig) if request.config.faults else {}
    return prepare(request.config, known)


def _refuse_junit(name: str) -> None:
    if name and not Path(name).absolute().parent.is_dir():
        raise Refused([Problem("--junit", 0, name, "its folder does not exist", "name a file in a folder that does")])
    if name and Path(name).is_dir():
        raise Refused([Problem("--junit", 0, name, "is a folder", "name a file")])


def _run_job(request: Request, prepared: "Prepared", panel: "PanelJob | None") -> Job:
    from controller.app.attendant import scene_of

    config = prepared.config
    scene = () if config.lab else scene_of(prepared.plan, prepared.rig.bank.modules)
    return Job(
        config,
        request.log_dir,
        standins=not config.lab,
        faults=prepared.faults,
        scene=scene,
        panel=panel,
        stay=request.stay,
    )


def _bench_job(request: Request, panel: "PanelJob | None") -> Job:
    from controller.app.preflight import lab_endpoints, prepare_out, read_rig

    config = request.config
    rig, _ = read_rig(config.rig)
    if config.lab:
        lab_endpoints(Path(config.lab), rig)
    prepare_out(Path(config.out))
    return Job(config, request.log_dir, standins=not config.lab, panel=panel, stay=True)


def _run_virtual(request: Request, stop: StopRequest, show: Show, writer: Writer) -> Outcome:
    from controller.app.virtual import run_virtual

    if request.as_json:
        writer.write_line(json_line({"pids": {}, "instruments": {}}))
    finished = run_virtual(request.config, show.message, lambda: stop.reason)
    return Outcome(finished.exit, finished)


async def _run_children(job: Job, stop: StopRequest, show: Show) -> Outcome:
    loop = asyncio.get_running_loop()

    def halt(reason: str) -> None:
        supervisor.abort(reason)
        show.stopping(reason)

    def halt_from_anywhere(reason: str) -> None:
        loop.call_soon_threadsafe(halt, reason)

    supervisor = Supervisor(job, Onlooker(show.message, show.started, show.page, show.ended))
    stop.listen(halt_from_anywhere)
    try:
        return await supervisor.run()
    finally:
        stop.forget()
