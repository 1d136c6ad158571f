"""The children's side of the control pipe: lines on standard input, read on a thread of its own.

A thread because standard input may be a pipe, a file or a console, and not every event loop can wait for all of them
(Windows); a daemon because it must never keep a child alive.
"""

import asyncio
import ctypes
import logging
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from controller.app.priority import ORDINARY, raise_priority, work_behind

log = logging.getLogger("sparkgap.control")

LINE_MAX = 1 << 20
"""Longest line: a RunConfig with every override and endpoint is a few kB."""


PR_SET_PDEATHSIG = 1
"""From <sys/prctl.h>: the signal that this process gets when its parent dies."""


def install_uvloop() -> None:
    """Use uvloop where it exists; the children work the same without."""
    try:
        import uvloop
    except ImportError:  # Windows
        return
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


def wake_when_orphaned() -> None:
    """Linux: a child that somebody stopped goes on when its supervisor dies, so that it sees its input closed and ends.

    Elsewhere such a child waits for SIGCONT. Nothing depends on it: a stopped core's PLC has long dumped.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGCONT, 0, 0, 0)


def go_first() -> None:
    """Run this process's loop before the ordinary processes, and the workers of its default executor behind the loop.

    For children whose lateness ends a shot; called once everything is imported.
    """
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="offload", initializer=work_behind))
    if raise_priority(loop.time) == ORDINARY:
        log.warning("no priority over other processes: a busy computer may abort shots; allow this account `rtprio 2`")


class Lines:
    """Standard input as lines on the loop. ``first`` then ``until_closed``.

    ``on_closed`` is called on the reading thread when standard input closes: it runs even when the loop hangs.
    """

    def __init__(self, on_closed: Callable[[], None] = lambda: None) -> None:
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[bytes] = deque()
        self._closed = False
        self._wake: asyncio.Future[None] | None = None
        threading.Thread(target=self._read, name="control lines", daemon=True).start()

    def _read(self) -> None:
        # Unbuffered: a buffered reader's lock, held by this thread, would be fatal at interpreter shutdown.
        stream = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)  # noqa: SIM115 - lives with the process
        while True:
            line = stream.readline(LINE_MAX)
            try:
                self._loop.call_soon_threadsafe(self._take, line)
            except RuntimeError:  # the loop is closed: nobody listens any more
                return
            if not line:
                self._on_closed()
                return

    def _take(self, line: bytes) -> None:
        if line:
            self._waiting.append(line)
        else:
            self._closed = True
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def next(self) -> bytes:
        """The next line, empty when standard input has closed."""
        while not self._waiting:
            if self._closed:
                return b""
            self._wake = self._loop.create_future()
            await self._wake
        return self._waiting.popleft()

    async def first(self) -> bytes:
        """The first line. Raises EOFError when there is none."""
        line = await self.next()
        if not line:
            raise EOFError("standard input closed before the first line")
        return line

    async def until_closed(self, take: Callable[[bytes], None]) -> None:
        """Hand every further line to ``take`` and return when standard input closes."""
        while line := await self.next():
            take(line)
