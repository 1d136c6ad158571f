"""What the limits mean for a permit: bands and scan counts, worked out by hand from bench.md 1 and safety.md 3.2."""

import math
from dataclasses import replace

import pytest

from firmware_sim.plc.pulses import NO_RUN
from firmware_sim.plc.settings import (
    Permit,
    capacitance_of,
    dump_tau_of,
    leak_per_scan_of,
    resolve_bands,
    resolve_times,
    stored_energy_of,
    v_safe_of,
)
from tests.unit.plc.kit import LIMITS

UNEVEN = replace(LIMITS, capacitance_f=(1.0, 2.0, 4.0), energy_safe_j=8.0, dump_ohm=3.0)
FULL = Permit(0b1111, 3000.0, 250.0, 45.0, 7, 0b1111)


@pytest.mark.parametrize(
    ("mask", "farads", "slowest"),
    [(0, 7.0, 4.0), (0b001, 1.0, 1.0), (0b011, 3.0, 2.0), (0b110, 6.0, 4.0), (0b1000, 7.0, 4.0)],
)
def test_capacitance_and_dump_time_of_a_mask(mask: int, farads: float, slowest: float) -> None:
    """No module confirmed means the careful reading: all of them. Each module has two paths of its own."""
    assert capacitance_of(UNEVEN, mask) == farads
    assert dump_tau_of(UNEVEN, mask) == slowest * 3.0 / 2.0
    assert v_safe_of(UNEVEN, mask) == math.sqrt(16.0 / farads)


def test_v_safe_is_never_above_its_maximum() -> None:
    assert v_safe_of(replace(LIMITS, v_safe_max_v=20.0), 0b1111) == 20.0
    assert v_safe_of(LIMITS, 0b0001) == 50.0, "sqrt(20 J / 1 mF) = 141 V"
    assert v_safe_of(replace(LIMITS, energy_safe_j=2.0), 0b1111) == pytest.approx(31.6227766)


def test_leak_is_that_of_the_smallest_module_with_the_factor() -> None:
    easy = replace(UNEVEN, capacitance_f=(4.0, 2.0), leak_factor=3.0, scan_s=0.5, bleeder_ohm=4.0)
    assert leak_per_scan_of(easy) == 3.0 * 0.5 / (4.0 * 2.0)


def test_stored_energy() -> None:
    assert stored_energy_of(LIMITS, FULL) == pytest.approx(18_000.0)
    assert stored_energy_of(UNEVEN, Permit(0b011, 10.0)) == 150.0


def test_bands_of_the_shipped_bench() -> None:
    assert resolve_bands(LIMITS, FULL)._asdict() == {
        "valid_low_v": -80.0,
        "valid_high_v": 4080.0,
        "zero_v": 10.0,
        "safe_v": 50.0,
        "low_v": 120.0,
        "overvoltage_v": 3100.0,
        "module_limit_v": 3150.0,
        "mismatch_v": 80.0,
        "spread_fraction": 0.05,
        "spread_floor_v": 25.0,
        "aim_low_v": 2955.0,
        "aim_high_v": 3045.0,
        "modules": 4,
        "confirmed_mask": 0b1111,
        "fire_mask": 0b1111,
        "consent_needed": True,
    }


def test_without_a_permit_nothing_is_permitted() -> None:
    assert Permit() == (0, 0.0, 0.0, 0.0, 0, 0)


def test_safe_band_follows_the_confirmed_mask() -> None:
    small = replace(LIMITS, energy_safe_j=2.0)
    assert resolve_bands(small, Permit(0b0011, 100.0)).safe_v == pytest.approx(44.72135955)


def test_fire_mask_is_the_confirmed_one_until_it_is_given() -> None:
    assert resolve_bands(LIMITS, Permit(0b0111)).fire_mask == 0b0111
    assert resolve_bands(LIMITS, Permit(0b0111, fire_mask=0b0001)).fire_mask == 0b0001
    assert resolve_bands(LIMITS, Permit()).confirmed_mask == 0 == resolve_bands(LIMITS, Permit()).fire_mask


def test_consent_is_demanded_above_100_j_not_at_100_j() -> None:
    """4 mF: 100 J are 223.6 V."""
    at_limit = replace(LIMITS, consent_above_j=stored_energy_of(LIMITS, Permit(0b1111, 200.0)))
    assert resolve_bands(at_limit, Permit(0b1111, 200.0)).consent_needed is False
    assert resolve_bands(at_limit, Permit(0b1111, 200.1)).consent_needed is True


def test_times_of_the_shipped_bench_at_3_kv() -> None:
    """T_dump = 1.5 * 0.1 s * ln(3100 / 50) + 35 ms; one path 0.3 s * ln(120 / 50) + 35 ms; T_charge = 15 s + 3 s."""
    assert resolve_times(LIMITS, FULL)._asdict() == {
        "open": 100,
        "charge": 1800,
        "float": 6000,
        "isolate": 50,
        "fire": 100,
        "shot": 10,
        "current_wait": 20,
        "dump": 66,
        "single_dump": 30,
        "dwell": 100,
        "no_approach": 3000,
        "in_tolerance": 20,
        "contactor_travel": 6,
        "dump_travel": 6,
        "charger_travel": 7,
        "mismatch_debounce": 2,
        "spread_debounce": 3,
        "discrepancy_debounce": 5,
        "top": 6001,
        "run": NO_RUN,
    }


def test_charge_time_without_a_ramp_is_the_settling_alone() -> None:
    assert resolve_times(LIMITS, Permit()).charge == 300
    assert resolve_times(LIMITS, Permit(0b1111, 1000.0, 0.5)).charge == 250_300
    assert resolve_times(LIMITS, Permit(0b1111, 1000.0, 0.5)).top == 250_301
    assert resolve_times(LIMITS, Permit(0b1111, -1000.0, 0.0)).charge == 300


def test_travel_is_the_longer_of_opening_and_closing_plus_bounce_plus_two_scans() -> None:
    slow = replace(
        LIMITS,
        contactor_open_s=0.1,
        contactor_close_s=0.2,
        contactor_bounce_s=0.03,
        dump_open_s=0.4,
        dump_close_s=0.3,
        dump_bounce_s=0.05,
        charger_inhibit_s=0.5,
    )
    times = resolve_times(slow, FULL)
    assert (times.contactor_travel, times.dump_travel, times.charger_travel) == (25, 47, 52)
    turned = replace(slow, contactor_open_s=0.2, contactor_close_s=0.1, dump_open_s=0.3, dump_close_s=0.4)
    times = resolve_times(turned, FULL)
    assert (times.contactor_travel, times.dump_travel) == (25, 47)


def test_dump_times_follow_the_mask_and_the_closing_time() -> None:
    """Twice the capacitance in one module: V_safe is 50 V for it alone too, tau doubles."""
    uneven = replace(LIMITS, capacitance_f=(1e-3, 2e-3), dump_close_s=0.5, dump_bounce_s=0.25)
    fast, slow = resolve_times(uneven, Permit(0b01)), resolve_times(uneven, Permit(0b10))
    ln = math.log(3100.0 / 50.0)
    assert (fast.dump, slow.dump) == (math.ceil(100 * (0.15 * ln + 0.75)), math.ceil(100 * (0.3 * ln + 0.75)))
    ln = math.log(120.0 / 50.0)
    assert (fast.single_dump, slow.single_dump) == (
        math.ceil(100 * (0.3 * ln + 0.75)),
        math.ceil(100 * (0.6 * ln + 0.75)),
    )
    assert (fast.dwell, slow.dwell) == (100, 200)


def test_time_limits_are_at_least_one_scan() -> None:
    tiny = replace(LIMITS, single_dump_below_v=1.0, dump_close_s=1e-6, dump_bounce_s=1e-6, mismatch_debounce_s=1e-6)
    times = resolve_times(tiny, FULL)
    assert (times.single_dump, times.mismatch_debounce) == (1, 1)


@pytest.mark.parametrize(("time_s", "scans"), [(0.5, 50), (0.501, 51), (0.5 + 1e-12, 50), (0.015, 2), (0.03, 3)])
def test_scans_cover_the_time_and_no_more(time_s: float, scans: int) -> None:
    assert resolve_times(replace(LIMITS, float_s=time_s), FULL).float == scans


@pytest.mark.parametrize("name", ["open", "float", "isolate", "fire", "shot", "current_wait"])
def test_no_time_limit_lies_above_where_the_counter_saturates(name: str) -> None:
    longest = replace(LIMITS, **{f"{name}_s": 90.0})  # type: ignore[arg-type]
    assert resolve_times(longest, FULL).top == 9001
