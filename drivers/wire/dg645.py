"""PURE: the SRS DG645 digital delay generator (instruments.md 2.7). Commands end LF, replies CR LF.

The space between mnemonic and argument is optional; commands may be joined with ``;``. Only queries are answered;
refusals go to a queue that ``LERR?`` empties.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from drivers.wire.dialect import Dialect, Field, Integer, Real, Row, Template, Text, TextRow

REPLY_END = b"\r\n"
"""Replies end CR LF (instruments.md 2.7, from the EPICS driver)."""

DELAY_MAX_S = 2000.0
"""Longest delay the instrument accepts, in seconds."""

OUTPUT_NAMES = ("T0", "AB", "CD", "EF", "GH")
CHANNEL_NAMES = ("T0", "T1", "A", "B", "C", "D", "E", "F", "G", "H")


class TriggerSource(IntEnum):
    """``TSRC`` (instruments.md 2.7)."""

    INTERNAL = 0
    EXTERNAL_RISING = 1
    EXTERNAL_FALLING = 2
    SINGLE_EXTERNAL_RISING = 3
    SINGLE_EXTERNAL_FALLING = 4
    SINGLE = 5
    LINE = 6


class Happened(IntFlag):
    """The bits of ``INSR?``, cleared by reading."""

    TRIG = 1 << 0
    RATE = 1 << 1
    END_OF_DELAY = 1 << 2
    END_OF_BURST = 1 << 3
    INHIBIT = 1 << 4
    ABORT_DELAY = 1 << 5
    PLL_UNLOCK = 1 << 6
    RB_UNLOCK = 1 << 7


ERRORS: Mapping[int, str] = {
    0: "no error",
    10: "illegal value",
    11: "illegal mode",
    12: "illegal delay",
    13: "illegal link",
    14: "recall failed",
    15: "not allowed",
    16: "self-test failed",
    17: "auto-calibration failed",
    30: "lost data",
    32: "no listener",
    110: "illegal command",
    111: "undefined command",
    112: "illegal query",
    113: "illegal set",
    114: "null parameter",
    115: "extra parameters",
    116: "missing parameters",
    117: "parameter overflow",
    118: "bad floating-point number",
    120: "bad integer",
    121: "integer overflow",
    122: "bad hexadecimal number",
    126: "syntax error",
    170: "communication error",
    171: "overrun",
    254: "too many errors",
}
"""What ``LERR?`` may answer, beside 40..71 (hardware tests) and 80..91 (calibration)."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A value that can be set and queried: ``MNEM index,value`` and ``MNEM?index`` -> ``value``."""

    mnemonic: str
    value: Field
    default: float
    index: tuple[int, int] | None = None


_BIT = Integer(0, 1)
_SECONDS = Real("+.12f", 0.0, DELAY_MAX_S)
_OUTPUT = (0, 4)
_CHANNEL = (0, 9)

SETTINGS: tuple[Setting, ...] = (
    Setting("TSRC", Integer(0, 6), 5),
    Setting("TLVL", Real("+.2f", -3.5, 3.5), 1.0),
    Setting("TRAT", Real("+.6f", 1e-4, 1e7), 1000.0),
    Setting("HOLD", _SECONDS, 0.0),
    Setting("ADVT", _BIT, 0),
    Setting("PRES", Integer(0, 32767), 1, (0, 4)),
    Setting("PHAS", Integer(0, 32767), 0, (1, 4)),
    Setting("INHB", Integer(0, 5), 0),
    Setting("LAMP", Real("+.2f", 0.5, 5.0), 2.5, _OUTPUT),
    Setting("LOFF", Real("+.2f", -2.0, 2.0), 0.0, _OUTPUT),
    Setting("LPOL", _BIT, 1, _OUTPUT),
    Setting("BURM", _BIT, 0),
    Setting("BURC", Integer(1, 2**32 - 1), 5),
    Setting("BURD", _SECONDS, 0.0),
    Setting("BURP", Real("+.12f", 1e-7, 2000.0), 1e-5),
    Setting("BURT", _BIT, 0),
    Setting("SSDL", _SECONDS, 1e-6, _CHANNEL),
    Setting("SSLA", Real("+.2f", 0.0, 5.0), 0.1, _OUTPUT),
    Setting("SSLO", Real("+.2f", 0.0, 2.0), 0.1, _OUTPUT),
    Setting("IFCF", Integer(0, 65535), 1, (0, 16)),
    Setting("INSE", Integer(0, 255), 0),
    Setting("*ESE", Integer(0, 255), 0),
    Setting("*SRE", Integer(0, 255), 0),
    Setting("*PSC", _BIT, 1),
)
"""Everything that only stores a number, with its power-on value (defaults unverified: chosen so that nothing fires)."""

_STEPS = {"SPDL": _CHANNEL, "SPLA": _OUTPUT, "SPLO": _OUTPUT}

_OTHERS: tuple[tuple[str, Template, Template | None], ...] = (
    (
        "*IDN?",
        Template("*IDN?"),
        Template(
            "{vendor},{model},{serial},{firmware}",
            {name: Text("[^,\\r\\n]+") for name in ("vendor", "model", "serial", "firmware")},
        ),
    ),
    ("*TRG", Template("*TRG"), None),
    ("*RST", Template("*RST"), None),
    ("*CLS", Template("*CLS"), None),
    ("*WAI", Template("*WAI"), None),
    ("*OPC", Template("*OPC"), None),
    ("*OPC?", Template("*OPC?"), Template("{done}", {"done": Integer(1, 1)})),
    ("*ESR?", Template("*ESR?"), Template("{bits}", {"bits": Integer(0, 255)})),
    ("*STB?", Template("*STB?"), Template("{bits}", {"bits": Integer(0, 255)})),
    ("*TST?", Template("*TST?"), Template("{code}", {"code": Integer(0, 255)})),
    ("*SAV", Template("*SAV {slot}", {"slot": Integer(1, 9)}), None),
    ("*RCL", Template("*RCL {slot}", {"slot": Integer(0, 9)}), None),
    ("LCAL", Template("LCAL"), None),
    ("REMT", Template("REMT"), None),
    ("LERR?", Template("LERR?"), Template("{code}", {"code": Integer(0, 254)})),
    ("INSR?", Template("INSR?"), Template("{bits}", {"bits": Integer(0, 255)})),
    (
        "DLAY",
        Template(
            "DLAY {channel},{reference},{delay_s}",
            {
                "channel": Integer(2, 9),
                "reference": Integer(0, 9),
                "delay_s": Real(".12f", -DELAY_MAX_S, DELAY_MAX_S),
            },
        ),
        None,
    ),
    (
        "DLAY?",
        Template("DLAY?{channel}", {"channel": Integer(0, 9)}),
        Template(
            "{reference},{delay_s}",
            {"reference": Integer(0, 9), "delay_s": Real("+.12f", -DELAY_MAX_S, DELAY_MAX_S)},
        ),
    ),
    ("LINK", Template("LINK {channel},{reference}", {"channel": Integer(2, 9), "reference": Integer(0, 9)}), None),
    (
        "LINK?",
        Template("LINK?{channel}", {"channel": Integer(0, 9)}),
        Template("{reference}", {"reference": Integer(0, 9)}),
    ),
    ("DISP", Template("DISP {mode},{channel}", {"mode": Integer(0, 16), "channel": Integer(0, 9)}), None),
    (
        "DISP?",
        Template("DISP?"),
        Template("{mode},{channel}", {"mode": Integer(0, 16), "channel": Integer(0, 9)}),
    ),
)


def _build_rows() -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for name, command, answer in _OTHERS:
        rows[name] = TextRow(name, command, answer, reply_end=REPLY_END)
    for mnemonic, (low, high) in _STEPS.items():
        fields = {"index": Integer(low, high), "steps": Integer()}
        rows[mnemonic] = TextRow(mnemonic, Template(f"{mnemonic} {{index}},{{steps}}", fields), reply_end=REPLY_END)
    for setting in SETTINGS:
        name, value = setting.mnemonic, {"value": setting.value}
        index = {} if setting.index is None else {"index": Integer(*setting.index)}
        place = "{index}" if index else ""
        sets = Template(f"{name} {place}{',' if place else ''}{{value}}", {**index, **value})
        asks = Template(f"{name}?{place}", index)
        rows[name] = TextRow(name, sets, reply_end=REPLY_END)
        rows[f"{name}?"] = TextRow(f"{name}?", asks, Template("{value}", value), reply_end=REPLY_END)
    return rows


DG645 = Dialect(
    slug="dg645",
    model="SRS DG645",
    source="instruments.md 2.7 (EPICS drvAsynDG645.cpp, srsdg645.py)",
    rows=_build_rows(),
)
