"""PURE: what the limits mean for one confirmed set of modules and one permit: voltage bands and scan counts."""

import math
from typing import NamedTuple

from firmware_sim.plc.limits import PlcLimits
from firmware_sim.plc.pulses import NO_RUN, RunTimes
from firmware_sim.plc.run_limits import resolve_run


class Times(NamedTuple):
    """Time limits of the state machine in scans of 10 ms."""

    open: int
    charge: int
    float: int
    isolate: int
    fire: int
    shot: int
    current_wait: int
    dump: int
    single_dump: int
    dwell: int
    no_approach: int
    in_tolerance: int
    contactor_travel: int
    dump_travel: int
    charger_travel: int
    mismatch_debounce: int
    spread_debounce: int
    discrepancy_debounce: int
    top: int
    """Where the state's own counter saturates: one above every limit it is compared with."""
    run: RunTimes = NO_RUN
    """Limits of the pulse inhibit and of RUN, on a bench that runs. The last field, for memory.py."""


class Bands(NamedTuple):
    """Thresholds of ``classify`` in volts, and the masks it compares with."""

    valid_low_v: float
    valid_high_v: float
    zero_v: float
    safe_v: float
    low_v: float
    overvoltage_v: float
    module_limit_v: float
    mismatch_v: float
    spread_fraction: float
    spread_floor_v: float
    aim_low_v: float
    aim_high_v: float
    modules: int
    confirmed_mask: int
    fire_mask: int
    consent_needed: bool


class Permit(NamedTuple):
    """What a PERMIT confirmed. The default is the bench without a permit."""

    mask: int = 0
    target_v: float = 0.0
    ramp_v_per_s: float = 0.0
    tolerance_v: float = 0.0
    shot: int = 0
    fire_mask: int = 0


def capacitance_of(limits: PlcLimits, mask: int) -> float:
    """Capacitance in farads of the modules in ``mask``; of the whole bank when it is empty (the careful reading)."""
    chosen = [c for index, c in enumerate(limits.capacitance_f) if mask >> index & 1]
    return sum(chosen) if chosen else sum(limits.capacitance_f)


def v_safe_of(limits: PlcLimits, mask: int) -> float:
    """V_safe = min(50 V, sqrt(2 * 10 J / C)) (safety.md F1)."""
    return min(limits.v_safe_max_v, math.sqrt(2.0 * limits.energy_safe_j / capacitance_of(limits, mask)))


def dump_tau_of(limits: PlcLimits, mask: int) -> float:
    """Time constant in seconds of the slowest module with both dump paths closed: every module has its own two."""
    chosen = [c for index, c in enumerate(limits.capacitance_f) if mask >> index & 1] or list(limits.capacitance_f)
    return max(chosen) * limits.dump_ohm / 2.0


def leak_per_scan_of(limits: PlcLimits) -> float:
    """Largest fraction of its voltage a module may leak per scan before it counts as a collapse."""
    return limits.leak_factor * limits.scan_s / (limits.bleeder_ohm * min(limits.capacitance_f))


def stored_energy_of(limits: PlcLimits, permit: Permit) -> float:
    """Energy in joules of the permitted charge."""
    return 0.5 * capacitance_of(limits, permit.mask) * permit.target_v**2


def resolve_bands(limits: PlcLimits, permit: Permit) -> Bands:
    """Thresholds under ``permit``."""
    over = limits.overrange_fraction * limits.full_scale_v
    return Bands(
        valid_low_v=-over,
        valid_high_v=limits.full_scale_v + over,
        zero_v=limits.zero_v,
        safe_v=v_safe_of(limits, permit.mask),
        low_v=limits.single_dump_below_v,
        overvoltage_v=limits.overvoltage_v,
        module_limit_v=limits.module_limit_v,
        mismatch_v=limits.mismatch_v,
        spread_fraction=limits.spread_fraction,
        spread_floor_v=limits.spread_floor_v,
        aim_low_v=permit.target_v - permit.tolerance_v,
        aim_high_v=permit.target_v + permit.tolerance_v,
        modules=len(limits.capacitance_f),
        confirmed_mask=permit.mask,
        fire_mask=permit.fire_mask or permit.mask,
        consent_needed=stored_energy_of(limits, permit) > limits.consent_above_j,
    )


def power_slope_of(limits: PlcLimits, permit: Permit) -> float:
    """Volts squared per second that a charger of constant power gives the permitted bank, 2 P / C; else 0.0."""
    power_w = 0.0 if limits.run is None else limits.run.charge_power_w
    return 2.0 * power_w / capacitance_of(limits, permit.mask)


def power_time_of(limits: PlcLimits, permit: Permit) -> float:
    """Seconds that a charger of constant power needs for the permitted charge: C V^2 / 2 P; 0.0 for any other."""
    slope = power_slope_of(limits, permit)
    return permit.target_v**2 / slope if slope else 0.0


def resolve_times(limits: PlcLimits, permit: Permit, pulses: int = 0) -> Times:
    """Scan counts under ``permit``; ``pulses`` are those of the present RUN.

    safety.md 3.2: t_dump2 = R/2 C ln(V0/V_safe), T_dump = 1.5 t_dump2, T_charge = 1.25 C V / I. A charger that is
    limited by its power on the way takes no longer than the ramp and that power one after the other.
    """
    tau = dump_tau_of(limits, permit.mask)
    v_safe = v_safe_of(limits, permit.mask)
    close_s = limits.dump_close_s + limits.dump_bounce_s
    full_dump_s = limits.dump_factor * tau * math.log(limits.overvoltage_v / v_safe) + close_s
    single_s = limits.dump_factor * 2.0 * tau * math.log(limits.single_dump_below_v / v_safe) + close_s
    charge_s = limits.settle_s
    if permit.ramp_v_per_s > 0.0:
        charge_s += limits.time_factor * (permit.target_v / permit.ramp_v_per_s + power_time_of(limits, permit))
    scans = _Scans(limits.scan_s)
    main = {
        "open": scans.of(limits.open_s),
        "charge": scans.of(charge_s),
        "float": scans.of(limits.float_s),
        "isolate": scans.of(limits.isolate_s),
        "fire": scans.of(limits.fire_s),
        "shot": scans.of(limits.shot_s),
        "current_wait": scans.of(limits.current_wait_s),
        "single_dump": scans.of(max(single_s, 0.0)),
    }
    return Times(
        **main,
        dump=scans.of(full_dump_s),
        dwell=scans.of(limits.dwell_taus * 2.0 * tau),
        no_approach=scans.of(limits.no_approach_s),
        in_tolerance=scans.of(limits.in_tolerance_s),
        contactor_travel=scans.of(max(limits.contactor_open_s, limits.contactor_close_s) + limits.contactor_bounce_s)
        + 2,
        dump_travel=scans.of(max(limits.dump_open_s, limits.dump_close_s) + limits.dump_bounce_s) + 2,
        charger_travel=scans.of(limits.charger_inhibit_s) + 2,
        mismatch_debounce=scans.of(limits.mismatch_debounce_s),
        spread_debounce=scans.of(limits.spread_debounce_s),
        discrepancy_debounce=scans.of(limits.door_discrepancy_s),
        top=max(main.values()) + 1,
        run=resolve_run(limits.run, limits.scan_s, pulses) if limits.run else NO_RUN,
    )


class _Scans(NamedTuple):
    scan_s: float

    def of(self, time_s: float) -> int:
        """Whole scans that cover ``time_s``; the small subtraction keeps 0.5 s / 0.01 s at 50."""
        return max(1, math.ceil(time_s / self.scan_s - 1e-9))
