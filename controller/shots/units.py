"""PURE: the few unit rules a measurement needs. Plain text in, factors out; pint stays at the config edge.

A measurement's natural unit follows from its channel's (``A`` -> ``A^2 s`` for an action integral); the profile may
ask for the same unit with another prefix (``kA``, ``ms``).
"""

import re

PREFIXES = {"": 1.0, "G": 1e9, "M": 1e6, "k": 1e3, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "n": 1e-9, "p": 1e-12}


def normalise(unit: str) -> str:
    """One spelling per unit: ``A**2*s``, ``A²·s``, ``A2 s`` and ``A^2 s`` are the same."""
    text = unit.replace("**", "^").replace("²", "^2").replace("Ω", "ohm").replace("·", " ").replace("*", " ")
    text = re.sub(r"([A-Za-z])2", r"\1^2", text)
    text = re.sub(r"\^2(?=[A-Za-z])", "^2 ", text)
    text = "" if text.strip() in ("1", "-", "dimensionless") else text
    text = re.sub(r"\bohms?\b", "Ohm", text, flags=re.IGNORECASE)
    return " ".join(text.split())


def conversion(natural: str, wanted: str) -> float | None:
    """What a value in ``natural`` is multiplied with to be in ``wanted``; None when they are different quantities."""
    base, target = normalise(natural), normalise(wanted)
    if base == target:
        return 1.0
    base_factor, target_factor = _factor(base, target), _factor(target, base)
    return None if base_factor is None or target_factor is None else base_factor / target_factor


def _factor(unit: str, other: str) -> float | None:
    """Size of ``unit`` in the prefix-free unit it shares with ``other``."""
    for prefix, factor in PREFIXES.items():
        stem = unit.removeprefix(prefix)
        if not stem or not unit.startswith(prefix):
            continue
        if any(other == second + stem for second in PREFIXES):
            power = 2 if stem.split(" ")[0].endswith("^2") else 1
            return float(factor**power)
    return None


def engineering(value: float, unit: str, digits: int = 4) -> str:
    """A number for people: ``64580 A`` -> ``64.58 kA``; powers and per-units keep their unit and go to an exponent."""
    if value == 0.0:
        return f"0 {unit}".rstrip()
    simple = unit.isalpha() and unit not in ("dB", "degC", "count", "counts")
    if simple:
        for prefix in ("G", "M", "k", "", "m", "µ", "n", "p"):
            if abs(value) >= PREFIXES[prefix] * 0.99995:
                return f"{value / PREFIXES[prefix]:.{digits}g} {prefix}{unit}"
    return f"{value:.{digits}g} {unit}".rstrip()
