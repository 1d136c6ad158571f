"""The same job on the workers of a Dask scheduler (``--dask ADDRESS``): they may be on many computers.

Dask gives the task of a dead worker to another one. A task that ends every worker it is given to comes back as lost,
as it does from the pool.
"""

import importlib
import importlib.metadata
import importlib.util
import logging
import queue
from collections.abc import Callable
from typing import Any

from controller.app.wall_clock import shared_clock_ns
from controller.campaign.cluster_worker import run_on_worker, sparkgap_version
from controller.campaign.job import Job, R, T, WorkersUnusable
from controller.campaign.worker import Done, Raised
from controller.rig.source import Problem, Refused

POLL_S = 0.2
"""How often the wish to stop is looked for while no worker says anything."""

CONNECT_S = 10.0
"""A scheduler that is there answers in milliseconds; over a slow line in seconds."""

WORKERS_S = 10.0
"""Workers that were just started register within seconds."""

PACKAGE = "distributed"

REMEDY = "pip install 'sparkgap[campaign]'"


def run_on_cluster(job: Job[T, R], address: str, on_result: Callable[[R], None], stopped: Callable[[], bool]) -> bool:
    """Run every task on the workers of ``address``; ``on_result`` hears of each, once, in this thread.

    False: ``stopped()`` became true; what was not done is cancelled. Raises Refused when the package is missing, when
    nothing answers at the address, or when its workers have another version; WorkersUnusable when the scheduler goes
    away in the middle.
    """
    if importlib.util.find_spec(PACKAGE) is None:
        raise Refused([Problem("--dask", 0, address, "the package distributed is not installed", REMEDY)])
    client = _connect(address)
    try:
        _require_workers(client, address)
        return _run(client, job, on_result, stopped)
    finally:
        client.close(timeout=CONNECT_S)


def _connect(address: str) -> Any:
    distributed: Any = importlib.import_module(PACKAGE)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what it has to say is said here, once
    try:
        return distributed.Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        problem = f"no Dask scheduler answers there ({type(error).__name__})"
        raise Refused(
            [Problem("--dask", 0, address, problem, "start one with `dask scheduler --no-dashboard`")]
        ) from None


def _require_workers(client: Any, address: str) -> None:
    """At least one, and all of them this version: another one would prove something about another program."""
    try:
        client.wait_for_workers(1, timeout=WORKERS_S)
    except TimeoutError:
        remedy = f"start some with `dask worker {address} --nthreads 1 --no-dashboard`"
        raise Refused([Problem("--dask", 0, address, "the scheduler has no workers", remedy)]) from None
    ours = importlib.metadata.version("sparkgap")
    try:
        theirs = dict(client.run(sparkgap_version, on_error="return"))
    except OSError as error:
        raise Refused(
            [Problem("--dask", 0, address, f"its workers do not answer ({error})", "see their logs")]
        ) from None
    wrong = sorted({str(version) for version in theirs.values() if version != ours})
    if wrong:
        problem = f"a worker has sparkgap {wrong[0]}, this is {ours}"
        raise Refused([Problem("--dask", 0, address, problem, "install the same version on every worker")])


def _run(client: Any, job: Job[T, R], on_result: Callable[[R], None], stopped: Callable[[], bool]) -> bool:
    came: queue.SimpleQueue[Any] = queue.SimpleQueue()
    waiting: dict[Any, T] = {}
    for task in job.tasks:
        # pure=False: two tasks are never one because they look alike
        future = client.submit(run_on_worker, job.run, job.limit_s, task, pure=False)
        waiting[future] = task
    for future in list(waiting):
        future.add_done_callback(came.put)
    quiet_since_ns = shared_clock_ns()
    while waiting:
        if stopped():
            client.cancel(list(waiting), force=True)
            return False
        try:
            future = came.get(timeout=POLL_S)
        except queue.Empty:
            _require_scheduler(client)
            _require_progress(client, job, quiet_since_ns)
            continue
        quiet_since_ns = shared_clock_ns()
        task = waiting.pop(future)
        on_result(_result(job, task, future))
        future.release()
    return True


def _result(job: Job[T, R], task: T, future: Any) -> R:
    if future.status == "error":
        error = future.exception()
        return job.lost(task, f"ended every worker it was given to ({type(error).__name__}: {error})".splitlines()[0])
    if future.status != "finished":
        raise WorkersUnusable("the Dask scheduler is gone", "start it again, then run what is missing")
    word = future.result()
    if isinstance(word, Done):
        result: R = word.result
        return result
    return job.lost(task, word.sentence if isinstance(word, Raised) else f"a worker answered {word!r}")


def _require_scheduler(client: Any) -> None:
    if client.status != "running":
        raise WorkersUnusable("the Dask scheduler is gone", "start it again, then run what is missing")


def _require_progress(client: Any, job: Job[T, R], quiet_since_ns: int) -> None:
    """Workers that are all gone and do not come back would let a campaign wait for ever."""
    if shared_clock_ns() - quiet_since_ns < (job.limit_s + WORKERS_S) * 1e9:
        return
    if not client.scheduler_info(n_workers=-1)["workers"]:
        raise WorkersUnusable("the Dask scheduler has no workers any more", "start some, then run what is missing")
