"""The core child: runs one shot, recovers one, or watches an idle bench; publishes on the bus, obeys aborts.

First line on standard input: a RunConfig; closed without one, this core was never needed. First line on standard
output: bus, request port and pid, or why it is refused (exit 2). A run aborts by itself when standard input closes; its
last line on standard output is the Finished message as JSON and its exit code is in it. A watch ends when standard
input closes, says nothing more, and exits with 0 (the bench was safe all the time), 3 (found armed, dumped, safe now)
or 4 (nobody knows that it is safe).
"""

import asyncio
import contextlib
import gc
import importlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from controller.app.alarm_file import kept_alarms
from controller.app.control import Lines, go_first, install_uvloop, wake_when_orphaned
from controller.app.instruments import connects_from
from controller.app.inventory import fault_catalogue
from controller.app.preflight import lab_endpoints, prepare, read_rig
from controller.app.recovery import recover
from controller.app.shot import World, run_shot
from controller.app.tape import Tape, begin_of
from controller.app.tape_tap import taped
from controller.app.twin import foresee
from controller.app.unconfirmed import mark_watch
from controller.app.wall_clock import utc_date, utc_label
from controller.app.watch import watcher_of
from controller.messages import Control, Finished, RunConfig
from controller.rig.model import Rig
from controller.rig.source import Refused
from controller.runtime.bus import Bus
from controller.runtime.core import Stop
from controller.runtime.offload import Offload, to_daemon_thread, to_thread
from controller.runtime.requests import Abort, Answer, RequestPort
from controller.runtime.watching import Parting, Watcher
from drivers.transports.route import Route

IMPORTED_EARLY = ("controller.shots.catalogue_store", "pint", "scipy.integrate")
"""What a run imports on its way: imported before the first line instead, while the rig still starts."""


END_WITHIN_S = 240.0
"""From the closed input to the end: longer than the supervisor waits for an abort (180 s)."""

EXIT_HUNG = 5
"""Exit code of an end that had to be enforced (design.md 4: internal error)."""


RECOVERING = "recovery is dumping already, whatever the bench holds; nothing more can be asked for"
EARLY = "noted; the run ends before anything is energised"


log = logging.getLogger("sparkgap.core")


class Stopper:
    """Where wishes to stop go; remembers one that comes before there is anything to stop."""

    def __init__(self) -> None:
        self._stop: Stop | None = None
        self.reason = ""

    def stop_when(self, stop: Stop) -> None:
        """From now on wishes go to ``stop``; one that came earlier goes at once."""
        self._stop = stop
        if self.reason:
            stop(self.reason)

    def wish(self, reason: str) -> Answer:
        """Somebody wants the run to end."""
        self.reason = self.reason or reason
        return Answer(True, EARLY if self._stop is None else self._stop(reason))


async def main() -> int:
    """Serve until there is nothing left to do. Returns the exit code of design.md section 4."""
    lines = Lines(on_closed=end_at_last)
    for module in IMPORTED_EARLY:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # everything imported stays: looking through it again would stop the loop for 60 ms in mid-shot
    first = await lines.next()
    if not first:
        return 0
    go_first()
    config = msgspec.json.decode(first, type=RunConfig)
    try:
        if config.mode == "watch":
            return await _watch(config, lines)
        finished = await (_recover(config) if config.mode == "recover" else _run(config, lines))
    except Refused as refused:
        _say({"refused": [str(problem) for problem in refused.problems]})
        return 2
    _say(finished)
    return finished.exit


async def _run(config: RunConfig, lines: Lines) -> Finished:
    bus, stopper = Bus(), Stopper()
    prepared = prepare(config, fault_catalogue(config.rig) if config.faults else {})
    predicted = foresee(prepared.plan, prepared.rig, config.rig).ledger
    async with _Doors(bus, stopper.wish) as doors:
        listener = asyncio.create_task(_listen(lines, stopper.wish), name="core control")

        def stop_when(stop: Stop) -> None:
            doors.announce()  # nothing can be refused any more
            stopper.stop_when(stop)

        try:
            with _taping(config, prepared.rig) as tape:
                world = _world(config, prepared.rig, bus, predicted, to_thread, tape)
                finished = await run_shot(prepared, world, stop_when)
                if tape is not None:
                    tape.ended(finished)
            bus.publish(finished)
            return finished
        finally:
            listener.cancel()


async def _recover(config: RunConfig) -> Finished:
    """Nothing may keep a recovery from taking the energy away: no prediction, profile, folder or closed pipe."""
    bus = Bus()
    rig, _ = read_rig(config.rig)
    async with _Doors(bus, lambda reason: Answer(True, RECOVERING)) as doors:
        doors.announce()
        finished = await recover(rig, config, _world(config, rig, bus, {}, to_daemon_thread))
        bus.publish(finished)
        return finished  # not taped: nothing may keep a recovery from dumping, not even a tape that cannot be written


async def _watch(config: RunConfig, lines: Lines) -> int:
    bus = Bus()
    rig, _ = read_rig(config.rig)
    started_utc = config.started_utc or utc_label()
    with _taping(config, rig) as tape:
        async with kept_alarms(rig, Path(config.out), bus.publish, utc_label, to_daemon_thread) as alarming:
            watcher = watcher_of(rig, taped(_connects(config, rig), tape), bus.publish, started_utc, alarming=alarming)
            return await _watch_with(watcher, config, rig, bus, lines)


async def _watch_with(watcher: Watcher, config: RunConfig, rig: Rig, bus: Bus, lines: Lines) -> int:
    async with _Doors(bus, watcher.abort) as doors:
        doors.announce()
        listener = asyncio.create_task(_listen(lines, watcher.abort, watcher.leave), name="core control")
        try:
            parting = await watcher.run()
            if parting is Parting.UNVERIFIED:
                trouble = await to_daemon_thread(lambda: mark_watch(config, rig, utc_label()))
                watcher.note("core", "fault", trouble or "unsafe-unconfirmed: the next run needs the PLC's proof")
            return parting.value
        finally:
            listener.cancel()


@contextlib.contextmanager
def _taping(config: RunConfig, rig: Rig) -> Iterator[Tape | None]:
    """The tape of this process, if there is to be one. Raises Refused when it cannot be written."""
    if not config.tape:
        yield None
        return
    tape = Tape(
        Path(config.tape), begin_of(config, rig, config.started_utc or utc_label(), virtual=False), threaded=True
    )
    try:
        yield tape
    finally:
        tape.close()


class _Doors:
    """The two ports of a core, open while it works."""

    def __init__(self, bus: Bus, abort: Abort) -> None:
        self._bus = bus
        self._requests = RequestPort(abort)
        self._where: dict[str, Any] = {}

    async def __aenter__(self) -> "_Doors":
        host, port = await self._bus.serve()
        self._where = {"bus": f"{host}:{port}", "requests": await self._requests.serve(), "pid": os.getpid()}
        return self

    async def __aexit__(self, *raised: object) -> None:
        self._requests.close()
        await self._bus.close()

    def announce(self) -> None:
        """The first line on standard output."""
        _say(self._where)


def _connects(config: RunConfig, rig: Rig) -> dict[str, Route]:
    if config.lab:
        return connects_from(rig, lab_endpoints(Path(config.lab), rig), config.lab)
    return connects_from(rig, config.endpoints, "the stand-ins")


def _world(
    config: RunConfig,
    rig: Rig,
    bus: Bus,
    predicted: Mapping[str, float],
    offload: Offload,
    tape: Tape | None = None,
) -> World:
    return World(
        connects=taped(_connects(config, rig), tape),
        offload=offload,
        publish=bus.publish,
        utc=utc_label,
        today=utc_date(),
        simulated=not config.lab,
        virtual=False,
        predicted=predicted,
    )


def end_at_last() -> None:
    """On the thread that saw standard input close: a loop that hangs must not keep this process, and its rig, for ever.

    The supervisor, which would have ended it, is gone by then, and the PLC has long dumped.
    """
    threading.Event().wait(END_WITHIN_S)
    os._exit(EXIT_HUNG)


async def _listen(lines: Lines, abort: Abort, closed: Callable[[], None] | None = None) -> None:
    """Obey the supervisor; when it is gone, or cannot be listened to any more, a run is aborted and a watch ends."""
    try:
        await lines.until_closed(lambda line: _obey(abort, line))
    finally:
        if closed is None:
            abort("the supervisor is gone")
        else:
            closed()


def _obey(abort: Abort, line: bytes) -> None:
    """A line that is no order changes nothing: what matters is to hear the next one, and the end of all of them."""
    try:
        control = msgspec.json.decode(line, type=Control)
    except (msgspec.DecodeError, ValueError, RecursionError) as trouble:
        log.error("not an order (%s): %r", trouble, line[:80])
        return
    if control.abort:
        abort(control.abort)


def _say(value: Any) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    wake_when_orphaned()
    install_uvloop()
    sys.exit(asyncio.run(main()))
