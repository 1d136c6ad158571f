"""Where blocking work goes: a thread in real time, inline on virtual time (design.md section 2)."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol, TypeVar, cast

T = TypeVar("T")


class Offload(Protocol):
    """Runs a blocking function away from the loop and returns its result or raises its exception."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """Await the result of ``work()``."""
        ...


async def to_thread(work: Callable[[], T], /) -> T:
    """Real time: the default executor's threads."""
    return await asyncio.get_running_loop().run_in_executor(None, work)


async def to_daemon_thread(work: Callable[[], T], /) -> T:
    """Real time, for a disk that nobody may wait for: a thread of its own, which keeps no process from ending.

    The default executor's threads are joined when the process ends, for ever if need be.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if answer.done():  # who waited has gone
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(cast(T, result))

    def run() -> None:
        result, trouble = None, None
        try:
            result = work()
        except BaseException as error:  # whoever asked gets it
            trouble = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, trouble)

    threading.Thread(target=run, name="offload", daemon=True).start()
    return await answer


async def inline(work: Callable[[], T], /) -> T:
    """Virtual time: at once, so that the order of events does not depend on a thread."""
    return work()
