"""``classify``, ``band_of`` and ``resolve_bands`` against oracles written from bench.md, safety.md and plc.yaml.

The exploration starts where floats end, so the step from floats to levels is tested here: with NaN, infinities,
subnormals, small negatives, values beyond full scale, and noise. Every oracle says its rule in its own way: it sorts,
counts and uses exact fractions where the code compares.
"""

import math
from collections.abc import Callable
from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.plc.levels import Aim, Aux, Band, Latch, Levels, band_of, classify
from firmware_sim.plc.settings import Bands, Permit, resolve_bands
from firmware_sim.signals import FieldInputs
from tests.unit.plc.kit import LIMITS

FULL_SCALE_V = 4000.0
EDGES_V = (-80.0, 10.0, 50.0, 120.0, 3100.0, 4080.0)
"""plc.yaml, bench.md: full scale 4000 V +-2 %, zero, V_safe, one dump alone below 120 V, over-voltage."""
NEAR_EDGES = tuple(
    near
    for edge in (*EDGES_V, 80.0, 2955.0, 3045.0, 3150.0)
    for near in (edge, math.nextafter(edge, -math.inf), math.nextafter(edge, math.inf))
)
ODD = (math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, -5e-324, 2.2e-308, -3.0, 9.9e37, -9999.0, 1.7e308, -1.7e308)
PLAUSIBLE_V = st.floats(-100.0, 4200.0)
READING = st.one_of(st.floats(), PLAUSIBLE_V, st.sampled_from(ODD), st.sampled_from(NEAR_EDGES))
VALID_V = st.floats(-80.0, 4080.0)
QUARTERS_V = st.integers(-320, 16320).map(lambda quarters: quarters / 4.0)
"""Valid readings whose sums are exact in any order."""
MASK = st.integers(0, 15)

PERMIT = Permit(0b1111, 3000.0, 250.0, 45.0, 1, 0b1111)
BANDS = resolve_bands(LIMITS, PERMIT)


def _levels(a_v: float = 0.0, b_v: float = 0.0, module_v: list[float] | None = None, bands: Bands = BANDS) -> Levels:
    modules = [0.0] * 4 if module_v is None else module_v
    return classify(FieldInputs(probe_a_v=a_v, probe_b_v=b_v, module_v=modules), bands)


# ---- oracles --------------------------------------------------------------------------------------------------------


def _is_valid(voltage_v: float) -> bool:
    """Finite and within full scale +-2 %: below zero as far as above the top."""
    if math.isnan(voltage_v) or math.isinf(voltage_v):
        return False
    return Fraction(-80) <= Fraction(voltage_v) <= Fraction(4080)


def _band(voltage_v: float, safe_v: float = 50.0) -> Band:
    """Count the edges that a valid voltage has passed. Over-voltage begins at its edge, the others end there."""
    if not _is_valid(voltage_v):
        return Band.INVALID
    passed = sum(voltage_v > edge for edge in (10.0, safe_v, 120.0)) + (voltage_v >= 3100.0)
    return (Band.ZERO, Band.SAFE, Band.LOW, Band.HIGH, Band.OVER)[passed]


def _modules(module_v: list[float], safe_v: float = 50.0) -> Band:
    """One reading that cannot be trusted spoils them all; else the module with the most energy decides."""
    bands = [_band(voltage_v, safe_v) for voltage_v in module_v]
    return max(bands) if len(bands) == 4 and Band.INVALID not in bands else Band.INVALID


def _spread(module_v: list[float], mask: int) -> bool:
    """More than 25 V, and more than 5 % of the mean, between confirmed modules (exact)."""
    if _modules(module_v) is Band.INVALID:
        return False
    chosen = sorted(Fraction(v) for position, v in enumerate(module_v) if (mask // 2**position) % 2)
    if len(chosen) < 2:
        return False
    gap, mean = chosen[-1] - chosen[0], sum(chosen, Fraction(0)) / len(chosen)
    return gap > 25 and gap * 20 > mean


def _aim(a_v: float, b_v: float) -> Aim:
    places = {"in" if 2955.0 <= v <= 3045.0 else "above" if v > 3045.0 else "below" for v in (a_v, b_v)}
    return Aim.IN if places == {"in"} else Aim.ABOVE if "above" in places else Aim.BELOW


# ---- one voltage ----------------------------------------------------------------------------------------------------


@given(READING)
def test_band_of_any_float(voltage_v: float) -> None:
    band = band_of(voltage_v, BANDS)
    assert band is _band(voltage_v)
    assert (band is Band.INVALID) is not _is_valid(voltage_v)


@pytest.mark.parametrize("voltage_v", [*ODD, *NEAR_EDGES])
def test_band_of_every_odd_value_and_edge(voltage_v: float) -> None:
    assert band_of(voltage_v, BANDS) is _band(voltage_v)


@given(st.floats(-80.0, 0.0))
def test_small_negatives_are_zero_volts(voltage_v: float) -> None:
    assert band_of(voltage_v, BANDS) is Band.ZERO


@given(VALID_V, VALID_V)
def test_more_volts_are_never_less_energy(one_v: float, other_v: float) -> None:
    low_v, high_v = min(one_v, other_v), max(one_v, other_v)
    assert band_of(low_v, BANDS) <= band_of(high_v, BANDS)


@given(READING, st.floats(0.001, 20.0), st.floats(-1.0, 1.0, exclude_min=True, exclude_max=True))
def test_noise_below_the_distance_to_the_next_edge_changes_nothing(voltage_v: float, margin_v: float, x: float) -> None:
    if math.isfinite(voltage_v) and min(abs(voltage_v - edge) for edge in EDGES_V) > margin_v:
        assert band_of(voltage_v + x * margin_v, BANDS) is band_of(voltage_v, BANDS)


# ---- both probes ----------------------------------------------------------------------------------------------------


@given(READING, READING)
def test_mismatch_is_symmetric_and_nan_is_one(a_v: float, b_v: float) -> None:
    mismatch = _levels(a_v, b_v).mismatch
    assert mismatch is _levels(b_v, a_v).mismatch
    if not (math.isfinite(a_v) and math.isfinite(b_v)):
        assert mismatch
    else:
        assert mismatch is not (abs(a_v - b_v) <= max(0.02 * FULL_SCALE_V, 20.0))


@given(VALID_V)
def test_a_probe_agrees_with_itself(voltage_v: float) -> None:
    assert not _levels(voltage_v, voltage_v).mismatch


EIGHTY = st.sampled_from((-80.25, -80.0, -79.75, 0.0, 79.75, 80.0, 80.25))
DUMPS = tuple({"dump_a_open": a, "dump_b_open": b} for a in (True, False) for b in (True, False))


@given(st.lists(QUARTERS_V, min_size=4, max_size=4), MASK, EIGHTY, EIGHTY, st.booleans(), st.sampled_from(DUMPS))
def test_with_dumps_open_probes_belong_to_the_modules(
    module_v: list[float], mask: int, a_off_v: float, b_off_v: float, at_top: bool, dumps: dict[str, Any]
) -> None:
    """safety.md 2.3 row 15: both probes wrong alike are found by the confirmed modules (all, while none is)."""
    chosen = [v for position, v in enumerate(module_v) if mask >> position & 1] or module_v
    base_v = max(chosen) if at_top else min(chosen)
    a_v, b_v = base_v + a_off_v, base_v + b_off_v
    inputs = FieldInputs(probe_a_v=a_v, probe_b_v=b_v, module_v=module_v, **dumps)
    strangers = [v for v in (a_v, b_v) if all(abs(v - m) > 80.0 for m in chosen) and not min(chosen) < v < max(chosen)]
    expected = abs(a_v - b_v) > 80.0 or (all(dumps.values()) and bool(strangers))
    assert classify(inputs, BANDS._replace(confirmed_mask=mask)).mismatch is expected


@given(VALID_V, st.lists(st.one_of(READING, VALID_V), max_size=6).filter(lambda v: _modules(v) is Band.INVALID))
def test_modules_that_cannot_be_read_do_not_accuse_the_probes(voltage_v: float, module_v: list[float]) -> None:
    """They trip as invalid; a second cause would name the wrong instrument."""
    inputs = FieldInputs(
        probe_a_v=voltage_v, probe_b_v=voltage_v, module_v=module_v, dump_a_open=True, dump_b_open=True
    )
    assert not classify(inputs, BANDS).mismatch


NEAR_TARGET = st.one_of(READING, st.floats(2940.0, 3060.0))


@given(NEAR_TARGET, NEAR_TARGET)
def test_aim_is_in_when_both_probes_are(a_v: float, b_v: float) -> None:
    levels = _levels(a_v, b_v)
    assert levels.aim is _aim(a_v, b_v)
    assert levels.aim is _levels(b_v, a_v).aim
    if levels.aim is Aim.IN:
        assert abs(a_v - 3000.0) <= 45.0 and abs(b_v - 3000.0) <= 45.0


@given(READING, READING)
def test_each_probe_has_its_own_band(a_v: float, b_v: float) -> None:
    levels = _levels(a_v, b_v)
    assert (levels.a, levels.b) == (_band(a_v), _band(b_v))


# ---- modules --------------------------------------------------------------------------------------------------------


@given(st.lists(READING, max_size=9))
def test_the_worst_module_decides(module_v: list[float]) -> None:
    levels = _levels(module_v=module_v)
    assert levels.modules is _modules(module_v)
    top = max(module_v) if levels.modules is not Band.INVALID else 0.0
    assert levels.module_limit is (top > 3150.0)


@given(st.lists(VALID_V, max_size=9).filter(lambda readings: len(readings) != 4))
def test_a_list_of_the_wrong_length_is_invalid(module_v: list[float]) -> None:
    levels = _levels(module_v=module_v)
    assert levels.modules is Band.INVALID and not levels.spread and not levels.module_limit


@given(st.lists(VALID_V, min_size=3, max_size=3), st.sampled_from(ODD[:3] + ODD[-4:]), st.integers(0, 3))
def test_one_bad_module_spoils_them_all(module_v: list[float], bad_v: float, place: int) -> None:
    module_v.insert(place, bad_v)
    assert _levels(module_v=module_v).modules is Band.INVALID


@given(st.lists(st.one_of(QUARTERS_V, st.integers(3960, 4040).map(float)), min_size=4, max_size=4), MASK)
def test_spread_is_judged_among_confirmed_modules(module_v: list[float], mask: int) -> None:
    levels = _levels(module_v=module_v, bands=BANDS._replace(confirmed_mask=mask))
    assert levels.spread is _spread(module_v, mask)


@pytest.mark.parametrize(("low_v", "spread"), [(2852.5, False), (2852.25, False), (2800.0, True)])
def test_five_percent_is_of_the_mean(low_v: float, spread: bool) -> None:
    assert _levels(module_v=[3000.0, 3000.0, 3000.0, low_v]).spread is spread
    assert _spread([3000.0, 3000.0, 3000.0, low_v], 15) is spread


@given(st.lists(st.one_of(QUARTERS_V, st.sampled_from(ODD)), min_size=4, max_size=4), MASK, st.permutations(range(4)))
def test_the_order_of_modules_does_not_matter(module_v: list[float], mask: int, order: list[int]) -> None:
    moved_v = [module_v[old] for old in order]
    moved_mask = sum(1 << new for new, old in enumerate(order) if mask >> old & 1)
    one = _levels(module_v=module_v, bands=BANDS._replace(confirmed_mask=mask))
    other = _levels(module_v=moved_v, bands=BANDS._replace(confirmed_mask=moved_mask))
    assert (one.modules, one.spread, one.module_limit) == (other.modules, other.spread, other.module_limit)


# ---- masks, contacts, wires -----------------------------------------------------------------------------------------


@given(st.integers(0, 255), st.integers(1, 15))
def test_latches_are_counted_against_the_modules_to_be_fired(latches: int, fire_mask: int) -> None:
    set_ones = {position for position in range(8) if latches >> position & 1}
    wanted = {position for position in range(8) if fire_mask >> position & 1}
    expected = Latch.NONE if not set_ones else Latch.ALL if wanted <= set_ones else Latch.SOME
    inputs = FieldInputs(module_v=[0.0] * 4, latches=latches)
    assert classify(inputs, BANDS._replace(fire_mask=fire_mask)).latch is expected


@given(MASK, MASK)
def test_positions_must_be_those_confirmed(positions: int, mask: int) -> None:
    inputs = FieldInputs(module_v=[0.0] * 4, positions=positions)
    assert classify(inputs, BANDS._replace(confirmed_mask=mask)).positions_ok is (mask == 0 or positions == mask)


@pytest.mark.parametrize("pair", ["contactor", "dump_a", "dump_b"])
@pytest.mark.parametrize(
    ("is_open", "closed", "aux"),
    [(True, False, Aux.OPEN), (False, True, Aux.CLOSED), (False, False, Aux.BETWEEN), (True, True, Aux.BOTH)],
)
def test_each_pair_of_contacts_is_read_alone(pair: str, is_open: bool, closed: bool, aux: Aux) -> None:
    inputs = FieldInputs(module_v=[0.0] * 4)
    before = classify(inputs, BANDS)
    setattr(inputs, f"{pair}_open", is_open)
    setattr(inputs, f"{pair}_closed", closed)
    changed: dict[str, Any] = {pair: aux}
    assert classify(inputs, BANDS) == before._replace(**changed)


PLAIN = tuple(
    field.name
    for field in fields(FieldInputs)
    if field.type in (bool, "bool") and field.name in Levels._fields and not field.name.startswith("dump")
)


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_wire_changes_its_own_level_only(name: str) -> None:
    inputs = FieldInputs(module_v=[0.0] * 4)
    before = classify(inputs, BANDS)
    level = not getattr(inputs, name)
    setattr(inputs, name, level)
    changed: dict[str, Any] = {name: level}
    assert classify(inputs, BANDS) == before._replace(**changed)


def test_every_plain_wire_is_in_the_list() -> None:
    assert len(PLAIN) == 12, PLAIN


# ---- limits and permits ---------------------------------------------------------------------------------------------


@given(MASK, st.floats(0.0, 3000.0), st.floats(2.0, 60.0), MASK, st.booleans())
def test_thresholds_of_a_permit(mask: int, target_v: float, tolerance_v: float, fire_mask: int, consent: bool) -> None:
    bands = resolve_bands(LIMITS, Permit(mask, target_v, 250.0, tolerance_v, 1, fire_mask))
    count = mask.bit_count() or 4
    assert bands.safe_v == pytest.approx(min(50.0, math.sqrt(20.0 / (count * 1e-3))), rel=1e-12)
    assert (bands.valid_low_v, bands.valid_high_v) == (-80.0, 4080.0)
    assert (bands.zero_v, bands.low_v, bands.overvoltage_v, bands.module_limit_v) == (10.0, 120.0, 3100.0, 3150.0)
    assert (bands.modules, bands.confirmed_mask, bands.fire_mask) == (4, mask, fire_mask or mask)
    inputs = FieldInputs(probe_a_v=target_v, probe_b_v=target_v, module_v=[0.0] * 4, second_consent=consent)
    levels = classify(inputs, bands)
    assert levels.aim is Aim.IN
    energy_j = 0.5 * count * 1e-3 * target_v**2
    if abs(energy_j - 100.0) > 1e-6:
        assert levels.consent is (consent or energy_j < 100.0)


@given(st.lists(st.floats(1e-4, 0.1), min_size=1, max_size=8), READING)
def test_safe_means_at_most_ten_joules_and_fifty_volts(capacitance_f: list[float], voltage_v: float) -> None:
    limits = replace(LIMITS, capacitance_f=tuple(capacitance_f))
    bands = resolve_bands(limits, Permit())
    band = band_of(voltage_v, bands)
    if Band.ZERO < band <= Band.SAFE:
        assert voltage_v <= 50.0 and 0.5 * sum(capacitance_f) * voltage_v**2 <= 10.0 * (1 + 1e-9)
    if bands.safe_v > 10.0:
        assert band is _band(voltage_v, bands.safe_v)


# ---- all of it at once, and wrong ones are found --------------------------------------------------------------------


def _judge(judged: Callable[[FieldInputs, Bands], Levels], inputs: FieldInputs) -> bool:
    """Does ``judged`` say what every oracle says?"""
    a_v, b_v, module_v = inputs.probe_a_v, inputs.probe_b_v, inputs.module_v
    levels = judged(inputs, BANDS)
    return (levels.a, levels.b, levels.modules, levels.aim, levels.mismatch, levels.spread) == (
        _band(a_v),
        _band(b_v),
        _modules(module_v),
        _aim(a_v, b_v),
        not abs(a_v - b_v) <= 80.0,
        _spread(module_v, 15),
    )


@given(READING, READING, st.lists(st.one_of(READING, QUARTERS_V), max_size=6), st.integers(0, 0xFFFF))
def test_any_inputs_have_levels(a_v: float, b_v: float, module_v: list[float], latches: int) -> None:
    """Never raises; and says what the oracles say (spread at its very edge aside: the code's mean is rounded)."""
    inputs = FieldInputs(probe_a_v=a_v, probe_b_v=b_v, module_v=module_v, latches=latches, positions=latches)
    assert classify(inputs, BANDS) == classify(inputs, BANDS)
    assert _judge(classify, inputs)


CORPUS = tuple(
    FieldInputs(probe_a_v=a_v, probe_b_v=b_v, module_v=[a_v, b_v, b_v, a_v])
    for a_v in (*NEAR_EDGES, *ODD, 1000.0, 1100.0, 1200.0, 3000.0)
    for b_v in (*ODD, 1000.0, 3000.0, 2955.0, 100.0)
)
WRONG: dict[str, Callable[[FieldInputs, Bands], Levels]] = {
    "NaN counts as agreement": lambda i, b: (
        levels := classify(i, b),
        levels._replace(mismatch=abs(i.probe_a_v - i.probe_b_v) > 80.0),
    )[1],
    "over-voltage begins above its edge": lambda i, b: classify(
        i, b._replace(overvoltage_v=math.nextafter(3100.0, 4000.0))
    ),
    "full scale ends at 100 %": lambda i, b: classify(i, b._replace(valid_high_v=4000.0)),
    "small negatives are invalid": lambda i, b: classify(i, b._replace(valid_low_v=0.0)),
    "V_safe is a volt too high": lambda i, b: classify(i, b._replace(safe_v=51.0)),
    "the aim is one-sided": lambda i, b: classify(i, b._replace(aim_low_v=-math.inf)),
    "one probe is asked twice": lambda i, b: classify(replace(i, probe_b_v=i.probe_a_v), b),
    "the last module is not asked": lambda i, b: classify(replace(i, module_v=[*i.module_v[:3], 0.0]), b),
    "spread needs 6 %": lambda i, b: classify(i, b._replace(spread_fraction=0.11)),
}


def test_the_oracles_agree_with_classify_on_the_corpus() -> None:
    assert all(_judge(classify, inputs) for inputs in CORPUS)


@pytest.mark.parametrize("wrong", WRONG)
def test_the_oracles_find_a_wrong_classify(wrong: str) -> None:
    assert not all(_judge(WRONG[wrong], inputs) for inputs in CORPUS)
