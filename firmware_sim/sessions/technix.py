"""PURE: a Technix charger's two ways in (instruments.md 2.5): TCP, which may greet like a telnet server, and RS-232."""

from collections.abc import Callable

from drivers.wire.technix import COMMAND_MAX
from firmware_sim.personalities.technix import TechnixPanel
from firmware_sim.sessions.base import Chunk
from firmware_sim.sessions.lines import LineSplitter
from firmware_sim.sessions.serial_line import SerialPace

BAUD = 9600

GREETING = b"\xff\xfb\x01\xff\xfb\x03Technix\r\n"
"""What some network modules say when somebody connects: telnet options and a line of text (its words unverified)."""


class TechnixSession:
    """One connection. With ``baud`` it is a serial line; without, a socket."""

    __slots__ = ("_advance", "_greeting", "_pace", "_panel", "_splitter")

    def __init__(
        self,
        panel: TechnixPanel,
        advance: Callable[[int], None],
        *,
        baud: int | None = None,
    ) -> None:
        self._panel = panel
        self._advance = advance
        self._pace = None if baud is None else SerialPace(baud)
        self._greeting = GREETING if panel.greets and baud is None else b""
        self._splitter = LineSplitter(b"\r\n", COMMAND_MAX)

    @property
    def waiting(self) -> bool:
        """True until the greeting is said; the watchdog needs no clock, because it is looked at before any answer."""
        return bool(self._greeting)

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        """Answer the commands that ``data`` completes."""
        greeting, self._greeting = self._greeting, b""
        answers = [greeting]
        for line in self._splitter.feed(data):
            self._pass(now_ns)
            answers.append(self._panel.execute(line, now_ns))
        reply = b"".join(answers)
        if self._pace is None:
            return [Chunk(reply)] if reply else []
        self._pace.hear(len(data), now_ns)
        return self._pace.say(reply, now_ns)

    def tick(self, now_ns: int) -> list[Chunk]:
        """Say the greeting; let the watchdog look."""
        self._pass(now_ns)
        greeting, self._greeting = self._greeting, b""
        return [Chunk(greeting)] if greeting else []

    def _pass(self, now_ns: int) -> None:
        """Let time pass up to ``now_ns``; a watchdog that ran out meanwhile has switched off at its own time."""
        due_ns = self._panel.due_ns
        if due_ns is not None and due_ns <= now_ns:
            self._advance(due_ns)
            self._panel.advance(due_ns)
        self._advance(now_ns)
        self._panel.advance(now_ns)
