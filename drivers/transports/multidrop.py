"""Several instruments on one serial line: the line is opened once, and each of them is a :class:`Drop` of it.

A rig that has two supplies on ``/dev/ttyUSB0`` makes one :class:`SharedLine` and gives each ``drop(address)`` as its
route; the family decides what it shares (a link, a lock, who is addressed) and keeps it in the line.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from drivers.transports.link import Connect

Shared = TypeVar("Shared")


class SharedLine:
    """One line. The first to :meth:`claim` it makes what its instruments share; the last one out closes that."""

    def __init__(self, connect: Connect) -> None:
        self.connect = connect
        self._shared: Any = None
        self.claims = 0

    def claim(self, make: Callable[[Connect], Shared]) -> Shared:
        """What the instruments of this line share, made by ``make`` for the first one."""
        if self.claims == 0:
            self._shared = make(self.connect)
        self.claims += 1
        return cast(Shared, self._shared)

    def release(self) -> bool:
        """One instrument has closed; True when it was the last."""
        self.claims -= 1
        if self.claims == 0:
            self._shared = None
        return self.claims == 0

    def drop(self, address: int) -> "Drop":
        """The route to the instrument with ``address``."""
        return Drop(self, address)


@dataclass(frozen=True, slots=True)
class Drop:
    """A route to one address. Called like any byte stream it opens the line for itself alone."""

    line: SharedLine
    address: int

    async def __call__(
        self, factory: Callable[[], asyncio.BaseProtocol]
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        """Open the line. Raises OSError."""
        return await self.line.connect(factory)
