"""PURE: what the dialects of SCPI oscilloscopes have in common: common commands, and knobs with default and limits."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from drivers.wire.scpi_rows import Codec, Count, ScpiRow, Word, setting

PLAIN = Count(signed=False)


def _common() -> Iterator[ScpiRow]:
    yield ScpiRow("idn?", "*IDN?", results={"vendor": Word(), "model": Word(), "serial": Word(), "firmware": Word()})
    for name in ("cls", "rst", "opc", "wai", "trg"):
        yield ScpiRow(name, f"*{name.upper()}")
    for name in ("opc", "tst", "esr", "stb"):
        yield ScpiRow(f"{name}?", f"*{name.upper()}?", results={"value": PLAIN})
    for name in ("sav", "rcl"):
        yield ScpiRow(name, f"*{name.upper()}", {"value": PLAIN})
    for name in ("ese", "sre"):
        yield from setting(name, f"*{name.upper()}", PLAIN)


COMMON = tuple(_common())
"""IEEE 488.2 common commands (instruments.md 2.0)."""


@dataclass(frozen=True, slots=True)
class Knob:
    """A setting with its value after ``*RST`` and its limits, in base units.

    ``count`` above 1: one value per number in the header (the last one, if there are several). ``only``: the values
    that are modelled; others are refused as a conflict, never pretended.
    """

    name: str
    pattern: str
    codec: Codec
    default: Any
    low: float = -math.inf
    high: float = math.inf
    suffix: str = ""
    count: int = 1
    only: frozenset[Any] | None = None

    def index(self, values: Mapping[str, Any]) -> int:
        """Which of its values a command speaks of, from 0."""
        return int(values.get(self.suffix.split()[-1], 1)) - 1 if self.count > 1 else 0


def knob_rows(knobs: Iterable[Knob]) -> Iterator[ScpiRow]:
    """The command and the query of each knob."""
    for knob in knobs:
        yield from setting(knob.name, knob.pattern, knob.codec, knob.suffix)


def by_name(knobs: Iterable[Knob]) -> Mapping[str, Knob]:
    """Knobs by their names."""
    return MappingProxyType({knob.name: knob for knob in knobs})
