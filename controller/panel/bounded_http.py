"""uvicorn's HTTP with bounds, given to it as ``Config(http=...)``: nobody may use up the panel's memory or its places.

uvicorn's httptools protocol takes a head of any length (a long address costs its square in time, during which no abort
is heard), any number of pipelined requests, and any number of connections that never say anything: a thousand of them
keep everybody out where a process has a thousand descriptors. An abort must get through all that.
"""

import asyncio
from collections import OrderedDict

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

HEAD_BYTES_MAX = 32 * 1024
"""Request line and headers, trailers included: what other servers take; a browser sends one."""

REQUEST_BYTES_MAX = 256 * 1024
"""A whole request: the abort's reason is the only body there is, and has 4 kB at most."""

PIECE_BYTES = 16 * 1024
"""Fed to the parser at once, so that it never works for long on what is then refused."""

REQUEST_S = 10.0
"""From the first silence to the end of a request: it travels in one piece; a browser that connects ahead of time
connects again."""

PIPELINED_MAX = 16
"""Requests that may wait on one connection for the answers before them; browsers do not send ahead at all."""

CONNECTIONS_MAX = 256
"""Connections at once, viewers of the stream not counted: forty browsers with six each. One more is always let in, for
it may be an abort, and the one silent longest goes; more than the system accepts in one go, so none goes unheard."""

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain\r\ncontent-length: 0\r\n"
    b"connection: close\r\n\r\n"
)


def http_protocol() -> type[asyncio.Protocol]:
    """The class for one server's ``uvicorn.Config(http=...)``."""
    house: OrderedDict[_BoundedHttp, None] = OrderedDict()

    class BoundHttp(_BoundedHttp):
        def __init__(
            self,
            config: Config,
            server_state: ServerState,
            app_state: dict[str, object],
            _loop: asyncio.AbstractEventLoop | None = None,
        ) -> None:
            super().__init__(config, server_state, app_state, _loop)
            self.house = house

    return BoundHttp


class _BoundedHttp(HttpToolsProtocol):
    """One connection: counts what arrives for a request, and gives up when it does not end."""

    house: "OrderedDict[_BoundedHttp, None]"
    _head_bytes = 0
    _request_bytes = 0
    _in_head = True
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.house[self] = None
        if len(self.house) > CONNECTIONS_MAX:
            self._show_out()
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self.forget()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self in self.house:
            self.house.move_to_end(self)
        for begin in range(0, len(data), PIECE_BYTES):
            if self.transport.is_closing() or self.transport.get_protocol() is not self:
                return
            piece = data[begin : begin + PIECE_BYTES]
            self._request_bytes += len(piece)
            self._head_bytes += len(piece) if self._in_head else 0
            self._await_request()
            super().data_received(piece)
            if self._head_bytes > HEAD_BYTES_MAX or self._request_bytes > REQUEST_BYTES_MAX:
                self._refuse()

    def handle_websocket_upgrade(self) -> None:
        self.forget()
        super().handle_websocket_upgrade()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:  # a trailer: no head any more, and kept all the same
            self._head_bytes += len(name) + len(value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        if len(self.pipeline) >= PIPELINED_MAX:
            raise ValueError("too many requests sent ahead")  # the parser's caller answers 400 and hangs up
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._head_bytes = self._request_bytes = 0
        self._in_head = True
        self._disarm()
        super().on_message_complete()

    def _await_request(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(REQUEST_S, self.transport.abort)

    def _show_out(self) -> None:
        """Who has been silent longest goes; one whose answer is under way only when there is nobody else."""
        idle = (one for one in self.house if one.cycle is None or one.cycle.response_complete)
        leaving = next(idle, None) or next(iter(self.house))
        leaving.forget()
        leaving.transport.abort()

    def _refuse(self) -> None:
        """Hang up; with an answer unless one is under way already."""
        if self.transport.is_closing():
            return
        if self._in_head and (self.cycle is None or self.cycle.response_complete):
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        else:
            self.transport.abort()

    def forget(self) -> None:
        """No more of this house: gone, shown out, or a viewer of the stream from now on."""
        self.house.pop(self, None)
        self._disarm()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
