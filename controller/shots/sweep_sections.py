"""PURE: a sweep of the drive in the report: what coupler and water say of each level, as a picture and in numbers."""

from math import nan

import numpy as np

from controller.shots.html import Child, Html, join, table
from controller.shots.model import ShotRecord, SweepLevel
from controller.shots.numbers import with_prefix
from controller.shots.plot import Panel, Trace, draw_panel


def sweep_figure(record: ShotRecord) -> Html:
    """Mean power over drive, and a row per level."""
    levels = sorted(record.levels, key=lambda level: level.drive_w)
    drive_w = np.array([level.drive_w for level in levels])
    coupler = np.array([_or_nan(level.coupler_w) for level in levels])
    water = np.array([_or_nan(level.calorimetric_w) for level in levels])
    traces = (Trace("behind the coupler", drive_w, coupler), Trace("in the load's water", drive_w, water))
    panel = Panel("Mean power over drive", "W", "drive", traces, time_unit="W")
    head = ("Level", "Drive", "Pulses", "Behind the coupler", "In the load's water", "Apart by")
    return join((draw_panel(panel), table(head, [_row(level) for level in record.levels], numeric=(1, 2, 3, 4, 5))))


def _row(level: SweepLevel) -> list[Child]:
    apart = _or_nan(level.coupler_w) / (level.calorimetric_w or nan) - 1.0
    said = "\N{EN DASH}" if apart != apart else f"{100.0 * apart:+.1f} %".replace("-", "\N{MINUS SIGN}")
    return [
        level.step.replace("_", " "),
        with_prefix(level.drive_w, "W", 3),
        f"{level.pulses}",
        _power(level.coupler_w),
        _power(level.calorimetric_w),
        said,
    ]


def _power(power_w: float | None) -> str:
    return "\N{EN DASH}" if power_w is None else with_prefix(power_w, "W", 4)


def _or_nan(value: float | None) -> float:
    return nan if value is None else value
