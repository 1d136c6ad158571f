"""A peer whose every byte and moment the test decides, joined to a link in memory."""

import asyncio
from collections.abc import Callable
from typing import Any

from controller.app.linked import linked


class Peer(asyncio.Protocol):
    """The far end of one connection. ``Peers.answer`` decides what it says."""

    def __init__(self, peers: "Peers") -> None:
        self._peers = peers
        self.got = b""
        self.transport: Any = None
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True

    def data_received(self, data: bytes) -> None:
        self.got += data
        self._peers.answer(self, data)

    def say(self, data: bytes) -> None:
        self.transport.write(data)

    def say_later(self, delay_s: float, data: bytes) -> None:
        asyncio.get_running_loop().call_later(delay_s, self.say, data)


class Peers:
    """All connections that a link has made, oldest first."""

    def __init__(self, answer: Callable[[Peer, bytes], None]) -> None:
        self.answer = answer
        self.made: list[Peer] = []
        self.refuse = False
        self._join = linked(self._serve)

    def _serve(self) -> Peer:
        self.made.append(Peer(self))
        return self.made[-1]

    async def connect(self, factory: Callable[[], asyncio.BaseProtocol]) -> Any:
        if self.refuse:
            raise ConnectionRefusedError("nobody listens")
        return await self._join(factory)


def echo(peer: Peer, data: bytes) -> None:
    """An instrument that repeats its request and says who it is when it is asked."""
    peer.say(b"me\n" if data == b"who\n" else b"re " + data)
