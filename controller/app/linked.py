"""A pair of in-memory transports that join a driver's protocol to a stand-in's on virtual time."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from drivers.transports.multidrop import Drop, SharedLine
from drivers.transports.route import Hislip

Connect = Callable[[Callable[[], asyncio.BaseProtocol]], Awaitable[tuple[asyncio.Transport, asyncio.BaseProtocol]]]

Way = Connect | Hislip | Drop
"""A route to a stand-in in memory: one stream, HiSLIP's two, or one unit of a line."""


class LinkedTransport(asyncio.Transport):
    """One end of the pair. What is written arrives at the other end in the loop's next turn, in order."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.BaseProtocol) -> None:
        super().__init__(extra={"peername": ("linked", 0)})
        self._loop = loop
        self._protocol = protocol
        self._peer: LinkedTransport | None = None
        self._closing = False
        self._paused = False
        self._held = bytearray()

    def join(self, peer: "LinkedTransport") -> None:
        """Make ``peer`` the other end."""
        self._peer = peer

    @property
    def peer(self) -> "LinkedTransport | None":
        """The other end."""
        return self._peer

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Hand a copy of ``data`` to the other end; ignored after close, as a socket's transport does."""
        if self._peer is not None and not self._closing and len(data):
            self._loop.call_soon(self._peer.deliver, bytes(data))

    def deliver(self, data: bytes) -> None:
        """Called by the other end: pass ``data`` to this end's protocol, or hold it while reading is paused."""
        if self._closing:
            return
        if self._paused:
            self._held += data
            return
        if isinstance(self._protocol, asyncio.BufferedProtocol):
            self._fill(self._protocol, data)
        else:
            self._protocol.data_received(data)  # type: ignore[attr-defined]

    def _fill(self, protocol: asyncio.BufferedProtocol, data: bytes) -> None:
        view = memoryview(data)
        while len(view):
            buffer = memoryview(protocol.get_buffer(len(view))).cast("B")
            size = min(len(buffer), len(view))
            buffer[:size] = view[:size]
            protocol.buffer_updated(size)
            view = view[size:]

    def is_closing(self) -> bool:
        """True once either end was closed."""
        return self._closing

    def close(self) -> None:
        """Close both ends; each protocol hears of it once."""
        if self._closing:
            return
        self._closing = True
        self._loop.call_soon(self._protocol.connection_lost, None)
        if self._peer is not None:
            self._loop.call_soon(self._peer.close)

    def abort(self) -> None:
        """As close: nothing is buffered that could be flushed."""
        self.close()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Replace this end's protocol."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """This end's protocol."""
        return self._protocol

    def is_reading(self) -> bool:
        """False between pause_reading and resume_reading."""
        return not self._paused

    def pause_reading(self) -> None:
        """Hold what arrives."""
        self._paused = True

    def resume_reading(self) -> None:
        """Deliver what was held, then go on."""
        self._paused = False
        if self._held:
            held, self._held = bytes(self._held), bytearray()
            self.deliver(held)

    def get_write_buffer_size(self) -> int:
        """Nothing waits here: writes are handed over at once."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Accepted for the interface; there is no buffer to limit."""

    def can_write_eof(self) -> bool:
        """Half-closed pairs are not modelled."""
        return False


def linked(server_factory: Callable[[], asyncio.BaseProtocol]) -> Connect:
    """A ``connect`` callable for drivers whose every connection is joined to a new server protocol."""

    async def connect(
        client_factory: Callable[[], asyncio.BaseProtocol],
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        loop = asyncio.get_running_loop()
        client, server = client_factory(), server_factory()
        near, far = LinkedTransport(loop, client), LinkedTransport(loop, server)
        near.join(far)
        far.join(near)
        server.connection_made(cast(Any, far))
        client.connection_made(cast(Any, near))
        return near, client

    return connect


def way_by(transport: str, connect: Connect) -> Way:
    """The route by ``transport`` (as rig.yaml names it) whose every connection is made by ``connect``."""
    return Hislip(connect) if transport == "hislip" else connect


def rewired(ways: Mapping[str, Way], change: Callable[[Connect], Connect]) -> dict[str, Way]:
    """``ways`` with every connection made as ``change`` says; units of one line still share it."""
    lines: dict[SharedLine, SharedLine] = {}

    def again(way: Way) -> Way:
        if isinstance(way, Drop):
            if way.line not in lines:
                lines[way.line] = SharedLine(cast(Any, change(cast(Connect, way.line.connect))))
            return lines[way.line].drop(way.address)
        if isinstance(way, Hislip):
            return Hislip(change(cast(Connect, way.connect)), way.sub_address)
        return change(way)

    return {name: again(way) for name, way in ways.items()}
