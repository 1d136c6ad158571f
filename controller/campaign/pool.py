"""A pool of worker processes that loses nothing: a task whose worker dies is run again by another.

``concurrent.futures.ProcessPoolExecutor`` breaks as a whole when one worker is killed; here only that worker's task
goes back to the queue, and a new worker takes its place. A task that ends two workers is lost with that reason, and so
is one that overruns its wall time. Whatever a task started is found by its worker's folder and ended with it.
"""

import multiprocessing
import os
import shutil
import tempfile
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Generic

from controller.app.wall_clock import shared_clock_ns
from controller.campaign.job import DEATHS_MAX, Job, R, T, WorkersUnusable
from controller.campaign.kin import end_processes_of
from controller.campaign.worker import OUTPUT, Done, Raised, Ready, serve

POLL_S = 0.1
"""How often, while no worker says anything, the wish to stop and overrun tasks are looked for."""

STARTS_MAX = 3
"""Workers in a row that may die before they are ready: then they cannot be started here at all."""

END_S = 2.0
"""Time for an idle worker to end by itself once its pipe is closed."""

MEMORY_FOLDER = Path("/dev/shm")
"""Where there is one, runs are kept in memory: each writes and syncs a few MB that are thrown away."""

MEMORY_FREE_MIN = 1 << 30
"""Free bytes per worker for that: a run asks for 256 MB before it starts, and a real one has a few beside it."""


@dataclass(slots=True)
class _Member:
    """One worker. ``task`` is the index of what it works on, None while it is idle."""

    process: SpawnProcess
    connection: "Connection[Any, Any]"
    folder: Path
    ready: bool = False
    task: int | None = None
    due_ns: int = 0


def run_pool(
    job: Job[T, R], workers: int, on_result: Callable[[R], None], stopped: Callable[[], bool], nice: int = 0
) -> bool:
    """Run every task on ``workers`` processes; ``on_result`` hears of each as it comes, in this thread.

    False: ``stopped()`` became true and what was not done is left out. Raises WorkersUnusable when no worker starts.
    When this returns or raises, no process of the pool is left and its folders are gone.
    """
    with _Crew(job, workers, on_result, nice) as crew:
        while crew.unfinished:
            if stopped():
                return False
            crew.turn()
    return True


def temporary_root(workers: int) -> Path:
    """A new folder for all workers, in memory where there is room."""
    try:
        roomy = shutil.disk_usage(MEMORY_FOLDER).free >= workers * MEMORY_FREE_MIN
    except OSError:
        roomy = False
    usable = roomy and os.access(MEMORY_FOLDER, os.W_OK)
    return Path(tempfile.mkdtemp(prefix="sparkgap-campaign-", dir=MEMORY_FOLDER if usable else None))


class _Crew(Generic[T, R]):
    def __init__(self, job: Job[T, R], workers: int, on_result: Callable[[R], None], nice: int) -> None:
        self._job = job
        self._workers = workers
        self._on_result = on_result
        self._nice = nice
        self._queue = deque(range(len(job.tasks)))
        self._deaths: Counter[int] = Counter()
        self._members: list[_Member] = []
        self._started = 0
        self._stillborn = 0
        self._context = multiprocessing.get_context("spawn")
        self._root = temporary_root(workers)

    def __enter__(self) -> "_Crew[T, R]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for member in self._members:
            member.connection.close()
        for member in self._members:
            if member.task is None and kind is None:
                member.process.join(END_S)
            self._end(member)
        shutil.rmtree(self._root, ignore_errors=True)

    @property
    def unfinished(self) -> bool:
        """True while a task waits or is worked on."""
        return bool(self._queue) or any(member.task is not None for member in self._members)

    def turn(self) -> None:
        """Hand out tasks, wait for the next word of a worker, bury the dead."""
        busy = sum(member.task is not None for member in self._members)
        while len(self._members) < min(self._workers, len(self._queue) + busy):
            self._members.append(self._start())
        for member in self._members:
            if member.ready and member.task is None and self._queue:
                self._hand_over(member, self._queue.popleft())
        ends: list[Any] = [member.connection for member in self._members]
        ends += [member.process.sentinel for member in self._members]
        news = wait(ends, POLL_S)
        for member in list(self._members):
            if member.connection in news or member.process.sentinel in news:
                self._hear(member)
            elif member.task is not None and shared_clock_ns() > member.due_ns:
                self._overrun(member)

    def _start(self) -> _Member:
        self._started += 1
        folder = self._root / f"worker-{self._started}"
        folder.mkdir()
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=serve,
            args=(theirs, str(folder), self._nice, self._job.run),
            name=f"sparkgap campaign worker {self._started}",
        )
        process.start()
        theirs.close()
        return _Member(process, ours, folder)

    def _hand_over(self, member: _Member, index: int) -> None:
        member.task = index
        member.due_ns = shared_clock_ns() + round(self._job.limit_s * 1e9)
        try:
            member.connection.send(self._job.tasks[index])
        except OSError:
            self._bury(member)

    def _hear(self, member: _Member) -> None:
        """What the worker has said comes before its death: a result that was sent is never made twice."""
        try:
            word = member.connection.recv() if member.connection.poll() else None
        except (EOFError, OSError):
            word = None
        match word:
            case Ready():
                member.ready = True
                self._stillborn = 0
            case Done(result):
                self._finish(member, result)
            case Raised(sentence):
                self._finish(member, self._lost(member, sentence))
            case _:
                self._bury(member)

    def _finish(self, member: _Member, result: Any) -> None:
        member.task = None
        self._on_result(result)

    def _lost(self, member: _Member, why: str) -> R:
        assert member.task is not None
        return self._job.lost(self._job.tasks[member.task], why)

    def _overrun(self, member: _Member) -> None:
        """A task that hangs would hang again: it is not given to anybody else."""
        result = self._lost(member, f"was not over after {self._job.limit_s:g} s of wall time; its worker was ended")
        self._remove(member)
        self._on_result(result)

    def _bury(self, member: _Member) -> None:
        """Its task goes back to the head of the queue, unless it has ended a worker before."""
        how = self._remove(member)
        if not member.ready:
            self._stillborn += 1
            if self._stillborn >= STARTS_MAX:
                problem = f"workers end before they are ready ({how})"
                raise WorkersUnusable(problem, "run it with --workers 1 and see what it says")
        if member.task is None:
            return
        self._deaths[member.task] += 1
        if self._deaths[member.task] >= DEATHS_MAX:
            self._on_result(self._lost(member, f"ended its worker {DEATHS_MAX} times ({how})"))
        else:
            self._queue.appendleft(member.task)

    def _remove(self, member: _Member) -> str:
        """End what is left of a worker; returns how it ended and the last line it printed."""
        self._members.remove(member)
        member.connection.close()
        self._end(member)
        code = member.process.exitcode or 0
        how = f"signal {-code}" if code < 0 else f"exit status {code}"
        said = (member.folder / OUTPUT).read_text(errors="replace").splitlines() if member.ready else []
        shutil.rmtree(member.folder, ignore_errors=True)
        return f"{how}: {said[-1]}" if said else how

    def _end(self, member: _Member) -> None:
        if member.process.is_alive():
            member.process.kill()
        member.process.join()
        end_processes_of(member.folder)
