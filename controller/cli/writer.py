"""Standard output that can never hold anything up: a bounded queue and a thread of its own in front of the descriptor.

An unread pipe, a stopped terminal or ``| head -1`` may block or kill that thread's write; the supervisor's loop only
ever appends to the queue. When the other side is gone the writer says so once, and the run is aborted.
"""

import os
import select
import threading
from collections import deque
from collections.abc import Callable

QUEUE_BYTES_MAX = 256 * 1024
"""Text waiting for a slow reader; a whole run's lines are about 20 kB, so only an unread Live display gets here."""

POLL_S = 0.2
"""How often an idle writer looks whether its reader is still there."""

FLUSH_TIMEOUT_S = 2.0
"""How long the end of a command waits for a reader that is behind."""


class Writer:
    """File-like for text: :meth:`write` never blocks, never raises; ``on_closed`` is called from the thread."""

    encoding = "utf-8"

    def __init__(self, descriptor: int, on_closed: Callable[[], None] = lambda: None) -> None:
        self.descriptor = descriptor
        self._on_closed = on_closed
        self._queue: deque[tuple[bytes, bool]] = deque()
        self._queued_bytes = 0
        self._condition = threading.Condition()
        self._busy = False
        self._ending = False
        self.closed = False
        self._thread = threading.Thread(target=self._work, name="sparkgap stdout", daemon=True)
        self._thread.start()

    @property
    def backlog(self) -> int:
        """Bytes not yet taken by the operating system."""
        return self._queued_bytes

    def write(self, text: str) -> int:
        """Queue text that may be dropped, oldest first, when the reader is too slow."""
        self._put(text.encode(self.encoding, "replace"), droppable=True)
        return len(text)

    def write_line(self, line: str) -> None:
        """Queue a line that must not be dropped: results and errors."""
        self._put(f"{line}\n".encode(self.encoding, "replace"), droppable=False)

    def flush(self) -> None:
        """Nothing to do: the thread writes as soon as the reader takes it."""

    def isatty(self) -> bool:
        """Whether the descriptor is a terminal."""
        return os.isatty(self.descriptor)

    def fileno(self) -> int:
        """The descriptor, for those who ask for the terminal's size."""
        return self.descriptor

    def close(self, timeout_s: float = FLUSH_TIMEOUT_S) -> None:
        """Wait for the queue to drain, at most ``timeout_s``; what is left then is lost."""
        with self._condition:
            self._condition.wait_for(lambda: self.closed or not (self._queue or self._busy), timeout_s)
            self._ending = True
            self._condition.notify_all()

    def _put(self, data: bytes, droppable: bool) -> None:
        with self._condition:
            if self.closed or self._ending:
                return
            self._queue.append((data, droppable))
            self._queued_bytes += len(data)
            self._drop_oldest()
            self._condition.notify_all()

    def _drop_oldest(self) -> None:
        if self._queued_bytes <= QUEUE_BYTES_MAX:
            return
        kept: deque[tuple[bytes, bool]] = deque()
        for data, droppable in self._queue:
            if droppable and self._queued_bytes > QUEUE_BYTES_MAX:
                self._queued_bytes -= len(data)
            else:
                kept.append((data, droppable))
        self._queue = kept

    def _work(self) -> None:
        while (data := self._next()) is not None:
            try:
                self._write_all(data)
            except OSError:
                self._give_up()
                return
            with self._condition:
                self._busy = False
                self._condition.notify_all()

    def _next(self) -> bytes | None:
        """The next piece to write; None when the writer has ended or its reader is gone."""
        while True:
            with self._condition:
                if not self._queue and not self._ending:
                    self._condition.wait(POLL_S)
                if self._queue:
                    data, _ = self._queue.popleft()
                    self._queued_bytes -= len(data)
                    self._busy = True
                    return data
                if self._ending:
                    return None
            if reader_gone(self.descriptor):
                self._give_up()
                return None

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self.descriptor, view) :]
            except BlockingIOError:  # somebody made the terminal non-blocking
                select.select([], [self.descriptor], [], POLL_S)

    def _give_up(self) -> None:
        with self._condition:
            self.closed = True
            self._busy = False
            self._queue.clear()
            self._queued_bytes = 0
            self._condition.notify_all()
        self._on_closed()


def reader_gone(descriptor: int) -> bool:
    """Whether the other end of a pipe or terminal has been closed, as far as the platform can tell without writing."""
    if not hasattr(select, "poll"):
        return False
    poller = select.poll()
    poller.register(descriptor, 0)
    gone = select.POLLERR | select.POLLHUP | select.POLLNVAL
    return any(event & gone for _, event in poller.poll(0))
