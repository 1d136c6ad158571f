"""PURE: the panel of a Pfeiffer TPG 262 or TPG 256A: gauges, units, relays, error word (instruments.md 2.9).

``request`` takes a mnemonic (ACK or NAK), ``enquire`` gives what ENQ fetches: fresh data of the last good request, or
the error word.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from drivers.wire.dialect import Values
from drivers.wire.tpg import (
    COM_DEFAULT,
    COM_PERIODS_S,
    LINEAR_GAUGES,
    MBAR,
    NO_SENSOR_MBAR,
    PASCALS,
    ErrorWord,
    GaugeModel,
    GaugeRow,
    Status,
    Switch,
    write_error,
)
from firmware_sim.signals import Acts, switch, unheard

FAULTS: Mapping[str, str] = {
    "sensor_error": "gauge 1 reports a sensor error",
    "stuck_pressure": "gauge 1 shows the same pressure for ever",
    "refuses": "answers every parameter with NAK",
}

STUCK_RATIO = 1.5
"""A stuck reading shows once it is wrong by this factor."""

_RANGES_PA: Mapping[str, tuple[float, float]] = {
    "TPR": (5e-2, 1e5),
    "PKR": (5e-7, 1e5),
    "IKR": (2e-7, 1.0),
    "PBR": (5e-8, 1e5),
    "IMR": (1e-4, 1e5),
    "CMR": (1e-2, 1.1e5),
    "APR": (10.0, 5e5),
}
"""Measuring ranges of the gauge families."""

_SWITCHED = frozenset({"PKR", "IKR", "IMR", "PBR"})
"""Gauges that can be switched off; the others always measure."""

_HOT = frozenset({"IMR", "PBR"})
"""Gauges with a filament that can be degassed."""

NO_SENSOR = "noSEn"


@dataclass(slots=True)
class Head:
    """One gauge connector: what is plugged in (``noSEn``: nothing), and the pressure there in pascals."""

    kind: str
    pressure_pa: Callable[[], float] = lambda: 1e5
    on: bool = True

    @property
    def switch(self) -> Switch:
        """As ``SEN`` reports it."""
        if self.kind not in _SWITCHED:
            return Switch.NONE
        return Switch.ON if self.on else Switch.OFF

    def read(self) -> tuple[Status, float]:
        """Status, and the pressure in pascals with the decimals this gauge has."""
        if self.kind == NO_SENSOR:
            return Status.NO_SENSOR, NO_SENSOR_MBAR * PASCALS[MBAR]
        if not self.on:
            return Status.OFF, NO_SENSOR_MBAR * PASCALS[MBAR]
        low_pa, high_pa = _RANGES_PA[self.kind]
        pressure_pa = self.pressure_pa()
        if not math.isfinite(pressure_pa) or pressure_pa > high_pa:
            return Status.OVER_RANGE, high_pa
        return (Status.UNDER_RANGE, low_pa) if pressure_pa < low_pa else (Status.OK, pressure_pa)


class GaugePanel:
    """One controller. ``advance_world`` lets time pass in what it measures, where nothing else does."""

    FAULTS: ClassVar[Mapping[str, str]] = FAULTS

    def __init__(
        self, model: GaugeModel, heads: list[Head], advance_world: Callable[[int], None] | None = None
    ) -> None:
        if len(heads) != model.gauges:
            raise ValueError(f"a {model.model} has {model.gauges} gauges, not {len(heads)}")
        self.model = model
        self.heads = heads
        self.on_act: Acts = unheard
        self.continuous_s: float | None = None
        """The period of continuous output, None while there is none."""
        self._rows = [row for row in model.dialect.rows.values() if isinstance(row, GaugeRow)]
        self._advance_world = advance_world
        self._error = 0
        self._asked: GaugeRow | None = None
        self._faults: dict[str, None] = {}
        self._stuck_pa: float | None = None
        self._settings: dict[str, Values] = {}
        self._relays = [False] * model.relays
        self._reset()

    def advance(self, now_ns: int) -> None:
        """Bring pressures and relays up to ``now_ns``."""
        if self._advance_world is not None:
            self._advance_world(now_ns)
        for index in range(self.model.relays):
            threshold = self._settings[f"SP{index + 1}"]
            status, pressure_pa = self._measure(threshold["gauge"] + 1)
            pressure = pressure_pa / PASCALS[self._unit]
            if status not in (Status.OK, Status.UNDER_RANGE) or pressure > threshold["upper"]:
                self._relays[index] = False
            elif pressure < threshold["lower"]:
                self._relays[index] = True

    def request(self, line: bytes) -> bool:
        """Take one line (without its end); True for ACK, False for NAK."""
        self._asked = None
        for row in self._rows:
            values = row.parse_request(line)
            if values is not None:
                return self._take(row, values)
        word = line.split(b",")[0].strip().upper().decode("latin-1")
        known = any(row.mnemonic == word for row in self._rows)
        self._error |= ErrorWord.BAD_PARAMETER if known else ErrorWord.SYNTAX
        return False

    def enquire(self) -> bytes:
        """What ENQ fetches now."""
        if self._asked is None or self._asked.name == "ERR":
            word, self._error = self._error, 0
            return write_error(word)
        return self._asked.reply(**self._answer(self._asked))

    def clear(self) -> None:
        """ETX: no request, no continuous output."""
        self._asked = None
        self.continuous_s = None

    def readings_line(self) -> bytes:
        """All gauges, as ``PRX`` and continuous output send them."""
        return self.model.dialect["PRX"].reply(**self._pairs())

    def inject(self, fault_id: str, on: bool = True) -> None:
        """Switch a fault of :data:`FAULTS` on or off; raises KeyError for an unknown one."""
        switch(FAULTS, self._faults, fault_id, on)
        self._stuck_pa = self.heads[0].read()[1] if "stuck_pressure" in self._faults else None

    # -- requests

    @property
    def _unit(self) -> int:
        return int(self._settings["UNI"]["unit"])

    def _take(self, row: GaugeRow, values: Values) -> bool:
        if values and "refuses" in self._faults:
            self.on_act("refuses", "a parameter is answered NAK")
            self._error |= ErrorWord.CONTROLLER
            return False
        if values and not self._set(row.name, values):
            return False
        if row.name == "COM?":
            self.continuous_s = COM_PERIODS_S[COM_DEFAULT]
        self._asked = row
        return True

    def _set(self, name: str, values: Values) -> bool:
        """Carry out a request with parameters; False (and the error bit) when it cannot be."""
        if name == "COM":
            self.continuous_s = COM_PERIODS_S[values["period"]]
        elif name == "SEN":
            for head, wanted in zip(self.heads, values.values(), strict=True):
                if head.switch is not Switch.NONE and wanted != Switch.NONE:
                    head.on = wanted == Switch.ON
        elif name == "SAV" and not values["set"]:
            self._reset()
        elif name == "UNI":
            self._change_unit(values["unit"])
        elif name == "DGS" and any(
            on and head.kind not in _HOT for head, on in zip(self.heads, values.values(), strict=True)
        ):
            self._error |= ErrorWord.NO_HARDWARE
            return False
        elif name.startswith("SP") and values["upper"] < values["lower"]:
            self._error |= ErrorWord.BAD_PARAMETER
            return False
        if name in self._settings:
            self._settings[name] = values
        return True

    def _change_unit(self, unit: int) -> None:
        """Thresholds keep their pressure, not their number."""
        ratio = PASCALS[self._unit] / PASCALS[unit]
        for index in range(self.model.relays):
            old = self._settings[f"SP{index + 1}"]
            scaled = {key: old[key] * ratio for key in ("lower", "upper")}
            self._settings[f"SP{index + 1}"] = {"gauge": old["gauge"], **scaled}

    def _reset(self) -> None:
        """Factory settings (unverified, except that pressures come in mbar)."""
        gauges = [f"gauge_{number}" for number in range(1, self.model.gauges + 1)]
        self._settings = {
            "UNI": {"unit": MBAR},
            "FIL": dict.fromkeys(gauges, 1),
            "CAL": dict.fromkeys(gauges, 1.0),
            "FSR": dict.fromkeys(gauges, 3),
            "DGS": dict.fromkeys(gauges, 0),
            "OFC": dict.fromkeys(gauges, 0),
            "DCD": {"digits": 2},
            "SCT": {"channel": 0},
            "BAU": {"rate": 0},
        }
        for index in range(self.model.relays):
            gauge = index * self.model.gauges // self.model.relays
            self._settings[f"SP{index + 1}"] = {"gauge": gauge, "lower": 1e-5, "upper": 2e-5}

    # -- answers

    def _answer(self, row: GaugeRow) -> Values:
        name = row.name.removesuffix("?")
        if name in self._settings:
            return self._settings[name]
        if name in ("PRX", "COM"):
            return self._pairs()
        if name.startswith("PR") and name[2:].isdigit():
            status, pressure = self._reading(int(name[2:]))
            return {"status": status, "pressure": pressure}
        if name == "SEN":
            return {f"gauge_{number}": int(head.switch) for number, head in enumerate(self.heads, 1)}
        if name == "TID":
            missing = "noSENSOR" if self.model.gauges > 2 else NO_SENSOR
            kinds = [missing if head.kind == NO_SENSOR else head.kind for head in self.heads]
            return {f"gauge_{number}": kind for number, kind in enumerate(kinds, 1)}
        if name == "SPS":
            return {f"relay_{number}": int(on) for number, on in enumerate(self._relays, 1)}
        if name == "RES":
            return {"errors": "0"}
        return {"set": 1} if name == "SAV" else {"version": "BG5.06" if self.model.gauges == 2 else "BG6.02"}

    def _pairs(self) -> Values:
        values: Values = {}
        for number in range(1, self.model.gauges + 1):
            values[f"status_{number}"], values[f"pressure_{number}"] = self._reading(number)
        return values

    def _reading(self, number: int) -> tuple[int, float]:
        """Status and pressure in the present unit, with the decimals of the gauge."""
        status, pressure_pa = self._measure(number)
        pressure = pressure_pa / PASCALS[self._unit]
        if status is Status.OK:
            pressure *= self._settings["CAL"][f"gauge_{number}"]
        digits = 4 if self.heads[number - 1].kind in LINEAR_GAUGES else 2
        return int(status), float(f"{pressure:.{digits}E}")

    def _measure(self, number: int) -> tuple[Status, float]:
        status, pressure_pa = self.heads[number - 1].read()
        if number == 1 and "sensor_error" in self._faults:
            self.on_act("sensor_error", "gauge 1 reports a sensor error")
            return Status.SENSOR_ERROR, pressure_pa
        if number == 1 and self._stuck_pa is not None:
            if not 1 / STUCK_RATIO < pressure_pa / self._stuck_pa < STUCK_RATIO:
                self.on_act("stuck_pressure", f"shows {self._stuck_pa:.2e} Pa for ever")
            return status, self._stuck_pa
        return status, pressure_pa


class PumpedChamber:
    """What a controller that runs alone measures: a chamber being pumped down, and its fore line (physics made up).

    The pressure falls exponentially towards the base pressure; the fore line follows at a higher level.
    """

    START_PA, BASE_PA, TIME_CONSTANT_S = 1e-1, 2e-4, 20.0
    FORELINE_RATIO, FORELINE_BASE_PA = 30.0, 1.0

    def __init__(self) -> None:
        self._pressure_pa = self.START_PA
        self._then_ns: int | None = None

    def advance(self, now_ns: int) -> None:
        """Pump up to ``now_ns``."""
        elapsed_s = 0.0 if self._then_ns is None else max(0, now_ns - self._then_ns) / 1e9
        self._then_ns = now_ns
        left = math.exp(-elapsed_s / self.TIME_CONSTANT_S)
        self._pressure_pa = self.BASE_PA + (self._pressure_pa - self.BASE_PA) * left

    def chamber_pa(self) -> float:
        """Pressure in the chamber."""
        return self._pressure_pa

    def foreline_pa(self) -> float:
        """Pressure behind the high-vacuum pump."""
        return self.FORELINE_BASE_PA + self.FORELINE_RATIO * self._pressure_pa


def open_standalone(model: GaugeModel) -> GaugePanel:
    """A controller with a chamber of its own: the first gauge valid, the second connector empty (instruments.md 4b)."""
    chamber = PumpedChamber()
    heads = [Head("PKR", chamber.chamber_pa), Head(NO_SENSOR)]
    if model.gauges > len(heads):
        heads += [Head("TPR", chamber.foreline_pa), Head("IKR", chamber.chamber_pa, on=False)]
        heads += [Head("CMR", chamber.foreline_pa), Head(NO_SENSOR)]
    return GaugePanel(model, heads, chamber.advance)
