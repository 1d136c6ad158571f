"""PURE: the language of TDK-Lambda Genesys supplies on RS-232/485 (instruments.md 2.6), spelt for the GEN80-65.

CR ends a message both ways. Sets are answered ``OK``, a refusal is ``Cnn`` or ``Enn``. A message that carries a
checksum (``$`` and two hex digits, the low byte of the sum of its characters) is answered with one. ``!nn`` and CR is a
service request of the unit with address nn; it may come at any time, even inside another message.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag
from typing import Any

from drivers.wire.dialect import BadReply, Dialect, Field, Integer, Real, Row, Template, Text, TextRow, Values

END = b"\r"
"""Ends every message; LF is ignored."""

ADDRESS_MAX = 30
"""Addresses of units on one line are 0..30."""

VALUE_MAX = 12
"""Characters of a number."""

FOLDBACK_S = 0.25
"""Foldback acts after this time plus ``FBD`` steps."""

FOLDBACK_STEP_S = 0.1
"""One step of ``FBD``."""

GLOBAL_PAUSE_S = 0.2
"""After a global command (``GPV`` and the others, which nobody answers) the line is left alone this long."""

ADDRESS_PAUSE_S = 0.1
"""Silence before a new ``ADR`` (recommended by the manual)."""


class Status(IntFlag):
    """Bits of STAT?, SENA and SEVE?. ``FOLDBACK_ENABLED`` and ``AUTO_START`` make no events."""

    CONSTANT_VOLTAGE = 1
    CONSTANT_CURRENT = 2
    NO_FAULT = 4
    FAULT = 8
    AUTO_START = 16
    FOLDBACK_ENABLED = 32
    LOCAL = 128


EVENTS = Status.CONSTANT_VOLTAGE | Status.CONSTANT_CURRENT | Status.NO_FAULT | Status.FAULT | Status.LOCAL
"""Bits that SENA and SEVE have."""


class Fault(IntFlag):
    """Bits of FLT?, FENA and FEVE?."""

    AC_FAIL = 2
    OVER_TEMPERATURE = 4
    FOLDBACK = 8
    OVER_VOLTAGE = 16
    SHUT_OFF = 32
    OUTPUT_OFF = 64
    ENABLE_OPEN = 128


FAULT_NAMES: Mapping[Fault, str] = {
    Fault.AC_FAIL: "AC fail",
    Fault.OVER_TEMPERATURE: "over-temperature",
    Fault.FOLDBACK: "foldback",
    Fault.OVER_VOLTAGE: "over-voltage",
    Fault.SHUT_OFF: "shut-off (rear)",
    Fault.OUTPUT_OFF: "output off (front)",
    Fault.ENABLE_OPEN: "enable open",
}
"""What each fault is called in readings and messages."""

ERRORS: Mapping[str, str] = {
    "C01": "illegal command",
    "C02": "missing parameter",
    "C03": "illegal parameter",
    "C04": "checksum",
    "C05": "out of range",
    "E01": "voltage above 105 % of the rating or above 95 % of OVP",
    "E02": "voltage below UVL",
    "E04": "OVP below 105 % of the voltage",
    "E06": "UVL above the voltage",
    "E07": "output on during a fault",
}
"""Every refusal."""

_ERROR = re.compile(rb"\s*([CE]\d\d)\s*")


def error_of(reply: bytes) -> str | None:
    """The code of a refusal (``C05``), or None when ``reply`` is not of that form."""
    found = _ERROR.fullmatch(reply)
    return None if found is None else found[1].decode("ascii")


def checksum(text: bytes) -> bytes:
    """``$`` and the low byte of the sum of ``text``: ``STT?`` gives ``$3A``, the example of the maker's manual."""
    return b"$%02X" % (sum(text) & 0xFF)


def unseal(line: bytes) -> bytes:
    """``line`` without its checksum; raises BadReply when it has none or a wrong one."""
    text, dollar, _ = line.rpartition(b"$")
    if not dollar or line[len(text) :].upper() != checksum(text):
        raise BadReply(f"{line[:60]!r} has no valid checksum")
    return text


@dataclass(frozen=True, slots=True)
class Hex:
    """A register: two hex digits."""

    pattern: str = "[0-9A-F]{1,2}"

    def write(self, value: Any) -> str:
        """Two digits."""
        if not 0 <= int(value) <= 0xFF:
            raise ValueError(f"{value} is no byte")
        return f"{int(value):02X}"

    def read(self, text: str) -> int:
        """Its bits."""
        return int(text, 16)


@dataclass(frozen=True, slots=True)
class Choice:
    """A word out of ``words``, or its number."""

    words: tuple[str, ...]

    @property
    def pattern(self) -> str:
        """Any of the words, or a number."""
        return "|".join((*self.words, *(str(number) for number in range(len(self.words)))))

    def write(self, value: Any) -> str:
        """The word of the number ``value``."""
        number = int(value)
        if not 0 <= number < len(self.words):
            raise ValueError(f"{value} is none of {self.words}")
        return self.words[number]

    def read(self, text: str) -> int:
        """The number of the word ``text``."""
        return int(text) if text.isdigit() else self.words.index(text.upper())


RMT = ("LOC", "REM", "LLO")
FILTERS_HZ = (18, 23, 46)

_DONE = Template("OK")
_NUMBER = Real(".6g")
_FIVE = Real("06.3f")
_TYPED = Text(rf"[0-9.eE+\-]{{1,{VALUE_MAX}}}")
_ON = Choice(("OFF", "ON"))
_FILTER = Integer(min(FILTERS_HZ), max(FILTERS_HZ))

_SETS: tuple[tuple[str, Field], ...] = (
    ("ADR", Integer(0, ADDRESS_MAX)),
    ("RMT", Choice(RMT)),
    ("PV", _NUMBER),
    ("PC", _NUMBER),
    ("OUT", _ON),
    ("OVP", _NUMBER),
    ("UVL", _NUMBER),
    ("FLD", _ON),
    ("FBD", Integer(0, 255)),
    ("AST", _ON),
    ("FILTER", _FILTER),
    ("SENA", Hex()),
    ("FENA", Hex()),
)

_ACTIONS = ("CLS", "RST", "SAV", "RCL", "OVM", "FBDRST")

_QUERIES: tuple[tuple[str, Field], ...] = (
    ("RMT", Choice(RMT)),
    ("MDAV", Integer(0, 1)),
    ("MS", Integer(0, 4)),
    ("IDN", Text("LAMBDA,[^\\r\\n]+")),
    ("REV", Text("[^\\r\\n]+")),
    ("SN", Text("[^\\r\\n]+")),
    ("DATE", Text("\\d{4}/\\d{2}/\\d{2}")),
    ("PV", _TYPED),
    ("MV", _FIVE),
    ("PC", _TYPED),
    ("MC", _FIVE),
    ("MODE", Text("CV|CC|OFF")),
    ("FILTER", _FILTER),
    ("OUT", _ON),
    ("OVP", _FIVE),
    ("UVL", _FIVE),
    ("FLD", _ON),
    ("FBD", Integer(0, 255)),
    ("AST", _ON),
    ("STAT", Hex()),
    ("SENA", Hex()),
    ("SEVE", Hex()),
    ("FLT", Hex()),
    ("FENA", Hex()),
    ("FEVE", Hex()),
)

_GLOBAL_SETS: tuple[tuple[str, Field], ...] = (("GPV", _NUMBER), ("GPC", _NUMBER), ("GOUT", _ON))
_GLOBAL_ACTIONS = ("GRST", "GSAV", "GRCL")

GLOBALS = frozenset((*(name for name, _ in _GLOBAL_SETS), *_GLOBAL_ACTIONS))
"""Commands that every unit obeys and none answers."""

_STT = Template(
    "MV({mv}),PV({pv}),MC({mc}),PC({pc}),SR({sr}),FR({fr})",
    {"mv": _FIVE, "pv": _FIVE, "mc": _FIVE, "pc": _FIVE, "sr": Hex(), "fr": Hex()},
)
_DVC_NAMES = ("mv", "pv", "mc", "pc", "ovp", "uvl")
_DVC = Template(",".join(f"{{{name}}}" for name in _DVC_NAMES), dict.fromkeys(_DVC_NAMES, _FIVE))

TEST, MINUTES = 0xAA, 0xA6
"""First bytes of the fast queries whose second byte is the address."""

REGISTERS = 0x80
"""Plus the address, sent twice: the fast query of all six registers."""


@dataclass(frozen=True, slots=True)
class FastRow:
    """A query of two bytes that carry the address; it needs no ADR. The answer always has a checksum."""

    name: str
    first: int
    answer: Template
    doubled: bool = False
    answers: bool = True

    def request(self, **values: Any) -> bytes:
        """The two bytes for ``address``."""
        address = int(values.pop("address"))
        if values or not 0 <= address <= ADDRESS_MAX:
            raise ValueError(f"{self.name} takes an address of 0..{ADDRESS_MAX}")
        return bytes((self.first | address,) * 2) if self.doubled else bytes((self.first, address))

    def parse_request(self, data: bytes) -> Values | None:
        """The address, when ``data`` is this query."""
        if len(data) != 2:
            return None
        address = data[0] & 0x1F if self.doubled else data[1]
        return {"address": address} if address <= ADDRESS_MAX and data == self.request(address=address) else None

    def reply(self, **values: Any) -> bytes:
        """The answer, its checksum and CR."""
        text = self.answer.write(values)
        return text + checksum(text) + END

    def parse_reply(self, data: bytes) -> Values:
        """The answer's values; raises BadReply."""
        text = unseal(data.rstrip(b"\r\n"))
        raw = self.answer.match(text)
        if raw is None:
            raise BadReply(f"{self.name}: {text[:60]!r} is not of the form {self.answer.text!r}")
        return self.answer.read(raw)


@dataclass(frozen=True, slots=True)
class WideHex:
    """Eight hex digits."""

    pattern: str = "[0-9A-F]{8}"

    def write(self, value: Any) -> str:
        """Eight digits."""
        return f"{int(value) & 0xFFFFFFFF:08X}"

    def read(self, text: str) -> int:
        """The number."""
        return int(text, 16)


REGISTER_NAMES = ("stat", "sena", "seve", "flt", "fena", "feve")
"""The six registers in the order in which the fast query returns them."""

_FAST: tuple[Row, ...] = (
    FastRow("fast_test", TEST, Template("{multidrop}", {"multidrop": Integer(0, 1)})),
    FastRow("fast_minutes", MINUTES, Template("{minutes}", {"minutes": WideHex()})),
    FastRow(
        "fast_registers",
        REGISTERS,
        Template("".join(f"{{{name}}}" for name in REGISTER_NAMES), dict.fromkeys(REGISTER_NAMES, Hex("[0-9A-F]{2}"))),
        doubled=True,
    ),
)


def _build_rows() -> dict[str, Row]:
    rows: list[Row] = [
        TextRow(name, Template(f"{name} {{value}}", {"value": field}), _DONE, END, END) for name, field in _SETS
    ]
    rows += [TextRow(name, Template(name), _DONE, END, END) for name in _ACTIONS]
    rows += [
        TextRow(f"{name}?", Template(f"{name}?"), Template("{value}", {"value": field}), END, END)
        for name, field in _QUERIES
    ]
    rows += [TextRow("STT?", Template("STT?"), _STT, END, END), TextRow("DVC?", Template("DVC?"), _DVC, END, END)]
    rows += [
        TextRow(name, Template(f"{name} {{value}}", {"value": field}), None, END, END) for name, field in _GLOBAL_SETS
    ]
    rows += [TextRow(name, Template(name), None, END, END) for name in _GLOBAL_ACTIONS]
    return {row.name: row for row in (*rows, *_FAST)}


GENESYS = Dialect(
    slug="genesys",
    model="TDK-Lambda Genesys GEN80-65",
    source="instruments.md 2.6 (Genesys manual 83-507-013, 7.6 to 7.11)",
    rows=_build_rows(),
)
