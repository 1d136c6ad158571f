"""PURE: the settings of a stand-in whose dialect lists them as knobs: values, limits, save and recall."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, Self, TypeVar

from drivers.wire.scope_rows import Knob
from drivers.wire.scpi import ScpiError, Unit, parse_message
from firmware_sim.sessions.scpi import Handler

REGISTERS = 10
"""``*SAV`` and ``*RCL`` registers 0 to 9."""

ROUNDING = 1e-9
"""A value at its limit may be off by this part: it travelled as text."""


class Knobs:
    """One value per knob and index; power-on values at first."""

    def __init__(self, table: Mapping[str, Knob]) -> None:
        self._table = table
        self._values: dict[str, list[Any]] = {}
        self.reset()

    def reset(self) -> None:
        """``*RST``: every default."""
        self._values = {name: [knob.default] * knob.count for name, knob in self._table.items()}

    def get(self, name: str, index: int = 0) -> Any:
        """The value of a knob; ``index`` counts from 0."""
        return self._values[name][index]

    def put(self, name: str, value: Any, index: int = 0) -> None:
        """Turn a knob without asking."""
        self._values[name][index] = value

    def known(self, name: str) -> bool:
        """True when ``name`` is a knob."""
        return name in self._table

    def place(self, name: str, values: Mapping[str, Any]) -> int:
        """The index a command speaks of. Raises ScpiError -114."""
        knob = self._table[name]
        index = knob.index(values)
        if not 0 <= index < knob.count:
            raise ScpiError(-114, name)
        return index

    def check(self, name: str, value: Any, factor: float = 1.0) -> None:
        """Raise ScpiError -222 outside the limits (times ``factor``), -221 for what is not modelled."""
        knob = self._table[name]
        if knob.only is not None and value not in knob.only:
            raise ScpiError(-221, name)
        if isinstance(value, (int, float)):
            low, high = knob.low * factor, knob.high * factor
            slack = ROUNDING * max(abs(value), abs(low) if abs(low) < abs(high) else 0.0)
            if not low - slack <= value <= high + slack:
                raise ScpiError(-222, name)

    def copy(self) -> "Knobs":
        """An independent snapshot."""
        snapshot = Knobs(self._table)
        snapshot.assign(self)
        return snapshot

    def values(self) -> dict[str, list[Any]]:
        """Every value, by knob."""
        return {name: list(values) for name, values in self._values.items()}

    def assign(self, source: "Knobs") -> None:
        """Take over every value of ``source``."""
        self._values = source.values()


def turn_knob(compile_unit: Callable[[Unit], Handler], setting: str, value: str) -> None:
    """Somebody turns ``setting``, called as its command is. Raises ScpiError for an unknown knob."""
    for unit in parse_message(f"{setting} {value}".encode("ascii")):
        compile_unit(unit)()


class Panel(Protocol):
    """Settings that can be kept."""

    def copy(self) -> Self:
        """An independent snapshot."""
        ...

    def assign(self, source: Self) -> None:
        """Take over every setting of ``source``."""
        ...


Kept = TypeVar("Kept", bound=Panel)


class Registers(Generic[Kept]):
    """What ``*SAV`` kept of a panel; ``power_on`` makes what ``*RCL`` finds where nothing was saved."""

    def __init__(self, panel: Kept, power_on: Callable[[], Kept]) -> None:
        self._panel = panel
        self._power_on = power_on
        self._kept: dict[int, Kept] = {}

    def save(self, register: int) -> None:
        """``*SAV``: keep the panel. Raises ScpiError."""
        self._kept[_checked(register)] = self._panel.copy()

    def recall(self, register: int) -> None:
        """``*RCL``: restore the panel. Raises ScpiError."""
        self._panel.assign(self._kept.get(_checked(register)) or self._power_on())


def _checked(register: int) -> int:
    if not 0 <= register < REGISTERS:
        raise ScpiError(-222)
    return register
