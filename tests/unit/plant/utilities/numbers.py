"""A utility bench in numbers, for the tests: a 4 MW klystron at 50 Hz. [T] typical, [C] chosen."""

from firmware_sim.plant.utilities.calorimetry import CalorimeterParameters
from firmware_sim.plant.utilities.cooling import ChillerParameters, CircuitParameters
from firmware_sim.plant.utilities.heater import HeaterParameters
from firmware_sim.plant.utilities.magnet import MagnetParameters
from firmware_sim.plant.utilities.monitors import LeakageParameters, MonitorParameters
from firmware_sim.plant.utilities.plantroom import UtilityParameters
from firmware_sim.plant.utilities.thermal import Link, Node, ThermalParameters
from firmware_sim.plant.utilities.vacuum import Gauge, Reservoir, VacuumParameters

VACUUM = VacuumParameters(
    volume_m3=0.02,  # [C] 20 l of tube, window and waveguide
    turbo_m3_per_s=0.05,  # [T] 50 l/s at the end of its pipe
    ion_m3_per_s=0.1,  # [T] 100 l/s
    leak_pa_m3_per_s=1e-9,  # [T] what a leak test lets pass
    leak_fault_pa_m3_per_s=1e-4,  # [C] 1e-3 mbar l/s: 7e-4 Pa, five times the trip
    steady_pa_m3_per_s=1e-7,  # [C] 7e-7 Pa base pressure
    steady_j_per_mol=40e3,  # [T] hydrogen from steel
    reference_k=293.15,
    reservoirs=(
        Reservoir(2e-2, 1.2e3, 60e3, 1e-7),  # [C] water, quickly
        Reservoir(5e-2, 3.6e4, 80e3, 1e-7),  # [C] water, slowly
        Reservoir(1e-1, 3e6, 90e3, 2e-8),  # [C] what only RF or heat brings off
    ),
    gauges=(
        Gauge(1.0, 0.02, 8.0, 1.0, 1e-7, 1e-1),  # [T] B6: 10-50 ms
        Gauge(0.8, 0.04, 8.0, 1.0, 1e-7, 1e-1),  # [C] nearer to the pump
    ),
    burst_pa_m3=(1e-7, 1e-5),  # B6: 1e-6..1e-4 mbar l
    ion_a_per_pa=10.0,  # [T] 10 A/Pa: 10 uA at 1e-6 Pa
    ion_dark_a=1e-7,
    ion_max_a=0.02,
)

THERMAL = ThermalParameters(
    nodes=(
        Node("body", 4e3, 2.0, 300.0, 0),  # [C] 10 kg of copper
        Node("collector", 2e4, 5.0, 2e3, 1),  # [C] 50 kg
        Node("magnet", 3e4, 10.0, 400.0, 2),  # [C] 80 kg
        Node("load", 2e3, 1.0, 150.0, 3),  # [C] the load's wall
    ),
    links=(Link(0, 1, 20.0), Link(0, 2, 3.0)),
)

CIRCUITS = (
    CircuitParameters("body", 0.1, 1.0),
    CircuitParameters("collector", 0.4, 1.0),
    CircuitParameters("magnet", 0.15, 1.0),
    CircuitParameters("load", 0.05, 1.0),
)

CHILLER = ChillerParameters(power_w=20e3, capacity_j_per_k=2e5, tau_s=60.0)

CALORIMETER = CalorimeterParameters(
    mixing_kg=1.0,
    pipe_kg=0.5,  # 10 s at 0.05 kg/s
    tau_s=3.0,
    flow_uncertainty=0.05,
    loss_uncertainty=0.03,
    thermometer_k=0.1,
    flow_gain=1.02,
    outlet_offset_k=0.05,
)

HEATER = HeaterParameters(
    nominal_a=20.0,
    resistance_ohm=0.8,  # 320 W
    nominal_k=1300.0,
    ambient_k=293.15,
    capacity_j_per_k=200.0,
    rated_a=100.0,
    emission_margin=3.0,
    work_ev=2.0,
    drift_per_s=2e-3,
)

MAGNET = MagnetParameters(resistance_ohm=0.5, inductance_h=1.0, limit_v=30.0, slew_a_per_s=5.0, drift_ratio=0.02)

LEAKAGE = LeakageParameters(1e-5, 5e-9, 131e3, 5.0, 1e3)

UTILITIES = UtilityParameters(
    vacuum=VACUUM,
    thermal=THERMAL,
    circuits=CIRCUITS,
    chiller=CHILLER,
    calorimeter=CALORIMETER,
    load_circuit=3,
    load_wall=0.05,
    heater=HEATER,
    magnet=MAGNET,
    leakage=LEAKAGE,
    rf_monitor=MonitorParameters(1.0, 0.2),
    xray_monitor=MonitorParameters(3e-9, 1.0),
    intercepted=0.02,
)
