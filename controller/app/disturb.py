"""What can happen to a run beside the faults of ``sparkgap faults``: the core, the rig, the disk, the link, the files.

A disturbance is carried out on virtual time by reaching into the simulation, never by a hook in the product: stopped
ranks of the loop for hung processes, cut links for killed ones, and the journal's own descriptor for the disk. Every
one leaves a line in the plant's log when it acts.
"""

import asyncio
import os
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from controller.app.linked import Connect, LinkedTransport, Way, rewired
from controller.app.mistakes import MISTAKES
from controller.app.preflight import Prepared
from controller.app.stalling import StallingLoop
from controller.app.trial_watch import ObservedRig
from controller.runtime.offload import inline
from controller.runtime.virtual_loop import Rank
from drivers.wire.plc import PlcCommand, PlcRequest, PlcStatus, Refusal

T = TypeVar("T")

REPLAYED = 100
"""Requests of the running controller that an intruder repeats (safety.md 2.3 row 32)."""

LOST_BYTES = 7
"""Torn off the journal's end when the computer loses its power: less than any record."""

SLOW_S = 0.4
"""What a slow disk adds to every piece of blocking work: above the quarter second that a barrier may take."""

JOURNAL = "journal"


class Scene:
    """The disturbed run: its loop, its bench, its links, its core. ``dead`` is set when a recovery has to follow."""

    def __init__(self, loop: StallingLoop, rig: ObservedRig, prepared: Prepared) -> None:
        self.loop = loop
        self.rig = rig
        self.prepared = prepared
        self.core: asyncio.Task[Any] | None = None
        self.dead = asyncio.Event()
        self.attempt: asyncio.Task[None] | None = None
        self.requests: deque[PlcRequest] = deque(maxlen=REPLAYED)
        self._links: list[LinkedTransport] = []
        self._cut = False
        self._slow = False
        self._wall_step = timedelta(0)
        self._labelled: Callable[[str], None] = lambda label: None
        self._lost_tail = False
        self._plc_exchange = rig.plc.exchange
        rig.plc.exchange = self._exchange  # type: ignore[method-assign]

    # --- the links ----------------------------------------------------------------------------------------------

    def connects(self) -> Mapping[str, Way]:
        """The bench's links, kept so that they can be cut or held."""
        return rewired(self.rig.connects(), self._kept)

    def _kept(self, connect: Connect) -> Connect:
        async def join(
            factory: Callable[[], asyncio.BaseProtocol],
        ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
            if self._cut:  # a dead process connects nowhere: what is left of it waits to be put away
                await asyncio.get_running_loop().create_future()
            transport, protocol = await connect(factory)
            assert isinstance(transport, LinkedTransport)
            self._links.append(transport)
            return transport, protocol

        return join

    def cut_links(self) -> None:
        """Nothing of the core reaches the bench any more, as when its process is gone; nor does it reach its disk."""
        self._cut = True
        for link in self._links:
            link.abort()
        self._links.clear()
        for fd in journal_descriptors():
            _replace(fd, str(self.prepared.out / "never-written"), os.O_WRONLY | os.O_CREAT)

    def restart(self) -> None:
        """A new core may connect again."""
        self._cut = False

    def hold_bench(self, hold: bool) -> None:
        """The rig's process reads nothing and does nothing while it stands still."""
        for link in self._links:
            far = link.peer
            if far is not None:
                far.pause_reading() if hold else far.resume_reading()

    def _exchange(self, request: PlcRequest) -> PlcStatus:
        self.requests.append(request)
        return self._plc_exchange(request)

    def intrude(self, request: PlcRequest) -> Refusal:
        """One exchange of somebody else with the PLC, on a connection of his own; its answer."""
        return self._plc_exchange(request).ack

    # --- the wall clock -----------------------------------------------------------------------------------------

    def labels(self, utc: Callable[[], str]) -> Callable[[], str]:
        """The run's wall clock, which may be stepped; nothing but labels is taken from it."""

        def label() -> str:
            if not self._wall_step:
                return utc()
            stepped = datetime.fromisoformat(utc()) + self._wall_step
            self._labelled(stepped.isoformat(timespec="milliseconds"))
            return stepped.isoformat(timespec="milliseconds")

        return label

    def step_clock(self, by: timedelta, labelled: Callable[[str], None]) -> None:
        """From now on the wall clock is wrong; ``labelled`` is told of everything that is labelled by it."""
        self._wall_step, self._labelled = by, labelled

    # --- the core -----------------------------------------------------------------------------------------------

    def task(self, name: str) -> "asyncio.Task[Any] | None":
        """One of the core's tasks by its name."""
        return next((task for task in asyncio.all_tasks(self.loop) if task.get_name() == f"core {name}"), None)

    # --- the disk -----------------------------------------------------------------------------------------------

    async def offload(self, work: Callable[[], T], /) -> T:
        """The core's blocking work: slow when the disk is."""
        if self._slow:
            await asyncio.sleep(SLOW_S)
        return await inline(work)

    def slow_disk(self) -> None:
        """From now on every blocking piece of work takes its time."""
        self._slow = True

    def tear_later(self) -> None:
        """The power fails: when the core is put away, the journal's end is lost too."""
        self._lost_tail = True

    def lose_tail(self) -> None:
        """Tear the last bytes off the journal, if the disturbance says so."""
        if not self._lost_tail:
            return
        for path in self.prepared.out.glob(f"*/{JOURNAL}*"):
            size = path.stat().st_size
            if path.suffix != ".reserve" and size > LOST_BYTES:
                os.truncate(path, size - LOST_BYTES)


def journal_descriptors() -> list[int]:
    """Descriptors of this process that are journals, as the kernel lists them (Linux)."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue  # the descriptor of this very listing
        if os.path.basename(target).startswith(JOURNAL) and not target.endswith(".reserve"):
            found.append(int(name))
    return found


def _replace(fd: int, path: str, flags: int) -> None:
    """Let ``fd`` lead to another file: everything done with it is done there, by the kernel itself."""
    other = os.open(path, flags)
    os.dup2(other, fd)
    os.close(other)


# --- disturbances --------------------------------------------------------------------------------------------------

Disturbance = Callable[[Scene], None]


def _acts(scene: Scene, name: str, what: str) -> None:
    scene.rig.witness(f"fault {name} acts: {what}")


def _core_over(scene: Scene) -> bool:
    return scene.core is None or scene.core.done()


def _core_killed(scene: Scene) -> None:
    if _core_over(scene):
        return
    scene.loop.stop_ranks(Rank.CORE)
    scene.cut_links()
    scene.dead.set()
    _acts(scene, "core_killed", "the core is gone, its links are closed")


def _power_lost(scene: Scene) -> None:
    if _core_over(scene):
        return
    scene.tear_later()
    scene.loop.stop_ranks(Rank.CORE)
    scene.cut_links()
    scene.dead.set()
    _acts(scene, "power_lost", "the controller's computer is off, the end of its journal is lost")


def _core_hung(scene: Scene) -> None:
    if _core_over(scene):
        return
    scene.loop.stop_ranks(Rank.CORE)
    scene.dead.set()
    _acts(scene, "core_hung", "the core stands still, its links stay open")


def _stalled(name: str, time_s: float) -> Disturbance:
    def stall(scene: Scene) -> None:
        if _core_over(scene):
            return
        scene.loop.stop_ranks(Rank.CORE)
        scene.loop.call_later(time_s, scene.loop.resume)
        _acts(scene, name, f"the core stands still for {time_s:g} s")

    return stall


def _rig_still(name: str, time_s: float) -> Disturbance:
    def still(scene: Scene) -> None:
        def go_on() -> None:
            scene.loop.resume()
            scene.hold_bench(False)

        scene.hold_bench(True)
        scene.loop.stop_ranks(Rank.PLANT, Rank.LINKS)
        scene.loop.call_later(time_s, go_on)
        _acts(scene, name, f"the rig stands still for {time_s:g} s")

    return still


def _task_hung(name: str) -> Disturbance:
    def hang(scene: Scene) -> None:
        task = scene.task(name)
        if task is None or _core_over(scene):
            return
        scene.loop.hang(task)
        _bury_later(scene)
        _acts(scene, f"{name}_hung", f"the core's task {name} never runs again")

    return hang


def _task_ended(name: str) -> Disturbance:
    def end(scene: Scene) -> None:
        task = scene.task(name)
        if task is None or _core_over(scene):
            return
        task.cancel()
        _bury_later(scene)
        _acts(scene, f"{name}_ended", f"the core's task {name} is gone")

    return end


HANGS_S = 20.0
"""A half-dead core that has not ended its run by then is replaced, as the supervisor does with one that is silent."""


def _bury_later(scene: Scene) -> None:
    def look() -> None:
        if not _core_over(scene):
            scene.dead.set()

    scene.loop.call_later(HANGS_S, look)


def _journal(name: str, path: str, flags: int) -> Disturbance:
    def spoil(scene: Scene) -> None:
        for fd in journal_descriptors():
            _replace(fd, path, flags)
            _acts(scene, name, f"the journal's file is {path} now")

    return spoil


def _disk_slow(scene: Scene) -> None:
    scene.slow_disk()
    _acts(scene, "journal_slow", f"every access takes {SLOW_S:g} s more")


def _clock(name: str, by: timedelta) -> Disturbance:
    def step(scene: Scene) -> None:
        scene.step_clock(by, lambda label: _acts(scene, name, f"the wall clock says {label}"))

    return step


def _replay(scene: Scene) -> None:
    """Everything that was sent is sent again, in order and backwards: the PLC carries out none of it twice."""
    sent = [request for request in scene.requests if request.command is not PlcCommand.DUMP]
    answers = {scene.intrude(request).name for request in (*sent, *reversed(sent))}
    _acts(scene, "replayed", f"{2 * len(sent)} requests repeated: {', '.join(sorted(answers))}")


def _fire_replayed(scene: Scene) -> None:
    """Every command that the controller sends from now on reaches the PLC three times."""
    exchange = scene.rig.plc.exchange

    def thrice(request: PlcRequest) -> PlcStatus:
        status = exchange(request)
        if request.command is PlcCommand.FIRE:
            again = {scene.intrude(request).name for _ in range(2)}
            _acts(scene, "fire_replayed", f"FIRE came three times: {', '.join(sorted(again))}")
        return status

    scene.rig.plc.exchange = thrice  # type: ignore[method-assign]


def _second_controller(name: str, step: int) -> Disturbance:
    """Somebody with another epoch asks for everything that a controller may ask for, and for none of it twice."""

    def intrude(scene: Scene) -> None:
        plc = scene.rig.plc
        epoch = max(1, plc.link.epoch + step)
        wanted = [command for command in PlcCommand if command is not PlcCommand.DUMP]
        answers = {
            scene.intrude(PlcRequest(command, (), plc.link.sequence + 1, epoch, 4242, plc.scan_number)).name
            for command in wanted
        }
        _acts(scene, name, f"epoch {epoch} asks for everything: {', '.join(sorted(answers))}")

    return intrude


def _mistake(name: str, check: Callable[[Prepared], Awaitable[str]]) -> Disturbance:
    """A start with a mistake in a file or in an address beside the running shot: it must be refused."""

    def attempt(scene: Scene) -> None:
        async def try_it() -> None:
            _acts(scene, name, await check(scene.prepared))

        scene.attempt = scene.loop.create_task(try_it(), name=f"attempt {name}")

    return attempt


CORE_TASKS = ("heartbeat", "sequence", "frames", "charger", "daq")

DISTURBANCES: Mapping[str, Disturbance] = {
    "core_killed": _core_killed,
    "power_lost": _power_lost,
    "core_hung": _core_hung,
    "core_stalled": _stalled("core_stalled", 0.4),
    "core_stopped": _stalled("core_stopped", 2.0),
    "rig_paused": _rig_still("rig_paused", 0.6),
    "rig_stopped": _rig_still("rig_stopped", 3.0),
    **{f"{name}_hung": _task_hung(name) for name in CORE_TASKS},
    **{f"{name}_ended": _task_ended(name) for name in CORE_TASKS},
    "journal_full": _journal("journal_full", "/dev/full", os.O_WRONLY),
    "journal_error": _journal("journal_error", "/proc/self/mem", os.O_RDWR),
    "journal_readonly": _journal("journal_readonly", "/dev/null", os.O_RDONLY),
    "journal_slow": _disk_slow,
    "clock_forward": _clock("clock_forward", timedelta(hours=1)),
    "clock_back": _clock("clock_back", timedelta(hours=-1)),
    "replayed": _replay,
    "fire_replayed": _fire_replayed,
    "older_controller": _second_controller("older_controller", -1),
    "newer_controller": _second_controller("newer_controller", +1),
    **{name: _mistake(name, check) for name, check in MISTAKES.items()},
}
"""Name -> what it does. The hazard table refers to these names."""
