"""PURE: SCPI program messages as both ends read and write them (instruments.md 2.0).

Headers: short form (the upper-case part of a mnemonic) or long form exactly, any case, optional leading colon,
optional nodes in brackets, numeric suffixes. ``;`` chains units under the tree-walk rule of IEEE 488.2: a header
without leading colon continues at the level of the one before, common commands (``*...``) do not move that level.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

MESSAGE_MAX = 65_536
"""Longest program message in bytes: set-ups are below 4 kB; more is a client that never ends its line."""

UNITS_MAX = 256
"""Most units one message may chain: five is usual, RTO drivers send up to five (instruments.md 2.2)."""

FORMATTED_MAX = 4096
"""Formatted numbers remembered: polling clients ask for the same settings again and again."""

T = TypeVar("T")

ERROR_TEXTS = {
    0: "No error",
    -101: "Invalid character",
    -102: "Syntax error",
    -103: "Invalid separator",
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -113: "Undefined header",
    -114: "Header suffix out of range",
    -121: "Invalid character in number",
    -131: "Invalid suffix",
    -138: "Suffix not allowed",
    -141: "Invalid character data",
    -151: "Invalid string data",
    -200: "Execution error",
    -211: "Trigger ignored",
    -213: "Init ignored",
    -221: "Settings conflict",
    -222: "Data out of range",
    -223: "Too much data",
    -224: "Illegal parameter value",
    -230: "Data corrupt or stale",
    -240: "Hardware error",
    -250: "Mass storage error",
    -254: "Media full",
    -256: "File name not found",
    -257: "File name error",
    -310: "System error",
    -350: "Queue overflow",
    -363: "Input buffer overrun",
    -410: "Query INTERRUPTED",
    -420: "Query UNTERMINATED",
}
"""SCPI-1999 volume 2 chapter 21: the error numbers used here and their texts."""


class ScpiError(ValueError):
    """A message that breaks the rules, with the SCPI error number it earns."""

    def __init__(self, code: int, detail: str = "") -> None:
        text = ERROR_TEXTS[code]
        super().__init__(f"{text}; {detail}" if detail else text)
        self.code = code


# ---------------------------------------------------------------------------------------------- text


def split_outside_quotes(text: str, separator: str) -> list[str]:
    """Split at ``separator`` where no quoted string is open. Raises ScpiError -151 for an unclosed quote."""
    if '"' not in text and "'" not in text:
        return text.split(separator)
    parts: list[str] = []
    start, quote = 0, ""
    for index, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char == separator:
            parts.append(text[start:index])
            start = index + 1
    if quote:
        raise ScpiError(-151, text)
    parts.append(text[start:])
    return parts


@dataclass(frozen=True, slots=True)
class Unit:
    """One program message unit; ``path`` is absolute and upper-case: ``("CHAN1", "RANG")``, ``("*IDN",)``."""

    path: tuple[str, ...]
    query: bool
    arguments: tuple[str, ...]


_HEADER = re.compile(r"\s*(\*[A-Za-z]\w*|:?[A-Za-z]\w*(?::[A-Za-z]\w*)*)(\?)?(?=\s|$)")


def parse_message(message: bytes) -> list[Unit]:
    """Split one program message (without its end) into units with absolute paths.

    Raises ScpiError: -101 for bytes outside printable ASCII, -102 for no header, -151, -223 for too many units.
    """
    text = message.decode("latin-1")
    if not text.isascii() or any(ord(char) < 32 and char != "\t" for char in text):
        raise ScpiError(-101)
    pieces = split_outside_quotes(text, ";")
    if len(pieces) > UNITS_MAX:
        raise ScpiError(-223)
    units: list[Unit] = []
    level: tuple[str, ...] = ()
    for piece in pieces:
        if not piece.strip():
            continue
        unit, level = _parse_unit(piece, level)
        units.append(unit)
    return units


def _parse_unit(piece: str, level: tuple[str, ...]) -> tuple[Unit, tuple[str, ...]]:
    """One unit and the tree level the next one starts from."""
    match = _HEADER.match(piece)
    if match is None:
        raise ScpiError(-102, piece.strip()[:40])
    header = match.group(1).upper()
    rest = piece[match.end() :].strip()
    arguments = tuple(part.strip() for part in split_outside_quotes(rest, ",")) if rest else ()
    query = match.group(2) is not None
    if header.startswith("*"):
        return Unit((header,), query, arguments), level
    nodes = tuple(header.lstrip(":").split(":"))
    path = nodes if header.startswith(":") else level + nodes
    return Unit(path, query, arguments), path[:-1]


# ------------------------------------------------------------------------------------------- headers


def short_form(mnemonic: str) -> str:
    """The upper-case letters and digits of a mnemonic as manuals print it: ``CHANnel`` -> ``CHAN``."""
    return "".join(char for char in mnemonic if not char.islower())


def matches_mnemonic(text: str, mnemonic: str) -> bool:
    """True when ``text`` is the short or the long form of ``mnemonic``, in any case, and nothing between."""
    upper = text.upper()
    return upper in (short_form(mnemonic), mnemonic.upper())


_NODE = re.compile(r"(\[)?:?([*A-Za-z_]+)(<n>)?(\])?")
_SUFFIX = re.compile(r"([*A-Z_]+?)(\d{0,9})$")


def _spellings(pattern: str) -> list[tuple[tuple[str, bool], ...]]:
    """Every accepted spelling of a header pattern as (mnemonic, takes suffix) nodes."""
    spelled: list[tuple[tuple[str, bool], ...]] = [()]
    for opening, mnemonic, suffix, _ in _NODE.findall(pattern.rstrip("?")):
        forms = sorted({short_form(mnemonic), mnemonic.upper()})
        longer = [(*path, (form, bool(suffix))) for path in spelled for form in forms]
        spelled = spelled + longer if opening else longer
    return spelled


class HeaderTable(Generic[T]):
    """Header patterns -> values, looked up by the paths of :func:`parse_message`. Built once, then read only."""

    def __init__(self, rows: Iterable[tuple[str, T]], suffix_max: int = 4) -> None:
        self._suffix_max = suffix_max
        self._rows: dict[tuple[bool, tuple[tuple[str, bool], ...]], T] = {}
        for pattern, value in rows:
            for spelling in _spellings(pattern):
                key = (pattern.endswith("?"), spelling)
                if key in self._rows:
                    raise ValueError(f"{pattern}: two rows accept the same header")
                self._rows[key] = value
        self._deepest = max((len(spelling) for _, spelling in self._rows), default=0)

    def find(self, unit: Unit) -> tuple[T, tuple[int, ...]]:
        """The row of a unit and its numeric suffixes (1 where left out). Raises ScpiError -113 or -114."""
        if len(unit.path) > self._deepest:  # before the candidates below, which double with every node
            raise ScpiError(-113, ":".join(unit.path)[:40])
        names: list[tuple[str, int]] = []
        for node in unit.path:
            match = _SUFFIX.match(node)
            if match is None:
                raise ScpiError(-113, node)
            names.append((match.group(1), int(match.group(2)) if match.group(2) else -1))
        candidates: list[tuple[tuple[tuple[str, bool], ...], list[int]]] = [((), [])]
        for name, number in names:
            grown = [((*path, (name, True)), [*found, max(number, 1) if number else 0]) for path, found in candidates]
            if number < 0:
                grown += [((*path, (name, False)), found) for path, found in candidates]
            candidates = grown
        for path, suffixes in candidates:
            row = self._rows.get((unit.query, path))
            if row is not None:
                if any(not 1 <= suffix <= self._suffix_max for suffix in suffixes):
                    raise ScpiError(-114, ":".join(unit.path))
                return row, tuple(suffixes)
        raise ScpiError(-113, ":".join(unit.path))


def fill_header(pattern: str, suffixes: tuple[int, ...]) -> str:
    """The header a client sends for a pattern: long mnemonics, optional nodes left out, suffixes filled in."""
    header = re.sub(r"\[[^]]*\]", "", pattern)
    for suffix in suffixes:
        header = header.replace("<n>", str(suffix), 1)
    return header


# -------------------------------------------------------------------------------------------- values

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[Ee][+-]?\d+)?)\s*([A-Za-z]*)$")
_RADIX = {"H": 16, "Q": 8, "B": 2}
_MULTIPLIERS = {
    "EX": 1e18, "PE": 1e15, "T": 1e12, "G": 1e9, "MA": 1e6, "K": 1e3,
    "": 1.0, "M": 1e-3, "U": 1e-6, "N": 1e-9, "P": 1e-12, "F": 1e-15, "A": 1e-18,
}  # fmt: skip
NUMBER_MAX = 9.9e37
"""IEEE 488.2's "not a number" stand-in; a reply at or above it carries no value."""


def parse_number(text: str, unit: str = "") -> float:
    """A decimal, ``#H``/``#Q``/``#B`` or suffixed number (``20 ms``, ``1.5KV``), in the base unit ``unit``; finite.

    ``MHZ`` and ``MOHM`` are mega, every other ``M`` is milli (IEEE 488.2 7.7.3). Raises ScpiError
    -104, -121, -131, -138, or -222 for a number that no instrument can hold.
    """
    number = _parse_number(text, unit)
    if not math.isfinite(number):
        raise ScpiError(-222, text[:40])
    return number


def _parse_number(text: str, unit: str = "") -> float:
    if text.startswith("#"):
        try:
            return float(int(text[2:], _RADIX[text[1:2].upper()]))
        except (KeyError, ValueError):
            raise ScpiError(-121, text) from None
        except OverflowError:
            raise ScpiError(-222, text[:40]) from None
    match = _NUMBER.match(text)
    if match is None:
        raise ScpiError(-121 if text[:1] in "+-.0123456789" and text else -104, text)
    number, suffix = float(match.group(1)), match.group(2).upper()
    if not suffix:
        return number
    if not unit:
        raise ScpiError(-138, text)
    if suffix in ("MHZ", "MOHM") and unit.upper() == suffix[1:]:
        return number * 1e6
    multiplier = _MULTIPLIERS.get(suffix[: -len(unit)]) if suffix.endswith(unit.upper()) else None
    if multiplier is None:
        raise ScpiError(-131, text)
    return number * multiplier


def parse_boolean(text: str) -> bool:
    """``0``/``1``/``ON``/``OFF``, or a number (non-zero after rounding is true). Raises ScpiError -104."""
    upper = text.upper()
    if upper in ("ON", "OFF"):
        return upper == "ON"
    return round(parse_number(text)) != 0


def parse_choice(text: str, mnemonics: Iterable[str]) -> str:
    """The short form of the mnemonic that ``text`` names. Raises ScpiError -224 (or -141 for a number)."""
    for mnemonic in mnemonics:
        if matches_mnemonic(text, mnemonic):
            return short_form(mnemonic)
    raise ScpiError(-224 if text[:1].isalpha() else -141, text)


def parse_quoted(text: str) -> str:
    """A quoted string; a doubled quote inside is one. Raises ScpiError -104 or -151."""
    if len(text) < 2 or text[0] not in "\"'":
        raise ScpiError(-104, text)
    quote, inner = text[0], text[1:-1]
    if text[-1] != quote or quote in inner.replace(quote * 2, ""):
        raise ScpiError(-151, text)
    return inner.replace(quote * 2, quote)


def format_quoted(text: str) -> str:
    """A quoted string with its quotes doubled."""
    return '"' + text.replace('"', '""') + '"'


def format_nr1(value: float) -> str:
    """A signed integer: ``+1000``."""
    return f"{round(value):+d}"


@lru_cache(maxsize=FORMATTED_MAX)
def format_nr3(value: float, digits: int = 6, digits_max: int = 0) -> str:
    """Signed scientific form with at least ``digits`` significant digits: ``+1.00000E-06``.

    With ``digits_max`` above ``digits`` as many digits follow as the value needs, up to that.
    """
    value = value + 0.0
    text = f"{value:+.{digits - 1}E}"
    for count in range(digits + 1, digits_max + 1):
        if float(text) == value:
            break
        text = f"{value:+.{count - 1}E}"
    return text


@lru_cache(maxsize=FORMATTED_MAX)
def format_engineering(value: float, digits: int = 3, digits_max: int = 0) -> str:
    """Signed engineering form, exponent a multiple of three, as Keysight prints settings: ``+40.0E+00``."""
    mantissa, exponent_text = format_nr3(value, digits, digits_max).split("E")
    exponent = int(exponent_text)
    shift = exponent % 3
    figures = mantissa[1:].replace(".", "").ljust(shift + 1, "0")
    whole, fraction = figures[: shift + 1], figures[shift + 1 :]
    point = "." if fraction else ""
    return f"{mantissa[0]}{whole}{point}{fraction}E{exponent - shift:+03d}"


def refuse_arguments(arguments: tuple[str, ...], least: int, most: int) -> None:
    """Raise ScpiError -109 or -108 when the number of arguments is outside ``least`` .. ``most``."""
    if len(arguments) < least:
        raise ScpiError(-109)
    if len(arguments) > most:
        raise ScpiError(-108)
