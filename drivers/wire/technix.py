"""PURE: the lines of a Technix CCR/SR charger (instruments.md 2.5): CR ends both ways, the answer to a set is its echo.

Voltages and currents travel as 12-bit codes of the rating, truncated: 5000 V of 10000 V is code 2047.
"""

import math
from dataclasses import dataclass
from enum import IntFlag

from drivers.wire.dialect import Dialect, Integer, Row, Template, TextRow

END = b"\r"
"""Ends every line, both ways."""

CODE_MAX = 4095
"""Full scale of set-points and readings."""

COMMAND_MAX = 16
"""No command is longer than ``d1,4095``; the rest is slack for a client's blanks."""


class Status(IntFlag):
    """The answer to ``E``."""

    VOLTAGE_REGULATION = 1
    FAULT = 2
    INTERLOCK_OPEN = 4
    OUTPUT = 8
    HV_ON = 16
    HV_OFF = 32
    LOCAL = 64
    INHIBIT = 128


@dataclass(frozen=True, slots=True)
class Rating:
    """What the codes are fractions of. A capacitor charger's current is twice its power over its voltage."""

    model: str
    voltage_v: float
    power_w: float

    @property
    def current_a(self) -> float:
        """Full-scale current."""
        return 2 * self.power_w / self.voltage_v


CCR10KV_7_5KJ = Rating("CCR10KV-7.5KJ", 10_000.0, 7_500.0)
"""The model of the shortlist: 10 kV, 7.5 kJ/s, 1.5 A."""

CCR25KV_7_5KJ = Rating("CCR25KV-7.5KJ", 25_000.0, 7_500.0)
"""The same for 25 kV: 0.6 A."""


def code_of(value: float, full_scale: float) -> int:
    """The code of ``value``, truncated as the instrument's clients do. Raises ValueError outside 0..``full_scale``."""
    if not 0 <= value <= full_scale:
        raise ValueError(f"{value:g} is outside 0..{full_scale:g}")
    exact = value / full_scale * CODE_MAX
    return min(CODE_MAX, math.floor(exact + 1e-9))  # the slack undoes binary rounding just below a whole code


def value_of(code: int, full_scale: float) -> float:
    """What ``code`` stands for."""
    return code / CODE_MAX * full_scale


_CODE = {"code": Integer(0, CODE_MAX)}
_BIT = {"on": Integer(0, 1)}


def _echoed(name: str, template: Template) -> Row:
    return TextRow(name, template, template, END, END)


_ROWS: tuple[Row, ...] = (
    _echoed("set_voltage", Template("d1,{code}", _CODE)),
    _echoed("set_current", Template("d2,{code}", _CODE)),
    _echoed("hv_on", Template("P5,{on}", _BIT)),
    _echoed("hv_off", Template("P6,{on}", _BIT)),
    _echoed("local", Template("P7,{on}", _BIT)),
    _echoed("inhibit", Template("P8,{on}", _BIT)),
    TextRow("voltage?", Template("a1"), Template("a1{code}", _CODE), END, END),
    TextRow("current?", Template("a2"), Template("a2{code}", _CODE), END, END),
    TextRow("status?", Template("E"), Template("E{bits}", {"bits": Integer(0, 255)}), END, END),
)

TECHNIX = Dialect(
    slug="technix",
    model="Technix CCR10KV-7.5KJ",
    source="instruments.md 2.5",
    rows={row.name: row for row in _ROWS},
)
