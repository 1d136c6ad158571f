"""PURE: FuG Probus V as a capacitor charger speaks it (instruments.md 2.4).

Every command is answered: ``E0``, ``E<n>`` for a refusal, or ``<register>:<value>``. Commands end with LF here, replies
with LF unless register KT says otherwise.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum

from drivers.wire.dialect import Dialect, Field, Integer, Real, Row, Template, Text, TextRow

COMMAND_MAX = 50
"""Longest command the instrument takes, in characters (instruments.md 2.4); a longer one is answered E7."""

TERMINATORS = (b"\r\n", b"\n\r", b"\n", b"\r")
"""Reply ends by the value of register KT."""


class Error(IntEnum):
    """The answers ``E<n>`` (instruments.md 2.4)."""

    OK = 0
    NO_DATA = 1
    UNKNOWN_REGISTER = 2
    BAD_ARGUMENT = 4
    OUT_OF_RANGE = 5
    READ_ONLY = 6
    OVERFLOW = 7
    EEPROM_PROTECTED = 8
    ADDRESS = 9
    UNKNOWN_SCPI = 10
    NOT_ALLOWED_REMOTE = 11
    NOT_ALLOWED_LOCAL = 12
    BAD_N = 13
    WRITE_ONLY = 14
    TOO_LONG = 15
    CHECKSUM = 16


class Access(Enum):
    """Which way a register goes."""

    BOTH = "both"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Register:
    """One Probus V register: how its value is spelt and who may write it."""

    name: str
    field: Field
    access: Access = Access.BOTH


_NUMBER = Real("+.5E")
_BIT = Integer(0, 1)
_BYTE = Integer(0, 255)

REGISTERS: tuple[Register, ...] = (
    Register("S0", _NUMBER),
    Register("S0A", _NUMBER, Access.READ),
    Register("S0R", _NUMBER),
    Register("S0B", Integer(0, 4)),
    Register("S0S", _BIT, Access.READ),
    Register("S0H", _BIT),
    Register("S1", _NUMBER),
    Register("S1A", _NUMBER, Access.READ),
    Register("B0", _BIT),
    Register("B1", _BIT),
    Register("B2", _BIT),
    Register("BX", _BIT),
    Register("BON", _BIT),
    Register("B0A", _BIT, Access.READ),
    Register("B1A", _BIT, Access.READ),
    Register("B2A", _BIT, Access.READ),
    Register("BXA", _BIT, Access.READ),
    Register("BONA", _BIT, Access.READ),
    Register("M0", _NUMBER, Access.READ),
    Register("M0R", Integer(), Access.READ),
    Register("M0I", Integer(0, 7)),
    Register("M1", _NUMBER, Access.READ),
    Register("M1R", Integer(), Access.READ),
    Register("M1I", Integer(0, 7)),
    Register("DVR", _BIT, Access.READ),
    Register("DIR", _BIT, Access.READ),
    Register("D3R", _BIT, Access.READ),
    Register("DX", _BIT, Access.READ),
    Register("DON", _BIT, Access.READ),
    Register("DSD", _BIT, Access.READ),
    Register("DSA", _BIT, Access.READ),
    Register("DCAL", _BIT, Access.READ),
    Register("KT", Integer(0, 3)),
    Register("KS", Text("[01]{8}"), Access.READ),
    Register("KQS", _BYTE, Access.READ),
    Register("KQM", _BYTE),
    Register("KX", _BIT),
    Register("KN", Integer(0, 6)),
    Register("KE", Integer(0, 16), Access.READ),
    Register("CFN", Text(), Access.READ),
    Register("H1", Text("[0-9A-F]+"), Access.READ),
)
"""The register table of instruments.md 2.4."""

_DONE = Template("E{code}", {"code": Integer(0, 16)})

_SHORT: tuple[tuple[str, Template, Template], ...] = (
    ("idn", Template("*IDN?"), Template("{identity}", {"identity": Text("FUG [^\\r\\n]+")})),
    ("reset", Template("="), _DONE),
    ("output", Template("F{on}", {"on": _BIT}), _DONE),
    ("voltage", Template("U{value}", {"value": Real("g")}), _DONE),
    ("current", Template("I{value}", {"value": Real("g")}), _DONE),
    ("select", Template("N{item}", {"item": Integer(0, 6)}), _DONE),
    ("query", Template("?"), Template("{value}", {"value": Text("[^\\r\\n:]+")})),
    ("adc_mode", Template("S{mode}", {"mode": Integer(0, 7)}), _DONE),
    ("polarity", Template("P{negative}", {"negative": _BIT}), _DONE),
    ("x_outputs", Template("R{bits}", {"bits": Integer(0, 7)}), _DONE),
    ("hold_until_x", Template("G{on}", {"on": _BIT}), _DONE),
    ("execute", Template("X"), _DONE),
    ("terminator", Template("Y{code}", {"code": Integer(0, 3)}), _DONE),
)


def _build_rows() -> dict[str, Row]:
    rows: dict[str, Row] = {name: TextRow(name, command, answer) for name, command, answer in _SHORT}
    for register in REGISTERS:
        name = register.name
        value: Mapping[str, Field] = {"value": register.field}
        rows[f"read_{name}"] = TextRow(f"read_{name}", Template(f">{name} ?"), Template(f"{name}:{{value}}", value))
        if register.access is Access.BOTH:
            number = {"value": Real("g")} if isinstance(register.field, Real) else value
            rows[f"set_{name}"] = TextRow(f"set_{name}", Template(f">{name} {{value}}", number), _DONE)
    return rows


FUG_HCK = Dialect(
    slug="fug_hck",
    model="FuG HCK 2000-4000",
    source="instruments.md 2.4 (Probus V Command Reference V2.22)",
    rows=_build_rows(),
)

_ERROR = re.compile(rb"\s*E(\d{1,2})\s*")


def error_of(reply: bytes) -> Error | None:
    """The error a reply reports, OK included; None when it is not of the form ``E<n>`` or n is unknown."""
    found = _ERROR.fullmatch(reply)
    if found is None or int(found[1]) not in Error._value2member_map_:
        return None
    return Error(int(found[1]))
