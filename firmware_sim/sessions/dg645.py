"""PURE: a DG645's socket: lines end LF, CR is ignored, replies end CR LF (instruments.md 2.7)."""

from firmware_sim.personalities.dg645 import DelayGeneratorPanel
from firmware_sim.sessions.lines import LineSession, LineSplitter

LINE_MAX = 1024
"""Longest input line: many joined commands, but not a flood."""


def open_dg645_session(panel: DelayGeneratorPanel) -> LineSession:
    """The session of one more connection to ``panel``."""
    splitter = LineSplitter(b"\n\r", LINE_MAX)
    return LineSession(panel.execute, splitter, panel.advance, lambda: panel.free_running, lambda: panel.due_ns)
