"""Requests one after the other, a few per turn of the loop, and the abort past all of them.

An abort takes several turns of the panel's loop: accept, read, connect to the core, write. With two hundred requests
in every turn it would take seconds; so a turn begins only a few, however many wait.
"""

import asyncio
from collections import deque

from starlette.types import ASGIApp, Receive, Scope, Send

from controller.panel.guard import ABORT_PATH

PER_TURN = 2
"""Requests begun per turn: each takes one to two milliseconds in all, so a turn stays below five."""


class Turnstile:
    """ASGI middleware. Who waits is bounded by the connections that the panel keeps."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._turning = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and not (scope["method"] == "POST" and scope["path"] == ABORT_PATH):
            await self._wait()
        await self._app(scope, receive, send)

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        place: asyncio.Future[None] = loop.create_future()
        self._waiting.append(place)
        if not self._turning:
            self._turning = True
            loop.call_soon(self._turn, loop)
        await place

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        let_in = 0
        while self._waiting and let_in < PER_TURN:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                let_in += 1
        self._turning = bool(self._waiting)
        if self._turning:
            loop.call_soon(self._turn, loop)
