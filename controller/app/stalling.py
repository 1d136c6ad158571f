"""A virtual loop on which a part of the program can stand still while the rest goes on, for trials of hung processes.

On real processes SIGSTOP does this (tests/rig). Here whatever carries the stopped rank is put aside and run when the
rank is released, with the clock gone on meanwhile: exactly what a process sees after SIGCONT. A single task can be hung
the same way.
"""

import asyncio
from collections import deque
from typing import Any

from controller.runtime.virtual_loop import Rank, VirtualLoop, rank_of

HELD_MAX = 100_000
"""Callbacks put aside: a minute of a core that makes a frame every 20 ms leaves some ten thousand timers."""


class StallingLoop(VirtualLoop):
    """A virtual loop with ``stop``, ``resume`` and ``hang``."""

    def __init__(self) -> None:
        super().__init__()
        self._stopped: frozenset[Rank] = frozenset()
        self._hung: list[asyncio.Task[Any]] = []
        self._held: deque[asyncio.Handle] = deque()

    def stop_ranks(self, *ranks: Rank) -> None:
        """Nothing of these ranks runs until :meth:`resume`."""
        self._stopped |= frozenset(ranks)

    def resume(self) -> None:
        """Run what was put aside, in its order, and let everything go on. Hung tasks go on too."""
        self._stopped, self._hung = frozenset(), []
        held, self._held = self._held, deque()
        self._ready.extendleft(reversed(held))  # type: ignore[attr-defined]

    def hang(self, task: "asyncio.Task[Any]") -> None:
        """Let ``task`` never run again: neither to its next await nor to its cancellation."""
        self._hung.append(task)

    def _run_once(self) -> None:
        ready: deque[asyncio.Handle] = self._ready  # type: ignore[attr-defined]
        while self._stopped or self._hung:
            self._collect_due()
            self._put_aside(ready)
            if ready or self._stopping:  # type: ignore[attr-defined]
                break
        super()._run_once()

    def _put_aside(self, ready: deque[asyncio.Handle]) -> None:
        """Take what must not run out of the queue."""
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not self._stands_still(handle):
                ready.append(handle)
            elif len(self._held) < HELD_MAX:
                self._held.append(handle)
            else:
                raise OverflowError(f"more than {HELD_MAX} callbacks wait for what stands still")

    def _stands_still(self, handle: asyncio.Handle) -> bool:
        if rank_of(handle) in self._stopped:
            return True
        owner = getattr(handle._callback, "__self__", None)  # type: ignore[attr-defined]  # noqa: SLF001
        return any(owner is task for task in self._hung)
