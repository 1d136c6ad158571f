"""The core's request port (panel -> core): one JSON line asks, one JSON line answers, each connection for itself.

An abort is acted on in the very callback that received it: nothing is queued before it, nothing is awaited, and
whoever holds other connections open cannot keep it out. Nothing that arrives here can raise into the core.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import msgspec

from controller.messages import Reply, Request

LINE_BYTES_MAX = 4096
"""Longest line taken: a Request with a reason of a few sentences is 300 bytes."""

LINES_MAX = 32
"""Lines that may arrive at once on one connection: a panel has one request under way; more is a flood."""

CONNECTIONS_MAX = 16
"""Connections at once. One more is always let in, for it may be an abort; the one silent longest is hung up on."""

LEAVING_S = 0.1
"""Time that one has which is to be hung up on: the system accepts connections before the loop reads from any, so the
line of an abort may be there already."""

LEAVING_MAX = 256
"""Connections that are being hung up on; beyond it (ten thousand new ones per second) the oldest go at once."""

LINE_DEADLINE_S = 5.0
"""A line that has begun must be complete by then: loopback needs a millisecond."""

REASON_CHARS_MAX = 200
"""Of a reason for an abort: it goes to the journal, the events and the terminal."""

_decode = msgspec.json.Decoder(Request).decode


@dataclass(frozen=True, slots=True)
class Answer:
    """What the core says to an abort: whether it was taken, and a sentence for the person who asked."""

    accepted: bool
    text: str


Abort = Callable[[str], Answer]
"""Takes the energy away for this reason, now; does not wait for anything."""


class RequestPort:
    """The listening side. ``abort`` is called for every abort request, any number of times."""

    def __init__(self, abort: Abort) -> None:
        self._abort = abort
        self._open: OrderedDict[_Connection, None] = OrderedDict()
        self._leaving: OrderedDict[_Connection, None] = OrderedDict()
        self._server: asyncio.Server | None = None

    async def serve(self) -> str:
        """Listen on a free loopback port; returns ``HOST:PORT``."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"{host}:{port}"

    def close(self) -> None:
        """Stop listening and hang up on everybody; what was answered is still written."""
        if self._server is not None:
            self._server.close()
        for connection in (*self._open, *self._leaving):
            connection.hang_up()

    def enlist(self, connection: "_Connection") -> None:
        """Let ``connection`` in; when the house is full the one that has been silent longest goes."""
        self._open[connection] = None
        if len(self._open) > CONNECTIONS_MAX:
            silent, _ = self._open.popitem(last=False)
            self._leaving[silent] = None
            silent.hang_up_soon()
        if len(self._leaving) > LEAVING_MAX:
            oldest, _ = self._leaving.popitem(last=False)
            oldest.hang_up()

    def dismiss(self, connection: "_Connection") -> None:
        """Forget a connection that went away."""
        self._open.pop(connection, None)
        self._leaving.pop(connection, None)

    def answer(self, connection: "_Connection", line: bytes) -> Reply:
        """Carry out one line. Never raises for what the line holds."""
        if connection in self._open:
            self._open.move_to_end(connection)
        try:
            request = _decode(line)
        except (msgspec.DecodeError, ValueError) as trouble:
            return Reply(0, False, f'not a request ({trouble}); send one line such as {{"id":1,"abort":"why"}}')
        if not request.abort:
            return Reply(request.id, False, 'nothing was asked for; an abort is {"id":1,"abort":"why"}')
        answer = self._abort(readable(request.abort))
        return Reply(request.id, answer.accepted, answer.text)


def readable(reason: str) -> str:
    """``reason`` as one short printable line; never empty."""
    text = " ".join("".join(c if c.isprintable() else " " for c in reason[: 2 * REASON_CHARS_MAX]).split())
    return text[:REASON_CHARS_MAX] or "no reason given"


class _Connection(asyncio.Protocol):
    """One peer: lines in, lines out, in order. A peer that does not read its answers is hung up on."""

    def __init__(self, port: RequestPort) -> None:
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._held = bytearray()
        self._transport: asyncio.WriteTransport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._last: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's transports are not its subclasses
        self._port.enlist(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._disarm()
        if self._last is not None:
            self._last.cancel()
        self._port.dismiss(self)

    def pause_writing(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._held += data
        *lines, rest = self._held.split(b"\n", LINES_MAX)
        self._held = bytearray(rest)
        for line in lines:
            if len(line) > LINE_BYTES_MAX:
                self._refuse(f"a line of {len(line)} bytes; at most {LINE_BYTES_MAX} are taken")
                return
            self._write(self._port.answer(self, bytes(line)))
        if len(lines) == LINES_MAX:
            self._refuse(f"more than {LINES_MAX} lines at once; wait for each answer")
        elif len(rest) > LINE_BYTES_MAX:
            self._refuse(f"a line longer than {LINE_BYTES_MAX} bytes")
        elif not rest:
            self._disarm()
        elif self._deadline is None or lines:
            self._disarm()
            self._deadline = self._loop.call_later(LINE_DEADLINE_S, self._give_up)

    def _give_up(self) -> None:
        self._refuse(f"a line that did not end within {LINE_DEADLINE_S:g} s")

    def _refuse(self, problem: str) -> None:
        self._write(Reply(0, False, problem))
        self.hang_up()

    def _write(self, reply: Reply) -> None:
        if self._transport is not None:
            self._transport.write(msgspec.json.encode(reply) + b"\n")

    def hang_up(self) -> None:
        """Close once everything written has left."""
        self._held.clear()
        self._disarm()
        if self._transport is not None:
            self._transport.close()

    def hang_up_soon(self) -> None:
        """Hear what is there already, then close."""
        self._last = self._loop.call_later(LEAVING_S, self.hang_up)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
