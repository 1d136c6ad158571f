"""Where blocking work goes: a thread in real time, inline on virtual time (design.md section 2)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Offload(Protocol):
    """Runs a blocking function away from the loop and returns its result or raises its exception."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """Await the result of ``work()``."""
        ...


async def to_thread(work: Callable[[], T], /) -> T:
    """Real time: the default executor's threads."""
    return await asyncio.get_running_loop().run_in_executor(None, work)


async def inline(work: Callable[[], T], /) -> T:
    """Virtual time: at once, so that the order of events does not depend on a thread."""
    return work()
