"""PURE: the utilities of one bench behind names: readings as plain SI floats, faults by id, bursts."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from math import nan

from firmware_sim.plant.utilities.calorimetry import CalorimetricPower, calorimetric_power
from firmware_sim.plant.utilities.faults import GAUGE_FACTOR, list_utility_faults
from firmware_sim.plant.utilities.heater import emission_limit
from firmware_sim.plant.utilities.monitors import loop_current
from firmware_sim.plant.utilities.plantroom import (
    UtilityDrive,
    UtilityParameters,
    UtilityState,
    advance_utilities,
    start_utilities,
)
from firmware_sim.plant.utilities.vacuum import (
    add_burst,
    burst_amount,
    gauge_pressure,
    gauge_volts,
    ion_pump_current,
)

Reading = Callable[[], float]

SEEN_RATIO = 0.05
"""A reading that keeps or loses its value acts once it is wrong by this share of the truth."""

ALWAYS = frozenset(
    {"vacuum_leak", "vacuum_burst", "leakage_monitor_dead", "xray_monitor_dead"},
)
"""Faults that act at once and always."""


class Services:
    """The utilities as the bench uses them. ``state`` is replaced by every :meth:`tick`; ``drive`` is the last one.

    :meth:`read` takes the names of :attr:`names`; a dead gauge reads nan, a dead monitor 0 A.
    """

    def __init__(self, parameters: UtilityParameters, *, ambient_k: float = 293.15, pressure_pa: float) -> None:
        self.parameters = parameters
        self.state: UtilityState = start_utilities(parameters, ambient_k, pressure_pa)
        self.drive = UtilityDrive(ambient_k=ambient_k)
        circuits = tuple(circuit.name for circuit in parameters.circuits)
        self.FAULTS: Mapping[str, str] = list_utility_faults(circuits, len(parameters.vacuum.gauges))
        self._faults: set[str] = set()
        self._kept: dict[str, float] = {}
        self._readings = self._list_readings()
        self.names = tuple(self._readings)

    def tick(self, step_s: float, drive: UtilityDrive) -> None:
        """Advance by ``step_s`` under constant ``drive``."""
        self.drive = drive
        self.state = advance_utilities(self.parameters, self.state, drive, self._faults, step_s)

    def burst(self, quantile: float) -> None:
        """Gas of one breakdown; ``quantile`` (0..1) places it between the smallest and the largest (B6)."""
        self.release(burst_amount(self.parameters.vacuum, quantile))

    def release(self, gas_pa_m3: float) -> None:
        """This much gas now, in Pa m3: what a breakdown says that it frees."""
        grown = add_burst(self.parameters.vacuum, self.state.vacuum, gas_pa_m3)
        self.state = replace(self.state, vacuum=grown)

    def inject(self, fault_id: str, on: bool = True) -> None:
        """Switch one of :attr:`FAULTS`. Raises KeyError for another name."""
        if fault_id not in self.FAULTS:
            raise KeyError(fault_id)
        if not on:
            self._faults.discard(fault_id)
            self._kept.pop(fault_id, None)
            return
        if fault_id == "vacuum_burst":
            self.burst(1.0)
        kept = _reading_of(fault_id)
        if kept in self._readings:
            self._kept[fault_id] = self.read(kept)
        self._faults.add(fault_id)

    def read(self, name: str) -> float:
        """One reading, in SI (see :attr:`names`). Raises KeyError for an unknown name."""
        truth = self._readings[name]
        if not self._faults:
            return truth()
        for fault, value in self._kept.items():
            if _reading_of(fault) == name:
                return value
        for number, gauge in enumerate(self.parameters.vacuum.gauges, start=1):
            if name in (f"gauge_{number}_pa", f"gauge_{number}_v"):
                if f"gauge_{number}_dead" in self._faults:
                    return nan if name.endswith("_pa") else 0.0
                if f"gauge_{number}_frozen" in self._faults and name.endswith("_v"):
                    return gauge_volts(gauge, self._kept[f"gauge_{number}_frozen"])
                if f"gauge_{number}_low" in self._faults:
                    low_pa = GAUGE_FACTOR * self.state.vacuum.gauges_pa[number - 1]
                    return gauge_pressure(gauge, low_pa) if name.endswith("_pa") else gauge_volts(gauge, low_pa)
        return truth()

    def readings(self) -> dict[str, float]:
        """Every reading by name."""
        return {name: self.read(name) for name in self.names}

    def truth(self, name: str) -> float:
        """The same quantity without the faults of its sensor: for judges and tests."""
        return self._readings[name]()

    def acting(self) -> tuple[str, ...]:
        """The injected faults that do something now, sorted: a fault of a supply acts only while that is on."""
        return tuple(sorted(fault for fault in self._faults if self._acts(fault)))

    def _acts(self, fault: str) -> bool:
        drive = self.drive
        if fault.startswith("gauge_") or fault.endswith("_sensor_stuck"):
            name = _reading_of(fault) or f"gauge_{fault.split('_')[1]}_pa"
            truth = self.truth(name)
            return not abs(self.read(name) - truth) <= SEEN_RATIO * abs(truth)
        if fault in ALWAYS:
            return True
        for prefix, on in (
            ("turbo", drive.turbo_on),
            ("ion", drive.ion_on),
            ("heater", drive.heater_on),
            ("magnet", drive.magnet_on),
            ("leakage", drive.rf_w > 0.0),
            ("xray", drive.beam_v > 0.0),
        ):
            if fault.startswith(prefix):
                return on
        return drive.cooling_on  # chiller and flows

    def _list_readings(self) -> dict[str, Reading]:
        """Every reading by name, without the faults of its sensor."""
        p = self.parameters
        table: dict[str, Reading] = {}
        for n in range(len(p.vacuum.gauges)):
            table[f"gauge_{n + 1}_pa"] = partial(self._gauge, n, volts=False)
            table[f"gauge_{n + 1}_v"] = partial(self._gauge, n, volts=True)
        for n, circuit in enumerate(p.circuits):
            table[f"flow_{circuit.name}_kg_per_s"] = partial(self._flow, n)
        for n, node in enumerate(p.thermal.nodes):
            table[f"temperature_{node.name}_k"] = partial(self._temperature, n)
        return table | {
            "pressure_pa": lambda: self.state.vacuum.pressure_pa,
            "ion_pump_a": self._ion_pump_a,
            "supply_k": lambda: self.state.supply_k,
            "load_inlet_k": lambda: self.state.calorimeter.inlet_k,
            "load_outlet_k": lambda: self.state.calorimeter.outlet_k + p.calorimeter.outlet_offset_k,
            "calorimetric_w": lambda: self.calorimetric().power_w,
            "calorimetric_uncertainty_w": lambda: self.calorimetric().uncertainty_w,
            "heater_a": lambda: self.state.heater_a,
            "heater_v": lambda: self.state.heater_a * p.heater.resistance_ohm,
            "heater_ok_s": lambda: self.state.heater_ok_s,
            "cathode_k": lambda: self.state.cathode_k,
            "emission_a": lambda: emission_limit(p.heater, self.state.cathode_k),
            "magnet_a": lambda: self.state.magnet_a,
            "magnet_v": lambda: self.state.magnet_a * p.magnet.resistance_ohm,
            "rf_leakage_a": lambda: loop_current(
                p.rf_monitor, self.state.leakage, "leakage_monitor_dead" not in self._faults
            ),
            "xray_a": lambda: loop_current(p.xray_monitor, self.state.xray, "xray_monitor_dead" not in self._faults),
        }

    def calorimetric(self) -> CalorimetricPower:
        """The load's power as its thermometers and its flow sensor make it, with the uncertainty."""
        p = self.parameters
        flow = self.read(f"flow_{p.circuits[p.load_circuit].name}_kg_per_s")
        return calorimetric_power(p.calorimeter, self.state.calorimeter, flow)

    def _gauge(self, n: int, *, volts: bool) -> float:
        gauge, settled = self.parameters.vacuum.gauges[n], self.state.vacuum.gauges_pa[n]
        return gauge_volts(gauge, settled) if volts else gauge_pressure(gauge, settled)

    def _flow(self, n: int) -> float:
        p = self.parameters
        return self.state.flow_kg_per_s[n] * (p.calorimeter.flow_gain if n == p.load_circuit else 1.0)

    def _temperature(self, n: int) -> float:
        return self.state.thermal.temperature_k[n]

    def _ion_pump_a(self) -> float:
        on = self.drive.ion_on and "ion_pump_off" not in self._faults
        return ion_pump_current(self.parameters.vacuum, self.state.vacuum.pressure_pa, on)


def _reading_of(fault: str) -> str:
    """The reading that this fault freezes, or nothing."""
    if fault.endswith("_sensor_stuck"):
        return f"{fault.removesuffix('_sensor_stuck')}_kg_per_s"
    return f"{fault.removesuffix('_frozen')}_pa" if fault.endswith("_frozen") else ""
