"""Alarms outlive their core: one small JSON file per bench in the output folder, written when an alarm changes.

Nothing here may cost a run: a file that cannot be read is set aside and said to be so, one that cannot be written is
tried again, and all of it happens away from the loop. Virtual runs neither read nor write it.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from controller.app.folder_lock import FolderLock
from controller.messages import Event, Message
from controller.rig.model import Rig
from controller.rig.source import Refused
from controller.runtime.alarming import Alarming
from controller.runtime.offload import Offload
from controller.shots.journal_file import sync_folder
from controller.telemetry.alarms import COUNT_MAX, AlarmState, Standing

VERSION = 1
"""The newest file this code reads."""

BYTES_MAX = 1 << 20
"""A file of every alarm that a bench can have is a tenth of this; nothing larger is read."""

PAUSE_S = 1.0
"""Shortest time between two writes: an alarm that changes with every look costs one fsync a second."""

DISK_S = 10.0
"""Time between two looks at the free space, and between two attempts to write what could not be written."""

PATIENCE_S = 5.0
"""Longest wait for the disk at the start and at the end; then the run goes on, or ends, without it."""

ASIDE_MAX = 9
"""Files set aside; the last place is then used again, so that a broken disk cannot fill itself."""

PREFIX = "alarms."
"""Names in the output folder that belong to this module start with this."""


class AlarmFileUnusable(Exception):
    """The file holds no alarms that this code understands. One line for a person."""


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    state: str
    order: int
    count: int
    raised_utc: str
    worst: float | None
    text: str


class _Version(msgspec.Struct, frozen=True):
    alarms: int


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alarms: int
    rig: str
    standing: tuple[_Kept, ...]


def encode_alarms(rig: str, standings: Sequence[Standing]) -> bytes:
    """The file's bytes. A shelf is not kept: its time is this core's loop time."""
    kept = tuple(_Kept(s.id, s.state.value, s.order, s.count, s.raised_utc, s.worst, s.text) for s in standings)
    return msgspec.json.format(msgspec.json.encode(_File(VERSION, rig, kept)), indent=1) + b"\n"


def decode_alarms(data: bytes, rig: str) -> tuple[Standing, ...]:
    """The standings in a file's bytes. Raises AlarmFileUnusable."""
    if len(data) > BYTES_MAX:
        raise AlarmFileUnusable(f"is larger than {BYTES_MAX} bytes")
    try:
        version = msgspec.json.decode(data, type=_Version).alarms
        if version > VERSION:
            raise AlarmFileUnusable(f"is of version {version}, and this Sparkgap reads up to version {VERSION}")
        file = msgspec.json.decode(data, type=_File)
        standings = tuple(_standing(kept) for kept in file.standing)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise AlarmFileUnusable(f"is damaged: {error}") from error
    if file.rig != rig:
        raise AlarmFileUnusable(f"belongs to {file.rig[:40]!r}")
    return standings


def _standing(kept: _Kept) -> Standing:
    state = AlarmState(kept.state)
    if state is AlarmState.SHELVED or not 0 <= kept.count <= COUNT_MAX or not 0 <= kept.order <= COUNT_MAX:
        raise ValueError(f"{kept.id[:60]!r} is {kept.state} with order {kept.order} and count {kept.count}")
    return Standing(
        kept.id,
        state,
        order=kept.order,
        count=kept.count,
        raised_utc=kept.raised_utc,
        worst=kept.worst,
        text=kept.text,
    )


class AlarmFile:
    """The file of one bench. Blocking: call it through ``offload``."""

    def __init__(self, folder: Path, rig: str) -> None:
        self.path = folder / f"{PREFIX}{rig}.json"
        self._rig = rig

    def read(self) -> tuple[tuple[Standing, ...], str]:
        """What is kept, and a sentence when the file was unusable and has been set aside. Raises OSError."""
        try:
            with open(self.path, "rb") as file:
                data = file.read(BYTES_MAX + 1)
        except FileNotFoundError:
            return (), ""
        try:
            return decode_alarms(data, self._rig), ""
        except AlarmFileUnusable as problem:
            aside = self._aside()
            os.replace(self.path, aside)
            return (), f"{self.path} {problem}; it is set aside as {aside.name}, and the alarms in it are not shown"

    def write(self, standings: Sequence[Standing]) -> None:
        """Replace the file, all of it or nothing. Raises OSError."""
        temporary = self.path.with_name(self.path.name + ".new")
        with open(temporary, "wb") as file:
            file.write(encode_alarms(self._rig, standings))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.path)
        sync_folder(self.path.parent)

    def free_bytes(self) -> int:
        """Free space of the folder's disk. Raises OSError."""
        return shutil.disk_usage(self.path.parent).free

    def _aside(self) -> Path:
        names = [self.path.with_name(f"{self.path.name}.unusable-{n}") for n in range(1, ASIDE_MAX + 1)]
        return next((name for name in names if not name.exists()), names[-1])


class AlarmKeeper:
    """Writes the latest standings, coalesced; :meth:`run` is its task, :meth:`keep` never blocks."""

    def __init__(self, file: AlarmFile, offload: Offload, tell: Callable[[str], None]) -> None:
        self._file = file
        self._offload = offload
        self._tell = tell
        self._wanted: tuple[Standing, ...] | None = None
        self._wake = asyncio.Event()
        self._closing = False
        self._trouble = ""
        self.on_disk: Callable[[float], None] = lambda free_bytes: None

    def keep(self, standings: Sequence[Standing]) -> None:
        """These are to be in the file soon; whatever was to be there before is forgotten."""
        self._wanted = tuple(standings)
        self._wake.set()

    def close(self) -> None:
        """Let :meth:`run` write what is left and end."""
        self._closing = True
        self._wake.set()

    async def run(self) -> None:
        """Write until :meth:`close`."""
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            free = await self._attempt()
            if self._closing and (self._wanted is None or self._trouble):
                return
            if free is not None:
                self.on_disk(float(free))
            not_before = loop.time() + PAUSE_S
            await self._until_woken(DISK_S)
            if not self._closing:
                await asyncio.sleep(max(0.0, not_before - loop.time()))

    async def _attempt(self) -> int | None:
        """Write what is wanted and look at the disk. What fails is told once and tried again later."""
        wanted = self._wanted

        def work() -> int:
            if wanted is not None:
                self._file.write(wanted)
            return self._file.free_bytes()

        try:
            free = await self._offload(work)
        except OSError as error:
            trouble = f"alarms cannot be kept in {self._file.path}: {error.strerror or error}"
            if trouble != self._trouble:
                self._tell(trouble)
            self._trouble = trouble
            return None
        self._trouble = ""
        if self._wanted is wanted:
            self._wanted = None
        return free

    async def _until_woken(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return


@asynccontextmanager
async def kept_alarms(
    rig: Rig, out: Path | None, publish: Callable[[Message], None], utc: Callable[[], str], offload: Offload
) -> AsyncIterator[Alarming]:
    """The alarms of a bench, as an earlier core left them in ``out``, and kept for the next one.

    Without a folder (virtual time) nothing is read or kept. Raises nothing of its own.
    """
    if out is None:
        yield Alarming(rig, publish, utc)
        return
    loop = asyncio.get_running_loop()

    def tell(text: str) -> None:
        publish(Event(round(loop.time() * 1e9), "alarms", "warning", text))

    keeper: AlarmKeeper | None = None
    early: list[str] = []
    lock, kept = await _open(rig, out, offload, early.append)
    if lock is not None:
        keeper = AlarmKeeper(AlarmFile(out, rig.name), offload, tell)
    alarming = Alarming(rig, publish, utc, None if keeper is None else keeper.keep)
    unknown = alarming.restore(kept, round(loop.time() * 1e9))
    if unknown:
        early.append(f"rig.yaml has no alarm {', '.join(unknown)} any more; what an earlier core knew of it is dropped")
    for text in early:
        alarming.note_early(text)
    if keeper is None or lock is None:
        yield alarming
        return
    keeper.on_disk = alarming.see_disk
    task = asyncio.create_task(keeper.run(), name="alarm file")
    try:
        yield alarming
    finally:
        keeper.close()
        await asyncio.wait([task], timeout=PATIENCE_S)
        task.cancel()
        await asyncio.wait([task])
        lock.release()
        if not task.cancelled() and task.exception() is not None:
            tell(f"alarms were not kept: {task.exception()!r}")


async def _open(
    rig: Rig, out: Path, offload: Offload, tell: Callable[[str], None]
) -> tuple[FolderLock | None, tuple[Standing, ...]]:
    """The right to write the file, and what is in it. Without the right the alarms live as long as this core."""

    def take() -> FolderLock:
        out.mkdir(parents=True, exist_ok=True)
        return FolderLock(out, f".{PREFIX}{rig.name}.lock")

    lock: FolderLock | None = None
    try:
        async with asyncio.timeout(PATIENCE_S):
            lock = await offload(take)
            kept, problem = await offload(AlarmFile(out, rig.name).read)
    except Refused:
        tell(f"another controller keeps the alarms in {out}; those of this one end with it")
    except (OSError, TimeoutError) as error:
        if lock is not None:
            lock.release()
        tell(f"alarms cannot be kept in {out}: {error or 'the disk does not answer'}")
    else:
        if problem:
            tell(problem)
        return lock, kept
    return None, ()
