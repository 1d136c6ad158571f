"""PURE: line plots as inline SVG: axes with units, decimated traces, marks in time. Colours come from the page's CSS.

Traces differ in colour (Okabe and Ito's palette, told apart by colour-blind readers) and in dash, so that a
black-and-white print can be read too.
"""

import re
from dataclasses import dataclass
from math import floor, inf, isfinite, log10

import numpy as np

from controller.shots.decimate import decimate
from controller.shots.html import Html, join, tag
from controller.shots.model import FloatArray
from controller.shots.units import PREFIXES

TRACE_POINTS = 1600
"""Two per pixel column of a wide screen: more cannot be seen, less would lose spikes."""

TICKS = 6
"""About so many per axis: fewer leave values to guess, more run into each other."""

DASHES = ("", "7 3", "2 2", "9 3 2 3", "5 2", "1 3")
COLOURS = 6


@dataclass(frozen=True, slots=True)
class Trace:
    """One line: ``t_s`` and ``value`` of shape (count,); it is broken where samples are ``gap_s`` or more apart."""

    name: str
    t_s: FloatArray
    value: FloatArray
    gap_s: float = inf


@dataclass(frozen=True, slots=True)
class Mark:
    """An instant worth a vertical line."""

    t_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Panel:
    """What a plot shows and how large it is drawn, in SVG units (about a pixel).

    ``time_unit`` is the horizontal axis' unit where that is no time.
    """

    title: str
    unit: str
    time_title: str
    traces: tuple[Trace, ...]
    marks: tuple[Mark, ...] = ()
    width: int = 960
    height: int = 320
    time_unit: str = "s"


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Place of a value on the paper."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


LEFT, RIGHT, TOP, BOTTOM = 62.0, 14.0, 18.0, 40.0

LETTER = 7.5
"""Width of a bold letter of a mark's text: enough to keep neighbours apart."""


def draw_panel(panel: Panel) -> Html:
    """The plot with its legend, as a ``<figure>``. A panel without samples becomes a line of text."""
    traces = [trace for trace in panel.traces if np.count_nonzero(np.isfinite(trace.value)) > 1]
    if not traces:
        return tag("p", f"{panel.title}: no samples.", class_="empty")
    prefix = axis_prefix(max(float(np.nanmax(np.abs(trace.value))) for trace in traces), panel.unit)
    span_s = max(float(trace.t_s[-1]) for trace in traces) - min(float(trace.t_s[0]) for trace in traces)
    time_prefix = axis_prefix(span_s, panel.time_unit)
    x, y = _scales(panel, traces, PREFIXES[prefix], PREFIXES[time_prefix])
    parts = [
        _grid(panel, x, y),
        _marks(panel, x, PREFIXES[time_prefix]),
        *(_line(trace, index, x, y, PREFIXES[prefix], PREFIXES[time_prefix]) for index, trace in enumerate(traces)),
        _labels(panel, f"{prefix}{panel.unit}", f"{panel.time_title} ({time_prefix}{panel.time_unit})"),
    ]
    view = f"0 0 {panel.width} {panel.height}"
    svg = tag("svg", *parts, viewBox=view, role="img", aria_label=f"{panel.title}: {len(traces)} traces", class_="plot")
    caption = tag("figcaption", tag("b", panel.title), _legend(traces))
    return tag("figure", caption, svg)


def axis_prefix(size: float, unit: str) -> str:
    """The SI prefix that leaves one to three digits before the point; none where it would be ambiguous (``A^2 s``)."""
    if unit == "count" or not re.match(r"[A-Za-z]+($|[/ ])", unit) or not size > 0.0:
        return ""
    usable = [prefix for prefix in ("G", "M", "k", "", "m", "µ", "n") if size >= PREFIXES[prefix]]
    return usable[0] if usable else "n"


def ticks(low: float, high: float, count: int = TICKS) -> list[float]:
    """Round numbers (1, 2, 2.5, 5 times a power of ten) within ``low`` .. ``high``."""
    raw = (high - low) / max(count, 1)
    if not raw > 0.0 or not isfinite(raw):
        return [low]
    power = 10.0 ** floor(log10(raw))
    step = next(factor * power for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if factor * power >= raw * 0.999)
    first = int(np.ceil(low / step - 1e-9))
    last = int(np.floor(high / step + 1e-9))
    return [round(index * step, 12) for index in range(first, last + 1)]


def number(value: float) -> str:
    """A tick's text, with a true minus sign and no trailing zeros."""
    text = f"{value:.6g}"
    return text.replace("-", "\N{MINUS SIGN}")


def _scales(panel: Panel, traces: list[Trace], unit: float, time_unit: float) -> tuple[_Scale, _Scale]:
    first = min(float(trace.t_s[0]) for trace in traces) / time_unit
    last = max(float(trace.t_s[-1]) for trace in traces) / time_unit
    low = min(0.0, *(float(np.nanmin(trace.value)) / unit for trace in traces))
    high = max(0.0, *(float(np.nanmax(trace.value)) / unit for trace in traces))
    room = 0.06 * (high - low) or 1.0
    x = _Scale(first, last if last > first else first + 1.0, LEFT, panel.width - RIGHT)
    y = _Scale(low - room if low < 0.0 else low, high + room, panel.height - BOTTOM, TOP)
    return x, y


def _text(text: str, x: float, y: float, anchor: str = "middle", class_: str | None = None) -> Html:
    return tag("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, class_=class_)


def _rule(x1: float, y1: float, x2: float, y2: float, class_: str) -> Html:
    return tag("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", class_=class_)


def _grid(panel: Panel, x: _Scale, y: _Scale) -> Html:
    parts = []
    bottom = panel.height - BOTTOM
    for value in ticks(y.low, y.high):
        at = y.at(value)
        parts.append(_rule(LEFT, at, panel.width - RIGHT, at, "zero" if value == 0.0 else "grid"))
        parts.append(_text(number(value), LEFT - 7, at + 4, "end"))
    for value in ticks(x.low, x.high, 10):
        at = x.at(value)
        parts.append(_rule(at, bottom, at, bottom + 5, "axis"))
        parts.append(_text(number(value), at, bottom + 18))
    parts.append(_rule(LEFT, bottom, panel.width - RIGHT, bottom, "axis"))
    parts.append(_rule(LEFT, TOP, LEFT, bottom, "axis"))
    return join(parts)


def _marks(panel: Panel, x: _Scale, time_unit: float) -> Html:
    rules, texts = [], []
    ends: list[tuple[float, float, int]] = []
    for mark in panel.marks:
        at = x.at(mark.t_s / time_unit)
        if not LEFT - 0.5 <= at <= panel.width - RIGHT + 0.5:
            continue
        length = LETTER * len(mark.text)
        after = at + length + 10.0 < panel.width - RIGHT
        start = at + 5.0 if after else at - 5.0 - length
        taken = {row for low, high, row in ends if low < start + length and start < high}
        row = next(row for row in range(len(ends) + 1) if row not in taken)
        ends.append((start, start + length, row))
        rules.append(_rule(at, TOP - 4, at, panel.height - BOTTOM, "mark"))
        place = at + 5 if after else at - 5
        texts.append(_text(mark.text, place, TOP + 5 + 14 * row, "start" if after else "end", "m"))
    return join((*rules, *texts))


def _line(trace: Trace, index: int, x: _Scale, y: _Scale, unit: float, time_unit: float) -> Html:
    t_s, value = decimate(trace.t_s, trace.value, TRACE_POINTS)
    across = x.start + (t_s / time_unit - x.low) / (x.high - x.low) * (x.end - x.start)
    up = y.start + (value / unit - y.low) / (y.high - y.low) * (y.end - y.start)
    dash = _dash(index) or None
    breaks = np.flatnonzero(np.diff(t_s) >= trace.gap_s) + 1
    pieces = zip(np.split(across, breaks), np.split(up, breaks), strict=True)
    return join(
        tag("polyline", tag("title", trace.name), points=_points(a, b), class_=_colour(index), stroke_dasharray=dash)
        for a, b in pieces
    )


def _points(across: FloatArray, up: FloatArray) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across.tolist(), up.tolist(), strict=True))


def _labels(panel: Panel, unit: str, time: str) -> Html:
    middle = (LEFT + panel.width - RIGHT) / 2
    height = (TOP + panel.height - BOTTOM) / 2
    up = tag("text", unit, transform=f"translate(14 {height:.1f}) rotate(-90)", text_anchor="middle", class_="t")
    return join((_text(time, middle, panel.height - 5, class_="t"), up))


def _dash(index: int) -> str:
    """Shifted by one in every round of colours, so that no pair of colour and dash comes twice in 36 traces."""
    return DASHES[(index + index // COLOURS) % len(DASHES)]


def _colour(index: int) -> str:
    return f"line c{index % COLOURS + 1}"


def _legend(traces: list[Trace]) -> Html:
    entries = []
    for index, trace in enumerate(traces):
        dash = _dash(index) or None
        sample = tag("line", x1="0", y1="5", x2="26", y2="5", class_=_colour(index), stroke_dasharray=dash)
        entries.append(tag("span", tag("svg", sample, viewBox="0 0 26 10", class_="key"), trace.name))
    return tag("span", *entries, class_="legend")


def group_by_size(traces: list[Trace], ratio: float = 8.0) -> list[list[Trace]]:
    """Split traces so that none is squashed by a neighbour more than ``ratio`` times as large.

    The largest comes first in its group, so that it lies under the others; those keep their order.
    """
    sizes = [float(np.nanmax(np.abs(trace.value))) if trace.value.size else 0.0 for trace in traces]
    groups: list[list[int]] = []
    for index in sorted(range(len(traces)), key=lambda i: -sizes[i]):
        if groups and sizes[groups[-1][0]] <= ratio * sizes[index]:
            groups[-1].append(index)
        else:
            groups.append([index])
    return [[traces[index] for index in (group[0], *sorted(group[1:]))] for group in groups]
