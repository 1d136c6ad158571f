"""A sleep until a loop time that others may cut short: how a command gets ahead of the next beat."""

import asyncio


class Sleeper:
    """Belongs to one task; :meth:`awaken` may be called by anybody on the loop, also while nobody sleeps."""

    __slots__ = ("_wake",)

    def __init__(self) -> None:
        self._wake: asyncio.Future[None] | None = None

    async def until(self, when: float) -> None:
        """Return at ``when`` (loop seconds), or as soon as :meth:`awaken` is called."""
        loop = asyncio.get_running_loop()
        self._wake = loop.create_future()
        timer = loop.call_at(when, self.awaken)
        try:
            await self._wake
        finally:
            timer.cancel()
            self._wake = None

    def awaken(self) -> None:
        """End the present sleep, if there is one."""
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
