"""The thread that reads: one thing at a time, bounded, and nobody waits for ever."""

import asyncio
import threading

import pytest

from controller.panel.cache import ByteCache
from controller.panel.worker import Worker, WorkerBusy


async def test_work_is_done_on_one_other_thread_in_order() -> None:
    worker, order = Worker("test"), []

    def note(number: int) -> str:
        order.append(number)
        return threading.current_thread().name

    names = await asyncio.gather(*(worker.run(lambda n=n: note(n)) for n in range(10)))
    worker.close()
    assert order == list(range(10))
    assert set(names) == {"test"}


async def test_its_exceptions_pass() -> None:
    worker = Worker("test")
    with pytest.raises(KeyError, match="what"):
        await worker.run(lambda: {}["what"])
    assert await worker.run(lambda: 1) == 1
    worker.close()


async def test_a_full_queue_refuses_and_empties_again() -> None:
    worker, gate, begun = Worker("test", queue_max=2), threading.Event(), threading.Event()

    def wait() -> bool:
        begun.set()
        return gate.wait(10.0)

    async with asyncio.TaskGroup() as group:
        group.create_task(worker.run(wait), name="first")
        await asyncio.to_thread(begun.wait, 10.0)  # the first has left the queue
        waiting = [group.create_task(worker.run(lambda: True), name=f"waiting {n}") for n in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(WorkerBusy, match="too many"):
            await worker.run(lambda: True)
        gate.set()
    assert all(task.result() for task in waiting)
    assert await worker.run(lambda: True)
    worker.close()


async def test_a_disk_that_hangs_is_said_and_what_waits_behind_it_is_not_begun_any_more() -> None:
    worker, gate, done = Worker("test", deadline_s=0.02), threading.Event(), []
    with pytest.raises(WorkerBusy, match="did not answer within"):
        await worker.run(lambda: gate.wait(10.0))
    with pytest.raises(WorkerBusy, match="did not answer within"):
        await worker.run(lambda: done.append("too late"))
    gate.set()
    patient = Worker("test")
    worker.close()
    await patient.run(lambda: worker.join(10.0))
    patient.close()
    assert done == []


async def test_work_of_a_caller_who_went_away_is_not_begun() -> None:
    worker, gate, done = Worker("test"), threading.Event(), []
    first = asyncio.create_task(worker.run(lambda: gate.wait(10.0)), name="first")
    second = asyncio.create_task(worker.run(lambda: done.append("nobody waits")), name="second")
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    gate.set()
    assert await first
    await worker.run(lambda: None)
    worker.close()
    assert done == []


def test_the_cache_forgets_what_was_not_asked_for_longest() -> None:
    cache: ByteCache[str] = ByteCache(10)
    made: list[str] = []

    def get(key: str, size: int) -> str:
        return cache.get(key, lambda: (made.append(key) or key, size))  # type: ignore[func-returns-value]

    for key in ("a", "b", "a", "c"):
        get(key, 4)
    assert (cache.bytes, len(cache), made) == (8, 2, ["a", "b", "c"])
    get("a", 4)
    get("b", 4)
    assert made == ["a", "b", "c", "b"]
    assert get("huge", 11) == "huge"
    assert (cache.bytes, len(cache)) == (8, 2)
