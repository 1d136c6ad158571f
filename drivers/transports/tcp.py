"""TCP as a ``connect`` callable for :class:`drivers.transports.link.Link`."""

import asyncio
import socket
from collections.abc import Callable

from drivers.transports.link import Connect


def tcp(host: str, port: int) -> Connect:
    """Connect to ``host:port``, without Nagle's delay and with keep-alive; the link's deadline bounds the attempt."""

    async def connect(
        factory: Callable[[], asyncio.BaseProtocol],
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_connection(factory, host, port)
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return transport, protocol

    return connect
