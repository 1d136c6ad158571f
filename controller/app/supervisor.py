"""Rig and core as child processes: start them in order, follow the bus, stop them in order, whatever happens.

The supervisor never touches an instrument. It tells the core to abort, waits for the core's proof of safety, and only
then stops the rig. When the core dies the PLC dumps by itself; a new core is started to verify and to book the shot.
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
from controller.app.children import Child, module_command, start_child
from controller.app.faultspec import FaultSpec, due

START_TIMEOUT_S = 60.0
"""A child that has not said its first line by then never will: a cold import on a slow disk takes 10 s."""

ABORT_TIMEOUT_S = 180.0
"""Longest wait for dump, dwell, misfire's 30 s no-approach and the record; then the core is killed and the PLC's own
dump is verified by a recovering core."""

STALL_TIMEOUT_S = 30.0
"""A frame leaves the core every 20 ms; without any for this long the core hangs and the PLC has long dumped."""

STOP_TIMEOUT_S = 10.0
"""Time for a child to end by itself after its input closed."""

RECOVERIES_MAX = 3
"""Restarts of a dead core (safety.md 3.3, C9); after that somebody has to look."""

BUS_DRAIN_TIMEOUT_S = 2.0
"""Time to read what a core that has ended left in the bus socket."""

log = logging.getLogger("sparkgap.supervisor")


@dataclass(frozen=True, slots=True)
class Job:
    """What to run: the core's configuration, whether stand-ins are started, which faults they
    get and what people do at them before the run (``scene``), and the commands (tests replace them)."""

    config: messages.RunConfig
    log_dir: Path
    standins: bool = True
    faults: tuple[FaultSpec, ...] = ()
    scene: tuple[str, ...] = ()
    rig_command: tuple[str, ...] = field(default_factory=lambda: module_command("controller.app.rig_process"))
    core_command: tuple[str, ...] = field(default_factory=lambda: module_command("controller.app.core_process"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went: the core's last word, or why nothing was started (``problems``). ``exit`` follows design.md 4."""

    exit: int
    finished: messages.Finished | None = None
    problems: tuple[str, ...] = ()


class ChildFailed(Exception):
    """A child ended or said something else before it was ready. One line for a person."""


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
    """One run with child processes. :meth:`run` does it; :meth:`abort` may be called at any time, also repeatedly."""

    def __init__(
        self,
        job: Job,
        on_message: Callable[[messages.Message], None],
        on_started: Callable[[Mapping[str, int], Mapping[str, Any]], None],
    ) -> None:
        self._job = job
        self._on_message = on_message
        self._on_started = on_started
        self._reason = ""
        self._rig: Child | None = None
        self._core: Child | None = None
        self._next_core: Child | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._endpoints: Mapping[str, Any] = {}

    @property
    def aborting(self) -> str:
        """Why the run is being aborted; empty while it is not."""
        return self._reason

    def abort(self, reason: str) -> None:
        """Tell the core to dump, at once. Later calls change nothing: safing is neither shortened nor restarted."""
        if self._reason:
            return
        self._reason = reason
        log.info("abort: %s", reason)
        if self._core is not None:
            self._order_abort(self._core)

    def _order_abort(self, core: Child) -> None:
        core.control.send(msgspec.json.encode(messages.Control(abort=self._reason)))
        self._timers.append(asyncio.get_running_loop().call_later(ABORT_TIMEOUT_S, core.kill))

    async def run(self) -> Outcome:
        """Start, follow, recover if need be, and stop core before rig. Never leaves a child behind."""
        try:
            if self._job.standins:
                await self._start_rig()
            return await self._run_core()
        except (ChildFailed, OSError) as error:
            log.exception("a child failed")
            if self._reason:
                return Outcome(3, never_started(self._job.config, self._reason))
            return Outcome(5, problems=(str(error),))
        finally:
            for timer in self._timers:
                timer.cancel()
            for child in (self._core, self._next_core, self._rig):
                if child is not None:
                    await child.stop(STOP_TIMEOUT_S)

    async def _start_rig(self) -> None:
        order = {"rig": self._job.config.rig, "seed": self._job.config.seed, "instrument": ""}
        self._rig = await start_child("rig", self._job.rig_command, json.dumps(order).encode(), self._job.log_dir)
        if not self._reason:
            # the first core imports its libraries while the rig does: it does nothing before its first line
            self._next_core = await self._spawn_core()
        said = await first_object(self._rig)
        self._endpoints = said.get("instruments", {})
        for word in self._job.scene:
            self._rig.control.send(msgspec.json.encode(messages.Control(press=word)))
        for spec in self._job.faults:
            if spec.at_start:
                self._inject(spec)

    async def _run_core(self) -> Outcome:
        if self._reason:
            return Outcome(3, never_started(self._job.config, self._reason))
        config = msgspec.structs.replace(self._job.config, endpoints=endpoints_of(self._endpoints))
        finished, problems = await self._one_core(config, first=True)
        if problems:
            return Outcome(2, problems=problems)
        if finished is not None:
            return Outcome(finished.exit, finished)
        return await self._recover(config)

    async def _recover(self, config: messages.RunConfig) -> Outcome:
        """The core died without a last word: let new ones verify that the PLC dumped, and book the interrupted shot."""
        for attempt in range(1, RECOVERIES_MAX + 1):
            log.error("the core died; recovery %d of %d", attempt, RECOVERIES_MAX)
            self._on_message(messages.Event(0, "supervisor", "fault", f"the core died; recovery {attempt} verifies"))
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
        core = self._next_core or await self._spawn_core()
        self._core, self._next_core = core, None
        core.control.send(msgspec.json.encode(config))
        try:
            if self._reason and first:
                self._order_abort(core)
            said = await first_object(core)
            if "refused" in said:
                return None, tuple(str(problem) for problem in said["refused"])
            if first:
                self._on_started(self._pids(), self._endpoints)
            return await self._follow(core, str(said["bus"])), ()
        finally:
            await core.stop(STOP_TIMEOUT_S)
            self._core = None

    async def _spawn_core(self) -> Child:
        """A core that waits for its configuration."""
        inherit = self._rig.control.share_with if self._rig is not None else ()
        return await start_child("core", self._job.core_command, b"", self._job.log_dir, inherit)

    def _pids(self) -> Mapping[str, int]:
        children = {"rig": self._rig, "core": self._core}
        return {name: child.pid for name, child in children.items() if child is not None}

    async def _follow(self, core: Child, bus: str) -> messages.Finished | None:
        async with asyncio.TaskGroup() as group:
            reader = group.create_task(self._follow_bus(core, bus), name="supervisor: bus")
            last = await core.read_to_end()
            await asyncio.wait({reader}, timeout=BUS_DRAIN_TIMEOUT_S)
            reader.cancel()
        try:
            return msgspec.json.decode(last, type=messages.Finished)
        except msgspec.DecodeError:
            return None

    async def _follow_bus(self, core: Child, bus: str) -> None:
        """Pass every message on until the core closes the bus; kill a core that has gone silent."""
        host, _, port = bus.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        decoder = messages.Decoder()
        try:
            while True:
                async with asyncio.timeout(STALL_TIMEOUT_S):
                    data = await reader.read(1 << 16)
                if not data:
                    return
                for message in decoder.feed(data):
                    self._take(message)
        except TimeoutError:
            log.error("no frame from the core for %.0f s: killed", STALL_TIMEOUT_S)
            core.kill()
        except (ConnectionError, ValueError) as error:
            log.error("bus lost: %s", error)
        finally:
            writer.close()

    def _take(self, message: messages.Message) -> None:
        if isinstance(message, messages.StepEntered):
            self._time_faults(message)
        self._on_message(message)

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


async def first_object(child: Child) -> dict[str, Any]:
    """The JSON object on a child's first line. Raises ChildFailed when there is none in time."""
    try:
        line = await asyncio.wait_for(child.read_line(), START_TIMEOUT_S)
        said = json.loads(line)
    except TimeoutError:
        raise ChildFailed(f"the {child.name} process said nothing for {START_TIMEOUT_S:.0f} s") from None
    except ValueError:
        raise ChildFailed(f"the {child.name} process ended before it was ready") from None
    if not isinstance(said, dict):
        raise ChildFailed(f"the {child.name} process said {line[:80]!r} instead of an object")
    return said


def endpoints_of(instruments: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """instrument name -> {transport: address}, from what the rig printed."""
    return {name: dict(entry["endpoints"]) for name, entry in instruments.items()}
