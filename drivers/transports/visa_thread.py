"""The thread that owns one VISA resource: PyVISA can be neither awaited nor cancelled (instruments.md 3.1).

One thread, one resource, one job at a time (trap T5). A job that nobody waits for any more is *abandoned*: it writes
nothing to anybody's memory, and its result is dropped. A thread that is stuck in VISA is *retired*: when the call
returns at last, it closes its resource and ends.
"""

import asyncio
import contextlib
import queue
import socket
import threading
import traceback
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from drivers.transports.receiver import Framer, TooMuch
from drivers.transports.route import Visa
from drivers.wire.block import HEADER_MAX, SCRATCH_BYTES, BadBlock, BlockReader

T = TypeVar("T")

FEED_BYTES = 1 << 20
"""Bytes of a block copied at a time into the caller's memory: a caller that gives up waits for no more than that."""

CAUSES_MAX = 8
"""Exceptions behind a failed open that are looked through: PyVISA, pyvisa-py and its RPC client make three at most."""

_managers: dict[str, Any] = {}
_managers_lock = threading.Lock()


class Abandoned(Exception):
    """Nobody waits for this job any more."""


class Job(Generic[T]):
    """One piece of work for the thread. ``waiter`` belongs to the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, work: "Callable[[Any, Job[T]], T]") -> None:
        self.waiter: asyncio.Future[T] = loop.create_future()
        self.work = work
        self._lock = threading.Lock()
        self._abandoned = False

    def abandon(self) -> None:
        """From the loop: from here on the thread writes nothing for this job."""
        with self._lock:
            self._abandoned = True

    def feed(self, block: BlockReader, data: memoryview) -> None:
        """From the thread: put bytes into the caller's memory. Raises Abandoned, BadBlock."""
        with self._lock:
            if self._abandoned:
                raise Abandoned
            block.feed(data)

    def finish(self, result: T | None, error: BaseException | None) -> None:
        """In the loop: tell whoever still waits."""
        if self.waiter.done():
            return
        if error is None:
            self.waiter.set_result(result)  # type: ignore[arg-type]
        else:
            self.waiter.set_exception(error)


class VisaThread:
    """A thread for ``route``; nothing is open until :func:`open_resource` has been submitted."""

    def __init__(self, name: str, route: Visa, ended: Callable[[], None]) -> None:
        self.route = route
        self.idle = asyncio.Event()
        self.idle.set()
        self.resource: Any = None
        self._loop = asyncio.get_running_loop()
        self._ended = ended
        self._jobs: queue.SimpleQueue[Job[Any] | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name=f"visa-{name}", daemon=True).start()

    def submit(self, job: Job[Any]) -> None:
        """Work to be done after what is under way."""
        self.idle.clear()
        self._jobs.put(job)

    def retire(self) -> None:
        """End after what is under way."""
        self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            result, error = None, None
            try:
                result = job.work(self, job)
            except BaseException as trouble:
                error = trouble
            self._tell(self._finished, job, result, error)
            del job, result, error
        close_resource(self)
        self._tell(self._ended)

    def _finished(self, job: Job[Any], result: Any, error: BaseException | None) -> None:
        if self._jobs.empty():
            self.idle.set()
        job.finish(result, error)

    def _tell(self, call: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:  # the loop was closed while VISA was stuck: nobody is left to tell
            self._jobs.put(None)


# -- what the thread does: each takes the thread that owns the resource


def open_resource(thread: VisaThread, timeout_s: float) -> None:
    """Open it. Raises what PyVISA and its backends raise, which is almost anything."""
    import pyvisa  # an optional dependency, and a slow import: in this thread

    library = thread.route.library
    with _managers_lock:  # never closed: closing one manager closes the sessions of all (pyvisa #742, T5)
        manager = _managers.get(library)
        if manager is None:
            manager = _managers[library] = pyvisa.ResourceManager(library)
    try:
        # Without open_timeout pyvisa-py 0.8.1 gives VXI-11 a tenth of a second (T7).
        resource: Any = manager.open_resource(thread.route.resource, open_timeout=round(timeout_s * 1e3))
    except BaseException as trouble:
        close_sockets(owners_in(trouble))
        raise
    resource.read_termination = None  # END is the end; a line feed may be data
    thread.resource = resource


def close_resource(thread: VisaThread) -> None:
    """Close it. That may fail when the instrument is gone; it is given up anyway, and PyVISA forgets it."""
    resource, thread.resource = thread.resource, None
    if resource is None:
        return
    handle, sessions = resource.session, getattr(resource.visalib, "sessions", None)
    with contextlib.suppress(Exception):
        resource.close()
    if isinstance(sessions, dict):  # a backend in Python: pyvisa-py 0.8.1 keeps every session it ever had
        close_sockets([sessions.pop(handle, None)])


def owners_in(trouble: BaseException) -> list[Any]:
    """Whoever was at work where ``trouble`` and what led to it were raised.

    pyvisa-py 0.8.1 registers a session once it is open: one that fails on the way is known to its own frames only.
    """
    found: list[Any] = []
    link: BaseException | None = trouble
    for _ in range(CAUSES_MAX):
        if link is None:
            break
        found += [frame.f_locals.get("self") for frame, _ in traceback.walk_tb(link.__traceback__)]
        link = link.__cause__ or link.__context__
    return found


def close_sockets(owners: Iterable[Any]) -> None:
    """Close the sockets that ``owners``, sessions or RPC clients of pyvisa-py, hold themselves or in ``interface``.

    pyvisa-py 0.8.1 leaves them to the garbage collector when an open fails, and for good when a close fails: a
    descriptor for each attempt to reach an instrument that is away. Closing one twice does no harm.
    """
    for owner in owners:
        for holder in (owner, getattr(owner, "interface", None)):
            held = getattr(holder, "sock", None)
            if isinstance(held, socket.socket):
                held.close()


def clear_device(thread: VisaThread, timeout_s: float) -> None:
    """Device clear: nothing that was sent before counts any more."""
    thread.resource.timeout = _ms(timeout_s)
    thread.resource.clear()


def write(thread: VisaThread, request: bytes, timeout_s: float) -> None:
    """Send ``request`` as one message."""
    thread.resource.timeout = _ms(timeout_s)
    thread.resource.write_raw(request)


def read_text(thread: VisaThread, terminator: bytes, limit: int, framer: Framer | None) -> bytes:
    """One message up to END, at most ``limit`` bytes, without ``terminator``. Raises ValueError when it is none."""
    held = bytearray()
    room = limit + len(terminator) + 1
    while True:
        data, more = _read(thread.resource, room)  # never exactly as long as an allowed reply (T7)
        held += data
        if len(held) >= room:
            raise TooMuch(f"more than {limit} bytes, beginning {bytes(held[:40])!r}")
        if not more:
            return _one_reply(held, terminator, limit, framer)


def read_block(thread: VisaThread, job: Job[int], out: memoryview, terminator: bytes) -> int:
    """One definite block into ``out``; its length. Raises BadBlock, Abandoned."""
    block = BlockReader(out, terminator)
    room = len(out) + HEADER_MAX + len(terminator) + 1
    more = True
    while more:
        data, more = _read(thread.resource, room)  # as above: longer than any block that fits
        view = memoryview(data)
        job.feed(block, view[:SCRATCH_BYTES])
        for at in range(SCRATCH_BYTES, len(view), FEED_BYTES):
            job.feed(block, view[at : at + FEED_BYTES])
        if len(data) >= room:
            raise BadBlock("more bytes than the block announced")
    if not block.ended():
        raise BadBlock("the answer ended before its block did")
    return block.size


def _read(resource: Any, count: int) -> tuple[bytes, bool]:
    """The next bytes, and whether the message goes on."""
    from pyvisa.constants import StatusCode

    library, session = resource.visalib, resource.session
    with library.ignore_warning(session, StatusCode.success_max_count_read, StatusCode.success_device_not_present):
        data, status = library.read(session, count)
    return data, status == StatusCode.success_max_count_read


def _one_reply(held: bytearray, terminator: bytes, limit: int, framer: Framer | None) -> bytes:
    if framer is not None:
        size = framer(held)
        if not 0 < size <= min(len(held), limit) or bytes(held[size:]) not in (b"", terminator):
            raise TooMuch(f"{len(held)} bytes where {size} belong: {bytes(held[:40])!r}")
        return bytes(held[:size])
    at = held.find(terminator)
    if at >= 0 and at + len(terminator) < len(held):
        raise TooMuch(f"{len(held) - at - len(terminator)} bytes after the end of the reply {bytes(held[:40])!r}")
    if at < 0 and len(held) > limit:
        raise TooMuch(f"more than {limit} bytes, beginning {bytes(held[:40])!r}")
    return bytes(held if at < 0 else held[:at])


def _ms(timeout_s: float) -> int:
    return max(round(timeout_s * 1e3), 1)
