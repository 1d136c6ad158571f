"""PURE: a T560's socket: CR ends a line, LF is ignored, a backspace empties the 256-byte buffer (instruments.md 2.8).

Behind the socket sits the instrument's own 38.4 kbaud serial port and a parser that needs its time.
"""

from drivers.wire.t560 import BUFFER_BYTES, FLUSH, REFUSED, REPLY_END
from firmware_sim.personalities.t560 import T560Panel
from firmware_sim.sessions.base import Chunk

BAUD = 38_400
BYTE_NS = 1_000_000_000 * 10 // BAUD
"""8N1: ten bits."""

SIMPLE_NS = 300_000
"""A simple command takes hundreds of microseconds."""

PAGE_NS = 300_000_000
"""STATUS and HELP take up to 500 ms, of which the line needs the rest."""

_PAGES = (b"ST", b"HE")


class T560Session:
    """One connection."""

    __slots__ = ("_held", "_panel")

    def __init__(self, panel: T560Panel) -> None:
        self._panel = panel
        self._held = b""

    @property
    def waiting(self) -> bool:
        """True while the instrument does something by itself."""
        return self._panel.wants_time

    @property
    def due_ns(self) -> int | None:
        """When there is something to do next."""
        return self._panel.due_ns

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        """Execute the lines that ``data`` completes."""
        *lines, rest = (self._held + data.replace(b"\n", b"")).split(b"\r")
        self._held = _flushed(rest)[: BUFFER_BYTES + 1]
        chunks: list[Chunk] = []
        for line in map(_flushed, lines):
            answer = REFUSED + REPLY_END if len(line) > BUFFER_BYTES else self._panel.execute(line, now_ns)
            if answer:
                busy_ns = sum(
                    PAGE_NS if command.strip().upper().startswith(_PAGES) else SIMPLE_NS for command in line.split(b";")
                )
                chunks += [Chunk(b"", busy_ns + (len(line) + len(answer)) * BYTE_NS), Chunk(answer)]
        return chunks

    def tick(self, now_ns: int) -> list[Chunk]:
        """Let the instrument go on."""
        self._panel.advance(now_ns)
        return []


def _flushed(line: bytes) -> bytes:
    """What a backspace left in the buffer."""
    return line[line.rfind(FLUSH) + 1 :]
