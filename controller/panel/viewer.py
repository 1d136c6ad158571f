"""One viewer of the stream: a cursor on the shared log, and the rules of falling behind.

A viewer that keeps up is written to directly by the broadcaster. One whose socket is full is paused; when the socket
drains it is served from the shared log until it has caught up: backfill and falling behind are the same thing.
"""

import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from controller.telemetry.frames import HEADER, header
from controller.telemetry.ring import RowRing

LAG_ROWS_MAX = 1500
"""30 s at 50 Hz: a viewer that was live and is further behind jumps to the newest row and is told."""

CHUNK_BYTES = 1 << 16
"""Rows served from the ring are sent in messages of about this size."""

BURST_BYTES = 1 << 18
"""What one viewer is served at once; then the others have their turn."""

TEXTS_MAX, TEXT_BYTES_MAX = 4096, 8 << 20
"""Text messages kept for viewers that are behind; one that misses even these is disconnected and asks again."""

TOO_SLOW = 1013
"""WebSocket close code "try again later" (IANA registry)."""

TEXT, BINARY = 0x81, 0x82
"""First byte of an unfragmented WebSocket message (RFC 6455, 5.2)."""

_LONG, _LONGER = struct.Struct(">BBH"), struct.Struct(">BBQ")


def websocket_header(first: int, length: int) -> bytes:
    """Header of an unmasked message of ``length`` bytes, as servers send it (RFC 6455, 5.2)."""
    if length < 126:
        return bytes((first, length))
    return _LONG.pack(first, 126, length) if length < 1 << 16 else _LONGER.pack(first, 127, length)


def text_frame(content: object) -> bytes:
    """``content`` as JSON in a WebSocket text message, ready for the wire; NaN and infinity become null."""
    body = msgspec.json.encode(content)
    return websocket_header(TEXT, len(body)) + body


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a viewer asks for: rows after ``after`` of the stream it knows, or else the last ``backfill_s`` seconds.

    None: everything for one that knows another stream (it lost its panel), nothing for one that knows none.
    """

    backfill_s: float | None = None
    stream: str = ""
    after: int = -1


class Port(Protocol):
    """The viewer's end of the connection, as far as the stream needs it."""

    write: Callable[[bytes], Any]

    def close(self, code: int, reason: str) -> None:
        """Say goodbye and hang up."""

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Run ``callback`` after what is waiting now."""


class Log:
    """Everything that was said, once for all viewers: rows by number, and texts by their place between the rows."""

    def __init__(self) -> None:
        self.head = 0
        self.ring: RowRing | None = None
        self.next_text = 0
        self._texts: deque[tuple[int, bytes]] = deque()
        self._text_bytes = 0

    @property
    def first_row(self) -> int:
        """Oldest row that is kept; head + 1 when there is none."""
        return self.head + 1 if self.ring is None else self.ring.first

    def add_text(self, data: bytes) -> None:
        """Keep a text message behind the newest row."""
        self._texts.append((self.head, data))
        self._text_bytes += len(data)
        self.next_text += 1
        while len(self._texts) > TEXTS_MAX or (self._text_bytes > TEXT_BYTES_MAX and len(self._texts) > 1):
            self._text_bytes -= len(self._texts.popleft()[1])

    @property
    def first_text(self) -> int:
        """Oldest text that is kept; next_text when there is none."""
        return self.next_text - len(self._texts)

    def text(self, number: int) -> tuple[int, bytes] | None:
        """(the row it comes behind, message) of text ``number``; None when it is yet to come."""
        return None if number >= self.next_text else self._texts[number - self.first_text]

    def rows(self, seq: int, last: int) -> tuple[int, bytes]:
        """(count, WebSocket message) of rows from ``seq`` to at most ``last`` and about CHUNK_BYTES."""
        ring = self.ring
        assert ring is not None
        size = ring.layout.row_bytes
        rows = ring.rows(seq, min(last - seq + 1, max(1, CHUNK_BYTES // size)))
        length = HEADER.size + len(rows) * size
        head = websocket_header(BINARY, length) + header(len(rows), seq, ring.layout)
        return len(rows), b"".join((head, *rows))


class Viewer:
    """One connection's place in the log.

    ``live`` while it keeps up: then the broadcaster writes to ``port``; ``on_live`` is called when that changes.
    ``paused`` while its socket is full.
    """

    def __init__(self, port: Port, log: Log, row: int, on_live: Callable[[], None]) -> None:
        self.port = port
        self.live = False
        self.sent = 0
        self.dropped = 0
        self._log = log
        self._row = row
        self._text = log.next_text
        self._on_live = on_live
        self._was_live = False
        self.paused = False
        self._scheduled = False
        self._gone = False

    def start(self, greeting: bytes) -> None:
        """Send the first message, then what follows."""
        self.port.write(greeting)
        self.pump()

    def pause(self) -> None:
        """The socket is full: no more writes until :meth:`resume`. What was written is on its way."""
        self.paused = True
        if self.live:
            self.live = False
            self._row, self._text = self._log.head + 1, self._log.next_text
            self._on_live()

    def resume(self) -> None:
        """The socket takes more: serve what was missed."""
        self.paused = False
        self.pump()

    def leave(self) -> None:
        """The connection is gone or going: nothing is written any more."""
        self._gone = True
        if self.live:
            self.live = False
            self._on_live()

    def pump(self) -> None:
        """Write until the socket is full, the burst is over or everything is said."""
        budget = BURST_BYTES
        while not self.paused and not self._gone and not self.live:
            if budget <= 0:
                self._later()
                return
            budget -= self._say_next()

    def _later(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self.port.call_soon(self._again)

    def _again(self) -> None:
        self._scheduled = False
        self.pump()

    def _say_next(self) -> int:
        """Write one message, the next in the log's order; its size. Everything said: live."""
        log = self._log
        if self._text < log.first_text:
            self.port.close(TOO_SLOW, "too far behind")
            return 0
        if self._behind():
            return self._jump()
        text = log.text(self._text)
        if text is not None and text[0] < self._row:
            self._text += 1
            return self._write(text[1])
        if self._row <= log.head:
            count, data = log.rows(self._row, log.head if text is None else text[0])
            self._row += count
            self.sent += count
            return self._write(data)
        return self._go_live()

    def _write(self, data: bytes) -> int:
        self.port.write(data)
        return len(data)

    def _behind(self) -> bool:
        lag = self._log.head + 1 - self._row
        return lag > 0 and (self._row < self._log.first_row or (self._was_live and lag > LAG_ROWS_MAX))

    def _jump(self) -> int:
        """To the newest row; a viewer that never was live and has only lost the oldest begins at the oldest kept."""
        log, begin = self._log, self._row
        oldest = log.first_row
        self._row = max(oldest, log.head if self._was_live else oldest)
        count = self._row - begin
        self.dropped += count
        return self._write(text_frame({"type": "dropped", "frames": count, "from": begin, "to": self._row - 1}))

    def _go_live(self) -> int:
        if not self._was_live:
            self._was_live = True
            return self._write(text_frame({"type": "live", "seq": self._log.head + 1}))
        self.live = True
        self._on_live()
        return 0
