"""The core child: runs one shot, publishes on the bus, obeys aborts; it aborts by itself when standard input closes.

First line on standard input: a RunConfig; closed without one, this core was never needed. First line on standard
output: the bus, or why the run is refused (exit 2). Last line on standard output: the Finished message as JSON; the
exit code is its ``exit``.
"""

import asyncio
import importlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from controller.app.control import Lines, install_uvloop
from controller.app.instruments import connects_from
from controller.app.inventory import fault_catalogue
from controller.app.preflight import Prepared, lab_endpoints, prepare
from controller.app.recovery import recover
from controller.app.shot import World, run_shot
from controller.app.twin import foresee
from controller.app.wall_clock import utc_date, utc_label
from controller.messages import Control, Finished, RunConfig
from controller.rig.source import Refused
from controller.runtime.bus import Bus
from controller.runtime.offload import to_thread

IMPORTED_EARLY = ("controller.shots.catalogue_store", "pint", "scipy.integrate")
"""What a run imports on its way: imported before the first line instead, while the rig still starts."""


class Stopper:
    """Remembers a wish to stop that comes before there is anything to stop."""

    def __init__(self) -> None:
        self._stop: Callable[[str], None] | None = None
        self.reason = ""

    def stop_when(self, stop: Callable[[str], None]) -> None:
        """From now on wishes go to ``stop``; one that came earlier goes at once."""
        self._stop = stop
        if self.reason:
            stop(self.reason)

    def wish(self, reason: str) -> None:
        """Somebody wants the run to end."""
        self.reason = self.reason or reason
        if self._stop is not None:
            self._stop(reason)


async def main() -> int:
    """Run to the end. Returns the exit code of design.md section 4."""
    lines = Lines()
    for module in IMPORTED_EARLY:
        importlib.import_module(module)
    first = await lines.next()
    if not first:
        return 0
    config = msgspec.json.decode(first, type=RunConfig)
    bus, stopper = Bus(), Stopper()
    try:
        known = fault_catalogue(config.rig) if config.faults else {}
        prepared = prepare(config, known)
        world = _world(prepared, bus)
        host, port = await bus.serve()
        listener = asyncio.create_task(_listen(lines, stopper), name="core control")
        try:
            finished = await _run(prepared, world, stopper, f"{host}:{port}")
        finally:
            listener.cancel()
            await bus.close()
    except Refused as refused:
        _say({"refused": [str(problem) for problem in refused.problems]})
        return 2
    sys.stdout.write(msgspec.json.encode(finished).decode() + "\n")
    sys.stdout.flush()
    return finished.exit


async def _run(prepared: Prepared, world: World, stopper: Stopper, bus: str) -> Finished:
    """Announce the bus once nothing can be refused any more, then run."""
    announced = False

    def stop_when(stop: Callable[[str], None]) -> None:
        nonlocal announced
        _say({"bus": bus, "pid": os.getpid()})
        announced = True
        stopper.stop_when(stop)

    if prepared.config.mode == "recover":
        _say({"bus": bus, "pid": os.getpid()})
        finished = await recover(prepared, world)
    else:
        finished = await run_shot(prepared, world, stop_when)
    world.publish(finished)
    return finished


def _world(prepared: Prepared, bus: Bus) -> World:
    config = prepared.config
    if config.lab:
        endpoints, where = lab_endpoints(Path(config.lab), prepared.rig), config.lab
    else:
        endpoints, where = config.endpoints, "the stand-ins"
    return World(
        connects=connects_from(prepared.rig, endpoints, where),
        offload=to_thread,
        publish=bus.publish,
        utc=utc_label,
        today=utc_date(),
        simulated=not config.lab,
        virtual=False,
        # nothing may keep a recovery from taking the energy away, a blocked prediction least of all
        predicted={} if config.mode == "recover" else foresee(prepared.plan, prepared.rig).ledger,
    )


async def _listen(lines: Lines, stopper: Stopper) -> None:
    await lines.until_closed(lambda line: _obey(stopper, msgspec.json.decode(line, type=Control)))
    stopper.wish("the supervisor is gone")


def _obey(stopper: Stopper, control: Control) -> None:
    if control.abort:
        stopper.wish(control.abort)


def _say(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    install_uvloop()
    sys.exit(asyncio.run(main()))
