"""PURE: numbers and units as people read them: rounded to their uncertainty, powers of ten written out."""

from math import floor, log10

from controller.shots.units import engineering, normalise

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MINUS = "\N{MINUS SIGN}"
PLAIN_LOW, PLAIN_HIGH = -4, 5
"""Decimal exponents between which a number is written without a power of ten."""


def unit_text(unit: str) -> str:
    """``A^2 s`` -> ``A² s``."""
    return normalise(unit).replace("^2", "²")


def plain(value: float, digits: int = 4) -> str:
    """A number with ``digits`` significant digits, a true minus sign and, far from one, a power of ten."""
    if value == 0.0:
        return "0"
    exponent = floor(log10(abs(value)))
    if PLAIN_LOW <= exponent < PLAIN_HIGH:
        return _fixed(value, max(digits - 1 - exponent, 0))
    return f"{_fixed(value / 10.0**exponent, digits - 1)} × 10{str(exponent).translate(SUPERSCRIPTS)}"


def rounded(value: float, u95: float | None) -> tuple[str, str]:
    """Value and uncertainty with the same last digit, the second significant one of the uncertainty."""
    if u95 is None:
        return plain(value), ""
    if not u95 > 0.0:
        return plain(value), "0"
    place = floor(log10(u95)) - 1
    exponent = floor(log10(max(abs(value), u95)))
    if PLAIN_LOW <= exponent < PLAIN_HIGH:
        return _fixed(value, max(-place, 0)), _fixed(u95, max(-place, 0))
    power = f" × 10{str(exponent).translate(SUPERSCRIPTS)}"
    decimals = max(exponent - place, 0)
    return _fixed(value / 10.0**exponent, decimals) + power, _fixed(u95 / 10.0**exponent, decimals) + power


def limit(value: float) -> str:
    """A limit as it was written in the profile, as far as that is still known."""
    mantissa, _, power = f"{value:.9g}".partition("e")
    if not power and abs(value) >= 10.0**PLAIN_HIGH:
        exponent = floor(log10(abs(value)))
        mantissa, power = f"{value / 10.0**exponent:.9g}", str(exponent)
    text = mantissa.replace("-", MINUS)
    return f"{text} × 10{str(int(power)).translate(SUPERSCRIPTS)}" if power else text


def with_prefix(value: float, unit: str, digits: int = 4) -> str:
    """``64580, A`` -> ``64.58 kA``, with a true minus sign."""
    return engineering(value, unit, digits).replace("-", MINUS)


def _fixed(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.replace("-", MINUS) if float(text) != 0.0 else text.replace("-", "")
