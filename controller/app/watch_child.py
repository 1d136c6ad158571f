"""Cores that only look: one after another until somebody asks to stop, so that the page always has a bench to show."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from controller import messages
from controller.app.children import STOP_TIMEOUT_S, Child, ChildFailed, first_object
from controller.app.core_child import follow_core
from controller.app.restarts import Restarts

ABORT_TIMEOUT_S = 180.0
"""Longest wait for dump, dwell, misfire's 30 s no-approach and the record; then the core is killed and the PLC's own
dump is verified by a recovering core."""

EXITS = (0, 3, 4)
"""What a watching core ends with: the bench was safe, it had to be dumped, or its safety could not be verified."""

log = logging.getLogger("sparkgap.supervisor")


class WatchKeeper:
    """Keeps one core in mode ``watch`` running. ``on_bus`` gets each core and what it said first."""

    def __init__(
        self,
        config: messages.RunConfig,
        spawn: Callable[[], Awaitable[Child]],
        on_bus: Callable[[Child, Mapping[str, Any]], None],
        on_message: Callable[[messages.Message], None],
        on_trouble: Callable[[str], None],
    ) -> None:
        self._config = msgspec.structs.replace(config, mode="watch")
        self._spawn = spawn
        self._on_bus = on_bus
        self._on_message = on_message
        self._on_trouble = on_trouble
        self._core: Child | None = None
        self._ending = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self.refused: tuple[str, ...] = ()

    def end(self) -> None:
        """Let the core prove the bench safe and end; :meth:`run` returns when it has. Later calls change nothing."""
        if not self._ending.is_set():
            self._ending.set()
            if self._core is not None:
                self._order_end(self._core)

    def _order_end(self, core: Child) -> None:
        core.control.close()
        self._timer = asyncio.get_running_loop().call_later(ABORT_TIMEOUT_S, core.kill)

    async def run(self, waiting: Child | None = None) -> int:
        """Watch until :meth:`end`. Takes the core that ``waiting`` is, if there is one, for its first.

        Returns one of EXITS, or 2 when the very first core was refused (``refused`` says why). A bench that nobody
        watched at the end counts as not verified (4).
        """
        loop = asyncio.get_running_loop()
        restarts, first = Restarts(), True
        while not self._ending.is_set():
            started_s = loop.time()
            why, code = await self._one_core(waiting)
            waiting = None
            if self._ending.is_set():
                return code if code in EXITS else 4
            if self.refused and first:
                return 2
            first = False
            if not restarts.after(loop.time() - started_s):
                self._tell(f"{why}; the bench is not watched any more")
                await self._ending.wait()
                return 4
            self._tell(f"{why}; {restarts}")
            await restarts.pause(self._ending)
        if waiting is not None:
            await waiting.stop(STOP_TIMEOUT_S)
        return 4 if restarts.count else 0

    def _tell(self, text: str) -> None:
        log.error("%s", text)
        self._on_trouble(text)

    async def _one_core(self, waiting: Child | None) -> tuple[str, int | None]:
        """One core from its configuration to its end. Returns why it ended and its exit code."""
        try:
            core = waiting or await self._spawn()
        except OSError as error:
            return f"no watching core can be started: {error}", None
        self._core, self.refused = core, ()
        core.control.send(msgspec.json.encode(self._config))
        if self._ending.is_set():
            self._order_end(core)
        try:
            said = await first_object(core)
            if "refused" in said:
                self.refused = tuple(str(problem) for problem in said["refused"])
                return f"the watching core was refused: {'; '.join(self.refused)}", 2
            self._on_bus(core, said)
            await follow_core(core, str(said["bus"]), self._on_message)
        except ChildFailed as failed:
            log.info("%s", failed)
        finally:
            self._core = None
            await core.stop(STOP_TIMEOUT_S)
            if self._timer is not None:
                self._timer.cancel()
        return f"the watching core ended by itself with {core.returncode}", core.returncode
