"""PURE: a train in the report: the waterfall of all its pulses, the worst beside the median pulse, and the numbers."""

from math import inf, isfinite

import numpy as np

from controller.shots.html import Html, join, table, tag
from controller.shots.model import FloatArray, PulseTrain, ShotRecord
from controller.shots.numbers import with_prefix
from controller.shots.picture import ColourScale, data_url, encode_png, levels_of, scale_of
from controller.shots.plot import Mark, Panel, Trace, axis_prefix, draw_panel, number, ticks
from controller.shots.pulses import (
    PulseTable,
    Statistic,
    deviations,
    pulse_table,
    statistics_of,
    typical_noise,
    typical_pulse,
    worst_pulse,
)
from controller.shots.signals import segment_values, time_axis
from controller.shots.units import PREFIXES
from controller.shots.waterfall import View, reduce_train, shown_values

ROWS, COLUMNS = 300, 400
"""Cells of the picture in the report: half a point each on paper, some 60 kB."""

WIDTH, HEIGHT = 960.0, 400.0
LEFT, RIGHT, TOP, BOTTOM = 62.0, 30.0, 44.0, 40.0

BAR_WIDTH, BAR_HEIGHT = 240.0, 10.0
"""The bar that says what the colours stand for."""

MISSING_NAMED_MAX = 12
QUANTITIES = {"peak": "Peak", "flat_top": "Flat top", "width": "Width at half of the flat top"}


def train_figures(record: ShotRecord) -> list[Html]:
    """Everything about every train, one after the other."""
    return [join(_figures(train)) for train in record.trains]


def _figures(train: PulseTrain) -> list[Html]:
    capture = train.capture
    name = capture.title or capture.channel
    if train.segments == 0 or train.points == 0:
        return [tag("p", f"{name}: no pulse was recorded.", class_="empty")]
    typical, times = typical_pulse(train), time_axis(capture)
    found = pulse_table(train)
    worst = worst_pulse(deviations(train, typical), found.missing)
    parts = [_waterfall(train, typical, found, worst)]
    if worst is not None:
        pulse = segment_values(capture, slice(worst, worst + 1))[0]
        traces = (Trace("median pulse", times, typical), Trace(f"pulse {worst + 1}", times, pulse))
        title = f"{name}: pulse {worst + 1}, the furthest from the median of those that came"
        axis = "time after the pulse's own trigger"
        parts.append(draw_panel(Panel(title, capture.unit, axis, traces, (Mark(0.0, "trigger"),), int(WIDTH), 260)))
    return [*parts, _numbers(statistics_of(found, capture.unit), found)]


def _waterfall(train: PulseTrain, typical: FloatArray, found: PulseTable, worst: int | None) -> Html:
    """All pulses, extremes kept, with axes, marks and the legend of colours."""
    capture = train.capture
    view = View(0, train.segments - 1, -inf, inf, ROWS, COLUMNS)
    reduced = reduce_train(train, typical, view)
    step, origin = capture.y_increment_v * capture.scale, capture.y_origin_v * capture.scale
    low, high = (
        (counts.astype(np.float64) - capture.y_reference) * step + origin for counts in (reduced.low, reduced.high)
    )
    shown = shown_values(reduced, low, high, typical_noise(train, typical))
    scale = scale_of(shown)
    picture = tag(
        "image",
        href=data_url(encode_png(levels_of(shown, scale))),
        x=f"{LEFT:g}",
        y=f"{TOP:g}",
        width=f"{WIDTH - LEFT - RIGHT:g}",
        height=f"{HEIGHT - TOP - BOTTOM:g}",
        preserveAspectRatio="none",
        style="image-rendering:pixelated",
    )
    parts = [
        picture,
        _frame(),
        _times(time_axis(capture)),
        _pulses(train.segments),
        _marks(train.segments, found, worst),
    ]
    name = capture.title or capture.channel
    said = f"Waterfall of {train.segments} pulses of {name}, pulses downwards, time across"
    svg = tag(
        "svg",
        *parts,
        _bar(scale, capture.unit),
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        role="img",
        aria_label=said,
        class_="plot",
    )
    duration = with_prefix(float(train.trigger_ns[-1]) * 1e-9, "s")
    counts = f"{train.segments} of {train.planned} pulses in {duration}"
    said = f"{counts}; ◂ missing, ◇ furthest from the median of those that came"
    return tag("figure", tag("figcaption", tag("b", f"{name}: all pulses"), tag("span", said, class_="legend")), svg)


def _place(pulse: float, pulses: int) -> float:
    """Height of the middle of a pulse, counted from 1."""
    return TOP + (pulse - 0.5) / pulses * (HEIGHT - TOP - BOTTOM)


def _frame() -> Html:
    size = {"width": f"{WIDTH - LEFT - RIGHT:g}", "height": f"{HEIGHT - TOP - BOTTOM:g}"}
    return tag("rect", x=f"{LEFT:g}", y=f"{TOP:g}", **size, fill="none", class_="axis")


def _text(text: str, x: float, y: float, anchor: str = "middle", class_: str | None = None) -> Html:
    return tag("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, class_=class_)


def _rule(x1: float, y1: float, x2: float, y2: float) -> Html:
    return tag("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", class_="axis")


def _times(t_s: FloatArray) -> Html:
    span_s = float(t_s[-1] - t_s[0]) or 1.0
    prefix = axis_prefix(span_s, "s")
    first, last, bottom = t_s[0] / PREFIXES[prefix], t_s[-1] / PREFIXES[prefix], HEIGHT - BOTTOM
    parts = []
    for value in ticks(float(first), float(last), 10):
        at = LEFT + (value - first) / ((last - first) or 1.0) * (WIDTH - LEFT - RIGHT)
        parts += [_rule(at, bottom, at, bottom + 5), _text(number(value), at, bottom + 18)]
    middle = (LEFT + WIDTH - RIGHT) / 2
    return join((*parts, _text(f"time after the pulse's own trigger ({prefix}s)", middle, HEIGHT - 5, class_="t")))


def _pulses(pulses: int) -> Html:
    shown = [1.0, *(value for value in ticks(0.0, float(pulses), 6) if value > 0.06 * pulses and value == round(value))]
    parts = []
    for value in shown:
        at = _place(value, pulses)
        parts += [_rule(LEFT - 5, at, LEFT, at), _text(number(value), LEFT - 8, at + 4, "end")]
    turned = f"translate(14 {(TOP + HEIGHT - BOTTOM) / 2:.1f}) rotate(-90)"
    return join((*parts, tag("text", "pulse", transform=turned, text_anchor="middle", class_="t")))


def _marks(pulses: int, found: PulseTable, worst: int | None) -> Html:
    """A triangle beside every missing pulse, a diamond beside the worst of those that came."""
    edge = WIDTH - RIGHT
    parts = []
    for index in np.flatnonzero(found.missing).tolist():
        at = _place(index + 1, pulses)
        shape = f"{edge + 3:.1f},{at:.1f} {edge + 12:.1f},{at - 5:.1f} {edge + 12:.1f},{at + 5:.1f}"
        parts.append(tag("polygon", tag("title", f"pulse {index + 1} is missing"), points=shape, class_="gone"))
    if worst is not None:
        at = _place(worst + 1, pulses)
        middle = edge + 20
        shape = (
            f"{middle - 6:.1f},{at:.1f} {middle:.1f},{at - 6:.1f} {middle + 6:.1f},{at:.1f} {middle:.1f},{at + 6:.1f}"
        )
        parts.append(tag("polygon", tag("title", f"pulse {worst + 1}"), points=shape, class_="odd"))
    return join(parts)


def _bar(scale: ColourScale, unit: str) -> Html:
    """From the smallest to the largest value, with the unit."""
    left, top = WIDTH - RIGHT - BAR_WIDTH, 8.0
    values = np.linspace(scale.low, scale.high, 256)[None, :]
    place = {"x": f"{left:g}", "y": f"{top:g}", "width": f"{BAR_WIDTH:g}", "height": f"{BAR_HEIGHT:g}"}
    parts = [
        tag("image", href=data_url(encode_png(levels_of(values, scale))), preserveAspectRatio="none", **place),
        tag("rect", fill="none", class_="axis", **place),
    ]
    size = max(abs(scale.low), abs(scale.high))
    prefix = axis_prefix(size, unit)
    low, high = scale.low / PREFIXES[prefix], scale.high / PREFIXES[prefix]
    for value in ticks(low, high, 5):
        at = left + (value - low) / ((high - low) or 1.0) * BAR_WIDTH
        parts += [
            _rule(at, top + BAR_HEIGHT, at, top + BAR_HEIGHT + 3),
            _text(number(value), at, top + BAR_HEIGHT + 15),
        ]
    return join((*parts, _text(f"{prefix}{unit}", left - 10, top + BAR_HEIGHT, "end", "t")))


def _numbers(statistics: tuple[Statistic, ...], found: PulseTable) -> Html:
    rows = [[QUANTITIES[item.quantity], *(_value(item, value) for value in _four(item))] for item in statistics]
    head = (f"of {statistics[0].count} pulses", "smallest", "mean", "largest", "standard deviation")
    return join((table(head, rows, numeric=(1, 2, 3, 4)), tag("p", _missing(found))))


def _four(item: Statistic) -> tuple[float, float, float, float]:
    return item.minimum, item.mean, item.maximum, item.std


def _value(item: Statistic, value: float) -> str:
    return with_prefix(value, item.unit, 4) if isfinite(value) else "–"


def _missing(found: PulseTable) -> str:
    count = found.missing_count
    if count == 0:
        return "No pulse is missing."
    named = (np.flatnonzero(found.missing) + 1).tolist()
    listed = ", ".join(map(str, named[:MISSING_NAMED_MAX])) + (", …" if len(named) > MISSING_NAMED_MAX else "")
    never = found.planned - int(found.missing.size)
    parts = [f"number {listed}" if named else "", f"{never} never triggered" if never else ""]
    several = f"{count} pulses are missing" if count > 1 else "1 pulse is missing"
    return f"{several}: {'; '.join(part for part in parts if part)}."
