"""The stream's WebSocket end, given to uvicorn as ``Config(ws=...)``: it bypasses ASGI, whose send awaits each viewer.

Handshake, ping and close are the websockets library's (sans I/O); the stream's messages go to the transport as they
are. Only this machine's own names are answered, and only to pages of the same origin: a page from elsewhere in the
same browser can neither read the stream nor rebind a name of its own to this address.
"""

import asyncio
import logging
import math
import socket
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import parse_qs

from uvicorn import Config
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from controller.panel.addresses import host_name, same_origin
from controller.panel.stream import Broadcaster
from controller.panel.viewer import TOO_SLOW, Viewer, Wanted

PATH = "/api/v1/stream"

WRITE_HIGH_BYTES = 1 << 16
"""High-water mark of a viewer's transport, three seconds of 100 channels: above it the viewer is paused."""

SEND_BUFFER_BYTES = 1 << 17
"""Asked of the kernel for each viewer: left alone it buffers minutes for one that does not read, which then hears the
past before it hears that it is behind."""

INBOUND_MAX_BYTES = 1024
"""Largest message read from a viewer; none is expected."""

PING_S = 20.0
"""A viewer from which nothing is heard for one to two of these is gone."""

GRACE_S = 0.1
"""A second look at a silence: when this process itself got no time, its timers come before what waits to be read."""

CLOSE_S = 1.0
"""Time for a viewer to take what is on its way and the goodbye; then the connection is cut."""

QUERY_FIELDS_MAX = 8
UNSUPPORTED, RESTARTING = 1003, 1012
"""WebSocket close codes (RFC 6455, 7.4.1, and its registry)."""

DATA_OPCODES = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})

log = logging.getLogger("sparkgap.panel")


def stream_protocol(broadcaster: Broadcaster, allowed_hosts: frozenset[str]) -> type[asyncio.Protocol]:
    """The class for ``uvicorn.Config(ws=...)``.

    ``allowed_hosts`` are what a Host header may name, without port: 127.0.0.1, localhost, [::1].
    """

    class BoundStreamProtocol(_Connection):
        def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
            super().__init__(broadcaster, allowed_hosts, cast(set[Any], server_state.connections))

    return BoundStreamProtocol


class _Connection(asyncio.Protocol):
    """One viewer's connection; a Port for the stream."""

    write: Callable[[bytes], Any]

    def __init__(self, broadcaster: Broadcaster, allowed_hosts: frozenset[str], connections: set[Any]) -> None:
        self._broadcaster = broadcaster
        self._hosts = allowed_hosts
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._protocol = ServerProtocol(extensions=[], max_size=INBOUND_MAX_BYTES)
        self._transport: asyncio.Transport | None = None
        self._viewer: Viewer | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._wanted = Wanted()
        self._ending = False
        self._paused = False
        self._heard = True
        self._late_pong = b""

    # --- called by the transport and by uvicorn ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports are not its subclasses
        self._transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)
        self.write = self._transport.write
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._connections.discard(self)
        self._stop()
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._heard = True
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._shake_hands(event)
            elif isinstance(event, Frame) and event.opcode in DATA_OPCODES and not self._ending:
                self._protocol.fail(UNSUPPORTED, "this stream takes no messages")
        self._flush()

    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._end()

    def pause_writing(self) -> None:
        self._paused = True
        if self._viewer is not None:
            self._viewer.pause()

    def resume_writing(self) -> None:
        self._paused = False
        self._heard = True
        if self._late_pong and self._transport is not None:
            pong, self._late_pong = self._late_pong, b""
            self._transport.write(pong)
        if self._viewer is not None and not self._paused:
            self._viewer.resume()

    def shutdown(self) -> None:
        """Uvicorn ends: say so, and hang up within CLOSE_S."""
        self.close(RESTARTING, "the panel is closing")

    # --- the stream's port ---------------------------------------------------------------------------------------

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Run ``callback`` once the loop has done what is waiting."""
        self._loop.call_soon(callback)

    def close(self, code: int, reason: str) -> None:
        """Say goodbye and hang up; harmless when that was done."""
        if self._ending:
            return
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason)
            self._flush()
        self._end()

    # --- the connection's life -----------------------------------------------------------------------------------

    def _shake_hands(self, request: Request) -> None:
        refusal = self._refusal(request)
        response = self._protocol.reject(*refusal) if refusal is not None else self._protocol.accept(request)
        self._protocol.send_response(response)
        self._flush()
        if response.status_code == 101:
            # uvicorn hands over its transport after this call: only then does a full socket pause us, not its parser
            self._loop.call_soon(self._join)
        else:
            self._end()

    def _refusal(self, request: Request) -> tuple[int, str] | None:
        path, _, query = request.path.partition("?")
        if path != PATH:
            return 404, f"the stream is at {PATH}\n"
        host, origin = _only(request, "Host"), _only(request, "Origin")
        if host is None or host_name(host) not in self._hosts:
            return 403, f"host {host!r} is not this panel's: use {' or '.join(sorted(self._hosts))}\n"
        if "Origin" in request.headers and not same_origin(origin, host):
            return 403, f"origin {origin!r} is not this panel's\n"
        try:
            self._wanted = parse_wanted(query)
        except ValueError as error:
            return 400, f"{error}\n"
        return (503, "too many viewers: close a page, or try again later\n") if self._broadcaster.full else None

    def _join(self) -> None:
        if self._ending or self._transport is None:
            return
        self._timer = self._loop.call_later(PING_S, self._beat)
        self._viewer = self._broadcaster.join(self, self._wanted)
        if self._viewer is None:
            self.close(TOO_SLOW, "too many viewers")
        else:
            self._broadcaster.greet(self._viewer)

    def _beat(self) -> None:
        """Ask for a sign of life; without one since the last time, a pong or room in the socket, look again."""
        if not self._heard:
            self._timer = self._loop.call_later(GRACE_S, self._look_again)
            return
        self._heard = False
        self._timer = self._loop.call_later(PING_S, self._beat)
        if not self._paused and self._protocol.state is State.OPEN:
            self._protocol.send_ping(b"")
            self._flush()

    def _look_again(self) -> None:
        if self._heard:
            self._beat()
        elif self._transport is not None:
            log.info("stream: a viewer was silent for %.0f s and is cut off", PING_S)
            self._stop()
            self._transport.abort()

    def _flush(self) -> None:
        """Write what the library has to say. Of pongs that find the socket full the latest waits (RFC 6455, 5.5.3)."""
        if self._transport is None:
            return
        for data in self._protocol.data_to_send():
            if self._paused and self._protocol.state is State.OPEN:
                self._late_pong = data
            elif data:
                self._transport.write(data)
        if self._protocol.close_expected() or self._protocol.parser_exc or self._protocol.handshake_exc:
            self._end()

    def _end(self) -> None:
        """Stop streaming, let what was written go out, and cut the connection when it does not."""
        self._stop()
        if self._ending or self._transport is None:
            return
        self._ending = True
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(CLOSE_S, self._transport.abort)
        self._transport.close()

    def _stop(self) -> None:
        if self._viewer is not None:
            self._broadcaster.leave(self._viewer)
            self._viewer = None


def parse_wanted(query: str) -> Wanted:
    """The query of a subscription. Raises ValueError naming the field that is wrong; unknown fields are ignored."""
    fields = {name: values[-1] for name, values in parse_qs(query, max_num_fields=QUERY_FIELDS_MAX).items()}
    try:
        backfill_s = float(fields["backfill_s"]) if "backfill_s" in fields else None
        after = int(fields.get("after", "-1"))
    except ValueError:
        raise ValueError("backfill_s and after are numbers: ?backfill_s=120 or ?stream=ID&after=SEQ") from None
    if backfill_s is not None and not (math.isfinite(backfill_s) and backfill_s >= 0.0):
        raise ValueError("backfill_s is a number of seconds, 0 or more")
    return Wanted(backfill_s, fields.get("stream", ""), after)


def _only(request: Request, name: str) -> str | None:
    values = request.headers.get_all(name)
    return values[0] if len(values) == 1 else None
