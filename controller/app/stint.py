"""A stint of a healthy bench on virtual time: complete shots one after another, watched at rest in between.

Nothing is injected. Noise and interference are those of the bench's data sheets, and every trip of the PLC is
spurious: the PLC's own latches are looked at after every scan, whatever a controller says.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path

from msgspec import structs

from controller.app.attendant import scene_of
from controller.app.benches import build_plant
from controller.app.locate import find_profile
from controller.app.preflight import Prepared, prepare, prepare_out, read_bounded
from controller.app.rig_sim import SimulatedRig
from controller.app.shot import World, run_shot
from controller.app.twin import Prediction, foresee
from controller.app.virtual import label_of
from controller.app.watch import watcher_of
from controller.messages import AlarmChanged, Event, Finished, Message, RunConfig
from controller.rig.source import Refused
from controller.runtime.offload import inline
from controller.runtime.situation import trip_names
from controller.runtime.virtual_loop import run_virtual
from controller.runtime.watching import Parting
from controller.sequencer.parameters import campaign_overrides
from controller.sequencer.profile import load_profile
from controller.telemetry.alarms import AlarmState
from drivers.wire.plc import Trip
from firmware_sim.plant.contract import Edges

HAPPENINGS_MAX = 50
"""Kept per stint: one that has more is broken, and its first ones say why."""

RESET_S = 35.0
"""After a trip: dump, dwell and a misfire's no-approach time, then somebody resets at the console."""

REST_MIN_S = 2.0
"""Between two shots: the PLC lets go of a controller that has left after its watchdog time."""


@dataclass(frozen=True, slots=True)
class Order:
    """What one bench does: ``profiles`` in order, spread evenly over ``virtual_s``; ``out`` is an empty folder."""

    rig: str
    seed: int
    profiles: tuple[str, ...]
    virtual_s: float
    out: str


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that a healthy bench does not do: ``kind`` is trip, alarm, abort or refusal."""

    kind: str
    t_s: float
    during: str
    text: str


@dataclass(frozen=True, slots=True)
class Stint:
    """What came of it. ``complete`` counts shots by profile that ran to their end and were proven safe.

    ``verdicts`` counts them by verdict, ``missed`` the measurements that did not pass, by profile and title;
    ``rested_s`` is the virtual time under watch between shots.
    """

    complete: dict[str, int]
    verdicts: dict[str, int]
    missed: dict[str, int]
    virtual_s: float
    rested_s: float
    scans: int
    happenings: tuple[Happening, ...]


class _LatchedRig(SimulatedRig):
    """A bench that tells of every new trip of its PLC."""

    on_trip: Callable[[str], None]

    def start(self) -> None:
        """As the bench's own."""
        self._tripped = False
        super().start()

    def _scan(self, t_ns: int) -> Edges | None:
        edges = super()._scan(t_ns)
        trips = self.plc.control.trips
        if trips and not self._tripped:  # what a tripped bench adds to its first fault follows from that one
            self.on_trip(", ".join(trip_names(Trip(trips))))
        self._tripped = bool(trips)
        return edges


def run_stint(order: Order) -> Stint:
    """Run it. Raises Refused when a profile does not fit the bench, CallbackFailed for a defect of this program."""
    out = prepare_out(Path(order.out))
    prepared = {name: _for_order(_prepare(order.rig, name), order, out) for name in order.profiles}
    return run_virtual(_Bench(order, prepared).run())


@cache
def _prepare(rig: str, name: str) -> Prepared:
    """The same for every stint of a process: files are read once."""
    path, short = str(find_profile(name, rig)), _short_times(name, rig)
    with tempfile.TemporaryDirectory(prefix="sparkgap-prepare-") as folder:
        return prepare(RunConfig(rig=rig, profile_path=path, out=folder, overrides=short, purpose="healthy"))


def _short_times(name: str, rig: str) -> dict[str, str]:
    """Runs of hours are run with their campaign's times; voltages, drives and numbers stay as they are."""
    path = find_profile(name, rig)
    profile = load_profile(read_bounded(path), str(path))
    if profile.file.run is None:
        return {}
    declared, short = profile.file.parameters, campaign_overrides(profile)
    return {key: value for key, value in short.items() if declared[key].default.unit == "s"}


@cache
def _foresee(rig: str, name: str) -> Prediction:
    """The twin's pulse is the same for every shot of a profile."""
    prepared = _prepare(rig, name)
    return foresee(prepared.plan, prepared.rig, rig)


def _for_order(prepared: Prepared, order: Order, out: Path) -> Prepared:
    label = label_of(order.seed, 0.0)
    config = structs.replace(prepared.config, out=order.out, seed=order.seed, started_utc=label)
    return replace(prepared, config=config, out=out)


class _Bench:
    def __init__(self, order: Order, prepared: dict[str, Prepared]) -> None:
        self._order = order
        self._prepared = prepared
        self._happenings: list[Happening] = []
        self._complete: dict[str, int] = {}
        self._verdicts: dict[str, int] = {}
        self._missed: dict[str, int] = {}
        self._during = "start"
        self._rested_s = 0.0

    async def run(self) -> Stint:
        loop, order = asyncio.get_running_loop(), self._order
        first = self._prepared[order.profiles[0]]
        rig = _LatchedRig(
            first.rig,
            build_plant(order.rig, order.seed),
            read_bounded(first.files.plc).decode(),
            str(first.files.plc),
            order.seed,
            inline,
        )
        rig.on_trip = lambda names: self._note("trip", names)
        rig.start()
        try:
            for turn, name in enumerate(order.profiles, 1):
                await self._shot(rig, self._prepared[name])
                await self._rest(rig, order.virtual_s * turn / len(order.profiles) - loop.time())
        finally:
            await rig.stop()
        scans = rig.plc.scan_number
        happenings = tuple(self._happenings)
        return Stint(self._complete, self._verdicts, self._missed, loop.time(), self._rested_s, scans, happenings)

    async def _shot(self, rig: SimulatedRig, prepared: Prepared) -> None:
        plan, loop = prepared.plan, asyncio.get_running_loop()
        self._during = plan.profile
        rig.press(f"modules:{(1 << prepared.rig.bank.modules) - 1:#b}")
        for word in scene_of(plan, prepared.rig.bank.modules):
            rig.press(word)
        world = World(
            connects=rig.connects(),
            offload=inline,
            publish=self._listen,
            utc=lambda: label_of(self._order.seed, loop.time()),
            today=date.fromisoformat(label_of(self._order.seed, 0.0)[:10]),
            simulated=True,
            virtual=True,
            predicted=_foresee(self._order.rig, plan.profile).ledger,
            files=False,  # half of a shot's time, and no trip depends on them
        )
        try:
            finished = await run_shot(prepared, world, lambda stop: None)
        except Refused as refused:
            self._note("refusal", "; ".join(problem.problem for problem in refused.problems))
            await self._reset(rig)
            return
        self._count(plan.profile, finished)
        shutil.rmtree(os.path.dirname(finished.journal))  # eight shots of a stint would fill a memory disk
        if finished.exit > 1:
            await self._reset(rig)

    def _count(self, profile: str, finished: Finished) -> None:
        if finished.exit > 1:
            self._note("abort", f"{finished.ended}: {finished.reason} (exit {finished.exit})")
            return
        self._complete[profile] = self._complete.get(profile, 0) + 1
        self._verdicts[finished.verdict] = self._verdicts.get(finished.verdict, 0) + 1
        for row in finished.measurements:
            if row.verdict != "pass":
                name = f"{profile}: {row.title}, {row.verdict}"
                self._missed[name] = self._missed.get(name, 0) + 1

    async def _reset(self, rig: SimulatedRig) -> None:
        """The people at the bench find no cause and reset it, so that one trip does not cost the rest."""
        await asyncio.sleep(RESET_S)
        rig.press("local_reset")
        await asyncio.sleep(1.0)

    async def _rest(self, rig: SimulatedRig, rest_s: float) -> None:
        """Nobody runs anything: the bench is watched as ``sparkgap up`` does it."""
        rest_s = max(rest_s, REST_MIN_S)
        loop, began_s = asyncio.get_running_loop(), asyncio.get_running_loop().time()
        self._during = "rest"
        label = label_of(self._order.seed, began_s)
        watcher = watcher_of(rig.rig, rig.connects(), self._listen, label, virtual=True)
        timer = loop.call_later(rest_s, watcher.leave)
        try:
            parting = await watcher.run()
        finally:
            timer.cancel()
        if parting is not Parting.SAFE:
            self._note("abort", f"the watch left the bench {parting.name}")
        self._rested_s += loop.time() - began_s

    def _listen(self, message: Message) -> None:
        match message:
            case AlarmChanged(active=True, state=AlarmState.UNACK_ALARM.value):
                self._note("alarm", f"{message.id}: {message.text or message.title}")
            case Event(kind="fault" | "trip"):
                self._note("alarm", f"{message.source}: {message.text}")

    def _note(self, kind: str, text: str) -> None:
        if len(self._happenings) < HAPPENINGS_MAX:
            t_s = asyncio.get_running_loop().time()
            self._happenings.append(Happening(kind, t_s, self._during, text))
