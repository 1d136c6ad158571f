"""PURE: the utilities of one bench behind names: readings as plain SI floats, faults by id, bursts."""

from collections.abc import Mapping
from dataclasses import replace
from math import nan

from firmware_sim.plant.utilities.calorimetry import calorimetric_power
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
        self._truth = self._measure()
        self.names = tuple(self._truth)

    def tick(self, step_s: float, drive: UtilityDrive) -> None:
        """Advance by ``step_s`` under constant ``drive``."""
        self.drive = drive
        self.state = advance_utilities(self.parameters, self.state, drive, self._faults, step_s)
        self._truth = self._measure()

    def burst(self, quantile: float) -> None:
        """Gas of one breakdown; ``quantile`` (0..1) places it between the smallest and the largest (B6)."""
        vacuum = self.parameters.vacuum
        grown = add_burst(vacuum, self.state.vacuum, burst_amount(vacuum, quantile))
        self.state = replace(self.state, vacuum=grown)
        self._truth = self._measure()

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
        if kept in self._truth:
            self._kept[fault_id] = self.read(kept)
        self._faults.add(fault_id)

    def read(self, name: str) -> float:
        """One reading, in SI (see :attr:`names`). Raises KeyError for an unknown name."""
        truth = self._truth[name]
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
        return truth

    def readings(self) -> dict[str, float]:
        """Every reading by name."""
        return {name: self.read(name) for name in self.names}

    def truth(self, name: str) -> float:
        """The same quantity without the faults of its sensor: for judges and tests."""
        return self._truth[name]

    def acting(self) -> tuple[str, ...]:
        """The injected faults that do something now, sorted: a fault of a supply acts only while that is on."""
        return tuple(sorted(fault for fault in self._faults if self._acts(fault)))

    def _acts(self, fault: str) -> bool:
        drive = self.drive
        if fault.startswith("gauge_") or fault.endswith("_sensor_stuck"):
            name = _reading_of(fault) or f"gauge_{fault.split('_')[1]}_pa"
            return not abs(self.read(name) - self._truth[name]) <= SEEN_RATIO * abs(self._truth[name])
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

    def _measure(self) -> dict[str, float]:
        p, state, faults = self.parameters, self.state, self._faults
        ion_on = self.drive.ion_on and "ion_pump_off" not in faults
        table: dict[str, float] = {}
        for number, (gauge, settled) in enumerate(zip(p.vacuum.gauges, state.vacuum.gauges_pa, strict=True), start=1):
            table[f"gauge_{number}_pa"] = gauge_pressure(gauge, settled)
            table[f"gauge_{number}_v"] = gauge_volts(gauge, settled)
        table["pressure_pa"] = state.vacuum.pressure_pa
        table["ion_pump_a"] = ion_pump_current(p.vacuum, state.vacuum.pressure_pa, ion_on)
        for circuit, flow in zip(p.circuits, state.flow_kg_per_s, strict=True):
            table[f"flow_{circuit.name}_kg_per_s"] = flow
        load = p.circuits[p.load_circuit].name
        table[f"flow_{load}_kg_per_s"] *= p.calorimeter.flow_gain
        metered = self._kept.get(f"flow_{load}_sensor_stuck", table[f"flow_{load}_kg_per_s"])
        power = calorimetric_power(p.calorimeter, state.calorimeter, metered)
        for node, kelvin in zip(p.thermal.nodes, state.thermal.temperature_k, strict=True):
            table[f"temperature_{node.name}_k"] = kelvin
        return table | {
            "supply_k": state.supply_k,
            "load_inlet_k": state.calorimeter.inlet_k,
            "load_outlet_k": state.calorimeter.outlet_k + p.calorimeter.outlet_offset_k,
            "calorimetric_w": power.power_w,
            "calorimetric_uncertainty_w": power.uncertainty_w,
            "heater_a": state.heater_a,
            "heater_v": state.heater_a * p.heater.resistance_ohm,
            "heater_ok_s": state.heater_ok_s,
            "cathode_k": state.cathode_k,
            "emission_a": emission_limit(p.heater, state.cathode_k),
            "magnet_a": state.magnet_a,
            "magnet_v": state.magnet_a * p.magnet.resistance_ohm,
            "rf_leakage_a": loop_current(p.rf_monitor, state.leakage, "leakage_monitor_dead" not in faults),
            "xray_a": loop_current(p.xray_monitor, state.xray, "xray_monitor_dead" not in faults),
        }


def _reading_of(fault: str) -> str:
    """The reading that this fault freezes, or nothing."""
    if fault.endswith("_sensor_stuck"):
        return f"{fault.removesuffix('_sensor_stuck')}_kg_per_s"
    return f"{fault.removesuffix('_frozen')}_pa" if fault.endswith("_frozen") else ""
