"""What the reaction benchmark measures, in a process of its own: a bare uvloop loop, or Sparkgap's core.

``python -m tests.benchmarks.reaction_subject loop PORT_A PORT_B``
``python -m tests.benchmarks.reaction_subject core PLC CHARGER DAQ CONTROL FOLDER``

The core is the real one: drivers, links, heartbeat, watch, engine, journal, pollers. Each trial is a new core in the
middle of FLOAT; only the first links are kept.
"""

import asyncio
import contextlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import uvloop

from controller.app.preflight import prepare
from controller.messages import RunConfig
from controller.runtime.bench import Bench
from controller.runtime.core import Core, CoreSetup
from controller.runtime.offload import to_thread
from controller.runtime.orders import ShotTicket
from controller.sequencer.engine import EngineState, Mode
from controller.sequencer.plan import StepKind
from controller.shots.journal_file import JournalFile
from drivers.families.charger import open_fug_hck
from drivers.families.daq import open_labjack_t7
from drivers.families.rig_plc import open_rig_plc
from drivers.transports.tcp import tcp

BEATS = 3
"""Exchanges before a trial may begin: the core is in its rhythm."""


class Forward(asyncio.Protocol):
    """The bare loop: whatever comes on A, a command on B."""

    def __init__(self, other: asyncio.Transport, closed: "asyncio.Future[None]") -> None:
        self._other = other
        self._closed = closed

    def data_received(self, data: bytes) -> None:
        self._other.write(b"S\n")

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set_result(None)


async def loop_main(port_a: int, port_b: int) -> None:
    loop = asyncio.get_running_loop()
    closed: asyncio.Future[None] = loop.create_future()
    other, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", port_b)
    await loop.create_connection(lambda: Forward(other, closed), "127.0.0.1", port_a)
    await closed


class Trial:
    """One core, put into the middle of FLOAT."""

    def __init__(self, number: int, bench: Bench, folder: Path) -> None:
        self._seen = 0
        self.ready = asyncio.Event()
        prepared = prepare(RunConfig("railgun_bench", "full", str(folder / "out"), overrides={"hold": "2 s"}))
        plan = prepared.plan
        journal = JournalFile.create(folder / f"{number}.sgj", {"rig": "railgun_bench"})
        ticket = ShotTicket(1, "0" * 32, prepared.rig.rig_id, 1, 15, 0.005, 250.0, False)
        self.core = Core(
            CoreSetup(
                plan, prepared.rig, bench, journal, ticket, to_thread, self._hear, cast(Any, None), 1, 0, False, ""
            )
        )
        now_ns = self.core.runner.now_ns()
        hold = next(index for index, step in enumerate(plan.steps) if step.kind is StepKind.FLOAT)
        begun = EngineState(Mode.RUN, hold, waiting=True, opened=True)
        self.core.runner.state = replace(begun, step_ns=now_ns, phase_ns=now_ns)

    def _hear(self, message: Any) -> None:
        if type(message).__name__ == "Frame":
            self._seen += 1
            if self._seen > BEATS * 3:
                self.ready.set()


async def core_main(plc: int, charger: int, daq: int, control: int, folder: Path) -> None:
    link = await open_labjack_t7("daq", tcp("127.0.0.1", daq), serial=470012345)
    await link.configure({"AIN0": 10.0, "AIN1": 10.0})
    bench = Bench(
        await open_rig_plc("plc", tcp("127.0.0.1", plc), rig_id=1),
        await open_fug_hck("charger", tcp("127.0.0.1", charger), identity="HCK 2000-4000"),
        cast(Any, None),
        {},
        link,
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", control)
    number = 0
    while (await reader.readline()) == b"begin\n":
        number += 1
        trial = Trial(number, bench, folder)
        running = asyncio.create_task(trial.core.run(), name="core under test")
        await trial.ready.wait()
        writer.write(b"ready\n")
        await reader.readline()  # the reaction has been seen
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        writer.write(b"done\n")
    await asyncio.gather(bench.plc.close(), bench.charger.close(), bench.daq.close())
    writer.close()


def main() -> None:
    kind, *rest = sys.argv[1:]
    if kind == "loop":
        uvloop.run(loop_main(int(rest[0]), int(rest[1])))
    else:
        plc, charger, daq, control = map(int, rest[:4])
        uvloop.run(core_main(plc, charger, daq, control, Path(rest[4])))


if __name__ == "__main__":
    main()
