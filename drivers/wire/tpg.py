"""PURE: Pfeiffer gauge controllers TPG 262 (two gauges) and TPG 256A (six), instruments.md 2.9.

Every request has two steps: mnemonic and parameters end CR (LF may follow) and are answered ACK or NAK; then one bare
ENQ fetches the data, again and again if wanted. A row here is the pair: its request is what goes before ACK, its reply
what follows ENQ. After NAK, ENQ fetches the error word.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any

from drivers.wire.dialect import BadReply, Dialect, Field, Integer, Row, Text, Values

ETX, ENQ, ACK, NAK = b"\x03", b"\x05", b"\x06", b"\x15"
END = b"\r\n"
MBAR, TORR, PASCAL = 0, 1, 2
"""What ``UNI`` answers."""

PASCALS: Mapping[int, float] = {MBAR: 100.0, TORR: 101_325.0 / 760.0, PASCAL: 1.0}
"""One pressure unit in pascals."""

COM_PERIODS_S = (0.1, 1.0, 60.0)
"""Continuous output ``COM,0|1|2``."""

COM_DEFAULT = 1
"""What a bare ``COM`` means."""

BAUDS = (9600, 19_200, 38_400)
"""``BAU,0|1|2`` (the two faster ones are unverified)."""

NO_SENSOR_MBAR = 2e-2
"""The value that goes with status 5."""

LINE_MAX = 80
"""No request is longer: ``SPn`` with two thresholds needs 28 characters, six displays of 256A names more."""


class Status(IntEnum):
    """In front of every pressure."""

    OK = 0
    UNDER_RANGE = 1
    OVER_RANGE = 2
    SENSOR_ERROR = 3
    OFF = 4
    NO_SENSOR = 5
    IDENTIFICATION_ERROR = 6


class Switch(IntEnum):
    """What ``SEN`` says of a gauge; as an argument, NONE leaves it as it is."""

    NONE = 0
    OFF = 1
    ON = 2


class ErrorWord(IntEnum):
    """The bits of ``ERR``, written as four digits; reading clears them."""

    SYNTAX = 1
    BAD_PARAMETER = 2
    NO_HARDWARE = 4
    CONTROLLER = 8


LINEAR_GAUGES = frozenset({"CMR", "APR", "APR/CMR"})
"""Gauges with four true decimals; of all others the third and fourth are zero."""


@dataclass(frozen=True, slots=True)
class Pressure:
    """``sx.xxxxEsxx``."""

    pattern: str = r"[+-]?\d\.\d{1,4}[eE][+-]\d{1,2}"

    def write(self, value: Any) -> str:
        """Text of ``value``."""
        return f"{float(value):+.4E}"

    def read(self, text: str) -> float:
        """Value of ``text``; raises ValueError."""
        if re.fullmatch(self.pattern, text) is None:
            raise ValueError(f"{text!r} is not a pressure")
        return float(text)


@dataclass(frozen=True)
class GaugeRow:
    """``MNE`` or ``MNE,a,b`` before ACK; after ENQ values between commas, or one text that may hold commas itself."""

    name: str
    mnemonic: str
    arguments: Mapping[str, Field]
    results: Mapping[str, Field]

    @property
    def answers(self) -> bool:
        """Always: ENQ fetches something after every ACK."""
        return True

    def request(self, **values: Any) -> bytes:
        """Mnemonic and parameters with CR LF; raises ValueError."""
        if values.keys() != self.arguments.keys():
            raise ValueError(f"{self.name} takes {sorted(self.arguments)}, got {sorted(values)}")
        texts = (codec.write(values[name]) for name, codec in self.arguments.items())
        return ",".join((self.mnemonic, *texts)).encode("ascii") + END

    def parse_request(self, data: bytes) -> Values | None:
        """The arguments when ``data`` is this request, else None; spaces do not count."""
        parts = data.strip(b"\r\n").decode("latin-1").replace(" ", "").split(",")
        if parts[0].upper() != self.mnemonic or len(parts) - 1 != len(self.arguments):
            return None
        try:
            return {
                name: codec.read(text) for (name, codec), text in zip(self.arguments.items(), parts[1:], strict=True)
            }
        except ValueError:
            return None

    def reply(self, **values: Any) -> bytes:
        """What follows ENQ, with CR LF."""
        if values.keys() != self.results.keys():
            raise ValueError(f"{self.name} answers {sorted(self.results)}, got {sorted(values)}")
        return ",".join(codec.write(values[name]) for name, codec in self.results.items()).encode("ascii") + END

    def parse_reply(self, data: bytes) -> Values:
        """The values after ENQ; raises BadReply."""
        text = data.rstrip(b"\r\n").decode("latin-1").replace(" ", "")
        parts = [text] if len(self.results) == 1 else text.split(",")
        try:
            return {name: codec.read(part) for (name, codec), part in zip(self.results.items(), parts, strict=True)}
        except ValueError as error:
            raise BadReply(f"{self.name}: {data[:60]!r}: {error}") from error


@dataclass(frozen=True)
class GaugeModel:
    """What differs between the controllers."""

    slug: str
    model: str
    gauges: int
    relays: int

    @cached_property
    def dialect(self) -> Dialect:
        """Its rows."""
        rows = [*_measurements(self.gauges), *_settings(self)]
        return Dialect(
            self.slug, self.model, "instruments.md 2.9 (TPG 261 manual pp. 67-72)", {r.name: r for r in rows}
        )


_BIT = Integer(0, 1)
_STATUS = Integer(0, 6)
_PRESSURE = Pressure()
_WORD = Text(r"[A-Za-z0-9/.\-]+")


def _each(count: int, codec: Field) -> dict[str, Field]:
    return {f"gauge_{number}": codec for number in range(1, count + 1)}


def _measurements(gauges: int) -> list[Row]:
    pairs: dict[str, Field] = {}
    for number in range(1, gauges + 1):
        pairs |= {f"status_{number}": _STATUS, f"pressure_{number}": _PRESSURE}
    rows: list[Row] = [
        GaugeRow(f"PR{number}", f"PR{number}", {}, {"status": _STATUS, "pressure": _PRESSURE})
        for number in range(1, gauges + 1)
    ]
    rows.append(GaugeRow("PRX", "PRX", {}, pairs))
    rows.append(GaugeRow("COM", "COM", {"period": Integer(0, 2)}, pairs))
    rows.append(GaugeRow("COM?", "COM", {}, pairs))
    return rows


def _settings(model: GaugeModel) -> list[Row]:
    """Every setting as ``NAME`` (write; ENQ tells what holds then) and ``NAME?`` (only ask)."""
    threshold: dict[str, Field] = {
        "gauge": Integer(0, model.gauges - 1),
        "lower": _PRESSURE,
        "upper": _PRESSURE,
    }
    relays: dict[str, Field] = {f"relay_{number}": _BIT for number in range(1, model.relays + 1)}
    both: list[tuple[str, dict[str, Field]]] = [
        ("UNI", {"unit": Integer(0, 2)}),
        ("SEN", _each(model.gauges, Integer(0, 2))),
        ("FIL", _each(model.gauges, Integer(0, 2))),
        ("CAL", _each(model.gauges, _CALIBRATION)),
        ("FSR", _each(model.gauges, Integer(0, 9))),
        ("DGS", _each(model.gauges, _BIT)),
        ("OFC", _each(model.gauges, Integer(0, 3))),
        ("DCD", {"digits": Integer(2, 3)}),
        ("SCT", {"channel": Integer(0, model.gauges - 1)}),
        ("BAU", {"rate": Integer(0, 2)}),
        *((f"SP{number}", threshold) for number in range(1, model.relays + 1)),
    ]
    rows: list[Row] = []
    for name, fields in both:
        rows += [GaugeRow(name, name, fields, fields), GaugeRow(f"{name}?", name, {}, fields)]
    rows += [
        GaugeRow("TID", "TID", {}, _each(model.gauges, _WORD)),
        GaugeRow("SPS", "SPS", {}, relays),
        GaugeRow("ERR", "ERR", {}, {"word": Text("[01]{4}")}),
        GaugeRow("RES", "RES", {"reset": Integer(1, 1)}, {"errors": Text(r"\d{1,2}(?:,\d{1,2})*")}),
        GaugeRow("RES?", "RES", {}, {"errors": Text(r"\d{1,2}(?:,\d{1,2})*")}),
        GaugeRow("SAV", "SAV", {"set": _BIT}, {"set": _BIT}),
        GaugeRow("PNR", "PNR", {}, {"version": _WORD}),
    ]
    return rows


@dataclass(frozen=True, slots=True)
class Calibration:
    """A correction factor, ``x.xxx`` within 0.1..9.999."""

    pattern: str = r"\d(?:\.\d{1,3})?"

    def write(self, value: Any) -> str:
        """Text of ``value``; raises ValueError."""
        return f"{self._check(float(value)):.3f}"

    def read(self, text: str) -> float:
        """Value of ``text``; raises ValueError."""
        return self._check(float(text))

    def _check(self, value: float) -> float:
        if not 0.1 <= value <= 9.999:
            raise ValueError(f"{value:g} is outside 0.1..9.999")
        return value


_CALIBRATION = Calibration()

TPG_262 = GaugeModel("tpg_262", "Pfeiffer TPG 262", gauges=2, relays=4)
TPG_256A = GaugeModel("tpg_256a", "Pfeiffer TPG 256A", gauges=6, relays=6)
MODELS: Mapping[int, GaugeModel] = {model.gauges: model for model in (TPG_262, TPG_256A)}
"""By the number of gauges, which is how ``TID`` tells them apart."""


def write_error(word: int) -> bytes:
    """The error word as it travels: four digits of bits."""
    return f"{word:04b}".encode("ascii") + END


def read_error(word: bytes) -> str:
    """What an error word says, for a person."""
    bits = int(word, 2) if word.strip(b"01") == b"" and word else 0
    names = [error.name.lower().replace("_", " ") for error in ErrorWord if bits & error]
    return ", ".join(names) or "no error"
