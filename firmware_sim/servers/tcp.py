"""A session on a TCP socket, and the asyncio Protocol that every byte-stream server shares.

``SessionProtocol`` is also what ``controller/app`` joins to a driver in memory, and what ``pty.py`` puts on a pty.
It honours the sessions' timing (``Chunk.duration_ns``), ticks a waiting session, and stops reading from a peer that
does not read its answers, so that neither side can make it hold more than the bounds below.
"""

import asyncio
import socket
import struct
import weakref
from collections import deque
from collections.abc import Callable
from typing import cast

from firmware_sim.sessions.base import Attached, Chunk, Session

TICK_S = 0.001
"""How often a waiting session is asked again at first: well below any answer's own timing."""

TICK_MAX_S = 0.05
"""And at least: a ramp or a trigger that does not come must not cost a core's time (issue 5: under 1 % of it)."""

DUE_MAX_S = 0.25
"""Longest sleep of a session that knows its time: another connection may have changed it meanwhile."""

PATIENCE = 16
"""A wait is looked at again after a sixteenth of the time it has lasted: what takes long is noticed 6 % later."""

PENDING_MAX = 4096
"""Paced chunks that may queue before we stop reading requests: a full slow reply, not a flood."""


class SessionProtocol(asyncio.Protocol):
    """One connection to a stand-in. ``now_ns`` replaces the loop's clock where a rig has its own origin of time."""

    def __init__(self, open_session: Callable[[], Session], now_ns: Callable[[], int] | None = None) -> None:
        self._session = open_session()
        self._loop = asyncio.get_running_loop()
        self._now_ns = now_ns if now_ns is not None else self._loop_ns
        self._pending: deque[Chunk] = deque()
        self._transport: asyncio.Transport | None = None
        self._pacing: asyncio.TimerHandle | None = None
        self._ticking: asyncio.Handle | None = None
        self._active_s = 0.0
        self._peer_slow = False
        self._paused = False
        self._woken = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The peer is there."""
        self._transport = cast(asyncio.Transport, transport)
        self._active_s = self._loop.time()
        if isinstance(self._session, Attached):
            self._session.attach(self._wake)
        self._tick_while_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone: nothing more is sent and no timer stays behind."""
        self._transport = None
        self._pending.clear()
        for timer in (self._pacing, self._ticking):
            if timer is not None:
                timer.cancel()
        self._pacing = self._ticking = None
        if isinstance(self._session, Attached):
            self._session.detach()

    def data_received(self, data: bytes) -> None:
        """Feed the session and send what it answers."""
        session = self._session
        try:
            chunks = session.feed(data, self._now_ns())
        except Exception as trouble:
            self._give_up(trouble)
            return
        if chunks:
            self._emit(chunks)
        if session.waiting:
            if self._ticking is not None:
                self._ticking.cancel()
            self._active_s = self._loop.time()
            self._tick_while_waiting()

    def pause_writing(self) -> None:
        """The peer does not read: take no further requests until it does."""
        self._peer_slow = True
        self._throttle()

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._peer_slow = False
        self._throttle()
        if self._woken:
            self._wake()

    def _loop_ns(self) -> int:
        return round(self._loop.time() * 1e9)

    def _emit(self, chunks: list[Chunk]) -> None:
        transport = self._transport
        if transport is None:
            return
        if self._pacing is None and len(chunks) == 1 and chunks[0].duration_ns == 0 and not chunks[0].close:
            transport.write(chunks[0].data)
            return
        self._pending.extend(chunks)
        self._throttle()
        if self._pacing is None:
            self._pump()

    def _pump(self) -> None:
        self._pacing = None
        transport = self._transport
        while self._pending and transport is not None:
            data, duration_ns, close, reset = self._pending.popleft()
            if len(data):
                transport.write(data)
            if close:
                self._pending.clear()
                reset_connection(transport) if reset else transport.close()
                return
            if duration_ns > 0:
                self._pacing = self._loop.call_at(self._loop.time() + duration_ns / 1e9, self._pump)
                break
        self._throttle()

    def _throttle(self) -> None:
        want = self._peer_slow or len(self._pending) > PENDING_MAX
        if want == self._paused or self._transport is None or self._transport.is_closing():
            return
        self._paused = want
        if want:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _wake(self) -> None:
        """The session has something to say that this connection did not ask for: it keeps it while nobody reads."""
        self._woken = self._peer_slow
        if self._peer_slow:
            return
        if self._transport is not None:
            if self._ticking is not None:
                self._ticking.cancel()
            self._active_s = self._loop.time()
            self._ticking = self._loop.call_soon(self._tick)

    def _tick_while_waiting(self) -> None:
        if self._session.waiting and self._transport is not None:
            now_s = self._loop.time()
            due_ns = getattr(self._session, "due_ns", None)
            if due_ns is None:
                pause_s = min((now_s - self._active_s) / PATIENCE, TICK_MAX_S)
            else:
                pause_s = min((due_ns - self._now_ns()) / 1e9, DUE_MAX_S)
            self._ticking = self._loop.call_at(now_s + max(pause_s, TICK_S), self._tick)

    def _tick(self) -> None:
        self._ticking = None
        try:
            chunks = self._session.tick(self._now_ns())
        except Exception as trouble:
            self._give_up(trouble)
            return
        if chunks:
            self._active_s = self._loop.time()
            self._emit(chunks)
        self._tick_while_waiting()

    def _give_up(self, trouble: Exception) -> None:
        """A defect of the stand-in: tell the loop (virtual time ends the run, real time logs) and close this link."""
        self._loop.call_exception_handler(
            {"message": f"stand-in broke on its link: {trouble!r}", "exception": trouble, "protocol": self}
        )
        self.hang_up()

    def hang_up(self) -> None:
        """Drop the connection now, without sending what is queued."""
        if self._transport is not None:
            self._transport.abort()


def reset_connection(transport: asyncio.Transport) -> None:
    """Hang up with RST instead of FIN, where there is a socket."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class TcpServer:
    """One stand-in on a port of its own. ``address`` is ``host:port`` as ``sparkgap sim --json`` publishes it."""

    def __init__(self, open_session: Callable[[], Session], now_ns: Callable[[], int] | None) -> None:
        self._open_session = open_session
        self._now_ns = now_ns
        self._connections: list[weakref.ref[SessionProtocol]] = []
        self._server: asyncio.Server | None = None
        self.address = ""

    def connect(self) -> SessionProtocol:
        """The protocol of one more connection."""
        protocol = SessionProtocol(self._open_session, self._now_ns)
        self._connections = [known for known in self._connections if known() is not None]
        self._connections.append(weakref.ref(protocol))
        return protocol

    async def listen(self, host: str, port: int) -> None:
        """Bind; raises OSError."""
        self._server = await asyncio.get_running_loop().create_server(self.connect, host, port)
        bound_host, bound_port = self._server.sockets[0].getsockname()[:2]
        self.address = f"{bound_host}:{bound_port}"

    async def close(self) -> None:
        """Stop listening and hang up on everybody."""
        if self._server is not None:
            self._server.close()
            self.hang_up()
            await self._server.wait_closed()

    def hang_up(self) -> None:
        """Drop every connection but keep listening: what a rebooting instrument does."""
        for known in self._connections:
            protocol = known()
            if protocol is not None:
                protocol.hang_up()


async def serve_tcp(
    open_session: Callable[[], Session],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    now_ns: Callable[[], int] | None = None,
) -> TcpServer:
    """Put ``open_session`` (one session per connection) on a TCP port; 0 takes a free one. Raises OSError."""
    server = TcpServer(open_session, now_ns)
    await server.listen(host, port)
    return server
