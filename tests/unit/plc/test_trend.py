"""Charge envelope, pre-fire detection and proof of safe, scan by scan, with numbers worked out by hand."""

import math
from dataclasses import replace

import pytest

from firmware_sim.plc.levels import Proof
from firmware_sim.plc.settings import Permit, v_safe_of
from firmware_sim.plc.trend import FIT_RATIO, SETTLE_SCANS, ChargeTrend, SafeProof
from tests.unit.plc.kit import LIMITS

# Powers of two: scans of 1/64 s, half a volt lost per scan and 64 V, 64 V/s, a second of settling.
EASY = replace(
    LIMITS,
    capacitance_f=(1.0, 1.0),
    scan_s=1.0 / 64.0,
    leak_factor=1.0,
    bleeder_ohm=2.0,
    prefire_drop_v=16.0,
    envelope_factor=2.0,
    envelope_margin_v=8.0,
    settle_s=1.0,
)
PERMIT = Permit(0b11, 128.0, 64.0, 4.0, 1, 0b11)


def charging(start_v: float = 0.0) -> ChargeTrend:
    trend = ChargeTrend(EASY)
    trend.begin(PERMIT, start_v)
    return trend


def left(a_v: float, b_v: float, scans: int, start_v: float = 0.0) -> bool:
    trend = charging(start_v)
    trend.follow(a_v, b_v, scans)
    return trend.envelope_left


@pytest.mark.parametrize(
    ("scans", "highest_v"), [(0, 8.0), (16, 40.0), (32, 72.0), (62, 132.0), (64, 136.0), (640, 140.0)]
)
def test_upper_envelope_is_twice_the_ramp_and_a_margin_up_to_the_tolerance(scans: int, highest_v: float) -> None:
    """8 V + 2 * 64 V/s * t, never above 128 + 4 + 8 V; the higher probe counts. (128 V at 64 scans are 1 s.)"""
    lowest = max(-8.0, -8.0 + 64.0 * (scans / 64.0 - 1.0) / 2.0)
    lowest = min(lowest, 116.0)
    for a_v, b_v in ((highest_v, lowest), (lowest, highest_v)):
        assert not left(a_v, b_v, scans)
    for a_v, b_v in ((highest_v + 0.25, lowest), (lowest, highest_v + 0.25)):
        assert left(a_v, b_v, scans)


def test_upper_envelope_begins_where_the_bank_is() -> None:
    assert not left(48.0, 48.0, 0, 40.0)
    assert left(48.25, 48.0, 0, 40.0)


@pytest.mark.parametrize(
    ("scans", "lowest_v"), [(0, -40.0), (32, -24.0), (64, -8.0), (96, 8.0), (128, 24.0), (640, 116.0)]
)
def test_lower_envelope_is_half_the_ramp_after_settling_less_a_margin(scans: int, lowest_v: float) -> None:
    """64 V/s / 2 * (t - 1 s) - 8 V, never above 128 - 4 - 8 V; the lower probe counts."""
    high = lowest_v + 1.0
    for a_v, b_v in ((lowest_v, high), (high, lowest_v)):
        assert not left(a_v, b_v, scans)
    for a_v, b_v in ((lowest_v - 0.25, high), (high, lowest_v - 0.25)):
        assert left(a_v, b_v, scans)


@pytest.mark.parametrize("pair", [(0.0, math.nan), (math.inf, 0.0), (0.0, -math.inf)])
def test_probe_without_a_number_is_outside_the_envelope(pair: tuple[float, float]) -> None:
    """Of probe A without a number PROBE_INVALID takes care on the same scan."""
    assert left(*pair, 0)


def test_envelope_ends_with_charge() -> None:
    trend = charging()
    trend.follow(9.0, 9.0, 0)
    assert trend.envelope_left
    trend.follow(999.0, 999.0, -1)
    assert trend.envelope_left is False


def test_new_charge_forgets_the_last() -> None:
    trend = charging()
    trend.follow(500.0, 500.0, 0)
    trend.follow(0.0, 0.0, 0)
    assert trend.envelope_left is False and trend.falling is True
    trend.begin(PERMIT, math.nan)
    assert (trend.envelope_left, trend.falling) == (False, False)
    trend.follow(8.0, 8.0, 0)
    assert (trend.envelope_left, trend.falling) == (False, False)
    trend.follow(8.25, 8.0, 0)
    assert trend.envelope_left, "a start that is no number counts as 0 V"


def test_bench_without_a_permit_expects_nothing() -> None:
    trend = ChargeTrend(EASY)
    assert (trend.envelope_left, trend.falling) == (False, False)
    trend.follow(8.0, 8.0, 0)
    assert trend.envelope_left is False
    trend.follow(8.25, 8.0, 0)
    assert trend.envelope_left is True


@pytest.mark.parametrize("swap", [False, True])
def test_collapse_is_a_fall_of_the_lower_probe_below_the_leaking_envelope(swap: bool) -> None:
    """1/128 is lost per scan at most: 128 V may read 127 V next, and 127 - 16 V is not yet a collapse."""
    for low_v, falls in ((111.0, False), (110.75, True)):
        trend = charging()
        trend.follow(128.0, 128.0, -1)
        assert trend.falling is False
        trend.follow(*((300.0, low_v) if swap else (low_v, 300.0)), -1)
        assert trend.falling is falls


def test_envelope_of_the_collapse_leaks_and_rises_with_the_bank() -> None:
    trend = charging()
    for voltage_v in (128.0, 100.0, 256.0):
        trend.follow(voltage_v, voltage_v, -1)
    trend.follow(238.0, 238.0, -1)
    assert trend.falling is False, "256 V leak to 254 V; 16 V below that is 238 V"
    trend.follow(0.0, 0.0, -1)
    assert trend.falling is True
    trend.follow(252.015625 - 16.0, 400.0, -1)
    trend.follow(250.05, 250.05, -1)
    assert trend.falling is False


# ---- proof of safe --------------------------------------------------------------------------------------------------

# Both dump paths of 2 Ohm on 1 F: tau 1 s, 64 scans. V_safe = sqrt(2 * 8 J / 2 F) = 2.83 V.
DUMP = replace(EASY, dump_ohm=2.0, energy_safe_j=8.0, v_safe_max_v=50.0, tau_error_fraction=0.25, follow_fraction=0.75)
V_SAFE = v_safe_of(DUMP, 0b11)


def level_of(proof: SafeProof) -> Proof:
    return proof.level


def wants_bias(proof: SafeProof) -> bool:
    return proof.wants_bias_check


def dumping(highest_v: float = 100.0) -> SafeProof:
    proof = SafeProof(DUMP)
    proof.begin_dump(0b11, highest_v)
    return proof


def decay(proof: SafeProof, taus_s: tuple[float, ...], start_v: tuple[float, ...], scans: int = 400) -> int:
    """Follow exponentials until the proof ends; the scan at which it did."""
    for scan in range(scans):
        voltages = [v * math.exp(-scan / 64.0 / tau) for v, tau in zip(start_v, taus_s, strict=True)]
        if proof.follow(voltages, True, False, scan) is not Proof.OPEN:
            return scan
    return scans


def test_fit_is_for_dumps_from_above_4_v_safe() -> None:
    assert dumping(4.0 * V_SAFE).fitted is False
    assert dumping(4.0 * V_SAFE + 0.01).fitted is True
    assert dumping(math.nan).fitted is True


def test_new_dump_starts_from_nothing() -> None:
    proof = dumping()
    decay(proof, (2.0,) * 4, (100.0,) * 4)
    assert level_of(proof) is Proof.FAILED
    proof.begin_dump(0b01, 1.0)
    assert (proof.level, proof.worst_ratio, proof.wants_bias_check, proof.fitted) == (Proof.OPEN, 1.0, False, False)
    assert SafeProof(DUMP).level is Proof.OPEN and SafeProof(DUMP).fitted is False


def test_decay_with_the_expected_rc_proves_safe_at_a_third() -> None:
    """First sample 4 scans after the contacts; ln 3 * 64 scans later, 71, it is below a third."""
    assert (FIT_RATIO, SETTLE_SCANS) == (3.0, 4)
    proof = dumping()
    assert decay(proof, (1.0,) * 4, (100.0,) * 4) == 4 + 71
    assert level_of(proof) is Proof.HOLDS and proof.worst_ratio == pytest.approx(1.0)


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize(("tau_s", "level"), [(1.24, "HOLDS"), (1.26, "FAILED"), (0.76, "HOLDS"), (0.74, "FAILED")])
def test_one_slow_or_fast_decay_of_four_decides(place: int, tau_s: float, level: str) -> None:
    proof = dumping()
    taus = [1.0, 1.0, 1.0, 1.0]
    taus[place] = tau_s
    decay(proof, tuple(taus), (100.0,) * 4)
    assert proof.level is Proof[level]
    assert proof.worst_ratio == pytest.approx(tau_s, rel=0.01)


def test_worst_ratio_is_the_one_farthest_from_one_in_either_direction() -> None:
    proof = dumping()
    decay(proof, (1.1, 0.8, 1.0, 1.0), (100.0,) * 4)
    assert level_of(proof) is Proof.HOLDS and proof.worst_ratio == pytest.approx(0.8, rel=0.01)
    proof = dumping()
    decay(proof, (0.9, 1.2, 1.0, 1.0), (100.0,) * 4)
    assert proof.worst_ratio == pytest.approx(1.2, rel=0.01)


def test_error_at_the_limit_still_fits() -> None:
    """Two samples a third apart: 4 scans to e^-(4/80), measured tau 1.25 s exactly the limit."""
    tight = replace(DUMP, tau_error_fraction=0.0)
    proof = SafeProof(tight)
    proof.begin_dump(0b11, 100.0)
    start = [3.0 * math.e] * 4
    for scan in range(5):
        assert proof.follow(start, True, False, scan) is Proof.OPEN
    assert proof.follow([3.0] * 4, True, False, 4 + 64) is Proof.OPEN, "a third was not reached yet"
    proof = SafeProof(replace(DUMP, tau_error_fraction=abs(1.0 / math.log(4.0) - 1.0)))
    proof.begin_dump(0b11, 100.0)
    for scan in range(5):
        proof.follow([16.0] * 4, True, False, scan)
    assert proof.follow([4.0] * 4, True, False, 4 + 64) is Proof.HOLDS
    assert proof.worst_ratio == pytest.approx(1.0 / math.log(4.0))


def test_sample_at_exactly_a_third_counts_and_zero_never_does() -> None:
    proof = dumping()
    for scan in range(5):
        proof.follow([12.0] * 4, True, False, scan)
    assert proof.follow([0.0, 4.0, 4.0, 4.0], True, False, 68) is Proof.OPEN
    assert proof.follow([0.5, 1.0, 1.0, 1.0], True, False, 100) is not Proof.OPEN
    assert proof.worst_ratio == pytest.approx(96 / 64 / math.log(24.0), rel=1e-6)


def test_voltages_that_start_below_v_safe_are_not_measured() -> None:
    """A switched-out module at 1 V does not decay like the others, and need not."""
    proof = dumping()
    decay(proof, (1.0, 1.0, 1.0, 9.0), (100.0, 100.0, 100.0, V_SAFE - 0.01))
    assert level_of(proof) is Proof.HOLDS
    proof = dumping()
    decay(proof, (1.0, 1.0, 1.0, 9.0), (100.0, 100.0, 100.0, V_SAFE * math.exp(4.0 / 64.0 / 9.0) + 1e-9), 999)
    assert level_of(proof) is Proof.FAILED


def test_voltage_that_starts_at_exactly_v_safe_is_measured() -> None:
    """sqrt(2 * 16 J / 2 F) = 4 V."""
    proof = SafeProof(replace(DUMP, energy_safe_j=16.0))
    proof.begin_dump(0b11, 100.0)
    for scan in range(5):
        proof.follow([100.0, 100.0, 100.0, 4.0], True, False, scan)
    proof.follow([25.0, 25.0, 25.0, 4.0], True, False, 4 + 80)
    assert level_of(proof) is Proof.OPEN, "the module at 4 V has not moved"
    proof.follow([25.0, 25.0, 25.0, 1.0], True, False, 4 + 85)
    assert level_of(proof) is Proof.HOLDS


def test_voltage_that_starts_lower_is_not_measured_however_it_falls() -> None:
    proof = dumping()
    decay(proof, (1.0, 1.0, 1.0, 0.1), (100.0, 100.0, 100.0, 1.0))
    assert level_of(proof) is Proof.HOLDS


@pytest.mark.parametrize("count", [3, 5])
def test_another_number_of_voltages_proves_nothing(count: int) -> None:
    """Two probes and two modules: whoever brings fewer or more is not this bench."""
    proof = dumping()
    with pytest.raises(ValueError, match=r"shorter|longer"):
        decay(proof, (1.0,) * count, (100.0,) * count)
    proof = dumping()
    for scan in range(5):
        proof.follow([100.0] * 4, True, False, scan)
    with pytest.raises(ValueError, match=r"shorter|longer"):
        proof.follow([1.0] * count, True, False, 80)


def test_new_shot_has_followed_nothing_yet() -> None:
    """V_safe is 0.5 V here: even a volt left over from the last shot would ask for the other probe's."""
    low = replace(DUMP, energy_safe_j=0.25)
    for peaks in ((9.0, 0.0), (0.0, 9.0), (0.0, 0.0)):
        proof = SafeProof(low)
        proof.watch(*peaks)
        proof.forget()
        proof.begin_dump(0b11, 0.25)
        proof.follow([0.0] * 4, True, True, 0)
        assert wants_bias(proof) is True
        proof = SafeProof(low)
        proof.watch(0.25, 0.25)
        proof.begin_dump(0b11, 0.25)
        proof.follow([0.0] * 4, True, True, 0)
        assert wants_bias(proof) is True


def test_fit_waits_for_the_contacts_and_begins_again_when_they_open() -> None:
    proof = dumping()
    for scan in range(20):
        assert proof.follow([100.0] * 4, False, False, scan) is Proof.OPEN
    for scan in range(20, 24):
        proof.follow([100.0] * 4, True, False, scan)
    proof.follow([100.0] * 4, False, False, 24)
    for scan in range(25, 30):
        proof.follow([90.0] * 4, True, False, scan)
    # 90 V on scan 29 is the first sample: a third and 64 scans later the ratio is 1 / ln 3
    assert proof.follow([30.0] * 4, True, False, 29 + 64) is Proof.HOLDS
    assert proof.worst_ratio == pytest.approx(1.0 / math.log(3.0))


def test_bank_that_collapsed_before_the_contacts_closed_needs_the_low_voltage_proof() -> None:
    proof = dumping()
    for scan in range(5):
        proof.follow([0.0] * 4, True, False, scan)
    assert proof.fitted is False and proof.level is Proof.OPEN
    proof.follow([0.0] * 4, True, True, 5)
    assert wants_bias(proof) is True


def test_low_voltage_proof_waits_for_the_dwell_then_for_the_bias_check() -> None:
    proof = dumping(1.0)
    assert proof.follow([0.0] * 4, True, False, 0) is Proof.OPEN and wants_bias(proof) is False
    assert proof.follow([0.0] * 4, True, True, 1) is Proof.OPEN and wants_bias(proof)
    proof.watch(100.0, 0.0)
    assert proof.follow([0.0] * 4, True, True, 2) is Proof.OPEN, "judged once"
    assert proof.conclude_bias(True) is Proof.HOLDS and wants_bias(proof) is False
    assert proof.follow([100.0] * 4, False, False, 3) is Proof.HOLDS
    proof.begin_dump(0b11, 1.0)
    assert proof.conclude_bias(False) is Proof.FAILED and wants_bias(proof) is False


@pytest.mark.parametrize(
    ("peaks", "followed"),
    [
        ((V_SAFE, 0.0), True),
        ((V_SAFE + 0.01, 0.0), False),
        ((0.0, V_SAFE + 0.01), False),
        ((64.0, 48.0), True),
        ((48.0, 64.0), True),
        ((64.0, 47.75), False),
        ((47.75, 64.0), False),
    ],
)
def test_each_probe_followed_the_other_to_three_quarters(peaks: tuple[float, float], followed: bool) -> None:
    proof = SafeProof(DUMP)
    proof.watch(*peaks)
    proof.watch(1.0, 1.0)
    proof.begin_dump(0b11, 1.0)
    level = proof.follow([0.0] * 4, True, True, 0)
    assert level is (Proof.OPEN if followed else Proof.FAILED)
    assert proof.wants_bias_check is followed
    proof.forget()
    proof.begin_dump(0b11, 1.0)
    assert proof.follow([0.0] * 4, True, True, 0) is Proof.OPEN


def test_v_safe_is_that_of_the_confirmed_mask() -> None:
    """One module of 1 F instead of two: sqrt(2 * 8 J / 1 F) = 4 V."""
    proof = SafeProof(DUMP)
    proof.begin_dump(0b01, 16.0)
    assert proof.fitted is False
    proof.begin_dump(0b01, 16.5)
    assert proof.fitted is True
    proof.begin_dump(0b11, 16.0)
    assert proof.fitted is True


def test_probes_decay_with_the_slowest_confirmed_module_and_modules_with_their_own() -> None:
    uneven = replace(DUMP, capacitance_f=(1.0, 2.0))
    for mask, probe_tau_s in ((0b01, 1.0), (0b11, 2.0), (0b10, 2.0)):
        proof = SafeProof(uneven)
        proof.begin_dump(mask, 100.0)
        decay(proof, (probe_tau_s, probe_tau_s, 1.0, 2.0), (100.0,) * 4)
        assert level_of(proof) is Proof.HOLDS and proof.worst_ratio == pytest.approx(1.0, abs=0.01)
