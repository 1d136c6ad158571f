"""An event loop whose clock jumps to the next timer instead of waiting for it (design.md section 2).

There is no clock object: code asks its loop for ``time()`` and schedules with ``call_at``, and so runs unchanged
on real or virtual time. Virtual time is kept in integer nanoseconds. Timers of one instant run in the order of
their rank (plant, PLC, links, core) and then in the order they were made, so that a run is deterministic.
"""

import asyncio
import heapq
import selectors
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from enum import IntEnum
from typing import Any, TypeVar

T = TypeVar("T")

_NS = 1_000_000_000
_RANKS = 4
_TIMERS_MAX = 1 << 40
"""Timers one loop may make before their order within an instant is lost: years of virtual time."""


class Rank(IntEnum):
    """Who goes first among timers of one instant."""

    PLANT = 0
    PLC = 1
    LINKS = 2
    CORE = 3


_rank: ContextVar[Rank] = ContextVar("sparkgap_rank", default=Rank.CORE)


def ranked(rank: Rank) -> Context:
    """A copy of the current context in which timers get ``rank``: pass it to ``create_task`` or ``Context.run``."""
    context = copy_context()
    context.run(_rank.set, rank)
    return context


class NothingScheduled(RuntimeError):
    """The virtual loop has neither a ready callback nor a timer: on real time it would hang for ever."""


class CallbackFailed(RuntimeError):
    """A callback or a forgotten task raised on the virtual loop: a defect of this program. The cause is chained."""


class _Timer(asyncio.TimerHandle):
    """A timer ordered by (instant, rank, creation), the three as one number, instead of by a float alone."""

    __slots__ = ("key",)

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[object, ...],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
        key: int,
    ) -> None:
        super().__init__(when, callback, args, loop, context)
        self.key = key

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, _Timer):
            return NotImplemented
        return self.key < other.key


class _JumpingSelector(selectors.DefaultSelector):
    """Advances the clock by the time it is asked to wait; never looks at a file descriptor."""

    now_ns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Jump over ``timeout`` seconds. Raises NothingScheduled where a real loop would wait for ever."""
        if timeout is None:
            raise NothingScheduled("virtual time stands still: every task waits and no timer is set")
        if timeout > 0:
            self.now_ns += round(timeout * _NS)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A SelectorEventLoop on virtual time. ``now_ns`` is the time since the loop was made."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        self._clock_resolution = 1e-9
        self._timers_made = 0

    @property
    def now_ns(self) -> int:
        """Virtual nanoseconds since the loop was made."""
        return self._jumping.now_ns

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumping.now_ns / _NS

    def call_at(
        self, when: float, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As asyncio's, with the caller's rank breaking ties."""
        self._timers_made += 1
        rank = _rank.get() if context is None else context.get(_rank, Rank.CORE)
        key = (round(when * _NS) * _RANKS + rank) * _TIMERS_MAX + self._timers_made
        timer = _Timer(when, callback, args, self, context, key)
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]  # as BaseEventLoop.call_at does
        timer._scheduled = True  # type: ignore[attr-defined]  # noqa: SLF001  # asyncio counts cancelled timers by it
        return timer


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` to its end on a fresh virtual loop and close it, cancelling what it left behind.

    Raises CallbackFailed when anything outside ``main``'s own tasks raises: nothing is only logged here.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(_run_loudly(main))


async def _run_loudly(main: Coroutine[Any, Any, T]) -> T:
    """``main``, cancelled by the first failure that the loop reports, so that it can put its things away."""
    task = asyncio.current_task()
    failures: list[str] = []
    causes: list[BaseException | None] = []

    def fail(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        loop.default_exception_handler(context)
        if task is not None and not failures:
            task.cancel()
        failures.append(str(context["message"]))
        causes.append(context.get("exception"))

    asyncio.get_running_loop().set_exception_handler(fail)
    try:
        result = await main
    except (Exception, asyncio.CancelledError):
        # what the cancelled run says of itself is a consequence; the first failure is the news
        if failures:
            raise CallbackFailed(failures[0]) from causes[0]
        raise
    if failures:
        raise CallbackFailed(failures[0]) from causes[0]
    return result
