"""One thread for blocking reads: the HDF5 library wants one caller at a time, and a page must never wait for a disk.

A daemon thread of its own and not an executor: an executor's threads are joined when the process ends, and a disk
that hangs would keep the panel from ending.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
Job = tuple["Future[Any]", Callable[[], Any]]

QUEUE_MAX = 32
"""Reads that wait: a page asks for a dozen waveforms at once, and each takes milliseconds."""

DEADLINE_S = 10.0
"""Longest wait for one read, the queue included: after that the disk hangs, and the person is told."""


class WorkerBusy(Exception):
    """Too much is being read, or the disk does not answer: a sentence for the person who waits."""


class Worker:
    """Runs blocking functions one after the other, away from the loop; the thread starts with the first of them."""

    def __init__(self, name: str, queue_max: int = QUEUE_MAX, deadline_s: float = DEADLINE_S) -> None:
        self._name = name
        self._deadline_s = deadline_s
        self._free = threading.BoundedSemaphore(queue_max)
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, work: Callable[[], T]) -> T:
        """Await ``work()`` within the deadline; its exceptions pass. Raises WorkerBusy.

        Work whose caller has gone away is not begun, and keeps its place in the queue until its turn; what has begun
        runs to its end.
        """
        answer = self.submit(work)
        wrapped = asyncio.wrap_future(answer)
        try:
            await asyncio.wait([wrapped], timeout=self._deadline_s)
            if wrapped.done():
                return wrapped.result()
            raise WorkerBusy(f"the disk or the database did not answer within {self._deadline_s:g} s")
        finally:
            answer.cancel()  # has no effect once it has begun
            wrapped.cancel()

    def submit(self, work: Callable[[], T]) -> "Future[T]":
        """Have ``work()`` done without waiting for it. Raises WorkerBusy."""
        if not self._free.acquire(blocking=False):
            raise WorkerBusy("too many recorded shots are being read at once; ask again in a moment")
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
            self._thread.start()
        answer: Future[T] = Future()
        self._jobs.put((answer, work))
        return answer

    def close(self) -> None:
        """Let the thread end after what waits now; it is not waited for, and nothing may be asked after that."""
        self._jobs.put(None)

    def join(self, timeout_s: float) -> None:
        """Block until the thread has ended, for tests."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._free.release()
            _perform(*job)


def _perform(answer: "Future[T]", work: Callable[[], T]) -> None:
    if not answer.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except Exception as error:  # whoever asked gets it
        answer.set_exception(error)
    else:
        answer.set_result(result)
