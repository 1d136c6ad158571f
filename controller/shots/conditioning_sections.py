"""PURE: a conditioning in the report: field, pulse length and breakdowns over time, and the breakdowns in words.

What a session reached is told by its events, and how by the slow channels that every bench with a drive keeps.
"""

import numpy as np

from controller.shots.html import Child, Html, join, table, tag
from controller.shots.model import EventRow, FloatArray, ShotRecord, SlowLog
from controller.shots.numbers import with_prefix
from controller.shots.plot import Mark, Panel, Trace, draw_panel

SOURCE = "conditioning"
"""Who tells of it among the events."""

BREAKDOWN, REACHED = "breakdown: ", "reached: "
"""How those events begin."""

FIELD, LENGTH = "field", "pulse_length"
"""The slow channels."""

ROWS_MAX = 100
"""Breakdowns told singly, the latest; the picture shows all."""

GAP_S = 60.0
"""A line is drawn through pauses up to this."""


def is_conditioning(record: ShotRecord) -> bool:
    """Whether there is anything to show."""
    return any(row.source == SOURCE and row.text.startswith(REACHED) for row in record.events)


def conditioning_figure(record: ShotRecord) -> Html:
    """What was reached, three plots on one axis of time, and a row per breakdown."""
    told = [row for row in record.events if row.source == SOURCE]
    struck = [row for row in told if row.text.startswith(BREAKDOWN)]
    reached = [row.text.removeprefix(REACHED) for row in told if row.text.startswith(REACHED)]
    logs = {log.name: log for log in record.slow_logs}
    times_s = np.array([_at_s(record, row) for row in struck])
    marks = (Mark(float(times_s[0]), "first fault"),) if struck else ()
    panels: list[Html] = []
    for name, title in ((FIELD, "Field"), (LENGTH, "Pulse length")):
        log = logs.get(name)
        if log is not None and np.isfinite(log.value).any():
            panels.append(_panel(title, log.unit, Trace(title, *_known(log), GAP_S), marks))
            if name == LENGTH:
                known_s, _ = _known(log)
                steps = _steps(times_s, float(known_s[0]), float(known_s[-1]))
                panels.append(_panel("Breakdowns", "count", Trace("Breakdowns so far", *steps), marks))
    rows = [_row(record, row) for row in struck[-ROWS_MAX:]]
    words: list[Child] = [tag("p", text) for text in reached]
    return join((*words, *panels, *([table(("After", "What latched first"), rows)] if rows else [])))


def _panel(title: str, unit: str, trace: Trace, marks: tuple[Mark, ...]) -> Html:
    return draw_panel(Panel(title, unit, "time since the start", (trace,), marks, height=220))


def _known(log: SlowLog) -> tuple[FloatArray, FloatArray]:
    """The samples that are numbers; with the drive off the field is none, and drawn as zero."""
    known = np.isfinite(log.value)
    return log.t_s[known], log.value[known]


def _steps(times_s: FloatArray, start_s: float, end_s: float) -> tuple[FloatArray, FloatArray]:
    """How many there have been, as a staircase from ``start_s`` to ``end_s``."""
    count = np.arange(times_s.size + 1, dtype=np.float64)
    at = np.concatenate(([start_s], np.repeat(times_s, 2), [max(end_s, float(times_s[-1]) if times_s.size else 0.0)]))
    return at, np.repeat(count, 2)


def _at_s(record: ShotRecord, row: EventRow) -> float:
    return (row.t_ns - record.identity.started_ns) * 1e-9


def _row(record: ShotRecord, row: EventRow) -> list[Child]:
    return [with_prefix(_at_s(record, row), "s", 5), row.text.removeprefix(BREAKDOWN)]
