"""PURE: the LAUDA PRO circulating chiller RP 245 E (instruments.md 2.12).

Commands end CR, CR LF or LF CR, answers CR LF; a blank may stand for ``_``. A write is answered ``OK`` or ``ERR_n``, a
read its value or ``ERR_n``. Read commands and error numbers: LAUDA PRO operating manual, section 4.5.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from drivers.wire.dialect import Dialect, Field, Integer, Real, Row, Template, Text, TextRow, Values

END = b"\r\n"
LINE_MAX = 64
"""Longest command; a programme segment has 36 characters."""

PUMP_STEPS = 8
PROGRAMS = 5
SEGMENTS_MAX = 150
"""Segments of all programmes together (unverified)."""

SET_POINT_C = (-45.0, 200.0)
LIMIT_C = (-60.0, 210.0)
"""Working temperature of the RP 245 E, and what its limits may be set to (unverified)."""

TIMEOUT_MAX_S = 99
"""``OUT_SP_08``; 0 is off."""


class Fault(IntEnum):
    """``ERR_n``."""

    INPUT = 2
    COMMAND = 3
    VALUE_SYNTAX = 5
    VALUE = 6
    NO_MODULE = 8
    SEGMENTS_FULL = 30
    ANALOG_SET_POINT = 31
    LIMITS_CROSSED = 32
    NO_EXTERNAL_SENSOR = 33
    NO_ANALOG_VALUE = 34
    SAFETY_MODE_OFF = 35
    PROGRAM_RUNS = 36
    PROGRAM_CANNOT_START = 37
    SAFETY_MODE_ON = 38


FAULT_TEXTS: Mapping[int, str] = {
    2: "wrong entry, buffer overflow",
    3: "wrong command",
    5: "syntax error in the value",
    6: "value not allowed",
    8: "module or value not available",
    30: "all segments of the programmer are occupied",
    31: "set-point comes from the analogue input",
    32: "upper limit is not above the lower limit",
    33: "external temperature probe is missing",
    34: "analogue value not present",
    35: "safety mode is not activated",
    36: "no set-point while the programmer runs or pauses",
    37: "programmer cannot start while the set-point is analogue",
    38: "not possible in safety mode",
}


@dataclass(frozen=True)
class LaudaRow:
    """A text row in which blanks of the request read as ``_``."""

    name: str
    command: Template
    answer: Template

    @property
    def _row(self) -> TextRow:
        return TextRow(self.name, self.command, self.answer, END, END)

    @property
    def answers(self) -> bool:
        """Always."""
        return True

    def request(self, **values: Any) -> bytes:
        """The command with CR LF; raises ValueError."""
        return self._row.request(**values)

    def parse_request(self, data: bytes) -> Values | None:
        """The arguments when ``data`` is this command, else None."""
        return self._row.parse_request(data.strip().replace(b" ", b"_"))

    def reply(self, **values: Any) -> bytes:
        """The answer with CR LF."""
        return self._row.reply(**values)

    def parse_reply(self, data: bytes) -> Values:
        """The answer's values; raises BadReply."""
        return self._row.parse_reply(data)


_OK = Template("OK")
_DEGREES = Real(".2f", -9999.0, 9999.0)
_READ_C = Real("06.2f")
_MILLI = Real("07.3f")
_STEP = Integer(1, PUMP_STEPS)
_BIT = Integer(0, 1)

WRITES: tuple[tuple[str, Field], ...] = (
    ("OUT_PV_05", _DEGREES),
    ("OUT_SP_00", _DEGREES),
    ("OUT_SP_01", _STEP),
    ("OUT_SP_02", Integer(0, 2)),
    ("OUT_SP_04", Real(".1f", *LIMIT_C)),
    ("OUT_SP_05", Real(".1f", *LIMIT_C)),
    ("OUT_SP_07", _DEGREES),
    ("OUT_SP_08", Integer(0, TIMEOUT_MAX_S)),
    ("OUT_MODE_00", _BIT),
    ("OUT_MODE_01", Integer(0, 5)),
    ("OUT_MODE_03", _BIT),
    ("RMP_SELECT", Integer(1, PROGRAMS)),
    ("RMP_OUT_02", Integer(0, 255)),
)
"""Commands with one value behind a last ``_``."""

ACTIONS = ("START", "STOP", "RMP_START", "RMP_PAUSE", "RMP_CONT", "RMP_STOP", "RMP_RESET")

READS: tuple[tuple[str, Field], ...] = (
    ("TYPE", Text(r"[^\r\n]+")),
    ("VERSION_R", Text(r"[^\r\n]+")),
    ("VERSION_S", Text(r"[^\r\n]+")),
    ("VERSION_T", Text(r"[^\r\n]+")),
    ("STATUS", Integer(-1, 0)),
    ("STAT", Text("[01]{7}")),
    ("IN_PV_00", _READ_C),
    ("IN_PV_01", _READ_C),
    ("IN_PV_02", _READ_C),
    ("IN_PV_03", _READ_C),
    ("IN_PV_05", Integer(0, 99)),
    ("IN_PV_10", _MILLI),
    ("IN_PV_13", _MILLI),
    ("IN_SP_00", _READ_C),
    ("IN_SP_01", Integer(1, PUMP_STEPS, "03d")),
    ("IN_SP_02", Integer(0, 2)),
    ("IN_SP_03", _READ_C),
    ("IN_SP_04", _READ_C),
    ("IN_SP_05", _READ_C),
    ("IN_SP_07", _READ_C),
    ("IN_SP_08", Integer(0, TIMEOUT_MAX_S, "03d")),
    ("IN_MODE_00", _BIT),
    ("IN_MODE_01", Integer(0, 5)),
    ("IN_MODE_02", _BIT),
    ("IN_MODE_03", _BIT),
    ("RMP_IN_01", Integer(0, SEGMENTS_MAX, "03d")),
    ("RMP_IN_02", Integer(0, 255, "03d")),
    ("RMP_IN_03", Integer(0, 255, "03d")),
    ("RMP_IN_04", Integer(1, PROGRAMS)),
    ("RMP_IN_05", Integer(0, PROGRAMS)),
)
"""What can be asked. ``IN_MODE_02`` is 0 while the chiller runs and 1 in standby."""

_SEGMENT: dict[str, Field] = {
    "temperature_c": Real(".2f", *LIMIT_C),
    "minutes": Integer(0, 999_999),
    "tolerance_c": Real(".2f", 0.0, 999.99),
    "pump": _STEP,
}
_SEGMENT_READ: dict[str, Field] = {
    "temperature_c": Real("06.2f"),
    "minutes": Real("06.2f", 0.0),
    "tolerance_c": Real("06.2f", 0.0),
    "pump": Real("06.2f", 1.0, PUMP_STEPS),
}


def _build_rows() -> dict[str, Row]:
    rows: list[Row] = [LaudaRow(name, Template(f"{name}_{{value}}", {"value": value}), _OK) for name, value in WRITES]
    rows += [LaudaRow(name, Template(name), _OK) for name in ACTIONS]
    rows += [LaudaRow(name, Template(name), Template("{value}", {"value": value})) for name, value in READS]
    rows.append(
        LaudaRow("RMP_OUT_00", Template("RMP_OUT_00_" + "_".join(map("{{{}}}".format, _SEGMENT)), _SEGMENT), _OK)
    )
    segment = Template("_".join(map("{{{}}}".format, _SEGMENT_READ)), _SEGMENT_READ)
    ask = Template("RMP_IN_00_{number}", {"number": Integer(1, SEGMENTS_MAX)})
    rows.append(LaudaRow("RMP_IN_00", ask, segment))
    return {row.name: row for row in rows}


LAUDA = Dialect(
    slug="lauda",
    model="LAUDA PRO RP245E",
    source="instruments.md 2.12 (LAUDA PRO operating manual 4.5 and an independent driver)",
    rows=_build_rows(),
)


def fault_of(reply: bytes) -> int | None:
    """The number of an ``ERR_n`` answer, None for another one. An unreadable number is 0."""
    text = reply.strip().upper()
    if not text.startswith(b"ERR"):
        return None
    digits = text[3:].lstrip(b"_ ")
    return int(digits) if digits.isdigit() and len(digits) <= 3 else 0


def write_fault(fault: Fault) -> bytes:
    """``ERR_n`` as it travels."""
    return b"ERR_%d" % fault + END
