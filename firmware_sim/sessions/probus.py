"""PURE: a FuG charger's serial line: 9600 baud, 8N1, any terminator, replies no faster than the line (2.4, 3.4)."""

from collections.abc import Callable

from drivers.wire.probus import COMMAND_MAX
from firmware_sim.personalities.fug_hck import CapacitorChargerPanel
from firmware_sim.sessions.base import Chunk
from firmware_sim.sessions.lines import LineSplitter
from firmware_sim.sessions.serial_line import BITS_PER_BYTE, SerialPace

BAUD = 9600

BYTE_NS = 1_000_000_000 * BITS_PER_BYTE // BAUD
"""Time of one byte on the line."""


class ProbusSession:
    """One serial port of a charger. Requests take their time on the line as well as replies."""

    __slots__ = ("_advance", "_pace", "_panel", "_splitter")

    def __init__(self, panel: CapacitorChargerPanel, advance: Callable[[int], None] | None = None) -> None:
        self._panel = panel
        self._advance = advance
        self._splitter = LineSplitter(b"\n\r\0", COMMAND_MAX)
        self._pace = SerialPace(BAUD)

    @property
    def waiting(self) -> bool:
        """True while the set-point ramps by itself."""
        return self._panel.ramping

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        """Answer the commands that ``data`` completes; the first chunk is the time until its first byte is out."""
        self._pace.hear(len(data), now_ns)
        replies = []
        for line in self._splitter.feed(data):
            if self._advance is not None:
                self._advance(now_ns)
            replies.append(self._panel.execute(line, now_ns))
        return self._pace.say(b"".join(replies), now_ns)

    def tick(self, now_ns: int) -> list[Chunk]:
        """Let the ramp go on."""
        if self._advance is not None:
            self._advance(now_ns)
        self._panel.advance(now_ns)
        return []
