"""What the conformance suites of the instrument ports share: one implementation with its stand-in, on virtual time."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from controller.app.linked import linked
from controller.runtime.pollers import CHARGER_S, RETRY_S
from controller.runtime.virtual_loop import run_virtual
from drivers.transports.link import Connect
from firmware_sim.link_faults import LinkFaults
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.base import SessionFactory

Port = TypeVar("Port")

BROKEN_LINKS = ("silent", "garbage", "close", "slow", "no_end", "huge_block", "unsolicited")
"""Faults that make every answer of a text protocol wrong: the driver must say so, whatever the instrument is."""

MISS_S = (1.0 - CHARGER_S - RETRY_S) / 2
"""A missed reading must end so soon that a period, two misses and the pause between them take no more than the second
of safety.md 2.3 row 10."""

HEALED_S = 90.0
"""A line that dripped one byte per second is quiet again after this long: the longest answer is shorter."""


@dataclass
class Stage(Generic[Port]):
    """One stand-in behind a link that can be broken. ``open_port`` opens the driver under test on it."""

    open_session: SessionFactory
    open_port: Callable[[Connect, str], Awaitable[Port]]
    identity: str
    faults: LinkFaults = field(default_factory=LinkFaults)
    refuse: bool = False

    async def open(self, identity: str | None = None) -> Port:
        """Open the driver, by default with the identity that fits."""
        return await self.open_port(self._connect, self.identity if identity is None else identity)

    async def _connect(
        self, factory: Callable[[], asyncio.BaseProtocol]
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        if self.refuse:
            raise ConnectionRefusedError("nobody listens")
        return await linked(self._serve)(factory)

    def _serve(self) -> SessionProtocol:
        return SessionProtocol(lambda: self.faults.wrap(self.open_session()))


def on_virtual_time(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run ``main`` to its end."""
    run_virtual(main())


async def first_good(ask: Callable[[], Awaitable[Any]], errors: type[Exception]) -> Any:
    """The first answer that comes once a link has healed; an answer is never wrong, it may only be missing."""
    loop = asyncio.get_running_loop()
    end = loop.time() + HEALED_S
    while True:
        try:
            return await ask()
        except errors:
            if loop.time() > end:
                raise
            await asyncio.sleep(0.3)
