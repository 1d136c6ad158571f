"""The core child of a campaign that has to hang: the core as it is, and a signal that makes it hang.

``python -m controller.campaign.hung_core HOW`` takes the place of ``controller.app.core_process``, which has no such
hook. On SIGUSR1 the core's loop is blocked in a system call (``blocked``), runs an endless loop of Python
(``spinning``), or the one task NAME of ``core NAME`` never comes back from its present sleep (``task:NAME``).
"""

import asyncio
import signal
import sys
import threading
from typing import Any

from controller.app.control import install_uvloop, wake_when_orphaned
from controller.app.core_process import main
from controller.runtime.sleeper import Sleeper

TASK = "task:"


def hang_blocked() -> None:
    """Wait for what never comes, in the loop's thread."""
    threading.Event().wait()


def hang_spinning() -> None:
    """Compute for ever, in the loop's thread."""
    while True:
        pass


class HungTask:
    """From :meth:`hang` on the task of that name never returns from a sleep."""

    def __init__(self, name: str) -> None:
        self._name = f"core {name}"
        self._hung = False
        self._sleep, self._until = asyncio.sleep, Sleeper.until
        asyncio.sleep = self.sleep
        hung = self

        async def until(self: Sleeper, when: float) -> None:
            await hung._until(self, when)
            await hung._hang_here()

        Sleeper.until = until  # type: ignore[method-assign]

    def hang(self) -> None:
        """Let it hang from its present or next sleep on."""
        self._hung = True

    async def sleep(self, delay: float, result: Any = None) -> Any:
        """As asyncio.sleep, for everybody but the one that hangs."""
        slept = await self._sleep(delay, result)
        await self._hang_here()
        return slept

    async def _hang_here(self) -> None:
        task = asyncio.current_task()
        if self._hung and task is not None and task.get_name() == self._name:
            await asyncio.get_running_loop().create_future()


async def run(how: str) -> int:
    """The core's own main, with the hook."""
    hang = HungTask(how.removeprefix(TASK)).hang if how.startswith(TASK) else None
    act = hang or {"blocked": hang_blocked, "spinning": hang_spinning}[how]
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, act)
    return await main()


if __name__ == "__main__":
    wake_when_orphaned()
    install_uvloop()
    sys.exit(asyncio.run(run(sys.argv[1])))
