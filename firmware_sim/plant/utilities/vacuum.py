"""PURE: the vacuum of a tube and its waveguide: leak, outgassing with a history, bursts, pumps, gauges (physics.md B6).

``dp/dt = (Q_leak + Q_outgas(T, P_rf, history) + Q_burst - S p) / V``. The history lies in reservoirs of gas on the
walls: each gives off what is left in it at a rate that rises with temperature and with RF power, so that what has
come off does not come again (conditioning). For constant inputs everything is a sum of exponentials: steps are exact.
Pa, Pa m3/s, m3/s: 1 mbar l = 0.1 Pa m3.
"""

from dataclasses import dataclass, replace
from math import exp, isfinite, log, log10

from firmware_sim.plant.utilities.exact import convolve, convolve_twice

GAS_J_PER_MOL_K = 8.314462618
"""The molar gas constant."""

PA_PER_TORR = 133.322368


@dataclass(frozen=True, slots=True)
class Reservoir:
    """Gas on the walls that comes off with ``tau_s`` at the reference temperature.

    ``activation_j_per_mol`` quickens it with temperature (Arrhenius); ``rf_per_j`` adds that much to the rate per watt
    of mean RF power.
    """

    gas_pa_m3: float
    tau_s: float
    activation_j_per_mol: float = 0.0
    rf_per_j: float = 0.0


@dataclass(frozen=True, slots=True)
class Gauge:
    """A logarithmic gauge: reads ``factor`` times the pressure through one time constant (B6: 10-50 ms).

    Volts at its output: ``zero_v + volts_per_decade * log10(p / 1 Pa)``; below ``low_pa`` and above ``high_pa`` it
    stays at the end of its range.
    """

    factor: float
    tau_s: float
    zero_v: float
    volts_per_decade: float
    low_pa: float
    high_pa: float


@dataclass(frozen=True, slots=True)
class VacuumParameters:
    """One volume, two pumps, reservoirs, gauges. ``steady_pa_m3_per_s`` is permeation, which does not run dry.

    ``burst_pa_m3`` is the range of gas per breakdown (B6: 1e-6..1e-4 mbar l), ``leak_pa_m3_per_s`` the leak that is
    always there, ``leak_fault_pa_m3_per_s`` what a fault adds. The ion pump's current is ``ion_a_per_pa`` times the
    pressure plus ``ion_dark_a``, at most ``ion_max_a``.
    """

    volume_m3: float
    turbo_m3_per_s: float
    ion_m3_per_s: float
    leak_pa_m3_per_s: float
    leak_fault_pa_m3_per_s: float
    steady_pa_m3_per_s: float
    steady_j_per_mol: float
    reference_k: float
    reservoirs: tuple[Reservoir, ...]
    gauges: tuple[Gauge, ...]
    burst_pa_m3: tuple[float, float]
    ion_a_per_pa: float
    ion_dark_a: float
    ion_max_a: float


@dataclass(frozen=True, slots=True)
class VacuumState:
    """Pressure, gas left on the walls, what each gauge has settled to, and gas pumped away so far (the ledger)."""

    pressure_pa: float
    reservoirs_pa_m3: tuple[float, ...]
    gauges_pa: tuple[float, ...]
    pumped_pa_m3: float = 0.0


@dataclass(frozen=True, slots=True)
class VacuumDrive:
    """What acts on the vacuum during a step: wall temperature, mean RF power, pumps, an extra leak."""

    wall_k: float
    rf_w: float = 0.0
    turbo_on: bool = True
    ion_on: bool = True
    leak_pa_m3_per_s: float = 0.0


def start_vacuum(p: VacuumParameters, pressure_pa: float) -> VacuumState:
    """Full reservoirs at this pressure, gauges settled."""
    return VacuumState(
        pressure_pa,
        tuple(r.gas_pa_m3 for r in p.reservoirs),
        tuple(gauge.factor * pressure_pa for gauge in p.gauges),
    )


def advance_vacuum(p: VacuumParameters, state: VacuumState, drive: VacuumDrive, step_s: float) -> VacuumState:
    """The vacuum ``step_s`` later under constant ``drive``: exact for any step (physics.md B6).

    Raises ValueError for a negative or infinite step.
    """
    if not (isfinite(step_s) and step_s >= 0.0):
        raise ValueError(f"advance_vacuum: step_s is {step_s}; a finite number of seconds from 0 is needed")
    inflow, rates = _sources(p, drive)
    pumping = pumping_speed(p, drive) / p.volume_m3
    fed = [rate * gas / p.volume_m3 for rate, gas in zip(rates, state.reservoirs_pa_m3, strict=True)]
    steady = inflow / p.volume_m3

    pressure = state.pressure_pa * exp(-pumping * step_s) + steady * convolve(0.0, pumping, step_s)
    pressure += sum(gas * convolve(rate, pumping, step_s) for gas, rate in zip(fed, rates, strict=True))

    def chained(last: float) -> float:
        """The pressure over the step, convolved with ``exp(-last t)``."""
        total = state.pressure_pa * convolve(pumping, last, step_s)
        total += steady * convolve_twice(0.0, pumping, last, step_s)
        return total + sum(
            gas * convolve_twice(rate, pumping, last, step_s) for gas, rate in zip(fed, rates, strict=True)
        )

    gauges = tuple(
        old * exp(-step_s / gauge.tau_s) + gauge.factor * chained(1.0 / gauge.tau_s) / gauge.tau_s
        for gauge, old in zip(p.gauges, state.gauges_pa, strict=True)
    )
    left = tuple(gas * exp(-rate * step_s) for gas, rate in zip(state.reservoirs_pa_m3, rates, strict=True))
    pumped = state.pumped_pa_m3 + pumping * p.volume_m3 * chained(0.0)
    return VacuumState(pressure, left, gauges, pumped)


def pumping_speed(p: VacuumParameters, drive: VacuumDrive) -> float:
    """Pumping speed of what runs, in m3/s."""
    return (p.turbo_m3_per_s if drive.turbo_on else 0.0) + (p.ion_m3_per_s if drive.ion_on else 0.0)


def steady_pressure(p: VacuumParameters, drive: VacuumDrive) -> float:
    """Where the pressure settles once the reservoirs are empty: Q / S, in Pa. Raises ZeroDivisionError unpumped."""
    return _sources(p, drive)[0] / pumping_speed(p, drive)


def _sources(p: VacuumParameters, drive: VacuumDrive) -> tuple[float, tuple[float, ...]]:
    """Steady inflow in Pa m3/s, and each reservoir's rate in 1/s."""
    colder = (1.0 / p.reference_k - 1.0 / drive.wall_k) / GAS_J_PER_MOL_K
    steady = p.steady_pa_m3_per_s * exp(p.steady_j_per_mol * colder)
    rates = tuple(exp(r.activation_j_per_mol * colder) / r.tau_s + r.rf_per_j * drive.rf_w for r in p.reservoirs)
    return steady + p.leak_pa_m3_per_s + drive.leak_pa_m3_per_s, rates


def burst_amount(p: VacuumParameters, quantile: float) -> float:
    """Gas of one breakdown in Pa m3, log-uniform over ``burst_pa_m3``; ``quantile`` is 0..1."""
    low, high = p.burst_pa_m3
    return low * exp(quantile * log(high / low))


def add_burst(p: VacuumParameters, state: VacuumState, gas_pa_m3: float) -> VacuumState:
    """Release this much gas now: the pressure steps by Q / V (physics.md B6)."""
    return replace(state, pressure_pa=state.pressure_pa + gas_pa_m3 / p.volume_m3)


def gas_content(p: VacuumParameters, state: VacuumState) -> float:
    """Gas in the volume, on the walls and pumped away, in Pa m3: grows by leak and permeation alone (the ledger)."""
    return state.pressure_pa * p.volume_m3 + sum(state.reservoirs_pa_m3) + state.pumped_pa_m3


def gauge_pressure(gauge: Gauge, settled_pa: float) -> float:
    """What the gauge shows, in Pa, within its range."""
    return min(max(settled_pa, gauge.low_pa), gauge.high_pa)


def gauge_volts(gauge: Gauge, settled_pa: float) -> float:
    """The gauge's logarithmic output in V (physics.md B6)."""
    return gauge.zero_v + gauge.volts_per_decade * log10(gauge_pressure(gauge, settled_pa))


def pressure_from_volts(gauge: Gauge, volts: float) -> float:
    """The inverse of :func:`gauge_volts` within the range, in Pa."""
    decades: float = (volts - gauge.zero_v) / gauge.volts_per_decade
    return float(10.0**decades)


def ion_pump_current(p: VacuumParameters, pressure_pa: float, on: bool) -> float:
    """The ion pump's current in A: proportional to pressure (physics.md B6), dark current added, limited."""
    return min(p.ion_a_per_pa * pressure_pa + p.ion_dark_a, p.ion_max_a) if on else 0.0


def vacuum_latch(latched: bool, ion_pump_a: float, trip_a: float, clear_a: float) -> bool:
    """The hard-wired vacuum latch: set by the ion pump's current, cleared below ``clear_a`` (safety.md 2.3 row 42).

    While it is set the next pulse is inhibited. A pump that is off (0 A) proves nothing: the latch stays as it is.
    """
    if ion_pump_a > trip_a:
        return True
    return latched and not 0.0 < ion_pump_a < clear_a
