"""``classify``: total over every float, honest about NaN, and each level exactly where its threshold is."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.plc.levels import Aim, Aux, Band, Latch, band_of, classify
from firmware_sim.plc.settings import Permit, resolve_bands, v_safe_of
from firmware_sim.signals import FieldInputs
from tests.unit.plc.kit import LIMITS

BANDS = resolve_bands(LIMITS, Permit(0b1111, 3000.0, 250.0, 45.0, 1, 0b1111))
ANY = st.floats(allow_nan=True, allow_infinity=True)
READING = st.one_of(ANY, st.floats(-200.0, 4200.0), st.sampled_from([math.nan, math.inf, 9.9e37, -9999.0, -0.0]))


def _inputs(a_v: float, b_v: float, module_v: list[float]) -> FieldInputs:
    return FieldInputs(probe_a_v=a_v, probe_b_v=b_v, module_v=module_v)


@given(READING, READING, st.lists(READING, max_size=9), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_any_input_has_levels(a_v: float, b_v: float, module_v: list[float], latches: int, positions: int) -> None:
    inputs = _inputs(a_v, b_v, module_v)
    inputs.latches, inputs.positions = latches, positions
    levels = classify(inputs, BANDS)
    assert levels == classify(inputs, BANDS)
    for voltage_v, band in ((a_v, levels.a), (b_v, levels.b)):
        valid = math.isfinite(voltage_v) and -80.0 <= voltage_v <= 4080.0
        assert (band is not Band.INVALID) == valid
    if not all(map(math.isfinite, module_v)) or len(module_v) != 4:
        assert levels.modules is Band.INVALID
    if math.isnan(a_v) or math.isnan(b_v):
        assert levels.mismatch and levels.aim is not Aim.IN
    if levels.aim is Aim.IN:
        assert 2955.0 <= a_v <= 3045.0 and 2955.0 <= b_v <= 3045.0


@given(st.floats(-80.0, 4080.0), st.floats(-80.0, 4080.0))
def test_bands_are_ordered_by_voltage(one_v: float, other_v: float) -> None:
    low, high = sorted((one_v, other_v))
    assert band_of(low, BANDS) <= band_of(high, BANDS)


@pytest.mark.parametrize(
    ("voltage_v", "band"),
    [
        (-80.1, Band.INVALID),
        (-80.0, Band.ZERO),
        (-3.0, Band.ZERO),
        (10.0, Band.ZERO),
        (10.1, Band.SAFE),
        (50.0, Band.SAFE),
        (50.1, Band.LOW),
        (120.0, Band.LOW),
        (120.1, Band.HIGH),
        (3099.9, Band.HIGH),
        (3100.0, Band.OVER),
        (4080.0, Band.OVER),
        (4080.1, Band.INVALID),
        (math.nan, Band.INVALID),
        (math.inf, Band.INVALID),
        (-math.inf, Band.INVALID),
    ],
)
def test_band_edges(voltage_v: float, band: Band) -> None:
    assert band_of(voltage_v, BANDS) is band


def test_switched_out_module_counts_for_energy_but_not_for_spread() -> None:
    bands = resolve_bands(LIMITS, Permit(0b0011, 1000.0, 250.0, 15.0, 1, 0b0011))
    levels = classify(_inputs(1000.0, 1000.0, [1000.0, 1001.0, 0.0, 0.0]), bands)
    assert not levels.spread and levels.modules is Band.HIGH
    levels = classify(_inputs(0.0, 0.0, [0.0, 0.0, 0.0, 60.0]), bands)
    assert levels.modules is Band.LOW


@pytest.mark.parametrize(("low_v", "spread"), [(1000.0, False), (951.3, False), (948.0, True)])
def test_spread_is_five_percent_of_the_mean(low_v: float, spread: bool) -> None:
    levels = classify(_inputs(1000.0, 1000.0, [1000.0, 1000.0, 1000.0, low_v]), BANDS)
    assert levels.spread is spread


@pytest.mark.parametrize(("difference_v", "mismatch"), [(80.0, False), (-80.0, False), (80.1, True), (-80.1, True)])
def test_probe_mismatch(difference_v: float, mismatch: bool) -> None:
    assert classify(_inputs(1000.0 + difference_v, 1000.0, [0.0] * 4), BANDS).mismatch is mismatch


@pytest.mark.parametrize(("probes_v", "mismatch"), [(1079.0, False), (1081.0, True), (921.0, False), (919.0, True)])
def test_both_probes_against_the_modules_while_the_dumps_are_open(probes_v: float, mismatch: bool) -> None:
    inputs = _inputs(probes_v, probes_v, [1000.0] * 4)
    assert not classify(inputs, BANDS).mismatch  # a closed dump: readings of one scan are not of one moment
    inputs.dump_a_open = inputs.dump_b_open = True
    assert classify(inputs, BANDS).mismatch is mismatch
    inputs.dump_b_open = False
    assert not classify(inputs, BANDS).mismatch
    inputs.dump_b_open = True
    inputs.probe_a_v = 1000.0
    assert classify(inputs, BANDS).mismatch is mismatch
    inputs.probe_a_v, inputs.probe_b_v = probes_v, 1000.0
    assert classify(inputs, BANDS).mismatch is mismatch


def test_a_module_that_is_out_says_nothing_about_the_bus() -> None:
    inputs = _inputs(1000.0, 1000.0, [1000.0, 1000.0, 1000.0, 0.0])
    inputs.dump_a_open = inputs.dump_b_open = True
    assert not classify(inputs, BANDS._replace(confirmed_mask=0b0111)).mismatch
    inputs.probe_a_v = inputs.probe_b_v = 500.0
    assert classify(inputs, BANDS._replace(confirmed_mask=0b0111)).mismatch
    assert not classify(inputs, BANDS._replace(confirmed_mask=0b1111)).mismatch  # between its modules: possible
    assert not classify(inputs, BANDS._replace(confirmed_mask=0)).mismatch


@pytest.mark.parametrize(
    ("latches", "fire_mask", "latch"),
    [(0, 15, Latch.NONE), (3, 15, Latch.SOME), (15, 15, Latch.ALL), (3, 3, Latch.ALL), (4, 3, Latch.SOME)],
)
def test_latches_against_the_fire_mask(latches: int, fire_mask: int, latch: Latch) -> None:
    inputs = _inputs(0.0, 0.0, [0.0] * 4)
    inputs.latches = latches
    assert classify(inputs, BANDS._replace(fire_mask=fire_mask)).latch is latch


def test_contacts() -> None:
    inputs = _inputs(0.0, 0.0, [0.0] * 4)
    cases = {(True, False): Aux.OPEN, (False, True): Aux.CLOSED, (False, False): Aux.BETWEEN, (True, True): Aux.BOTH}
    for (is_open, closed), aux in cases.items():
        inputs.dump_a_open, inputs.dump_a_closed = is_open, closed
        inputs.contactor_open, inputs.contactor_closed = is_open, closed
        levels = classify(inputs, BANDS)
        assert (levels.dump_a, levels.contactor) == (aux, aux)


def test_consent_follows_the_energy() -> None:
    inputs = _inputs(0.0, 0.0, [0.0] * 4)
    inputs.second_consent = False
    assert not classify(inputs, BANDS).consent
    low = resolve_bands(LIMITS, Permit(0b1111, 100.0, 250.0, 2.0, 1, 0b1111))
    assert classify(inputs, low).consent


def test_v_safe_follows_the_mask() -> None:
    """F1: min(50 V, sqrt(20 J / C)): 2 mF 50 V, 10 mF 44.7 V, 100 mF 14.1 V."""
    from dataclasses import replace

    for farads, expected_v in ((2e-3, 50.0), (10e-3, 44.7), (100e-3, 14.1)):
        limits = replace(LIMITS, capacitance_f=(farads / 2, farads / 2))
        assert v_safe_of(limits, 0b11) == pytest.approx(expected_v, abs=0.05)
    limits = replace(LIMITS, capacitance_f=(50e-3, 50e-3))
    assert v_safe_of(limits, 0b01) == pytest.approx(20.0)
