"""Rig, cores and panel as child processes: start them in order, follow the bus, stop them in order, whatever happens.

The supervisor never touches an instrument. It tells the core to abort, waits for the core's proof of safety, and only
then stops the rig. When the core dies the PLC dumps by itself; a new core is started to verify and to book the shot.
The panel is told about every core and outlives them all; nothing waits for it.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from controller import messages
from controller.app.children import STOP_TIMEOUT_S, Child, ChildFailed, first_object, module_command, start_child
from controller.app.core_child import STALL_TIMEOUT_S, follow_core
from controller.app.faultspec import FaultSpec, due
from controller.app.panel_child import PanelJob, PanelKeeper
from controller.app.watch_child import ABORT_TIMEOUT_S, WatchKeeper
from controller.sequencer.verdict import Exit, worst_exit

RECOVERIES_MAX = 3
"""Restarts of a dead core (safety.md 3.3, C9); after that somebody has to look."""

log = logging.getLogger("sparkgap.supervisor")


@dataclass(frozen=True, slots=True)
class Job:
    """What to run: the core's configuration, whether stand-ins are started, which faults they
    get and what people do at them before the run (``scene``), and the commands (tests replace them).

    With a ``panel`` a page shows it; with ``stay`` the bench stays up and is watched after the run until somebody
    asks to stop. In mode ``watch`` there is no run: the bench is watched from the start.
    """

    config: messages.RunConfig
    log_dir: Path
    standins: bool = True
    faults: tuple[FaultSpec, ...] = ()
    scene: tuple[str, ...] = ()
    rig_command: tuple[str, ...] = field(default_factory=lambda: module_command("controller.app.rig_process"))
    core_command: tuple[str, ...] = field(default_factory=lambda: module_command("controller.app.core_process"))
    panel: PanelJob | None = None
    stay: bool = False
    stall_s: float = STALL_TIMEOUT_S
    """A core that sends nothing for so long is killed; campaigns have less patience."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went: the core's last word, or why nothing was started (``problems``). ``exit`` follows design.md 4."""

    exit: int
    finished: messages.Finished | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Started:
    """What runs: process ids by role, the stand-ins as ``sim --json`` prints them, the page's address if there is
    one."""

    pids: Mapping[str, int]
    instruments: Mapping[str, Any]
    panel: str


def ignore(*_: object) -> None:
    """For an onlooker that does not want to know."""


@dataclass(frozen=True, slots=True)
class Onlooker:
    """Whom to tell what; none may block.

    ``message`` gets every message from the bus and the supervisor's own; ``started``, once, what runs, when the core
    and the panel (if there is to be one) are up; ``page`` its address whenever it is up, or up again; ``ended``, once
    and never when there was no run, how that went and whether the bench stays up.
    """

    message: Callable[[messages.Message], None] = ignore
    started: Callable[[Started], None] = ignore
    page: Callable[[str], None] = ignore
    ended: Callable[[Outcome, bool], None] = ignore


def unverified(config: messages.RunConfig, reason: str) -> messages.Finished:
    """The result of a run whose safety nobody could prove: exit code 4."""
    return _closing(config, "error", "unsafe-unconfirmed", reason, "nobody could verify that the bench is safe", 4)


def never_started(config: messages.RunConfig, reason: str) -> messages.Finished:
    """The result of a run that was stopped before the core existed: nothing was energised, exit code 3."""
    return _closing(config, "aborted", "aborted", reason, "nothing was energised", 3)


def _closing(
    config: messages.RunConfig, verdict: str, ended: str, reason: str, safe: str, code: int
) -> messages.Finished:
    return messages.Finished(
        shot=0, shot_id="", verdict=verdict, ended=ended, reason=reason, record="", journal="", report="", sheet="",
        exit=code, safe=safe,
    )  # fmt: skip


class Supervisor:
    """One bench with child processes. :meth:`run` does it; :meth:`abort` may be called at any time, also repeatedly."""

    def __init__(self, job: Job, onlooker: Onlooker) -> None:
        self._job = job
        self._onlooker = onlooker
        self._reason = ""
        self._rig: Child | None = None
        self._core: Child | None = None
        self._next_core: Child | None = None
        self._panel: PanelKeeper | None = None
        self._watch: WatchKeeper | None = None
        self._group: asyncio.TaskGroup | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._endpoints: Mapping[str, Any] = {}
        self._ahead: asyncio.Task[None] | None = None
        self._last_step = -1
        self._core_pid = 0
        self._announced = False

    @property
    def aborting(self) -> str:
        """Why the run is being aborted; empty while it is not."""
        return self._reason

    def abort(self, reason: str) -> None:
        """Tell the core to dump, at once. Later calls change nothing: safing is neither shortened nor restarted.

        A bench that is only watched is ended in the order panel, core, rig; nobody waits for the panel to end.
        """
        if self._reason:
            return
        self._reason = reason
        log.info("abort: %s", reason)
        if self._watch is not None:
            if self._panel is not None:
                self._panel.end()
            self._watch.end()
        elif self._core is not None:
            self._order_abort(self._core)

    def _order_abort(self, core: Child) -> None:
        core.control.send(msgspec.json.encode(messages.Control(abort=self._reason)))
        self._timers.append(asyncio.get_running_loop().call_later(ABORT_TIMEOUT_S, core.kill))

    async def run(self) -> Outcome:
        """Start, follow, recover if need be, watch if asked to, and stop. Never leaves a child behind."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            showing = self._start_panel(group)
            try:
                return await self._run()
            except (ChildFailed, OSError) as error:
                log.exception("a child failed")
                if self._reason:
                    return self._stopped_early()
                return Outcome(Exit.INTERNAL, problems=(str(error),))
            finally:
                await self._stop_children(showing)

    def _start_panel(self, group: asyncio.TaskGroup) -> asyncio.Task[None] | None:
        """Its import takes as long as the rig's start: side by side, and nobody waits for it."""
        if self._job.panel is None:
            return None
        self._panel = PanelKeeper(self._job.panel, self._onlooker.page, lambda text: self._tell("warning", text))
        return group.create_task(self._panel.run(), name="supervisor: panel")

    async def _stop_children(self, showing: asyncio.Task[None] | None) -> None:
        """In the order panel, core, rig; the panel is only told, so that it delays nobody's safing."""
        if self._panel is not None:
            self._panel.end()
        for timer in self._timers:
            timer.cancel()
        for child in (self._core, await self._take_next_core()):
            if child is not None:
                await child.stop(STOP_TIMEOUT_S)
        if showing is not None:
            await asyncio.wait({showing})
        if self._rig is not None:
            await self._rig.stop(STOP_TIMEOUT_S)

    async def _run(self) -> Outcome:
        if self._job.standins:
            await self._start_rig()
        config = msgspec.structs.replace(self._job.config, endpoints=endpoints_of(self._endpoints))
        if self._reason:
            return self._stopped_early()
        if config.mode == "watch":
            return await self._stay(config, Outcome(Exit.PASS))
        outcome = await self._run_cores(config)
        self._announce()
        stays = self._job.stay and not self._reason and outcome.exit != Exit.REFUSED
        self._onlooker.ended(outcome, stays)
        return await self._stay(config, outcome) if stays else outcome

    def _stopped_early(self) -> Outcome:
        """Asked to stop before there was a core: a bench that was only to be looked at has nothing to say."""
        if self._job.config.mode == "watch":
            return Outcome(Exit.PASS)
        return Outcome(Exit.ABORTED, never_started(self._job.config, self._reason))

    async def _start_rig(self) -> None:
        order = {"rig": self._job.config.rig, "seed": self._job.config.seed, "instrument": ""}
        self._rig = await start_child("rig", self._job.rig_command, json.dumps(order).encode(), self._job.log_dir)
        if not self._reason:
            # the first core imports its libraries while the rig does: it does nothing before its first line
            self._next_core = await self._spawn_core()
        said = await first_object(self._rig)
        if "refused" in said:
            raise ChildFailed("; ".join(str(problem) for problem in said["refused"]))
        self._endpoints = said.get("instruments", {})
        for word in self._job.scene:
            self._rig.control.send(msgspec.json.encode(messages.Control(press=word)))
        for spec in self._job.faults:
            if spec.at_start:
                self._inject(spec)

    async def _run_cores(self, config: messages.RunConfig) -> Outcome:
        finished, problems = await self._one_core(config, first=True)
        if problems:
            return Outcome(Exit.REFUSED, problems=problems)
        if finished is not None:
            return Outcome(finished.exit, finished)
        return await self._recover(config)

    async def _recover(self, config: messages.RunConfig) -> Outcome:
        """The core died without a last word: let new ones verify that the PLC dumped, and book the interrupted shot."""
        for attempt in range(1, RECOVERIES_MAX + 1):
            log.error("the core died; recovery %d of %d", attempt, RECOVERIES_MAX)
            self._tell("fault", f"the core died; recovery {attempt} verifies")
            try:
                finished, problems = await self._one_core(msgspec.structs.replace(config, mode="recover"), first=False)
            except ChildFailed as error:
                log.error("recovery %d failed: %s", attempt, error)
                continue
            if problems:
                log.error("recovery %d was refused: %s", attempt, "; ".join(problems))
            elif finished is not None:
                code = 4 if finished.exit == 4 else 3
                return Outcome(code, msgspec.structs.replace(finished, exit=code))
        return Outcome(4, unverified(config, f"the core died and {RECOVERIES_MAX} recoveries did not answer"))

    async def _one_core(
        self, config: messages.RunConfig, first: bool
    ) -> tuple[messages.Finished | None, tuple[str, ...]]:
        """Run one core to its end. Returns its last word (None: it died) and why it refused (empty: it did not)."""
        core = self._core = await self._take_next_core() or await self._spawn_core()
        core.control.send(msgspec.json.encode(config))
        try:
            if self._reason and first:
                self._order_abort(core)
            said = await first_object(core)
            if "refused" in said:
                return None, tuple(str(problem) for problem in said["refused"])
            self._show_core(core, said)
            return await follow_core(core, str(said["bus"]), self._take, self._job.stall_s), ()
        finally:
            await core.stop(STOP_TIMEOUT_S)
            self._core = None

    async def _stay(self, config: messages.RunConfig, outcome: Outcome) -> Outcome:
        """Watch until asked to stop, or until the stand-ins are gone: then there is nothing left to watch."""
        self._watch = WatchKeeper(
            config, self._spawn_core, self._show_core, self._take, lambda text: self._tell("fault", text)
        )
        gone = self._end_with_rig(self._watch)
        try:
            code = await self._watch.run(await self._take_next_core())
        finally:
            rig_ended = gone is not None and gone.done()
            if gone is not None:
                gone.cancel()
        problems = outcome.problems + (self._watch.refused if code == Exit.REFUSED else ())
        if rig_ended:
            problems += ("the rig process ended by itself",)
            code = Exit.UNSAFE  # with the PLC gone nobody can prove anything
        return Outcome(worst_exit([Exit(outcome.exit), Exit(code)]), outcome.finished, problems)

    def _end_with_rig(self, watch: WatchKeeper) -> asyncio.Task[None] | None:
        async def wait(rig: Child) -> None:
            await rig.process.wait()
            self._tell("fault", "the rig process ended by itself")
            watch.end()

        if self._rig is None or self._group is None:
            return None
        return self._group.create_task(wait(self._rig), name="supervisor: rig")

    async def _spawn_core(self) -> Child:
        """A core that waits for its configuration."""
        inherit = self._rig.control.share_with if self._rig is not None else ()
        return await start_child("core", self._job.core_command, b"", self._job.log_dir, inherit)

    def _show_core(self, core: Child, said: Mapping[str, Any]) -> None:
        """A core is up: show it on the page, and tell the onlooker about the first one once the page is up too."""
        self._core_pid = core.pid
        if self._panel is None:
            self._announce()
            return
        self._panel.attach(str(said["bus"]), str(said.get("requests", "")))
        if not self._announced and self._group is not None:
            self._group.create_task(self._announce_with(self._panel), name="supervisor: announce")

    async def _announce_with(self, panel: PanelKeeper) -> None:
        await panel.settled.wait()
        self._announce()

    def _announce(self) -> None:
        if self._announced or not self._core_pid:
            return
        self._announced = True
        pids = {
            "rig": self._rig.pid if self._rig is not None else 0,
            "core": self._core_pid,
            "panel": self._panel.pid if self._panel is not None else 0,
        }
        pids = {name: pid for name, pid in pids.items() if pid}
        address = self._panel.address if self._panel is not None else ""
        self._onlooker.started(Started(pids, self._endpoints, address))

    def _tell(self, kind: str, text: str) -> None:
        """An event of the supervisor's own, for the people at the terminal."""
        t_ns = int(asyncio.get_running_loop().time() * 1e9)
        self._onlooker.message(messages.Event(t_ns, "supervisor", kind, text))

    def _take(self, message: messages.Message) -> None:
        if isinstance(message, messages.Hello):
            self._last_step = len(message.steps) - 1
        if isinstance(message, messages.StepEntered):
            self._time_faults(message)
            self._spawn_ahead(message)
        self._onlooker.message(message)

    def _spawn_ahead(self, entered: messages.StepEntered) -> None:
        """The next core imports its libraries during the last step, when the bank is empty: the page misses less."""
        wanted = self._job.stay and not self._reason and self._ahead is None and self._watch is None
        if wanted and entered.index == self._last_step and entered.phase == "enter" and self._group is not None:
            self._ahead = self._group.create_task(self._spawn_next(), name="supervisor: next core")

    async def _spawn_next(self) -> None:
        try:
            self._next_core = await self._spawn_core()
        except OSError as error:
            log.error("no core could be started ahead: %s", error)

    async def _take_next_core(self) -> Child | None:
        """The core that was started ahead, if there is one; it is the caller's from now on."""
        if self._ahead is not None:
            await asyncio.wait({self._ahead})
        core, self._next_core = self._next_core, None
        return core

    def _time_faults(self, entered: messages.StepEntered) -> None:
        for spec, delay_s in due(self._job.faults, entered.id, entered.phase):
            if delay_s > 0.0:
                self._timers.append(asyncio.get_running_loop().call_later(delay_s, self._inject, spec))
            else:
                self._inject(spec)

    def _inject(self, spec: FaultSpec) -> None:
        if self._rig is not None:
            log.info("inject %s", spec.fault)
            self._rig.control.send(msgspec.json.encode(messages.Control(inject=spec.fault)))


def endpoints_of(instruments: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """instrument name -> {transport: address}, from what the rig printed."""
    return {name: dict(entry["endpoints"]) for name, entry in instruments.items()}
