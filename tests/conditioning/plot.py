"""A conditioning over its hours: field, pulse length, breakdown rate, vacuum and strength, one below another."""

from dataclasses import dataclass, field
from math import floor, log10
from pathlib import Path

from playwright.sync_api import sync_playwright

from controller.sequencer.conditioning import Observation
from controller.shots.html import Html, join, page, tag
from controller.shots.plot import number, ticks
from controller.shots.style import BASE, COLOURS
from tests.conditioning.simulation import Bench, Run
from tests.support import require_tool

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 1100.0, 176.0, 70.0, 20.0, 28.0, 26.0
RATE_PULSES, RATE_BREAKDOWNS = 2e6, 6
"""The plotted rate is over the last so many of both at least: at the target 20 breakdowns, at the goal 2e7 pulses."""


@dataclass(slots=True)
class Hour:
    """What one hour was like."""

    field: float
    lowest: float
    pulse_s: float
    fired: int
    breakdowns: int
    pressure_pa: float
    strength: float


@dataclass(slots=True)
class Logbook:
    """Hears of every decision and keeps an entry per hour."""

    hours: dict[int, Hour] = field(default_factory=dict)

    def note(self, run: Run, seen: Observation) -> None:
        level, control = run.action.field_v_per_m, run.control
        here = self.hours.setdefault(
            int(seen.time_s / 3600.0), Hour(0.0, control.working_field_v_per_m, 0.0, 0, 0, 0.0, 0.0)
        )
        here.field, here.pulse_s = control.working_field_v_per_m, 50e-9 * (control.rung + 1)
        here.lowest = min(here.lowest, level or here.lowest)
        here.fired, here.breakdowns = run.fired, run.breakdowns
        here.pressure_pa = max(here.pressure_pa, seen.pressure_pa)
        here.strength = run.plant.strength


@dataclass(frozen=True, slots=True)
class Strip:
    """One plot: lines and dots of (hour, value), and rules with a name."""

    title: str
    lines: tuple[tuple[tuple[float, float], ...], ...] = ()
    dots: tuple[tuple[float, float], ...] = ()
    rules: tuple[tuple[float, str], ...] = ()
    logarithmic: bool = False


def strips(bench: Bench, book: Logbook) -> list[Strip]:
    """The five plots of a conditioning."""
    at = sorted(book.hours)
    each = [book.hours[hour] for hour in at]
    recipe = bench.recipe
    return [
        Strip(
            "field, MV/m: working point, and the lowest of each hour",
            (tuple((h, e.field / 1e6) for h, e in zip(at, each, strict=True)),),
            tuple((h, e.lowest / 1e6) for h, e in zip(at, each, strict=True) if e.lowest < 0.98 * e.field),
            ((recipe.nominal_field_v_per_m / 1e6, "nominal"), (recipe.normal_field_v_per_m / 1e6, "normal operation")),
        ),
        Strip(
            "pulse length, ns",
            (tuple((h, e.pulse_s * 1e9) for h, e in zip(at, each, strict=True)),),
            rules=((recipe.nominal_pulse_s * 1e9, "nominal"),),
        ),
        Strip(
            "breakdowns per pulse, over the last 2 million pulses and 6 breakdowns at least",
            (tuple(_rates(at, each)),),
            rules=((recipe.target_rate, "target"), (recipe.goal_rate, "goal")),
            logarithmic=True,
        ),
        Strip(
            "highest pressure of each hour, Pa",
            dots=tuple((h, e.pressure_pa) for h, e in zip(at, each, strict=True)),
            rules=((recipe.vacuum_hold_pa, "hold"), (recipe.vacuum_resume_pa, "resume")),
            logarithmic=True,
        ),
        Strip(
            "strength of the simulated surface, and what the goal needs",
            (tuple((h, e.strength) for h, e in zip(at, each, strict=True)),),
            rules=((_needed(bench), "goal"),),
        ),
    ]


def _needed(bench: Bench) -> float:
    law, recipe = bench.breakdown.law, bench.recipe
    length = (recipe.nominal_pulse_s / law.pulse_s) ** (law.pulse_exponent / law.field_exponent)
    rate = (law.probability / recipe.goal_rate) ** (1.0 / law.field_exponent)
    return float(recipe.nominal_field_v_per_m / law.field_v_per_m * length * rate)


def _rates(at: list[int], each: list[Hour]) -> list[tuple[float, float]]:
    found, first = [], 0
    for index, hour in enumerate(each):
        while first + 1 < index and _enough(each[first + 1], hour):
            first += 1
        pulses, count = hour.fired - each[first].fired, hour.breakdowns - each[first].breakdowns
        if _enough(each[first], hour):
            found.append((float(at[index]), count / pulses))
    return found


def _enough(since: Hour, now: Hour) -> bool:
    return now.fired - since.fired >= RATE_PULSES and now.breakdowns - since.breakdowns >= RATE_BREAKDOWNS


def draw(strip: Strip, hours: float, last: bool) -> Html:
    """One plot over ``hours``."""
    values = [value for line in (*strip.lines, strip.dots) for _, value in line] + [value for value, _ in strip.rules]
    low, high = (min(values) * 0.7, max(values) * 1.4) if strip.logarithmic else (0.0, 1.04 * max(values))

    def y(value: float) -> float:
        share = log10(value / low) / log10(high / low) if strip.logarithmic else (value - low) / (high - low)
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)

    def x(hour: float) -> float:
        return LEFT + hour / hours * (WIDTH - LEFT - RIGHT)

    marks = [10.0**power for power in range(floor(log10(low)) + 1, floor(log10(high)) + 1)] if strip.logarithmic else []
    parts = [tag("text", strip.title, x=f"{LEFT}", y="16", class_="m")]
    for value in marks or ticks(low, high, 4):
        parts.append(_line(LEFT, y(value), WIDTH - RIGHT, y(value), "grid"))
        text = f"1e{round(log10(value))}" if strip.logarithmic else number(value)
        parts.append(tag("text", text, x=f"{LEFT - 6}", y=f"{y(value) + 4:.1f}", text_anchor="end"))
    for value in ticks(0.0, hours, 10):
        parts.append(_line(x(value), HEIGHT - BOTTOM, x(value), HEIGHT - BOTTOM + 4, "axis"))
        text = f"{number(value)} h" if last else number(value)
        parts.append(tag("text", text, x=f"{x(value):.1f}", y=f"{HEIGHT - 8}", text_anchor="middle"))
    parts.append(_line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, "axis"))
    for value, name in strip.rules:
        parts.append(_line(LEFT, y(value), WIDTH - RIGHT, y(value), "mark"))
        parts.append(
            tag("text", name, x=f"{WIDTH - RIGHT - 4}", y=f"{y(value) - 4:.1f}", text_anchor="end", class_="m")
        )
    parts += [
        tag("circle", cx=f"{x(hour):.1f}", cy=f"{y(value):.1f}", r="1.3", fill="var(--c2)", opacity="0.55")
        for hour, value in strip.dots
    ]
    parts += [
        tag("polyline", points=" ".join(f"{x(h):.1f},{y(v):.1f}" for h, v in line), class_="line c1")
        for line in strip.lines
    ]
    return tag("svg", *parts, viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}", class_="plot")


def _line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Html:
    return tag("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", class_=class_)


def write(bench: Bench, book: Logbook, path: Path, hours: float, title: str) -> None:
    """The plot as a page, or as a picture when ``path`` ends with .png (needs chromium)."""
    parts = strips(bench, book)
    drawn = (draw(part, hours, part is parts[-1]) for part in parts)
    body = tag("main", tag("p", tag("b", title)), tag("figure", join(drawn)))
    text = page(title, COLOURS + BASE + "main{max-width:1180px}svg.plot{margin-bottom:4px}", body)
    if path.suffix != ".png":
        path.write_text(text, encoding="utf-8")
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=require_tool("chromium"), args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": 1200, "height": 1040})
        shown.set_content(text)
        shown.screenshot(path=str(path), full_page=True)
        browser.close()
