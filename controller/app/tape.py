"""Recording a wire tape (:mod:`controller.app.tape_format`); what records onto it is :mod:`controller.app.tape_tap`'s.

The file gets each frame by one appending write: inline on virtual time, from a thread of its own on real time, so that
a disk that hangs stops no heartbeat; what does not fit the queue meanwhile is counted as lost on the tape itself.
"""

import asyncio
import logging
import os
import queue
import threading
from pathlib import Path

import msgspec

from controller.app import tape_format
from controller.app.preflight import read_bounded
from controller.app.tape_format import Begin, Ended, Frame, Full, Lost, Opened
from controller.messages import Finished, RunConfig
from controller.rig.model import Rig
from controller.rig.source import Problem, Refused

QUEUE_MAX_BYTES = 64 << 20
"""What may wait for the disk: the records of four scopes, at once, twice."""

JOIN_S = 5.0
"""Longest wait for the disk at the end of a recording."""

log = logging.getLogger("sparkgap.tape")


class Tape:
    """One file being recorded. ``threaded`` on real time. Raises Refused when the file cannot be written."""

    def __init__(self, path: Path, begin: Begin, *, threaded: bool, limit: int = tape_format.TAPE_MAX_BYTES) -> None:
        self._loop = asyncio.get_running_loop()
        self._origin = self._loop.time()
        self._connections = 0
        self._queue: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._queued_bytes = 0
        self._written_bytes = 0
        self._lost = 0
        self._over = False
        self._failed = False
        self._fd, kept = _open(path)
        self._room = limit - kept
        self._writer: threading.Thread | None = None
        if threaded:
            self._writer = threading.Thread(target=self._write_all, name="tape", daemon=True)
            self._writer.start()
        self.put(begin)

    def now_ns(self) -> int:
        """Nanoseconds since the recording began."""
        return round((self._loop.time() - self._origin) * 1e9)

    def opened(self, instrument: str) -> int:
        """A connection stands; its number."""
        self._connections += 1
        self.put(Opened(self.now_ns(), self._connections, instrument))
        return self._connections

    def ended(self, finished: Finished) -> None:
        """The run's last word."""
        self.put(Ended(self.now_ns(), finished.verdict, msgspec.json.encode(finished).decode()))

    def put(self, frame: Frame) -> None:
        """Record one frame; never raises, never waits for the disk on real time."""
        if self._over:
            return
        data = tape_format.encode(frame)
        self._room -= len(data)
        if self._room < 0:
            self._over = True
            data = tape_format.encode(Full(self.now_ns()))
        if self._writer is None:
            self._write(data)
        elif self._queued_bytes - self._written_bytes + len(data) > QUEUE_MAX_BYTES:
            self._lost += 1
        else:
            if self._lost:
                data = tape_format.encode(Lost(self.now_ns(), self._lost)) + data
                self._lost = 0
            self._queued_bytes += len(data)
            self._queue.put(data)

    def close(self) -> None:
        """End the recording; waits a bounded time for the disk."""
        if self._lost:
            self._queue.put(tape_format.encode(Lost(self.now_ns(), self._lost)))
        self._over = True
        if self._writer is None:
            os.close(self._fd)
            return
        self._queue.put(b"")
        self._writer.join(JOIN_S)

    def _write_all(self) -> None:
        while data := self._queue.get():
            self._write(data)
            self._written_bytes += len(data)
        os.close(self._fd)

    def _write(self, data: bytes) -> None:
        try:
            while data and not self._failed:
                data = data[os.write(self._fd, data) :]
        except OSError as error:
            self._over = self._failed = True
            log.error("the tape ends here: %s", error)


def _open(path: Path) -> tuple[int, int]:
    """The file to append to, and its size. A tape goes on behind its last whole frame: the next process of the same
    run records on it."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        if os.fstat(fd).st_size == 0:
            os.write(fd, tape_format.MAGIC)
        kept = tape_format.sound_bytes(path)
        os.ftruncate(fd, kept)
    except OSError as error:
        raise _unusable(path, f"cannot be written: {error.strerror or error}") from None
    except tape_format.NoTape:
        os.close(fd)
        raise _unusable(path, "is a file of another kind") from None
    return fd, kept


def _unusable(path: Path, problem: str) -> Refused:
    return Refused([Problem("--tape", 0, str(path), problem, "name a new file in a folder that exists")])


def require_new(name: str) -> None:
    """Raise Refused unless ``name`` (empty: no tape) can become a new tape: nobody's file is written over."""
    path = Path(name)
    if name and not path.absolute().parent.is_dir():
        raise _unusable(path, "its folder does not exist")
    if name and path.exists():
        raise _unusable(path, "exists already")


def begin_of(config: RunConfig, rig: Rig, utc: str, *, virtual: bool) -> Begin:
    """What a run's tape begins with: enough to run it again. Raises Refused for a profile that cannot be read."""
    profile = read_bounded(Path(config.profile_path)).decode(errors="replace") if config.profile_path else ""
    instruments = {spec.name: (spec.model, spec.transport) for spec in rig.instruments}
    return Begin("driver", utc, virtual, instruments, msgspec.json.encode(config).decode(), profile)
