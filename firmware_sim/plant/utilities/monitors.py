"""PURE: RF leakage and x-ray monitors with a 4-20 mA loop, whose live zero tells a quiet monitor from a dead one."""

from dataclasses import dataclass
from math import isfinite

LOOP_ZERO_A = 4e-3
LOOP_SPAN_A = 16e-3
LOOP_MIN_A = 3.8e-3
LOOP_MAX_A = 20.5e-3
"""A live transmitter saturates here (NAMUR NE 43); below 3.6 mA or above 21 mA means that it is broken."""


@dataclass(frozen=True, slots=True)
class MonitorParameters:
    """``full_scale`` at 20 mA, in the monitored quantity's unit; one time constant."""

    full_scale: float
    tau_s: float


@dataclass(frozen=True, slots=True)
class LeakageParameters:
    """Fields around the bench. RF: W/m2 per watt of mean RF power.

    X rays: ``xray_sv_per_s`` at ``xray_v`` and one ampere of mean beam current, growing with the voltage's power
    ``xray_exponent`` (a thick target behind lead). ``fault_factor`` is what an open flange or a shield left off does.
    """

    rf_w_per_m2_per_w: float
    xray_sv_per_s: float
    xray_v: float
    xray_exponent: float
    fault_factor: float


def loop_current(p: MonitorParameters, value: float, alive: bool = True) -> float:
    """The loop's current in A; a dead monitor draws nothing (safety.md 2.3 row 46)."""
    if not alive:
        return 0.0
    return min(max(LOOP_ZERO_A + LOOP_SPAN_A * value / p.full_scale, LOOP_MIN_A), LOOP_MAX_A)


def loop_value(p: MonitorParameters, current_a: float) -> float:
    """The monitored value of a loop current, in the monitor's unit. Raises ValueError outside 3.6-21 mA (NE 43)."""
    if not (isfinite(current_a) and 3.6e-3 <= current_a <= 21e-3):
        raise ValueError(f"loop_value: {current_a} A; a live monitor draws 3.6 to 21 mA")
    return (current_a - LOOP_ZERO_A) / LOOP_SPAN_A * p.full_scale


def rf_leakage(p: LeakageParameters, rf_w: float, open_flange: bool) -> float:
    """RF power density beside the bench in W/m2."""
    return p.rf_w_per_m2_per_w * rf_w * (p.fault_factor if open_flange else 1.0)


def xray_dose(p: LeakageParameters, beam_v: float, beam_mean_a: float, open_shield: bool) -> float:
    """X-ray dose rate beside the bench in Sv/s, of a beam at ``beam_v`` with this mean current."""
    rate: float = p.xray_sv_per_s * (beam_v / p.xray_v) ** p.xray_exponent * beam_mean_a
    return rate * (p.fault_factor if open_shield else 1.0)
