"""Between a byte stream and its link: what the link must never see is taken out here; no framing knows of it."""

import asyncio
from collections.abc import Callable
from typing import cast

from drivers.transports.link import Connect

CLOCK_STEP_S = 1e-6
"""Less is not worth a sleep, and may be less than the loop's clock can tell."""

Sift = Callable[[bytes], bytes]
"""What of the bytes that arrived (split anywhere) the link may see."""


class Filter(asyncio.Protocol):
    """Passes everything on to ``inner``; what arrives goes through ``sift`` first.

    While ``closed`` it keeps the stream to itself: ``inner`` meets it at :meth:`open`, and what came before is lost.
    """

    def __init__(self, inner: asyncio.BaseProtocol, sift: Sift | None = None, *, closed: bool = False) -> None:
        self._inner = cast(asyncio.Protocol, inner)
        self._sift = sift
        self._closed = closed
        self._transport: asyncio.BaseTransport | None = None
        self._loop = asyncio.get_running_loop()
        self.quiet_since = self._loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Pass it on, or keep it until :meth:`open`."""
        self._transport = transport
        self.quiet_since = self._loop.time()
        if not self._closed:
            self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on."""
        self._transport = None
        if not self._closed:
            self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass on what is left of it."""
        if self._closed:
            self.quiet_since = self._loop.time()
            return
        kept = data if self._sift is None else self._sift(data)
        if kept:
            self._inner.data_received(kept)

    def pause_writing(self) -> None:
        """Pass it on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._inner.resume_writing()

    def open(self) -> None:
        """Let ``inner`` have the stream; raises ConnectionResetError when there is none any more."""
        if self._transport is None:
            raise ConnectionResetError("the peer hung up while it was greeting")
        self._closed = False
        self._inner.connection_made(self._transport)


def after_greeting(connect: Connect, silence_s: float) -> Connect:
    """``connect``, and then wait until nothing came for ``silence_s``: what came is thrown away.

    The link's deadline bounds a peer that never stops talking.
    """

    async def quiet(
        factory: Callable[[], asyncio.BaseProtocol],
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        protocol = factory()
        door = Filter(protocol, closed=True)
        transport, _ = await connect(lambda: door)
        loop = asyncio.get_running_loop()
        try:
            wait_s = silence_s
            while wait_s > CLOCK_STEP_S:
                await asyncio.sleep(wait_s)
                wait_s = door.quiet_since + silence_s - loop.time()
            door.open()
        except BaseException:
            cast(asyncio.Transport, transport).abort()
            raise
        return transport, protocol

    return quiet
