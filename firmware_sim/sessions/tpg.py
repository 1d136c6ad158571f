"""PURE: the serial line of a Pfeiffer gauge controller: ACK, NAK, ENQ, ETX, continuous output (instruments.md 2.9).

ENQ and ETX act as the bytes they are; CR ends a request, and what of CR and LF is left over means nothing.
"""

import re

from drivers.wire.tpg import ACK, BAUDS, END, ENQ, ETX, LINE_MAX, NAK
from firmware_sim.personalities.tpg import GaugePanel
from firmware_sim.sessions.base import Chunk
from firmware_sim.sessions.serial_line import SerialPace

_TOKEN = re.compile(rb"[\x03\x05\r]|[^\x03\x05\r]+")


class GaugeSession:
    """One serial port."""

    __slots__ = ("_held", "_next_ns", "_pace", "_panel")

    def __init__(self, panel: GaugePanel) -> None:
        self._panel = panel
        self._pace = SerialPace(BAUDS[0])
        self._held = b""
        self._next_ns = 0

    @property
    def waiting(self) -> bool:
        """True during continuous output."""
        return self._panel.continuous_s is not None

    @property
    def due_ns(self) -> int:
        """When the next line of the continuous output is due."""
        return self._next_ns

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        """Answer the requests, ENQs and ETXs in ``data``."""
        self._pace.hear(len(data), now_ns)
        panel = self._panel
        panel.advance(now_ns)
        out = b""
        for token in _TOKEN.findall(data.replace(b"\n", b"")):
            panel.continuous_s = None
            if token == ENQ:
                self._held = b""
                out += panel.enquire()
            elif token == ETX:
                self._held = b""
                panel.clear()
            elif token != b"\r":
                self._held = (self._held + token)[: LINE_MAX + 1]
            elif self._held.strip():
                line, self._held = self._held, b""
                out += (ACK if panel.request(line) else NAK) + END
        if panel.continuous_s is not None:
            out += panel.readings_line()
            self._next_ns = now_ns + round(panel.continuous_s * 1e9)
        return self._pace.say(out, now_ns)

    def tick(self, now_ns: int) -> list[Chunk]:
        """Continuous output, when its time has come."""
        period_s = self._panel.continuous_s
        if period_s is None or now_ns < self._next_ns:
            return []
        period_ns = round(period_s * 1e9)
        self._next_ns += (1 + (now_ns - self._next_ns) // period_ns) * period_ns
        self._panel.advance(now_ns)
        return self._pace.say(self._panel.readings_line(), now_ns)
