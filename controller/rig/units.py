"""PURE: quantities as people write them (``4.5 kV``, ``250 V/s``) to plain SI floats, and back.

pint is used here and nowhere else, imported on first use with a registry of just the units a bench needs: quick to
build, and a typo such as ``KV`` is unknown instead of something exotic.
"""

import math
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

TEXT_MAX = 64
"""No quantity that a person writes is longer."""

_DEFINITIONS = (
    "nano- = 1e-9 = n-",
    "micro- = 1e-6 = µ- = μ- = u-",
    "milli- = 1e-3 = m-",
    "centi- = 1e-2 = c-",
    "kilo- = 1e3 = k-",
    "mega- = 1e6 = M-",
    "giga- = 1e9 = G-",
    "meter = [length] = m = metre",
    "second = [time] = s",
    "ampere = [current] = A",
    "gram = [mass] = g",
    "kelvin = [temperature] = K",
    "percent = 0.01 = %",
    "minute = 60 second = min",
    "hour = 3600 second = h",
    "newton = 1000 gram * meter / second ** 2 = N",
    "joule = newton * meter = J",
    "watt = joule / second = W",
    "pascal = newton / meter ** 2 = Pa",
    "bar = 1e5 pascal",
    "volt = watt / ampere = V",
    "ohm = volt / ampere = Ω",
    "farad = ampere * second / volt = F",
    "henry = volt * second / ampere = H",
    "tesla = volt * second / meter ** 2 = T",
    "hertz = 1 / second = Hz",
    "byte = [information] = B",
    "liter = 1e-3 * meter ** 3 = l = L",
    "celsius = [degree_celsius] = degC",  # a reading, not a difference: it converts to nothing
    "sievert = [dose] = Sv",
    "count = [counted]",
)

KINDS: dict[str, tuple[str, str]] = {
    "V": ("a voltage", "3.0 kV"),
    "A": ("a current", "65 kA"),
    "s": ("a time", "20 ms"),
    "V/s": ("a charging rate", "250 V/s"),
    "F": ("a capacitance", "1 mF"),
    "ohm": ("a resistance", "100 kohm"),
    "J": ("an energy", "18 kJ"),
    "A^2 s": ("an action integral", "5.5e6 A^2 s"),
    "H": ("an inductance", "20 uH"),
    "Hz": ("a frequency", "100 Hz"),
    "T": ("a flux density", "0.5 T"),
    "T/s": ("a flux density rate", "500 T/s"),
    "A s": ("a charge", "120 A s"),
    "V s": ("a flux", "0.2 V s"),
    "m/s": ("a velocity", "140 m/s"),
    "A/s": ("a current rate", "1e8 A/s"),
    "Pa": ("a pressure", "1e-4 Pa"),
    "W": ("a power", "4 kW"),
    "V/m": ("an electric field", "80 MV/m"),
    "K": ("a temperature difference", "15 K"),
    "degC": ("a temperature", "35 degC"),
    "l/min": ("a flow", "30 l/min"),
    "kg/s": ("a mass flow", "0.5 kg/s"),
    "W/m^2": ("a power density", "10 W/m^2"),
    "Sv/h": ("a dose rate", "5 uSv/h"),
    "A/V": ("a sensitivity", "5 kA/V"),
    "A/s/V": ("a sensitivity", "2e8 A/s/V"),
    "T/s/V": ("a sensitivity", "200 T/s/V"),
    "Pa/V": ("a sensitivity", "0.1 Pa/V"),
    "K/V": ("a sensitivity", "10 K/V"),
    "degC/V": ("a sensitivity", "10 degC/V"),
    "kg/s/V": ("a sensitivity", "0.05 kg/s/V"),
    "l/min/V": ("a sensitivity", "4 l/min/V"),
    "B": ("an amount of data", "1 GB"),
    "count": ("a count", "5 count"),
    "1": ("a plain number", "2.5"),
}
"""SI unit -> what it is called, and an example that would be accepted."""

_NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?"
_TERM = r"(?:[A-Za-zµμΩ]{1,16}|%)(?:\^[1-4])?"
_QUANTITY = re.compile(rf"({_NUMBER})\s*({_TERM}(?: ?[ */] ?{_TERM}){{0,3}})?")
"""Only well-formed units reach pint: its parser answers malformed ones with assertions."""
_COMMA = re.compile(r"([-+]?[0-9]+),([0-9]+)(.*)")


class UnitError(ValueError):
    """A quantity that cannot be accepted: ``problem``, and ``remedy`` what would be right."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


@cache
def _registry() -> Any:
    import pint

    registry: Any = pint.UnitRegistry(None)
    registry.load_definitions(list(_DEFINITIONS))
    return registry


@cache
def _factor(unit: str, si_unit: str) -> float | None:
    """How many ``si_unit`` one ``unit`` is; None when the dimension differs. Raises UnitError for an unknown unit."""
    import pint

    registry = _registry()
    try:
        source = registry.Quantity(1.0, registry.parse_units(_spelled(unit)))
        return float(source.to(registry.parse_units(_spelled(si_unit))).magnitude)
    except pint.DimensionalityError:
        return None
    except (pint.PintError, AttributeError, ValueError, TypeError) as error:
        raise UnitError(f"unknown unit '{unit}'", f"write {_suggest(unit, si_unit)}") from error


def _spelled(unit: str) -> str:
    if unit == "1":
        return "dimensionless"
    return "*".join(unit.replace("^", "**").replace(" /", "/").replace("/ ", "/").split()) if " " in unit else unit


def _suggest(unit: str, si_unit: str) -> str:
    kind, example = KINDS[si_unit]
    for prefix in ("", "k", "m", "u", "M", "n", "G"):
        if f"{prefix}{si_unit}".lower() == unit.strip().lower():
            return f"{prefix}{si_unit}, not {unit}"
    return f"{kind}, for example {example}"


def parse(value: object, si_unit: str, *, negative: bool = False) -> float:
    """``value`` as a float in ``si_unit`` (a key of :data:`KINDS`).

    Raises :class:`UnitError` for a bare number where a unit belongs, an unknown unit, another dimension, a decimal
    comma, a value that is not finite, and a negative one unless ``negative``.
    """
    kind, example = KINDS[si_unit]
    number, unit = _split(value, si_unit, f"{kind}, for example {example}")
    result = number
    if unit:
        factor = _factor(unit, si_unit)
        if factor is None:
            raise UnitError(f"'{value}' is {_kind_of(unit)}, not {kind}", f"write {kind}, for example {example}")
        result = number * factor if factor >= 1.0 else number / float(f"{1.0 / factor:.12g}")  # 20 us is 2e-05 exactly
    elif si_unit != "1":
        raise UnitError(f"the number {value} has no unit", f"write {kind}, for example {_spoken(number, si_unit)}")
    if not math.isfinite(result):
        raise UnitError(f"'{value}' is not a finite number", f"write {kind}, for example {example}")
    if result < 0.0 and not negative:
        raise UnitError(f"'{value}' is negative", f"write {kind} of zero or more, for example {example}")
    return result


def parse_any(value: object, *, negative: bool = True) -> tuple[float, str]:
    """``value`` as a float in the SI unit of its own dimension, and that unit. Raises :class:`UnitError`."""
    _, unit = _split(value, "1", "a number with its unit, for example 3.0 kV")
    for si_unit in _candidates(unit):
        return parse(value, si_unit, negative=negative), si_unit
    raise UnitError(f"the unit '{unit}' is not one that a bench uses", "use one of " + ", ".join(KINDS))


def _candidates(unit: str) -> Iterator[str]:
    if not unit:
        yield "1"
        return
    for si_unit in KINDS:
        if si_unit != "1" and _factor(unit, si_unit) is not None:
            yield si_unit
    if _factor(unit, "1") is not None:
        yield "1"


def _split(value: object, si_unit: str, wanted: str) -> tuple[float, str]:
    if isinstance(value, bool) or value is None or isinstance(value, (dict, list)):
        found = "nothing" if value is None else f"'{str(value)[:TEXT_MAX]}'"
        raise UnitError(f"{found} is not a quantity", f"write {wanted}")
    if isinstance(value, (int, float)):
        if not math.isfinite(value):
            raise UnitError(f"'{value}' is not a finite number", f"write {wanted}")
        return float(value), ""
    text = str(value).strip()
    match = _QUANTITY.fullmatch(text) if len(text) <= TEXT_MAX else None
    if match is None:
        raise _unreadable(text, si_unit, wanted)
    return float(match[1]), (match[2] or "").strip()


def _unreadable(text: str, si_unit: str, wanted: str) -> UnitError:
    shown = text if len(text) <= TEXT_MAX else text[:TEXT_MAX] + "..."
    comma = _COMMA.fullmatch(shown)
    if comma is not None:
        return UnitError(f"'{shown}' has a decimal comma", f"write {comma[1]}.{comma[2]}{comma[3]}, not {shown}")
    if shown.lower().lstrip("+-").split(" ")[0] in ("nan", "inf", ".nan", ".inf", "infinity"):
        return UnitError(f"'{shown}' is not a finite number", f"write {wanted}")
    return UnitError(f"'{shown}' is not a number with a unit", f"write {wanted}")


def _kind_of(unit: str) -> str:
    for si_unit, (kind, _) in KINDS.items():
        if _factor(unit, si_unit) is not None:
            return kind
    return f"in {unit}"


def _spoken(number: float, si_unit: str) -> str:
    """A bare number with a unit that a person may have meant."""
    return f"{number:g} {si_unit}" if number >= 0 else f"{-number:g} {si_unit}"


_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"))


def spell(value: float, si_unit: str, digits: int = 4) -> str:
    """``value`` for a person: ``spell(3000.0, "V")`` is ``3 kV``. Compound units and plain numbers get no prefix."""
    if si_unit == "1":
        return f"{value:.{digits}g}"
    if value == 0.0 or not math.isfinite(value) or any(mark in si_unit for mark in " /^"):
        return f"{value:.{digits}g} {si_unit}"
    scale, prefix = next((p for p in _PREFIXES if abs(value) >= p[0] * (1.0 - 1e-12)), _PREFIXES[-1])
    return f"{value / scale:.{digits}g} {prefix}{si_unit}"
