"""PURE: rows of a SCPI dialect: header pattern, argument and result codecs, for both ends (see ``dialect.Row``)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from drivers.wire.block import BadBlock, header, parse_header
from drivers.wire.dialect import BadReply, Values
from drivers.wire.scpi import (
    NUMBER_MAX,
    HeaderTable,
    ScpiError,
    Unit,
    fill_header,
    format_engineering,
    format_nr1,
    format_nr3,
    format_quoted,
    parse_boolean,
    parse_choice,
    parse_message,
    parse_number,
    parse_quoted,
    refuse_arguments,
    split_outside_quotes,
)

BLOCK_DIGITS = 8
"""InfiniiVision scopes write every block header as #8 and eight digits (instruments.md 2.1)."""


class Codec(Protocol):
    """One argument or result: text on the wire, value in the program. ``read`` raises ScpiError or ValueError."""

    def write(self, value: Any) -> str:
        """Text of ``value``."""
        ...

    def read(self, text: str) -> Any:
        """Value of ``text``."""
        ...


@dataclass(frozen=True, slots=True)
class Number:
    """A real number in ``unit``: engineering form with ``digits`` to ``digits_max`` figures, or plain NR3."""

    unit: str = ""
    digits: int = 3
    digits_max: int = 0
    engineering: bool = True

    def write(self, value: Any) -> str:
        """Text of ``value``."""
        form = format_engineering if self.engineering else format_nr3
        return form(float(value), self.digits, self.digits_max)

    def read(self, text: str) -> float:
        """Value of ``text``; 9.9E37 (no value) is refused."""
        value = parse_number(text, self.unit)
        if abs(value) >= NUMBER_MAX:
            raise ScpiError(-222, text)
        return value


@dataclass(frozen=True, slots=True)
class Count:
    """An integer, written signed (``+8``) or plain; read from any number form."""

    signed: bool = True

    def write(self, value: Any) -> str:
        """Text of ``value``."""
        return format_nr1(value) if self.signed else str(int(value))

    def read(self, text: str) -> int:
        """Value of ``text``; 9.9E37 (no value) is refused."""
        value = parse_number(text)
        if abs(value) >= NUMBER_MAX:
            raise ScpiError(-222, text)
        return round(value)


@dataclass(frozen=True, slots=True)
class Switch:
    """A boolean: written ``0``/``1``, read also from ``ON``/``OFF``."""

    def write(self, value: Any) -> str:
        """Text of ``value``."""
        return "1" if value else "0"

    def read(self, text: str) -> bool:
        """Value of ``text``."""
        return parse_boolean(text)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few mnemonics; the value is the short form (``NORM``)."""

    mnemonics: tuple[str, ...]

    def write(self, value: Any) -> str:
        """Text of ``value``, checked."""
        return parse_choice(str(value), self.mnemonics)

    def read(self, text: str) -> str:
        """Short form of ``text``."""
        return parse_choice(text, self.mnemonics)


@dataclass(frozen=True, slots=True)
class CountOr:
    """An integer or one of a few mnemonics (``:WAVeform:POINts NORMal``)."""

    mnemonics: tuple[str, ...]

    def write(self, value: Any) -> str:
        """Text of ``value``."""
        return format_nr1(value) if isinstance(value, int) else parse_choice(str(value), self.mnemonics)

    def read(self, text: str) -> int | str:
        """Number or short form of ``text``."""
        return parse_choice(text, self.mnemonics) if text[:1].isalpha() else Count().read(text)


@dataclass(frozen=True, slots=True)
class Quoted:
    """A quoted string of at most ``longest`` characters (cut, as the instrument does)."""

    longest: int = 10

    def write(self, value: Any) -> str:
        """Text of ``value``."""
        return format_quoted(str(value)[: self.longest])

    def read(self, text: str) -> str:
        """The string inside the quotes."""
        return parse_quoted(text)[: self.longest]


@dataclass(frozen=True, slots=True)
class Word:
    """Unquoted text up to the next comma."""

    def write(self, value: Any) -> str:
        """``value`` itself; raises ValueError when it would not survive."""
        text = str(value)
        if not text.isprintable() or not text.isascii() or set(text) & set(",;\"'"):
            raise ValueError(f"{text!r} cannot travel unquoted")
        return text

    def read(self, text: str) -> str:
        """``text`` itself."""
        return text


@dataclass(frozen=True)
class ScpiRow:
    """One command or query. ``suffix`` names the numbers in the header (``channel``, ``trigger level``), ``optional``
    the arguments that may be left out (from the right)."""

    name: str
    pattern: str
    arguments: Mapping[str, Codec] = field(default_factory=dict)
    results: Mapping[str, Codec] = field(default_factory=dict)
    suffix: str = ""
    optional: int = 0

    @property
    def answers(self) -> bool:
        """True for a query."""
        return self.pattern.endswith("?")

    @cached_property
    def _table(self) -> HeaderTable[str]:
        return HeaderTable([(self.pattern, self.name)])

    def request(self, **values: Any) -> bytes:
        """The command with LF; raises ValueError for a missing, surplus or illegal argument."""
        left = dict(values)
        head = fill_header(self.pattern, tuple(int(left.pop(name)) for name in self.suffix.split()))
        texts = [codec.write(left.pop(name)) for name, codec in self.arguments.items() if name in left]
        if left or len(texts) < len(self.arguments) - self.optional:
            raise ValueError(f"{self.name} takes {list(self.arguments)}, got {sorted(values)}")
        return (f"{head} {','.join(texts)}" if texts else head).encode("ascii") + b"\n"

    def parse_request(self, data: bytes) -> Values | None:
        """The arguments when ``data`` is this command in any legal spelling, else None."""
        try:
            units = parse_message(data.rstrip(b"\r\n"))
            if len(units) != 1:
                return None
            _, suffixes = self._table.find(units[0])
            return self.read_arguments(units[0], suffixes)
        except ValueError:
            return None

    def read_arguments(self, unit: Unit, suffixes: tuple[int, ...]) -> Values:
        """Arguments of a unit whose header is known to be this row's. Raises ScpiError."""
        refuse_arguments(unit.arguments, len(self.arguments) - self.optional, len(self.arguments))
        values: Values = dict(zip(self.suffix.split(), suffixes, strict=False))
        for (name, codec), text in zip(self.arguments.items(), unit.arguments, strict=False):
            values[name] = codec.read(text)
        return values

    def reply(self, **values: Any) -> bytes:
        """The reply with LF; nothing for a command. Raises ValueError."""
        return self.write_results(values) + b"\n" if self.answers else b""

    def write_results(self, values: Mapping[str, Any]) -> bytes:
        """The reply without its end, as it is joined with others of one message."""
        if values.keys() != self.results.keys():
            raise ValueError(f"{self.name} answers {list(self.results)}, got {sorted(values)}")
        return ",".join(codec.write(values[name]) for name, codec in self.results.items()).encode("ascii")

    def parse_reply(self, data: bytes) -> Values:
        """The reply's values; raises BadReply."""
        return _read_results(self, data, _text_of(self.name, data))


@dataclass(frozen=True)
class DumpRow:
    """A subsystem query that answers all its settings: ``:CHAN1:RANG +40.0E+00;OFFS ...`` (instruments.md 2.1).

    ``results`` maps the value's name to the header as printed and its codec; ``root`` is the printed root.
    """

    name: str
    pattern: str
    root: str
    results: Mapping[str, tuple[str, Codec]]
    suffix: str = ""
    arguments: Mapping[str, Codec] = field(default_factory=dict)

    @property
    def answers(self) -> bool:
        """Always: it is a query."""
        return True

    @cached_property
    def _row(self) -> ScpiRow:
        return ScpiRow(self.name, self.pattern, suffix=self.suffix)

    def request(self, **values: Any) -> bytes:
        """The query with LF."""
        return self._row.request(**values)

    def parse_request(self, data: bytes) -> Values | None:
        """The suffix when ``data`` is this query, else None."""
        return self._row.parse_request(data)

    def read_arguments(self, unit: Unit, suffixes: tuple[int, ...]) -> Values:
        """As :meth:`ScpiRow.read_arguments`."""
        return self._row.read_arguments(unit, suffixes)

    def reply(self, **values: Any) -> bytes:
        """The dump with LF; raises ValueError."""
        return self.write_results(values) + b"\n"

    def write_results(self, values: Mapping[str, Any]) -> bytes:
        """The dump without its end."""
        expected = set(self.results) | ({self.suffix} if self.suffix else set())
        if values.keys() != expected:
            raise ValueError(f"{self.name} answers {sorted(expected)}, got {sorted(values)}")
        root = self.root.replace("<n>", str(values.get(self.suffix, "")))
        texts = (f"{head} {codec.write(values[name])}" for name, (head, codec) in self.results.items())
        return (root + ";".join(texts)).encode("ascii")

    def parse_reply(self, data: bytes) -> Values:
        """The dump's values; raises BadReply."""
        text = _text_of(self.name, data)
        root, number = self.root, ""
        if self.suffix:
            before, after = root.split("<n>")
            number = text[len(before) : len(before) + 1]
            root = f"{before}{number}{after}"
        if not text.startswith(root) or (self.suffix and not number.isdigit()):
            raise BadReply(f"{self.name}: {data[:60]!r} does not start with {self.root}")
        values: Values = {self.suffix: int(number)} if self.suffix else {}
        try:
            parts = split_outside_quotes(text[len(root) :], ";")
            for part, (name, (head, codec)) in zip(parts, self.results.items(), strict=True):
                if not part.startswith(head + " "):
                    raise ValueError(f"{part!r} where {head} belongs")
                values[name] = codec.read(part[len(head) + 1 :])
        except ValueError as error:
            raise BadReply(f"{self.name}: {error}") from error
        return values


@dataclass(frozen=True)
class BlockRow:
    """A query answered by a definite-length block, ``#8`` and eight digits; ``digits`` 0 writes as few as it takes.

    The value ``data`` is hexadecimal text: for vectors and short blocks. Waveforms go through ``Link.query_block``.
    """

    name: str
    pattern: str
    arguments: Mapping[str, Codec] = field(default_factory=dict)
    optional: int = 0
    suffix: str = ""
    digits: int = BLOCK_DIGITS

    @property
    def answers(self) -> bool:
        """Always: it is a query."""
        return True

    @cached_property
    def _row(self) -> ScpiRow:
        return ScpiRow(self.name, self.pattern, self.arguments, optional=self.optional, suffix=self.suffix)

    def request(self, **values: Any) -> bytes:
        """The query with LF."""
        return self._row.request(**values)

    def parse_request(self, data: bytes) -> Values | None:
        """The arguments when ``data`` is this query, else None."""
        return self._row.parse_request(data)

    def read_arguments(self, unit: Unit, suffixes: tuple[int, ...]) -> Values:
        """As :meth:`ScpiRow.read_arguments`."""
        return self._row.read_arguments(unit, suffixes)

    def reply(self, **values: Any) -> bytes:
        """Header, data, LF."""
        data = bytes.fromhex(values["data"])
        return block_header(len(data), self.digits) + data + b"\n"

    def parse_reply(self, data: bytes) -> Values:
        """The block's data; raises BadReply when header and length disagree."""
        try:
            parsed = parse_header(data)
        except BadBlock as error:
            raise BadReply(f"{self.name}: {error}") from error
        skip, size = parsed or (0, -1)
        if size + skip not in (len(data), len(data) - 1) or self.digits not in (0, skip - 2):
            raise BadReply(f"{self.name}: {data[:16]!r} does not begin a block of {len(data)} bytes")
        return {"data": data[skip : skip + size].hex()}


def block_header(length: int, digits: int = BLOCK_DIGITS) -> bytes:
    """``#`` and the length in ``digits`` digits (0: as few as it takes); raises ValueError when they are too few."""
    return header(length, digits or len(str(length)))


def setting(name: str, pattern: str, codec: Codec, suffix: str = "") -> tuple[ScpiRow, ScpiRow]:
    """The command and the query of one setting; its value is called ``value``."""
    command = ScpiRow(name, pattern, {"value": codec}, suffix=suffix)
    query = ScpiRow(f"{name}?", f"{pattern}?", results={"value": codec}, suffix=suffix)
    return command, query


def choice(*mnemonics: str) -> Choice:
    """A :class:`Choice` of these mnemonics."""
    return Choice(mnemonics)


def _text_of(name: str, data: bytes) -> str:
    try:
        return data.rstrip(b"\r\n").decode("ascii")
    except UnicodeDecodeError as error:
        raise BadReply(f"{name}: {data[:60]!r} is not ASCII") from error


def _read_results(row: ScpiRow, data: bytes, text: str) -> Values:
    """Values of a reply by the row's result codecs; raises BadReply."""
    if not row.answers:
        if data:
            raise BadReply(f"{row.name}: {data[:60]!r} where no reply belongs")
        return {}
    try:
        parts = split_outside_quotes(text, ",")
        return {name: codec.read(part) for part, (name, codec) in zip(parts, row.results.items(), strict=True)}
    except ValueError as error:
        raise BadReply(f"{row.name}: {data[:60]!r}: {error}") from error
