"""A session on a pseudo-terminal: a serial instrument that any serial program can open by its device name.

Both ends are raw and the server keeps the slave open, so that the device survives its clients (instruments.md 3.4).
POSIX only, like ptys themselves.
"""

import asyncio
import os
import tty
from collections.abc import Callable

from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.base import Session

READ_MAX = 4096
"""Bytes per read: a pty's own buffer."""

UNSENT_MAX = 65536
"""Reply bytes kept for a client that does not read; what exceeds it is lost, as on a line without handshake."""


class PtyTransport(asyncio.Transport):
    """An asyncio Transport over the master side of a pty."""

    def __init__(self, master: int, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._fd = master
        self._protocol = protocol
        self._unsent = bytearray()
        self._closing = False
        os.set_blocking(master, False)
        protocol.connection_made(self)
        self.resume_reading()

    def is_closing(self) -> bool:
        """True once closed."""
        return self._closing

    def pause_reading(self) -> None:
        """Leave requests in the pty."""
        self._loop.remove_reader(self._fd)

    def resume_reading(self) -> None:
        """Take requests again."""
        if not self._closing:
            self._loop.add_reader(self._fd, self._readable)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send ``data``; a pty that is full takes the rest when it is read."""
        if self._closing:
            return
        idle = not self._unsent
        self._unsent += data[: UNSENT_MAX - len(self._unsent)]
        if idle:
            self._writable()
            if self._unsent:
                self._loop.add_writer(self._fd, self._writable)

    def close(self) -> None:
        """Close the pty: the device disappears."""
        if self._closing:
            return
        self._closing = True
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        os.close(self._fd)
        self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        """As :meth:`close`."""
        self.close()

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, READ_MAX)
        except (BlockingIOError, InterruptedError):
            return
        self._protocol.data_received(data)

    def _writable(self) -> None:
        try:
            sent = os.write(self._fd, self._unsent)
        except (BlockingIOError, InterruptedError):
            return
        del self._unsent[:sent]
        if not self._unsent:
            self._loop.remove_writer(self._fd)


class PtyServer:
    """One serial stand-in. ``address`` is the device name that clients open."""

    def __init__(self, transport: PtyTransport, slave: int) -> None:
        self._transport = transport
        self._slave = slave
        self.address = os.ttyname(slave)

    async def close(self) -> None:
        """Take the device away."""
        self._transport.close()
        os.close(self._slave)


async def serve_pty(open_session: Callable[[], Session], *, now_ns: Callable[[], int] | None = None) -> PtyServer:
    """Put one session on a new pty; the same one for all clients, as one serial port is. Raises OSError."""
    master, slave = os.openpty()
    for end in (master, slave):
        tty.setraw(end)
    return PtyServer(PtyTransport(master, SessionProtocol(open_session, now_ns)), slave)
