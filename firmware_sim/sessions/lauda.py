"""PURE: a LAUDA PRO's socket: CR, CR LF or LF CR ends a command, answers end CR LF (instruments.md 2.12)."""

from drivers.wire.lauda import LINE_MAX
from firmware_sim.personalities.lauda import LaudaPanel
from firmware_sim.sessions.lines import LineSession, LineSplitter


def open_lauda_session(panel: LaudaPanel) -> LineSession:
    """The session of one more connection. Nothing happens between commands that the next one does not catch up."""
    return LineSession(panel.execute, LineSplitter(b"\r\n", LINE_MAX), panel.advance, lambda: False)
