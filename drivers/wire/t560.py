"""PURE: the Highland T560 digital delay generator (instruments.md 2.8).

Commands end CR, LF is ignored, ``;`` joins; a keyword may be cut to its first two letters. Every command is answered:
``OK``, data, or ``??``, which also ends its line. Answers of one line are joined by ``;`` and end CR LF.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from drivers.wire.dialect import Dialect, Field, Integer, Real, Row, Template, Text, TextRow, Values

COMMAND_END = b"\r"
REPLY_END = b"\r\n"
REFUSED = b"??"
"""The answer to what is not understood; the rest of its line is skipped."""

BUFFER_BYTES = 256
"""The instrument's receive buffer: one line of commands."""

FLUSH = b"\x08"
"""A backspace empties the receive buffer."""

DELAY_MAX_S = 10.0
"""Longest delay and longest width."""

RESOLUTION_S = 10e-12
"""Delays and widths go in steps of 10 ps."""

OUTPUT_LEVEL_V = 5.0
"""The outputs' fixed level without a load (unverified)."""

TRIGGER_LEVEL_V = (0.25, 3.3)
SYNTHESIZER_HZ = (0.018, 16e6)
CHANNELS = ("A", "B", "C", "D")
TRIGGER_MODES = ("OFF", "REM", "POS", "NEG", "SYN")
TERMINATIONS = ("HIZ", "50")
GATE_MODES = ("OFF", "OUT", "INP")

_POWERS = {"f": -15, "p": -12, "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "K": 3, "M": 6, "G": 9}
_SCALED = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d{1,3}))?\s*([fpnumkKMG]?)(s|S|Hz|HZ|hz|V|v)?")


@dataclass(frozen=True, slots=True)
class Scaled:
    """A number within ``low``..``high``, written with ``unit``; read also with a suffix: ``2.5m``, ``3.579545M``.

    Suffixes keep their case (``m`` is milli, ``M`` mega); commas between digits are ignored.
    """

    form: str
    unit: str = ""
    low: float = 0.0
    high: float = math.inf
    pattern: str = r"[0-9.,+eE-]+\s*[A-Za-z]{0,3}"

    def write(self, value: Any) -> str:
        """Text of ``value``."""
        return format(self._check(float(value)), self.form) + self.unit

    def read(self, text: str) -> float:
        """Value of ``text``; raises ValueError."""
        found = _SCALED.fullmatch(text.replace(",", "").strip())
        if found is None:
            raise ValueError(f"{text!r} is not a number")
        return self._check(float(f"{found[1]}e{int(found[2] or 0) + _POWERS[found[3]]}"))

    def _check(self, value: float) -> float:
        if not self.low <= value <= self.high:
            raise ValueError(f"{value:g} is outside {self.low:g}..{self.high:g}")
        return value


@dataclass(frozen=True, slots=True)
class GroupedSeconds:
    """Seconds in groups of three decimals: ``00.000,001,500,000``."""

    pattern: str = r"\d{2}\.\d{3}(?:,\d{3}){3}"

    def write(self, value: Any) -> str:
        """Text of ``value``."""
        whole, decimals = f"{float(value):015.12f}".split(".")
        return f"{whole}.{','.join(decimals[at : at + 3] for at in range(0, 12, 3))}"

    def read(self, text: str) -> float:
        """Value of ``text``."""
        return float(text.replace(",", ""))


@dataclass(frozen=True, slots=True)
class Keyword:
    """One of ``words``; at least their first two letters are given. ``aliases`` are read, never written."""

    words: tuple[str, ...]
    aliases: Mapping[str, str]
    pattern: str = r"[A-Za-z0-9]+"

    def write(self, value: Any) -> str:
        """``value``, checked."""
        return self.read(str(value))

    def read(self, text: str) -> str:
        """The whole word; raises ValueError."""
        wanted = text.upper()
        for word in (*self.words, *self.aliases):
            if wanted == word or (len(wanted) >= 2 and word.startswith(wanted)):
                return self.aliases.get(word, word)
        raise ValueError(f"{text!r} is not one of {', '.join(self.words)}")


@dataclass(frozen=True)
class CommandRow:
    """One command: its keyword (or the first two letters), at most one argument called ``value``, and its answer."""

    name: str
    keyword: str
    argument: Field | None
    answer: Template

    @cached_property
    def _row(self) -> TextRow:
        text = self.keyword[:2] if self.argument is None else f"{self.keyword[:2]} {{value}}"
        fields = {} if self.argument is None else {"value": self.argument}
        return TextRow(self.name, Template(text, fields), self.answer, COMMAND_END, REPLY_END)

    @property
    def answers(self) -> bool:
        """Always."""
        return True

    def request(self, **values: Any) -> bytes:
        """The command with CR; raises ValueError."""
        return self._row.request(**values)

    def parse_request(self, data: bytes) -> Values | None:
        """The argument when ``data`` is this command, else None."""
        words = data.strip(b"\r\n ").decode("latin-1").split(None, 1)
        if not words or words[0].upper() not in (self.keyword, self.keyword[:2]):
            return None
        if self.argument is None or len(words) == 1:
            return {} if self.argument is None and len(words) == 1 else None
        try:
            return {"value": self.argument.read(words[1].strip())}
        except ValueError:
            return None

    def reply(self, **values: Any) -> bytes:
        """The answer with CR LF."""
        return self._row.reply(**values)

    def parse_reply(self, data: bytes) -> Values:
        """The answer's values; raises BadReply."""
        return self._row.parse_reply(data)


_OK = Template("OK")
_DURATION = Scaled(".12f", "s", 0.0, DELAY_MAX_S)
_NO_ALIASES: Mapping[str, str] = {}
_CHANNEL_WORDS = Keyword(("ON", "OFF", "POS", "NEG"), _NO_ALIASES)
_TRIGGER_WORDS = Keyword((*TRIGGER_MODES, *TERMINATIONS), {"INTERNAL": "SYN", "REMOTE": "REM", "50OHM": "50"})
_GATE_WORDS = Keyword(
    (*GATE_MODES, "POS", "NEG", *TERMINATIONS), {"INPUT": "INP", "OUTPUT": "OUT", "IN": "INP", "50OHM": "50"}
)
_CLOCK_WORDS = Keyword(("OUT", "IN", "OFF"), {"OUTPUT": "OUT", "INPUT": "IN"})
_WORD = Text("[A-Z0-9]+")
_GROUPED = GroupedSeconds()

_SETTINGS: tuple[tuple[str, Field, Template | None], ...] = (
    ("TLEVEL", Scaled(".3f", "", *TRIGGER_LEVEL_V), Template("{value}", {"value": Real(".3f")})),
    ("TDIV", Integer(0, 2**31 - 1), Template("{value}", {"value": Integer(0, 2**31 - 1, "010d")})),
    ("SYNTH", Scaled(".2f", "", *SYNTHESIZER_HZ), Template("{value}", {"value": Real("011.2f")})),
    ("AUTOINSTALL", Integer(0, 2), Template("{value}", {"value": Integer(0, 2)})),
    ("VERBOSE", Integer(0, 1), Template("{value}", {"value": Integer(0, 1)})),
    ("CLOCK", _CLOCK_WORDS, Template("{value}", {"value": _WORD})),
    ("LOAD", Keyword(("DEFAULT",), _NO_ALIASES), None),
    (
        "TRIGGER",
        _TRIGGER_WORDS,
        Template(
            "Trig {mode} {termination} Level {level_v} Div {divisor} SYN {rate_hz}",
            {
                "mode": _WORD,
                "termination": _WORD,
                "level_v": Real(".3f"),
                "divisor": Integer(0, 2**31 - 1, "010d"),
                "rate_hz": Real("011.2f"),
            },
        ),
    ),
    (
        "GATE",
        _GATE_WORDS,
        Template(
            "Gate {mode} {polarity} {termination} Shots {shots}",
            {"mode": _WORD, "polarity": _WORD, "termination": _WORD, "shots": Integer(0, 10**10 - 1, "010d")},
        ),
    ),
)
"""(keyword, argument of the command, answer of the query): both go by the keyword, with and without argument.

The words of VERBOSE, LOAD and TDIV come from an independent driver; what CLOCK answers is unverified.
"""

_ACTIONS = ("FIRE", "INSTALL", "SAVE", "RECALL")


def _channel_rows(channel: str) -> list[CommandRow]:
    """Delay, width and switches of one output, each as command and query."""
    seconds = Template("{value}", {"value": Real(".12f", 0.0, DELAY_MAX_S)})
    status = Template(
        f"Ch {channel}  {{polarity}}  {{state}}  Dly  {{delay_s}}  Wid  {{width_s}}",
        {"polarity": Text("POS|NEG"), "state": Text("ON|OFF"), "delay_s": _GROUPED, "width_s": _GROUPED},
    )
    rows: list[CommandRow] = []
    for word, argument, answer in (
        ("DELAY", _DURATION, seconds),
        ("WIDTH", _DURATION, seconds),
        ("SET", _CHANNEL_WORDS, status),
    ):
        name = f"{channel}{word[0]}"
        rows.append(CommandRow(name, channel + word, argument, _OK))
        rows.append(CommandRow(f"{name}?", channel + word, None, answer))
    return rows


def _build_rows() -> dict[str, Row]:
    rows = [row for channel in CHANNELS for row in _channel_rows(channel)]
    for keyword, argument, answer in _SETTINGS:
        rows.append(CommandRow(keyword[:2], keyword, argument, _OK))
        if answer is not None:
            rows.append(CommandRow(f"{keyword[:2]}?", keyword, None, answer))
    rows += [CommandRow(keyword[:2], keyword, None, _OK) for keyword in _ACTIONS]
    page = Template("{page}", {"page": Text(r"[^\r;]*")})
    rows += [CommandRow(keyword[:2], keyword, None, page) for keyword in ("STATUS", "HELP")]
    return {row.name: row for row in rows}


T560 = Dialect(
    slug="t560",
    model="Highland T560",
    source="instruments.md 2.8 (manual T560MANK5 pp. 21-22 and an independent driver)",
    rows=_build_rows(),
)

KEYWORDS: Mapping[str, str] = {
    row.keyword: row.name.removesuffix("?") for row in T560.rows.values() if isinstance(row, CommandRow)
}
"""Every keyword, and the name of its command; the query's name has a ``?`` behind it."""


def split_answers(line: bytes) -> list[bytes]:
    """The answers on one reply line (without its end)."""
    return line.rstrip(REPLY_END).split(b";")
