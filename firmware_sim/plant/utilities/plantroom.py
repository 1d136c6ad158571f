"""PURE: vacuum, water, heater, magnet and monitors of one bench together: parameters, state, one step.

Each part is exact for constant inputs. They act on each other (flow on temperatures, temperatures on outgassing and on
the chiller), so that a step is taken in pieces of at most COUPLED_S or COUPLED_FLOW_S until nothing moves any more, and
in one piece from then on: a settled bench advances by hours in one call.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache

from firmware_sim.plant.utilities.calorimetry import (
    CalorimeterParameters,
    CalorimeterState,
    advance_calorimeter,
    start_calorimeter,
)
from firmware_sim.plant.utilities.cooling import ChillerParameters, CircuitParameters, advance_flow, advance_supply
from firmware_sim.plant.utilities.exact import relax
from firmware_sim.plant.utilities.heater import HeaterParameters, advance_cathode, heater_ok
from firmware_sim.plant.utilities.magnet import MagnetParameters, advance_magnet
from firmware_sim.plant.utilities.monitors import LeakageParameters, MonitorParameters, rf_leakage, xray_dose
from firmware_sim.plant.utilities.thermal import (
    ThermalParameters,
    ThermalState,
    advance_thermal,
    split_beam,
    start_thermal,
    steady_temperatures,
)
from firmware_sim.plant.utilities.vacuum import (
    VacuumDrive,
    VacuumParameters,
    VacuumState,
    advance_vacuum,
    start_vacuum,
)

COUPLED_FLOW_S = 0.05
"""Piece of a step while a flow changes: a twentieth of the second in which a circuit runs down."""

COUPLED_S = 1.0
"""Piece of a step while a temperature or a supply still moves: their time constants are a minute and more."""

SETTLED_K = 1e-3
"""Of the body's temperature: outgassing changes by less than 1e-4 over that."""

NODES = ("body", "collector", "magnet", "load")
"""The thermal nodes that heat is given to, in the order of the network's first four."""


@dataclass(frozen=True, slots=True)
class UtilityParameters:
    """Everything slow around the tube. ``thermal`` starts with the nodes NODES; more may follow.

    ``load_circuit`` is the circuit that the calorimeter sits in; ``load_wall`` the share of the load's power that
    heats its wall instead of the water. ``intercepted`` of the beam stays in the body.
    """

    vacuum: VacuumParameters
    thermal: ThermalParameters
    circuits: tuple[CircuitParameters, ...]
    chiller: ChillerParameters
    calorimeter: CalorimeterParameters
    load_circuit: int
    load_wall: float
    heater: HeaterParameters
    magnet: MagnetParameters
    leakage: LeakageParameters
    rf_monitor: MonitorParameters
    xray_monitor: MonitorParameters
    intercepted: float


@dataclass(frozen=True, slots=True)
class UtilityDrive:
    """What the rest of the bench imposes during a step. Powers are means over many pulses.

    ``rf_w`` leaves the tube, ``load_w`` of it is absorbed by the load. Set values are what the supplies were told.
    """

    beam_w: float = 0.0
    rf_w: float = 0.0
    load_w: float = 0.0
    beam_v: float = 0.0
    beam_mean_a: float = 0.0
    heater_on: bool = False
    heater_set_a: float = 0.0
    magnet_on: bool = False
    magnet_set_a: float = 0.0
    cooling_on: bool = False
    supply_set_k: float = 293.15
    ambient_k: float = 293.15
    turbo_on: bool = True
    ion_on: bool = True


@dataclass(frozen=True, slots=True)
class UtilityState:
    """The state. ``heater_ok_s`` is how long the heater current has been within tolerance, ``drift_s`` how long the
    heater supply has been drifting; ``leakage`` and ``xray`` are what the monitors have settled to.
    """

    vacuum: VacuumState
    thermal: ThermalState
    flow_kg_per_s: tuple[float, ...]
    supply_k: float
    calorimeter: CalorimeterState
    heater_a: float
    heater_ok_s: float
    drift_s: float
    cathode_k: float
    magnet_a: float
    leakage: float
    xray: float


def start_utilities(p: UtilityParameters, ambient_k: float, pressure_pa: float) -> UtilityState:
    """Everything off and cold. Raises ValueError when the network does not start with the nodes NODES."""
    names = tuple(node.name for node in p.thermal.nodes)
    if names[: len(NODES)] != NODES:
        raise ValueError(f"thermal.nodes: {', '.join(names)}; the first must be {', '.join(NODES)}")
    return UtilityState(
        vacuum=start_vacuum(p.vacuum, pressure_pa),
        thermal=start_thermal(p.thermal, ambient_k),
        flow_kg_per_s=(0.0,) * len(p.circuits),
        supply_k=ambient_k,
        calorimeter=start_calorimeter(ambient_k),
        heater_a=0.0,
        heater_ok_s=0.0,
        drift_s=0.0,
        cathode_k=ambient_k,
        magnet_a=0.0,
        leakage=0.0,
        xray=0.0,
    )


def advance_utilities(
    p: UtilityParameters, state: UtilityState, drive: UtilityDrive, faults: Collection[str], step_s: float
) -> UtilityState:
    """The utilities ``step_s`` later under constant ``drive`` with these faults (ids of ``faults.py``)."""
    left_s = step_s
    while left_s > 0.0:
        piece_s = min(left_s, _piece(p, state, drive, faults))
        state = _advance(p, state, drive, faults, piece_s)
        left_s -= piece_s
    return state


def running_flows(p: UtilityParameters, drive: UtilityDrive, faults: Collection[str]) -> tuple[bool, ...]:
    """Which circuits are driven now."""
    pumping = drive.cooling_on and "chiller_stopped" not in faults
    return tuple(pumping and f"flow_{circuit.name}_lost" not in faults for circuit in p.circuits)


def node_heat(p: UtilityParameters, drive: UtilityDrive, magnet_w: float) -> tuple[float, ...]:
    """Watts into each thermal node (physics.md B9)."""
    tube = split_beam(drive.beam_w, drive.rf_w, p.intercepted)
    heat = (tube.body_w, tube.collector_w, magnet_w, p.load_wall * drive.load_w)
    return heat + (0.0,) * (len(p.thermal.nodes) - len(NODES))


def heater_current(p: UtilityParameters, drive: UtilityDrive, faults: Collection[str], drift_s: float) -> float:
    """What the heater supply delivers, in A."""
    if not drive.heater_on or "heater_open" in faults:
        return 0.0
    return drive.heater_set_a * max(0.0, 1.0 - p.heater.drift_per_s * drift_s)


def _piece(p: UtilityParameters, state: UtilityState, drive: UtilityDrive, faults: Collection[str]) -> float:
    """How long a piece may be now."""
    target = _flow_targets(p, running_flows(p, drive, faults))
    if state.flow_kg_per_s != target:
        return COUPLED_FLOW_S
    set_a = _magnet_target(p, drive, faults)
    heat = node_heat(p, drive, state.magnet_a**2 * p.magnet.resistance_ohm)
    cooled = drive.cooling_on and not {"chiller_stopped", "chiller_cooling_lost"} & set(faults)
    held = cooled and state.supply_k == drive.supply_set_k and sum(heat) + drive.load_w <= p.chiller.power_w
    if not held or state.magnet_a != set_a or "heater_drift" in faults:
        return COUPLED_S
    steady = _steady(p.thermal, heat, target, state.supply_k, drive.ambient_k)
    return float("inf") if abs(state.thermal.temperature_k[0] - steady[0]) < SETTLED_K else COUPLED_S


_steady = lru_cache(maxsize=16)(steady_temperatures)


def _flow_targets(p: UtilityParameters, running: tuple[bool, ...]) -> tuple[float, ...]:
    return tuple(c.flow_kg_per_s if on else 0.0 for c, on in zip(p.circuits, running, strict=True))


def _magnet_target(p: UtilityParameters, drive: UtilityDrive, faults: Collection[str]) -> float:
    if not drive.magnet_on or "magnet_off" in faults:
        return 0.0
    return drive.magnet_set_a * (1.0 + p.magnet.drift_ratio) if "magnet_drift" in faults else drive.magnet_set_a


def _advance(
    p: UtilityParameters, state: UtilityState, drive: UtilityDrive, faults: Collection[str], step_s: float
) -> UtilityState:
    """One piece: flows and supply at its middle act on the network, the body's mean temperature on the vacuum."""
    running = running_flows(p, drive, faults)
    flows = list(zip(p.circuits, state.flow_kg_per_s, running, strict=True))
    middle = tuple(advance_flow(circuit, flow, on, 0.5 * step_s) for circuit, flow, on in flows)
    after = tuple(advance_flow(circuit, flow, on, step_s) for circuit, flow, on in flows)
    magnet = advance_magnet(p.magnet, state.magnet_a, _magnet_target(p, drive, faults), True, step_s)
    heat = node_heat(p, drive, magnet.action_a2s * p.magnet.resistance_ohm / step_s)
    chilling = drive.cooling_on and not {"chiller_stopped", "chiller_cooling_lost"} & set(faults)

    def cool(inlet_k: float) -> tuple[ThermalState, CalorimeterState, float]:
        """Nodes and load under water of this temperature, and the supply's temperature after what comes back."""
        thermal, load, back_w = _heat_water(p, state, drive, heat, middle, inlet_k, step_s)
        return thermal, load, advance_supply(p.chiller, state.supply_k, drive.supply_set_k, back_w, chilling, step_s)

    thermal, calorimeter, supply_k = cool(state.supply_k)
    if supply_k != state.supply_k:  # again with its mean: second order in the step
        thermal, calorimeter, supply_k = cool(0.5 * (state.supply_k + supply_k))
    drift_s = state.drift_s + step_s if "heater_drift" in faults else 0.0
    heater_a = heater_current(p, drive, faults, drift_s)
    warming_a = heater_current(p, drive, faults, max(0.0, drift_s - 0.5 * step_s))
    leakage = rf_leakage(p.leakage, drive.rf_w, "leakage_high" in faults)
    xray = xray_dose(p.leakage, drive.beam_v, drive.beam_mean_a, "xray_high" in faults)
    return UtilityState(
        vacuum=_advance_vacuum(p, state, thermal, drive, faults, step_s),
        thermal=thermal,
        flow_kg_per_s=after,
        supply_k=supply_k,
        calorimeter=calorimeter,
        heater_a=heater_a,
        heater_ok_s=state.heater_ok_s + step_s if heater_ok(p.heater, heater_a) else 0.0,
        drift_s=drift_s,
        cathode_k=advance_cathode(replace_ambient(p.heater, drive.ambient_k), state.cathode_k, warming_a, step_s),
        magnet_a=magnet.current_a,
        leakage=relax(state.leakage, leakage, p.rf_monitor.tau_s, step_s),
        xray=relax(state.xray, xray, p.xray_monitor.tau_s, step_s),
    )


def _heat_water(
    p: UtilityParameters,
    state: UtilityState,
    drive: UtilityDrive,
    heat_w: tuple[float, ...],
    flows: tuple[float, ...],
    inlet_k: float,
    step_s: float,
) -> tuple[ThermalState, CalorimeterState, float]:
    """Network and calorimeter after one piece, and the mean heat that the water brings back, in W."""
    thermal = advance_thermal(p.thermal, state.thermal, heat_w, flows, inlet_k, drive.ambient_k, step_s)
    water_w = [(new - old) / step_s for new, old in zip(thermal.water_j, state.thermal.water_j, strict=True)]
    direct_w = (1.0 - p.load_wall) * drive.load_w
    wall_w = sum(w for w, node in zip(water_w, p.thermal.nodes, strict=True) if node.circuit == p.load_circuit)
    flow = flows[p.load_circuit]
    load = advance_calorimeter(p.calorimeter, state.calorimeter, direct_w + wall_w, flow, inlet_k, step_s)
    return thermal, load, max(0.0, sum(water_w) + (direct_w if flow > 0.0 else 0.0))


def _advance_vacuum(
    p: UtilityParameters,
    state: UtilityState,
    thermal: ThermalState,
    drive: UtilityDrive,
    faults: Collection[str],
    step_s: float,
) -> VacuumState:
    """The vacuum over one piece, its walls at the body's mean temperature."""
    acting = VacuumDrive(
        wall_k=0.5 * (state.thermal.temperature_k[0] + thermal.temperature_k[0]),
        rf_w=drive.rf_w,
        turbo_on=drive.turbo_on and "turbo_stopped" not in faults,
        ion_on=drive.ion_on and "ion_pump_off" not in faults,
        leak_pa_m3_per_s=p.vacuum.leak_fault_pa_m3_per_s if "vacuum_leak" in faults else 0.0,
    )
    return advance_vacuum(p.vacuum, state.vacuum, acting, step_s)


@lru_cache(maxsize=16)
def replace_ambient(p: HeaterParameters, ambient_k: float) -> HeaterParameters:
    """The heater in surroundings of another temperature; its nominal point stays."""
    return replace(p, ambient_k=ambient_k)
