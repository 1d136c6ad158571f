"""PURE: a DG645's socket and RS-232: lines end LF, CR is ignored, replies end CR LF (instruments.md 2.7)."""

from firmware_sim.personalities.dg645 import DelayGeneratorPanel
from firmware_sim.sessions.lines import LineSession, LineSplitter
from firmware_sim.sessions.serial_line import SerialPace

LINE_MAX = 1024
"""Longest input line: many joined commands, but not a flood."""


BAUD = 9600
"""Of its RS-232; 19200 at choice."""


def open_dg645_session(panel: DelayGeneratorPanel, baud: int | None = None) -> LineSession:
    """The session of one more connection to ``panel``. With ``baud`` it is a serial line; without, a socket."""
    splitter = LineSplitter(b"\n\r", LINE_MAX)
    pace = None if baud is None else SerialPace(baud)
    return LineSession(panel.execute, splitter, panel.advance, lambda: panel.free_running, lambda: panel.due_ns, pace)
