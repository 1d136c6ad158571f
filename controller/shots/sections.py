"""PURE: the parts that report and shot sheet share: verdict, facts, plots, measurements, warnings."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import inf

import numpy as np

from controller.shots.html import Child, Html, join, table, tag
from controller.shots.model import ChannelCapture, MeasuredValue, ShotRecord, SlowLog
from controller.shots.numbers import limit, plain, rounded, unit_text
from controller.shots.plot import Mark, Panel, Trace, axis_prefix, draw_panel, group_by_size
from controller.shots.signals import is_clipped, scale_values, time_axis
from controller.shots.units import PREFIXES

SIGNS = {"pass": "✓", "fail": "✗", "inconclusive": "?", "aborted": "■", "error": "!"}
"""Beside the colour, so that a verdict can be read without it."""

UNIT_TITLES = {"A": "Currents", "V": "Voltages"}

GAUGE_WIDTH, GAUGE_HEIGHT = 190.0, 26.0

PREFIXABLE = frozenset({"A", "V", "s", "J", "A/s", "V/s"})
"""Units that take a prefix in a table; one that has its own already stays as the profile wrote it."""

SLOW_RATIO = 20.0
"""A slow channel that is so much smaller than another has an axis of its own."""

SLOW_TITLES = {
    "V": "Slow voltages",
    "A": "Slow currents",
    "W": "Slow powers",
    "Pa": "Pressures",
    "degC": "Temperatures",
    "K": "Temperature differences",
    "l/min": "Flows",
    "count": "Counts",
    "Sv/h": "Dose rates",
    "W/m^2": "Leakage",
}

ZOOM_BEFORE_S, ZOOM_AFTER_S = 0.5, 0.1
"""What the close-up of fire and dump shows around them."""

SLOW_POINTS_MIN = 5
"""A channel read less often than that within the close-up shows nothing there."""

GAP_FACTOR = 6.0
"""A slow channel is drawn through pauses up to so many of its periods; longer ones are a gap, not a slope."""


def verdict_mark(verdict: str, class_: str = "v") -> Html:
    """The verdict as sign and word in its colour."""
    return tag("span", f"{SIGNS.get(verdict, '·')} {verdict}", class_=f"{class_} {verdict}")


def facts(pairs: Iterable[tuple[str, Child]]) -> Html:
    """A list of names and values; empty values are left out."""
    shown = [(name, value) for name, value in pairs if value != ""]
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in shown))


def moment(label: str) -> str:
    """An ISO 8601 label as people read it: ``2026-05-01 10:20:30.123 UTC``."""
    day, _, rest = label.partition("T")
    return f"{day} {rest.removesuffix('+00:00')} UTC" if rest.endswith("+00:00") else label


def limits_text(item: MeasuredValue) -> str:
    """The limits as people write them."""
    unit = unit_text(item.unit)
    if item.lower is not None and item.upper is not None:
        return f"{limit(item.lower)} … {limit(item.upper)} {unit}".rstrip()
    if item.lower is not None:
        return f"≥ {limit(item.lower)} {unit}".rstrip()
    return f"≤ {limit(item.upper)} {unit}".rstrip() if item.upper is not None else "none"


def margin_text(item: MeasuredValue) -> str:
    """Distance to the nearer limit, or where there are two its share of the limits' span."""
    if item.margin is None:
        return "–"
    if item.lower is not None and item.upper is not None and item.upper > item.lower:
        return f"{plain(item.margin, 3)} ({plain(100 * item.margin / (item.upper - item.lower), 2)} %)"
    return plain(item.margin, 3)


def gauge(item: MeasuredValue) -> Html:
    """A bar that shows where the value stands between its limits, with its u95."""
    if item.value is None or (item.lower is None and item.upper is None):
        return Html("")
    low, high = _gauge_span(item, item.value)
    reach = (item.uncertainty or 0.0) / (high - low) * GAUGE_WIDTH

    def at(value: float) -> float:
        return min(max((value - low) / (high - low), 0.0), 1.0) * GAUGE_WIDTH

    left = at(item.lower) if item.lower is not None else 0.0
    right = at(item.upper) if item.upper is not None else GAUGE_WIDTH
    here, middle = min(max(at(item.value), 5.0), GAUGE_WIDTH - 5.0), GAUGE_HEIGHT / 2
    parts = [_line(0.0, middle, GAUGE_WIDTH, middle, "base"), _zone(left, right)]
    parts += [
        _line(at(edge), 4.0, at(edge), GAUGE_HEIGHT - 4, "limit")
        for edge in (item.lower, item.upper)
        if edge is not None
    ]
    parts.append(_line(max(here - reach, 0.0), middle, min(here + reach, GAUGE_WIDTH), middle, "reach"))
    diamond = f"{here:.1f},{middle - 6:.1f} {here + 5:.1f},{middle} {here:.1f},{middle + 6:.1f} {here - 5:.1f},{middle}"
    parts.append(tag("polygon", points=diamond, class_="here"))
    label = f"{item.title}: {item.verdict}, limits {limits_text(item)}"
    view = f"0 0 {GAUGE_WIDTH:g} {GAUGE_HEIGHT:g}"
    return tag("svg", *parts, viewBox=view, role="img", aria_label=label, class_=f"gauge {item.verdict}")


def _gauge_span(item: MeasuredValue, value: float) -> tuple[float, float]:
    """What the bar covers: the limits with a quarter of room, or from the value to its only limit and beyond."""
    if item.lower is not None and item.upper is not None:
        room = 0.25 * (item.upper - item.lower) or abs(item.upper) or 1.0
        return item.lower - room, item.upper + room
    edge = item.lower if item.lower is not None else item.upper
    limit = 0.0 if edge is None else edge
    reach = max(abs(value - limit), 0.1 * abs(limit), 1e-12)
    if item.lower is None:
        return min(0.0, value - 0.2 * reach, limit - 1.3 * reach), max(limit, value) + 0.4 * reach
    return min(limit, value) - 0.4 * reach, max(value, limit) + 1.3 * reach


def _zone(left: float, right: float) -> Html:
    width = max(right - left, 0.0)
    return tag("rect", x=f"{left:.1f}", y="6", width=f"{width:.1f}", height=f"{GAUGE_HEIGHT - 12:g}", class_="zone")


def _line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Html:
    return tag("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", class_=class_)


def scaled(item: MeasuredValue) -> MeasuredValue:
    """The same in the prefix that suits limits and value best: 64580 A of at most 67000 A are 64.58 kA of 67 kA."""
    numbers = [abs(x) for x in (item.value, item.lower, item.upper) if x is not None]
    prefix = axis_prefix(max(numbers, default=0.0), item.unit) if item.unit in PREFIXABLE else ""
    if not prefix or not numbers:
        return item
    factor = 1.0 / PREFIXES[prefix]

    def times(value: float | None) -> float | None:
        return None if value is None else value * factor

    return replace(
        item,
        value=times(item.value),
        lower=times(item.lower),
        upper=times(item.upper),
        uncertainty=times(item.uncertainty),
        margin=times(item.margin),
        unit=prefix + item.unit,
    )


def measurement_table(items: Sequence[MeasuredValue], gauges: bool) -> Html:
    """All measurements with value, u95, limits, margin and verdict; with the bars when there is room."""
    if not items:
        return tag("p", "The profile asks for no measurement, or none could be taken.", class_="empty")
    head = ["Measurement", "Value", "± u95", "Unit", "Limits", *(["Position"] if gauges else []), "Margin", "Verdict"]
    rows: list[list[Child]] = []
    for item in map(scaled, items):
        remark = tag("div", item.reason, class_="soft") if item.reason else Html("")
        name = join((item.title, tag("div", item.channel, class_="soft mono"), remark)) if gauges else item.title
        value, u95 = ("–", "–") if item.value is None else rounded(item.value, item.uncertainty)
        row: list[Child] = [name, value, u95, unit_text(item.unit), limits_text(item)]
        row += [gauge(item)] if gauges else []
        rows.append([*row, margin_text(item), verdict_mark(item.verdict)])
    return table(head, rows, numeric=(1, 2, 6 if gauges else 5), class_="wide")


def capture_panels(record: ShotRecord, width: int = 960, height: int = 320) -> list[Html]:
    """Waveform plots relative to T0: one per unit, and one more where sizes differ too much to share an axis."""
    units = list(dict.fromkeys(item.unit for item in record.captures))
    units.sort(key=lambda unit: list(UNIT_TITLES).index(unit) if unit in UNIT_TITLES else len(UNIT_TITLES))
    panels = []
    for unit in units:
        traces = [_trace(item) for item in record.captures if item.unit == unit and item.raw.size > 1]
        for group in group_by_size(traces):
            name = UNIT_TITLES.get(unit, f"Signals in {unit}")
            title = name if len(group) == len(traces) else f"{name}: {', '.join(item.name for item in group)}"
            marks = (Mark(0.0, "T0"),)
            panels.append(draw_panel(Panel(title, unit, "time after T0", tuple(group), marks, width, height)))
    return panels


def _trace(capture: ChannelCapture) -> Trace:
    clipped = " (clipped)" if is_clipped(capture) else ""
    return Trace((capture.title or capture.channel) + clipped, time_axis(capture), scale_values(capture))


def slow_panels(record: ShotRecord, width: int = 960, height: int = 300) -> list[Html]:
    """Charge, hold, shot and dump over the whole shot, with the instants of the shot: one plot per unit, and one more
    for what would lie flat on its axis."""
    instants = ((record.t0_s, "T0"), (record.dump_s, "dump"), (record.safe_s, "verified safe"))
    marks = tuple(Mark(at, name) for at, name in instants if at is not None)
    panels = []
    for unit in dict.fromkeys(log.unit for log in record.slow_logs):
        traces = [
            Trace(log.title or log.name, log.t_s, log.value, _gap_s(log))
            for log in record.slow_logs
            if log.unit == unit
        ]
        moving = [trace for trace in traces if np.any(trace.value)]
        groups = group_by_size(moving, SLOW_RATIO) or [[]]
        groups[-1] += [trace for trace in traces if not np.any(trace.value)]
        for number, group in enumerate(groups):
            name = (
                "Charge and dump" if unit == "V" and number == 0 else SLOW_TITLES.get(unit, f"Slow channels in {unit}")
            )
            title = name if number == 0 or unit == "V" else f"{name}, smaller"
            panels.append(draw_panel(Panel(title, unit, "time since the start", tuple(group), marks, width, height)))
    return panels


def close_up(record: ShotRecord, width: int = 960, height: int = 280) -> list[Html]:
    """Fire and dump on an axis of their own: the slow voltages from just before to verified safe."""
    zero_s = record.t0_s if record.t0_s is not None else record.dump_s
    if zero_s is None:
        return []
    end_s = (record.safe_s if record.safe_s is not None else zero_s + 1.0) + ZOOM_AFTER_S
    traces = []
    for log in record.slow_logs:
        near = (log.t_s >= zero_s - ZOOM_BEFORE_S) & (log.t_s <= end_s)
        if log.unit == "V" and np.count_nonzero(near) > SLOW_POINTS_MIN:
            traces.append(Trace(log.title or log.name, log.t_s[near] - zero_s, log.value[near], _gap_s(log)))
    instants = ((record.t0_s, "T0"), (record.dump_s, "dump"), (record.safe_s, "verified safe"))
    marks = tuple(Mark(at - zero_s, name) for at, name in instants if at is not None)
    fired = record.t0_s is not None
    title, axis = ("Fire and dump", "time after T0") if fired else ("Dump", "time after the dump")
    return [draw_panel(Panel(title, "V", axis, tuple(traces), marks, width, height))] if traces else []


def _gap_s(log: SlowLog) -> float:
    steps_s = np.diff(log.t_s)
    return GAP_FACTOR * float(np.median(steps_s)) if steps_s.size else inf


def warnings(record: ShotRecord) -> list[str]:
    """What a reader must know before trusting the numbers."""
    lost = [item.name for item in record.instruments if item.lost]
    recorded = (*record.captures, *(train.capture for train in record.trains))
    overdue = [item.title or item.channel for item in recorded if item.calibration_overdue]
    clipped = [item.title or item.channel for item in recorded if is_clipped(item)]
    failed = [item.path for item in record.self_test if not item.passed]
    undone = [item.text for item in record.checklist if not item.done]
    named = (
        ("Bypassed", list(record.bypasses)),
        ("Self-test failed", failed),
        ("Lost on the way", lost),
        ("Calibration overdue", overdue),
        ("Clipped", clipped),
        ("Not ticked", undone),
    )
    return [f"{name}: {', '.join(items)}" for name, items in named if items]
