"""PURE: the numbers of a modulator in SI units, read from a mapping like plant.yaml's.

Sides of the transformer: everything here lies on the primary (line) side, except what a tube says of itself and the
arc, which lie on the secondary. The B-parameters of physics.md are meant so: L_s = 0.6 uH, C_s = 4 nF and L_m = 2 mH
give 170 ns of rise and 5.26 us of width only when all three are on the primary.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from math import isfinite
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def positive(where: str, **values: float) -> None:
    """Refuse what is not above zero, by name. Raises ValueError."""
    for name, value in values.items():
        if value <= 0:
            raise ValueError(f"{where}: {name} is {value}; right would be above zero")


@dataclass(frozen=True, slots=True)
class LineParameters:
    """An artificial line of equal sections, inductor towards the switch (physics.md B1).

    ``section_ohm`` is the series resistance of one section.
    """

    sections: int
    section_f: float
    section_h: float
    section_ohm: float = 0.0

    def __post_init__(self) -> None:
        positive("line", sections=self.sections, section_f=self.section_f, section_h=self.section_h)


@dataclass(frozen=True, slots=True)
class TransformerParameters:
    """Pulse transformer, all on the primary side (physics.md B2).

    ``ratio`` is secondary over primary turns. ``core_ohm`` lies in parallel with the magnetising inductance and stands
    for the core's loss. Beyond ``saturation_vs`` (counted from the reset state) only ``saturated_h`` is left.
    """

    ratio: float
    leakage_h: float
    stray_f: float
    magnetising_h: float
    winding_ohm: float = 0.0
    core_ohm: float | None = None
    saturation_vs: float | None = None
    saturated_h: float | None = None

    def __post_init__(self) -> None:
        positive("transformer", ratio=self.ratio, stray_f=self.stray_f, magnetising_h=self.magnetising_h)
        if (self.saturation_vs is None) != (self.saturated_h is None):
            raise ValueError("transformer: saturation_vs and saturated_h belong together")


@dataclass(frozen=True, slots=True)
class SwitchParameters:
    """The thyratron as a circuit element.

    Once fired its anode voltage falls with ``fall_s`` (0: at once) to ``drop_v`` + ``resistance_ohm`` * I. It blocks
    inverse current up to ``arcback_v`` of inverse anode voltage and then arcs back; ``reverse`` True carries inverse
    current at once. Within one record it stays ionised: a forward voltage that returns is not held.
    """

    drop_v: float = 0.0
    resistance_ohm: float = 0.0
    fall_s: float = 0.0
    arcback_v: float | None = None
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class ClipperParameters:
    """A diode and its resistor: carries current once the voltage is below ``-threshold_v``. Primary side."""

    threshold_v: float
    resistance_ohm: float

    def __post_init__(self) -> None:
        positive("clipper", resistance_ohm=self.resistance_ohm)


@dataclass(frozen=True, slots=True)
class ArcParameters:
    """An arc across the tube, secondary side: drop, resistance with its lead, and how fast it forms.

    The conductance grows as ``1 - exp(-t / growth_s)``.
    """

    drop_v: float
    resistance_ohm: float
    growth_s: float

    def __post_init__(self) -> None:
        positive("arc", resistance_ohm=self.resistance_ohm)


@dataclass(frozen=True, slots=True)
class RecordParameters:
    """Time base of a record: points every ``step_s`` from ``start_s`` (0 or before) to ``end_s`` after the trigger.

    ``line_step_v``: line voltages are rounded to it before a pulse is solved, so that a train of nearly equal pulses
    is not solved again and again (0: never rounded). ``flat_from`` and ``flat_until`` bound the flat top as shares of
    the time between the half-height crossings.
    """

    start_s: float
    end_s: float
    step_s: float
    line_step_v: float = 0.0
    flat_from: float = 0.25
    flat_until: float = 0.75

    def __post_init__(self) -> None:
        positive("record", step_s=self.step_s, end_s=self.end_s)
        if self.start_s > 0.0 or not 0.0 <= self.flat_from < self.flat_until <= 1.0:
            raise ValueError("record: right would be start_s <= 0 and 0 <= flat_from < flat_until <= 1")


@dataclass(frozen=True, slots=True)
class CircuitParameters:
    """The discharge circuit: line, switch, transformer, clippers (None: not fitted), arc."""

    line: LineParameters
    switch: SwitchParameters
    transformer: TransformerParameters
    arc: ArcParameters
    backswing_clipper: ClipperParameters | None = None
    end_of_line_clipper: ClipperParameters | None = None


def read(kind: type[T], data: Any, where: str) -> T:
    """A parameter dataclass from a mapping whose keys are its fields, nested ones included.

    Numbers must be finite; a key written as null is None where the field may be. Raises ValueError naming the place,
    what is wrong and what would be right.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"{where}: {data!r} is not a mapping; {kind.__name__} needs its fields here")
    hints = get_type_hints(kind)
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    for name in data:
        if name not in known:
            raise ValueError(f"{where}: {name!r} is unknown; right would be one of {', '.join(known)}")
    for name, f in known.items():
        if name not in data and f.default is MISSING:
            raise ValueError(f"{where}: {name} is missing")
    return kind(**{name: _value(hints[name], data[name], f"{where}.{name}") for name in data})


def _value(hint: Any, value: Any, where: str) -> Any:
    """One field: nested dataclass, tuple of numbers, or a scalar of the annotated type."""
    choices = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    if get_origin(hint) is tuple:
        inner = get_args(hint)[0]
        if isinstance(value, str) or not hasattr(value, "__iter__"):
            raise ValueError(f"{where}: {value!r} is not a list")
        return tuple(_value(inner, item, f"{where}[{k}]") for k, item in enumerate(value))
    if value is None:
        if type(None) in choices:
            return None
        raise ValueError(f"{where}: a value is missing")
    wanted = next(choice for choice in choices if choice is not type(None))
    if hasattr(wanted, "__dataclass_fields__"):
        return read(wanted, value, where)
    return _scalar(wanted, value, where)


def _scalar(wanted: Any, value: Any, where: str) -> Any:
    if wanted in (bool, str):
        if not isinstance(value, wanted):
            raise ValueError(f"{where}: {value!r} is not a {wanted.__name__}")
        return value
    if wanted in (int, float):
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise ValueError(f"{where}: {value!r} is not a finite number (SI, the unit is in the key)")
        if wanted is int and value != int(value):
            raise ValueError(f"{where}: {value!r} is not a whole number")
        return wanted(value)
    try:
        return wanted(value)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
