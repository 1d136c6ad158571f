"""PURE: what can be read all the time, by the port of the instrument: channels with a ``group``, and their units.

A window of the PLC says its unit with the end of its name (plc.yaml is the PLC's own); here it becomes the channel's.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Protocol

from controller.rig.fields import Quantity, closest
from controller.rig.source import Document, Path, Problem

INPUTS: Mapping[str, Mapping[str, str]] = {
    "PowerSupply": {"voltage": "V", "current": "A"},
    "Chiller": {"bath": "degC", "set_point": "degC", "external": "degC"},
    "RfSource": {"power": "W"},
    "VacuumGauge": {f"GAUGE{number}": "Pa" for number in range(1, 7)},
}
"""Port -> inputs that a channel may name, and the unit each is read in. A source that is off delivers 0 W."""

TORR_PA = 101325.0 / 760.0

WINDOW_UNITS: Mapping[str, tuple[str, float]] = {
    "_torr": ("Pa", TORR_PA),
    "_pa": ("Pa", 1.0),
    "_l_per_min": ("l/min", 1.0),
    "_kg_per_s": ("kg/s", 1.0),
    "_c": ("degC", 1.0),
    "_k": ("K", 1.0),
    "_a": ("A", 1.0),
    "_v": ("V", 1.0),
    "_w": ("W", 1.0),
    "_mw_per_cm2": ("W/m^2", 10.0),
    "_usv_per_h": ("Sv/h", 1e-6),
}
"""End of a window's name -> the unit its channel has, and how many of it one is."""

_ENDS = re.compile("(" + "|".join(sorted(WINDOW_UNITS, key=len, reverse=True)) + ")$")


class PolledChannel(Protocol):
    """What is asked of a channel, as written or as loaded."""

    @property
    def instrument(self) -> str:
        """Who measures it."""
        ...

    @property
    def input(self) -> str:
        """What of it."""
        ...

    @property
    def unit(self) -> str:
        """The channel's unit."""
        ...

    @property
    def group(self) -> str | None:
        """Empty or None: it is not published."""
        ...


def window_unit(window: str) -> tuple[str, float]:
    """Unit and factor of a window by its name; a plain number when the name says none."""
    found = _ENDS.search(window)
    return WINDOW_UNITS[found[1]] if found else ("1", 1.0)


def bound_problems(
    document: Document, path: Path, unit: str, group: str | None, bounds: Mapping[str, Quantity | None]
) -> Iterator[Problem]:
    """``low`` and ``high`` are in the channel's unit, in order, and of a channel that somebody sees."""
    given = {name: value for name, value in bounds.items() if value is not None}
    for name, value in given.items():
        if value.unit != unit:
            yield document.problem((*path, name), f"is in {value.unit}, but the channel is in {unit}", f"use {unit}")
        elif not group:
            yield document.problem((*path, name), "judges what nobody publishes", "add a `group:`")
    if len(given) == len(bounds) and not given["low"].value < given["high"].value:
        yield document.problem((*path, "low"), "is not below high", "write the lower limit first")


def input_problems(
    document: Document, path: Path, channel: PolledChannel, port: str, windows: tuple[str, ...]
) -> Iterator[Problem]:
    """A published channel names something that its instrument can be asked for all the time, in its unit."""
    if not channel.group or port == "Daq":
        return
    units = {name: window_unit(name)[0] for name in windows} if port == "RigPlc" else dict(INPUTS.get(port, {}))
    if channel.input not in units:
        problem = f"{channel.instrument} cannot be asked for '{channel.input}' all the time"
        remedy = closest(channel.input, units) if units else "remove its `group:`"
        yield document.problem((*path, "input"), problem, remedy)
    elif units[channel.input] != channel.unit:
        unit = units[channel.input]
        problem = f"'{channel.input}' is read in {unit}, not {channel.unit}"
        yield document.problem((*path, "unit"), problem, f"use {unit}")
