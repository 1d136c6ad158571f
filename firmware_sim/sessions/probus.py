"""PURE: a FuG charger's serial line: 9600 baud, 8N1, any terminator, replies no faster than the line (2.4, 3.4)."""

from collections.abc import Callable

from drivers.wire.probus import COMMAND_MAX
from firmware_sim.personalities.fug_hck import CapacitorChargerPanel
from firmware_sim.sessions.base import Chunk
from firmware_sim.sessions.lines import LineSplitter

BAUD = 9600
BITS_PER_BYTE = 10
"""8N1: start, eight data bits, stop."""

BYTE_NS = 1_000_000_000 * BITS_PER_BYTE // BAUD
"""Time of one byte on the line."""

BURST_BYTES = 8
"""Bytes handed over at once, as a UART's FIFO does; one timer per byte would cost more than it shows."""


class ProbusSession:
    """One serial port of a charger. Requests take their time on the line as well as replies."""

    __slots__ = ("_advance", "_panel", "_received_ns", "_sent_ns", "_splitter")

    def __init__(self, panel: CapacitorChargerPanel, advance: Callable[[int], None] | None = None) -> None:
        self._panel = panel
        self._advance = advance
        self._splitter = LineSplitter(b"\n\r\0", COMMAND_MAX)
        self._received_ns = 0
        self._sent_ns = 0

    @property
    def waiting(self) -> bool:
        """True while the set-point ramps by itself."""
        return self._panel.ramping

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        """Answer the commands that ``data`` completes; the first chunk is the time until its first byte is out."""
        self._received_ns = max(now_ns, self._received_ns) + len(data) * BYTE_NS
        replies = []
        for line in self._splitter.feed(data):
            if self._advance is not None:
                self._advance(now_ns)
            replies.append(self._panel.execute(line, now_ns))
        reply = b"".join(replies)
        if not reply:
            return []
        idle_ns = max(now_ns, self._sent_ns)
        start_ns = max(self._received_ns, idle_ns)
        self._sent_ns = start_ns + len(reply) * BYTE_NS
        return pace(reply, start_ns - idle_ns)

    def tick(self, now_ns: int) -> list[Chunk]:
        """Let the ramp go on."""
        if self._advance is not None:
            self._advance(now_ns)
        self._panel.advance(now_ns)
        return []


def pace(reply: bytes, wait_ns: int) -> list[Chunk]:
    """``reply`` in bursts, each handed over when its last byte has left the line, the first one after ``wait_ns``."""
    bursts = [reply[at : at + BURST_BYTES] for at in range(0, len(reply), BURST_BYTES)]
    chunks = [Chunk(b"", wait_ns + len(bursts[0]) * BYTE_NS)]
    for index, burst in enumerate(bursts):
        following = len(bursts[index + 1]) if index + 1 < len(bursts) else 0
        chunks.append(Chunk(burst, following * BYTE_NS))
    return chunks
