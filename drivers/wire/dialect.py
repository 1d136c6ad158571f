"""PURE: one table per instrument: each row spells one command and its reply, once, for both ends of the wire.

``request``/``reply`` make the bytes as they travel, terminator included; ``parse_request``/``parse_reply`` take a line
with or without its terminator. Golden vectors typed from the manual guard every row (``tests/vectors/<slug>.txt``,
``tests/conformance/test_golden_vectors.py``), because a typo used by both ends would cancel out.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

LINE_MAX = 65536
"""No line of any dialect is longer; a longer one is refused before a regular expression sees it."""

OVERFLOW = 9.9e37
"""SCPI's "not a number I can give you" (IEEE 488.2 / SCPI-99 7.2.1.5); refused as a measured value."""

Values = dict[str, Any]
"""Named arguments of a row: int, float, str or bytes, as the row's fields say."""


class BadReply(ValueError):
    """A reply that cannot be right: wrong shape, or a number that is NaN, infinite or an overflow mark."""


class Row(Protocol):
    """One command and its reply. A row without a reply returns ``b""`` from :meth:`reply`."""

    @property
    def name(self) -> str:
        """The row's key in its dialect."""
        ...

    @property
    def answers(self) -> bool:
        """True when the instrument replies to this request."""
        ...

    def request(self, **values: Any) -> bytes:
        """The command as it travels; raises ValueError for an argument the row does not allow."""
        ...

    def parse_request(self, data: bytes) -> Values | None:
        """The arguments when ``data`` is this command, else None."""
        ...

    def reply(self, **values: Any) -> bytes:
        """The reply as it travels."""
        ...

    def parse_reply(self, data: bytes) -> Values:
        """The reply's values; raises :class:`BadReply`."""
        ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """All rows of one model. ``slug`` names its vector file, ``source`` the sheet it was typed from."""

    slug: str
    model: str
    source: str
    rows: Mapping[str, Row]

    def __getitem__(self, name: str) -> Row:
        return self.rows[name]


class Field(Protocol):
    """How one argument is written and read. ``pattern`` is a regular expression without groups."""

    @property
    def pattern(self) -> str:
        """What the argument may look like."""
        ...

    def write(self, value: Any) -> str:
        """The argument's text; raises ValueError."""
        ...

    def read(self, text: str) -> Any:
        """The argument's value; raises ValueError."""
        ...


@dataclass(frozen=True, slots=True)
class Integer:
    """A decimal integer within ``low``..``high``; ``form`` is a format specification."""

    low: int = -(2**31)
    high: int = 2**31 - 1
    form: str = "d"
    pattern: str = r"[+-]?\d{1,19}"

    def write(self, value: Any) -> str:
        """Text of ``value``."""
        return format(self._check(int(value)), self.form)

    def read(self, text: str) -> int:
        """Value of ``text``."""
        return self._check(int(text))

    def _check(self, value: int) -> int:
        if not self.low <= value <= self.high:
            raise ValueError(f"{value} is outside {self.low}..{self.high}")
        return value


@dataclass(frozen=True, slots=True)
class Real:
    """A finite decimal number within ``low``..``high``; ``special`` admits NaN, infinity and 9.9E37.

    The pattern accepts the words NAN and INF so that they are refused as what they are, not as noise.
    """

    form: str = ".6g"
    low: float = -math.inf
    high: float = math.inf
    special: bool = False
    pattern: str = r"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d{1,3})?|\.\d+(?:[eE][+-]?\d{1,3})?|[nN][aA][nN]|[iI][nN][fF])"

    def write(self, value: Any) -> str:
        """Text of ``value``."""
        return format(self._check(float(value)), self.form)

    def read(self, text: str) -> float:
        """Value of ``text``."""
        return self._check(float(text))

    def _check(self, value: float) -> float:
        if self.special:
            return value
        if not math.isfinite(value) or abs(value) >= OVERFLOW:
            raise ValueError(f"{value} is not a measured number")
        if not self.low <= value <= self.high:
            raise ValueError(f"{value} is outside {self.low}..{self.high}")
        return value


@dataclass(frozen=True, slots=True)
class Text:
    """Text that matches ``pattern`` exactly."""

    pattern: str = r"[^\r\n]*"

    def write(self, value: Any) -> str:
        """``value`` itself, checked."""
        text = str(value)
        if re.fullmatch(self.pattern, text) is None:
            raise ValueError(f"{text!r} does not match {self.pattern}")
        return text

    def read(self, text: str) -> str:
        """``text`` itself."""
        return text


_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Template:
    """Literal text with named ``{fields}``. Reading ignores case, and spaces around arguments are optional."""

    text: str
    fields: Mapping[str, Field] = field(default_factory=dict)

    @cached_property
    def _parts(self) -> list[str]:
        return _FIELD.split(self.text)

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        pieces = []
        for index, part in enumerate(self._parts):
            if index % 2:
                pieces.append(rf"\s*+(?P<{part}>(?i:{self.fields[part].pattern}))")
            else:
                words = [re.escape(word) for word in part.split(" ")]
                literal = r"\s*+".join(words).replace(",", r"\s*+,\s*+")
                pieces.append(f"(?i:{literal})" if literal else "")
        # possessive: what two neighbours could share out between them in many ways would be tried in all of them
        return re.compile(r"\s*+" + "".join(pieces) + r"\s*+")

    def write(self, values: Mapping[str, Any]) -> bytes:
        """The text with its fields filled in; raises ValueError for a missing, surplus or illegal one."""
        if values.keys() != self.fields.keys():
            raise ValueError(f"{self.text!r} takes {sorted(self.fields)}, got {sorted(values)}")
        out = [
            part if index % 2 == 0 else self.fields[part].write(values[part]) for index, part in enumerate(self._parts)
        ]
        return "".join(out).encode("ascii")

    def match(self, data: bytes) -> dict[str, str] | None:
        """The fields' raw texts when ``data`` has this shape, else None."""
        if len(data) > LINE_MAX:
            return None
        found = self._regex.fullmatch(data.decode("latin-1"))
        return None if found is None else found.groupdict()

    def read(self, raw: Mapping[str, str]) -> Values:
        """The fields' values; raises ValueError."""
        return {name: self.fields[name].read(text) for name, text in raw.items()}


@dataclass(frozen=True, slots=True)
class TextRow:
    """A row of a line protocol. ``answer`` None means that the instrument stays silent."""

    name: str
    command: Template
    answer: Template | None = None
    request_end: bytes = b"\n"
    reply_end: bytes = b"\n"

    @property
    def answers(self) -> bool:
        """True when the instrument replies to this request."""
        return self.answer is not None

    def request(self, **values: Any) -> bytes:
        """The command with its terminator; raises ValueError."""
        return self.command.write(values) + self.request_end

    def parse_request(self, data: bytes) -> Values | None:
        """The arguments when ``data`` is this command with legal arguments, else None."""
        raw = self.command.match(_strip(data))
        if raw is None:
            return None
        try:
            return self.command.read(raw)
        except ValueError:
            return None

    def reply(self, **values: Any) -> bytes:
        """The reply with its terminator, or nothing for a silent row."""
        if self.answer is None:
            return b""
        return self.answer.write(values) + self.reply_end

    def parse_reply(self, data: bytes) -> Values:
        """The reply's values; raises :class:`BadReply`."""
        if self.answer is None:
            if data:
                raise BadReply(f"{self.name}: {_show(data)} where no reply belongs")
            return {}
        raw = self.answer.match(_strip(data))
        if raw is None:
            raise BadReply(f"{self.name}: {_show(data)} is not of the form {self.answer.text!r}")
        try:
            return self.answer.read(raw)
        except ValueError as error:
            raise BadReply(f"{self.name}: {_show(data)}: {error}") from error


def _strip(data: bytes) -> bytes:
    return data.rstrip(b"\r\n\0")


def _show(data: bytes) -> str:
    """At most 60 bytes of ``data`` for a message to a person."""
    return repr(data[:60]) + (" ..." if len(data) > 60 else "")
