"""An event loop whose clock jumps to the next timer instead of waiting for it (design.md section 2).

There is no clock object: code asks its loop for ``time()`` and schedules with ``call_at``, and so runs unchanged
on real or virtual time. Virtual time is kept in integer nanoseconds. Timers of one instant run in the order of
their rank (plant, PLC, links, core) and then in the order they were made, so that a run is deterministic.
"""

import asyncio
import selectors
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from enum import IntEnum
from heapq import heapify, heappop, heappush
from typing import Any, TypeVar

T = TypeVar("T")

_NS = 1_000_000_000
_RANKS = 4
_TIMERS_MAX = 1 << 40
"""Timers one loop may make before their order within an instant is lost: years of virtual time."""
_INSTANT = _RANKS * _TIMERS_MAX
"""Keys of one nanosecond."""

PURGE_MIN = 1024
"""Timers that may wait before cancelled ones are looked for: a shot has a few dozen at a time."""


class Rank(IntEnum):
    """Who goes first among timers of one instant."""

    PLANT = 0
    PLC = 1
    LINKS = 2
    CORE = 3


_CORE = Rank.CORE
_rank: ContextVar[Rank] = ContextVar("sparkgap_rank", default=Rank.CORE)


def ranked(rank: Rank) -> Context:
    """A copy of the current context in which timers get ``rank``: pass it to ``create_task`` or ``Context.run``."""
    context = copy_context()
    context.run(_rank.set, rank)
    return context


def rank_of(handle: asyncio.Handle) -> Rank:
    """The rank of who scheduled ``handle``."""
    return handle._context.get(_rank, _CORE)  # type: ignore[attr-defined, no-any-return]  # noqa: SLF001


class NothingScheduled(RuntimeError):
    """The virtual loop has neither a ready callback nor a timer: on real time it would hang for ever."""


class CallbackFailed(RuntimeError):
    """A callback or a forgotten task raised on the virtual loop: a defect of this program. The cause is chained."""


class _BlindSelector(selectors.DefaultSelector):
    """Never looks at a file descriptor, and never waits."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Nothing is ever ready."""
        return []


class _Timer(asyncio.TimerHandle):
    """asyncio's timer without what debug mode and the real loop's own heap need: a shot makes thousands."""

    __slots__ = ()

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[object, ...],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback: Callable[..., object] | None = callback
        self._args = args
        self._cancelled = False
        self._repr = None
        self._source_traceback = None
        self._when = when
        self._scheduled = False

    def cancel(self) -> None:
        """Not to run, and to keep nothing alive until it is due."""
        self._cancelled = True
        self._callback = None
        self._args = ()


class VirtualLoop(asyncio.SelectorEventLoop):
    """A SelectorEventLoop on virtual time. ``now_ns`` is the time since the loop was made.

    Its turn is asyncio's without files and without a wait: where nothing is ready the clock jumps to the first timer.
    Timers stand in the queue behind (instant, rank, creation) as one number, so that the heap compares numbers.
    """

    def __init__(self) -> None:
        super().__init__(_BlindSelector())
        self._clock_resolution = 1e-9
        self._queue: list[tuple[int, asyncio.TimerHandle]] = []
        self._purge_at = PURGE_MIN
        self._timers_made = 0
        self.now_ns = 0

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self.now_ns / _NS

    def call_at(
        self, when: float, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As asyncio's, with the caller's rank breaking ties."""
        self._timers_made += 1
        rank = _rank.get() if context is None else context.get(_rank, _CORE)
        key = (round(when * _NS) * _RANKS + rank) * _TIMERS_MAX + self._timers_made
        timer = _Timer(when, callback, args, self, context)
        heappush(self._queue, (key, timer))
        if len(self._queue) > self._purge_at:
            self._purge()
        return timer

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As asyncio's."""
        return self.call_at(self.now_ns / _NS + delay, callback, *args, context=context)

    def call_soon(
        self, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.Handle:
        """As asyncio's. Raises RuntimeError once the loop is closed."""
        if self._closed:  # type: ignore[attr-defined]
            raise RuntimeError("Event loop is closed")
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)  # type: ignore[attr-defined]
        return handle

    def close(self) -> None:
        """As asyncio's; timers that were not due yet are forgotten."""
        self._queue.clear()
        super().close()

    def _purge(self) -> None:
        """Cancelled timers may not pile up until they would have been due."""
        self._queue = [entry for entry in self._queue if not entry[1].cancelled()]
        heapify(self._queue)
        self._purge_at = PURGE_MIN + 2 * len(self._queue)

    def _run_once(self) -> None:
        ready: deque[asyncio.Handle] = self._ready  # type: ignore[attr-defined]
        self._collect_due()
        for _ in range(len(ready)):  # what becomes ready meanwhile belongs to the next turn
            handle = ready.popleft()
            if handle._cancelled:  # noqa: SLF001 - as BaseEventLoop's turn does
                continue
            try:
                handle._context.run(handle._callback, *handle._args)  # type: ignore[attr-defined]  # noqa: SLF001
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as trouble:  # as asyncio: one callback's failure is reported, the turn goes on
                self.call_exception_handler(
                    {"message": f"Exception in callback {handle!r}", "exception": trouble, "handle": handle}
                )

    def _collect_due(self) -> None:
        """Move on to the first timer when nothing is ready, and make ready what is due."""
        ready: deque[asyncio.Handle] = self._ready  # type: ignore[attr-defined]
        queue = self._queue
        if not ready and not self._stopping:  # type: ignore[attr-defined]
            self._jump()
        due = (self.now_ns + 1) * _INSTANT
        while queue and queue[0][0] < due:
            ready.append(heappop(queue)[1])

    def _jump(self) -> None:
        """To the first timer. Raises NothingScheduled where a real loop would wait for ever."""
        queue = self._queue
        while queue and queue[0][1]._cancelled:  # noqa: SLF001
            heappop(queue)
        if not queue:
            raise NothingScheduled("virtual time stands still: every task waits and no timer is set")
        first_ns = queue[0][0] // _INSTANT
        if first_ns > self.now_ns:
            self.now_ns = first_ns


def run_virtual(main: Coroutine[Any, Any, T], loop_factory: Callable[[], VirtualLoop] = VirtualLoop) -> T:
    """Run ``main`` to its end on a fresh virtual loop and close it, cancelling what it left behind.

    Raises CallbackFailed when anything outside ``main``'s own tasks raises: nothing is only logged here.
    """
    with asyncio.Runner(loop_factory=loop_factory) as runner:
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
