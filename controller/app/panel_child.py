"""The panel as a child process: started beside the bench, told about every core, started again when it dies.

Nothing here can hold up a run or end it: a panel that is slow, stopped, killed or never comes is logged and told to
the people at the terminal, and that is all.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from controller import messages
from controller.app.children import Child, ChildFailed, first_object, module_command, start_child
from controller.app.restarts import Restarts

STOP_TIMEOUT_S = 3.0
"""The panel ends within 2 s of its closed input; a hung one is killed then."""

log = logging.getLogger("sparkgap.supervisor")


@dataclass(frozen=True, slots=True)
class PanelJob:
    """How to start the panel: its configuration, where it logs, and the command (tests replace it)."""

    config: messages.PanelConfig
    log_dir: Path
    command: tuple[str, ...] = field(default_factory=lambda: module_command("controller.app.panel_process"))


class PanelKeeper:
    """Keeps one panel running. ``on_ready`` gets its address whenever one is up, ``on_trouble`` a sentence.

    ``settled`` is set once the first panel is up, or will not come; ``refused`` says why not, one line per problem.
    """

    def __init__(self, job: PanelJob, on_ready: Callable[[str], None], on_trouble: Callable[[str], None]) -> None:
        self._job = job
        self._on_ready = on_ready
        self._on_trouble = on_trouble
        self._attach: messages.Attach | None = None
        self._child: Child | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ending = asyncio.Event()
        self.settled = asyncio.Event()
        self.refused: tuple[str, ...] = ()
        self.address = ""

    @property
    def pid(self) -> int:
        """The present panel's process id; 0 while there is none."""
        return self._child.pid if self._child is not None else 0

    def attach(self, bus: str, requests: str) -> None:
        """Show the core at these addresses from now on. Never waits for the panel."""
        self._attach = messages.Attach(bus, requests)
        if self._child is not None:
            self._send_attach(self._child)

    def _send_attach(self, child: Child) -> None:
        if self._attach is not None and not child.control.send(msgspec.json.encode(self._attach)):
            log.warning("the panel does not read its input: it shows the core at %s later or never", self._attach.bus)

    def end(self) -> None:
        """Tell the panel to end, at once and without waiting: :meth:`run` returns when it has."""
        self._ending.set()
        if self._child is not None:
            self._order_end(self._child)

    def _order_end(self, child: Child) -> None:
        """Close its input, and kill it when that does not help: it may hang before its first line already."""
        child.control.close()
        self._timer = self._timer or asyncio.get_running_loop().call_later(STOP_TIMEOUT_S, child.kill)

    async def run(self) -> None:
        """Keep a panel up until :meth:`end`. Raises nothing: whatever happens to a panel is no concern of a run."""
        try:
            await self._keep()
        except Exception:
            log.exception("the panel is given up")
            self._on_trouble("the panel is given up; its log says why")
        finally:
            self.settled.set()

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        restarts = Restarts()
        while not self._ending.is_set():
            started_s = loop.time()
            why = await self._one_panel()
            if self._ending.is_set() or self.refused:
                return
            if not restarts.after(loop.time() - started_s):
                self._tell(f"{why}; it is not started again, the run goes on")
                return
            self._tell(f"{why}; {restarts}, the run goes on")
            await restarts.pause(self._ending)

    def _tell(self, text: str) -> None:
        log.error("%s", text)
        self._on_trouble(text)

    async def _one_panel(self) -> str:
        """One panel from its start to its end. Returns how it ended."""
        first_line = msgspec.json.encode(self._job.config)
        try:
            child = await start_child("panel", self._job.command, first_line, self._job.log_dir, patient=False)
        except OSError as error:
            return f"the panel cannot be started: {error}"
        self._child = child
        try:
            if self._ending.is_set():
                self._order_end(child)
            else:
                self._send_attach(child)
            await self._until_ended(child)
        except ChildFailed as failed:
            return str(failed)
        finally:
            self._child = None
            await child.stop(STOP_TIMEOUT_S)
            if self._timer is not None:
                self._timer.cancel()
        return f"the panel ended by itself with {child.returncode}"

    async def _until_ended(self, child: Child) -> None:
        said = await first_object(child)
        if "refused" in said:
            self.refused = tuple(str(problem) for problem in said["refused"])
            for problem in self.refused:
                self._tell(problem)
            return
        self.address = str(said["panel"])
        self._keep_port()
        self.settled.set()
        self._on_ready(self.address)
        ended = asyncio.create_task(child.wait(), name="panel: process")
        asked = asyncio.create_task(self._ending.wait(), name="panel: end")
        await asyncio.wait({ended, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        ended.cancel()

    def _keep_port(self) -> None:
        """The next panel gets the same port: an open page finds it again by itself."""
        port = int(self.address.rpartition(":")[2])
        config = msgspec.structs.replace(self._job.config, port=port)
        self._job = PanelJob(config, self._job.log_dir, self._job.command)
