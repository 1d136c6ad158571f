"""``classify`` field by field: each level from its own terminal, and each threshold on both sides."""

import math
from dataclasses import replace

import pytest

from drivers.wire.plc import PlcCommand, Refusal
from firmware_sim.plc.levels import Aim, Aux, Band, Facts, Latch, Levels, Proof, classify
from firmware_sim.plc.settings import Bands
from firmware_sim.signals import FieldInputs

BANDS = Bands(
    valid_low_v=-8.0,
    valid_high_v=1024.0,
    zero_v=4.0,
    safe_v=16.0,
    low_v=64.0,
    overvoltage_v=512.0,
    module_limit_v=640.0,
    mismatch_v=32.0,
    spread_fraction=0.25,
    spread_floor_v=8.0,
    aim_low_v=240.0,
    aim_high_v=272.0,
    modules=3,
    confirmed_mask=0b011,
    fire_mask=0b011,
    consent_needed=True,
)
AT_REST = FieldInputs(module_v=[0.0] * 3, positions=0b011)


def level(name: str, bands: Bands = BANDS, **changes: object) -> object:
    return getattr(classify(replace(AT_REST, **changes), bands), name)  # type: ignore[arg-type]


BOOLEANS = (
    "door_1",
    "door_2",
    "estop_ok",
    "operator_key",
    "maintenance_key",
    "search_complete",
    "ground_stick_stowed",
    "local_reset",
    "charger_inhibited",
    "charger_locked_out",
    "zero_current",
    "hw_overvoltage_ok",
)


@pytest.mark.parametrize("name", BOOLEANS)
@pytest.mark.parametrize("value", [True, False])
def test_input_is_its_own_level_and_nobody_elses(name: str, value: bool) -> None:
    others = dict.fromkeys(BOOLEANS, not value)
    levels = classify(replace(AT_REST, **others | {name: value}), BANDS)
    for other in BOOLEANS:
        assert getattr(levels, other) is (value if other == name else not value)


@pytest.mark.parametrize("name", ["contactor", "dump_a", "dump_b"])
@pytest.mark.parametrize(
    ("is_open", "closed", "aux"),
    [(False, False, Aux.BETWEEN), (True, False, Aux.OPEN), (False, True, Aux.CLOSED), (True, True, Aux.BOTH)],
)
def test_pair_of_contacts(name: str, is_open: bool, closed: bool, aux: Aux) -> None:
    levels = classify(replace(AT_REST, **{f"{name}_open": is_open, f"{name}_closed": closed}), BANDS)
    rest = {"contactor": Aux.OPEN, "dump_a": Aux.CLOSED, "dump_b": Aux.CLOSED} | {name: aux}
    assert {other: getattr(levels, other) for other in rest} == rest


@pytest.mark.parametrize("name", ["probe_a_v", "probe_b_v"])
@pytest.mark.parametrize(
    ("volts", "band"),
    [
        (-8.5, Band.INVALID),
        (-8.0, Band.ZERO),
        (4.0, Band.ZERO),
        (4.5, Band.SAFE),
        (16.0, Band.SAFE),
        (16.5, Band.LOW),
        (64.0, Band.LOW),
        (64.5, Band.HIGH),
        (511.5, Band.HIGH),
        (512.0, Band.OVER),
        (1024.0, Band.OVER),
        (1024.5, Band.INVALID),
        (math.nan, Band.INVALID),
    ],
)
def test_band_of_each_probe(name: str, volts: float, band: Band) -> None:
    levels = classify(replace(AT_REST, **{name: volts}), BANDS)
    assert (levels.a, levels.b) == ((band, Band.ZERO) if name == "probe_a_v" else (Band.ZERO, band))
    assert levels.modules is Band.ZERO


@pytest.mark.parametrize(
    ("a_v", "b_v", "aim"),
    [
        (240.0, 272.0, Aim.IN),
        (272.0, 240.0, Aim.IN),
        (239.5, 256.0, Aim.BELOW),
        (256.0, 239.5, Aim.BELOW),
        (272.5, 256.0, Aim.ABOVE),
        (256.0, 272.5, Aim.ABOVE),
        (272.5, 239.5, Aim.ABOVE),
        (272.0, 239.5, Aim.BELOW),
        (239.5, 272.0, Aim.BELOW),
        (239.5, 272.5, Aim.ABOVE),
        (math.nan, 256.0, Aim.BELOW),
        (256.0, math.nan, Aim.BELOW),
    ],
)
def test_aim_is_both_probes_within_tolerance(a_v: float, b_v: float, aim: Aim) -> None:
    assert level("aim", probe_a_v=a_v, probe_b_v=b_v) is aim


@pytest.mark.parametrize(
    ("a_v", "b_v", "mismatch"),
    [
        (32.0, 0.0, False),
        (32.5, 0.0, True),
        (0.0, 32.0, False),
        (0.0, 32.5, True),
        (math.nan, 0.0, True),
        (0.0, math.nan, True),
    ],
)
def test_mismatch_of_the_probes(a_v: float, b_v: float, mismatch: bool) -> None:
    assert level("mismatch", probe_a_v=a_v, probe_b_v=b_v) is mismatch


OPEN = {"dump_a_open": True, "dump_b_open": True}


@pytest.mark.parametrize(
    ("modules", "mask", "low_v", "high_v"),
    [
        ([96.0, 96.0, 96.0], 0b011, 64.0, 128.0),
        ([96.0, 104.0, 96.0], 0b011, 64.0, 136.0),  # no wider than the floor: all of them count
        ([96.0, 96.0, 88.0], 0b011, 56.0, 128.0),
        ([96.0, 112.0, 400.0], 0b011, 64.0, 144.0),  # wider: only the confirmed ones
        ([96.0, 112.0, 0.0], 0b011, 64.0, 144.0),
        ([96.0, 112.0, 128.0], 0b000, 64.0, 160.0),
        ([0.0, 100.0, 120.0], 0b110, 68.0, 152.0),
    ],
)
def test_probes_lie_between_the_confirmed_modules_while_both_dumps_are_open(
    modules: list[float], mask: int, low_v: float, high_v: float
) -> None:
    bands = BANDS._replace(confirmed_mask=mask)
    for volts, mismatch in ((low_v, False), (low_v - 0.5, True), (high_v, False), (high_v + 0.5, True)):
        middle = (low_v + high_v) / 2.0 if mismatch is False else volts
        near = min(max(middle, volts - 32.0), volts + 32.0)
        for a_v, b_v in ((volts, near), (near, volts)):
            seen = {"module_v": modules, "probe_a_v": a_v, "probe_b_v": b_v}
            assert level("mismatch", bands, **seen, **OPEN) is mismatch
            assert level("mismatch", bands, **seen) is False
            assert level("mismatch", bands, **seen, dump_a_open=True) is False
            assert level("mismatch", bands, **seen, dump_b_open=True) is False


@pytest.mark.parametrize("modules", [[math.nan, 0.0, 0.0], [0.0, 0.0], [2000.0, 0.0, 0.0], [-9.0, 0.0, 0.0]])
def test_modules_without_numbers_say_nothing_about_the_probes(modules: list[float]) -> None:
    assert level("mismatch", module_v=modules, probe_a_v=500.0, probe_b_v=500.0, **OPEN) is False


# ---- modules --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("modules", "band"),
    [
        ([0.0, 0.0, 16.0], Band.SAFE),
        ([16.5, 0.0, 0.0], Band.LOW),
        ([-8.0, -8.0, -8.0], Band.ZERO),
        ([-8.5, 0.0, 0.0], Band.INVALID),
        ([0.0, 1024.0, 0.0], Band.OVER),
        ([0.0, 1024.5, 0.0], Band.INVALID),
        ([0.0, 0.0], Band.INVALID),
        ([0.0, 0.0, 0.0, 0.0], Band.INVALID),
        ([0.0, math.inf, -math.inf], Band.INVALID),
        ([0.0, 0.0, math.nan], Band.INVALID),
    ],
)
def test_worst_module_is_the_level_of_all(modules: list[float], band: Band) -> None:
    assert level("modules", module_v=modules) is band
    if band is Band.INVALID:
        assert level("spread", module_v=modules) is False and level("module_limit", module_v=modules) is False


@pytest.mark.parametrize(("volts", "limit"), [(640.0, False), (640.5, True)])
@pytest.mark.parametrize("place", range(3))
def test_module_limit_is_for_every_module(place: int, volts: float, limit: bool) -> None:
    modules = [0.0, 0.0, 0.0]
    modules[place] = volts
    assert level("module_limit", module_v=modules) is limit


@pytest.mark.parametrize(
    ("modules", "mask", "spread"),
    [
        ([96.0, 128.0, 0.0], 0b011, True),  # 32 V of a mean of 112 V: 28.6 %
        ([112.0, 144.0, 0.0], 0b011, False),  # exactly 25 %
        ([111.5, 144.0, 0.0], 0b011, True),
        ([0.0, 8.0, 0.0], 0b011, False),  # at the floor
        ([0.0, 8.5, 0.0], 0b011, True),
        ([0.0, 8.0, 100.0], 0b011, False),  # of the confirmed ones at the floor
        ([0.0, 8.5, 100.0], 0b011, True),
        ([0.0, 100.0, 100.0], 0b110, False),
        ([0.0, 100.0, 140.0], 0b110, True),
        ([0.0, 100.0, 0.0], 0b000, False),
        ([0.0, 100.0, 0.0], 0b001, False),
    ],
)
def test_spread_is_a_fraction_of_the_mean_of_the_confirmed_modules(
    modules: list[float], mask: int, spread: bool
) -> None:
    assert level("spread", BANDS._replace(confirmed_mask=mask), module_v=modules) is spread


@pytest.mark.parametrize(
    ("latches", "fire_mask", "latch"),
    [
        (0b000, 0b011, Latch.NONE),
        (0b001, 0b011, Latch.SOME),
        (0b011, 0b011, Latch.ALL),
        (0b111, 0b011, Latch.ALL),
        (0b100, 0b011, Latch.SOME),
        (0b001, 0b000, Latch.ALL),
    ],
)
def test_latches(latches: int, fire_mask: int, latch: Latch) -> None:
    """One that was not commanded is SOME of what it should be: current flowed where none should."""
    assert level("latch", BANDS._replace(fire_mask=fire_mask), latches=latches) is latch


@pytest.mark.parametrize(
    ("positions", "mask", "right"),
    [(0b011, 0b011, True), (0b001, 0b011, False), (0b111, 0b011, False), (0b000, 0b011, False), (0b101, 0b000, True)],
)
def test_positions_are_those_confirmed(positions: int, mask: int, right: bool) -> None:
    assert level("positions_ok", BANDS._replace(confirmed_mask=mask), positions=positions) is right


@pytest.mark.parametrize(
    ("given", "needed", "consent"), [(True, True, True), (False, True, False), (False, False, True)]
)
def test_consent_where_it_is_needed(given: bool, needed: bool, consent: bool) -> None:
    assert level("consent", BANDS._replace(consent_needed=needed), second_consent=given) is consent


def test_facts_pass_through_and_have_careful_defaults() -> None:
    facts = Facts(PlcCommand.FIRE, under_test=5)
    assert classify(AT_REST, BANDS, facts).facts is facts
    assert classify(AT_REST, BANDS).facts == Facts(
        PlcCommand.NONE, Refusal.ACCEPTED, True, False, False, False, False, Proof.OPEN, 0
    )


def test_levels_are_ordered_as_documented() -> None:
    """INVALID lowest, so that "above SAFE" is real energy; the numbers go into PROOF events and memory images."""
    assert [band.name for band in sorted(Band)] == ["INVALID", "ZERO", "SAFE", "LOW", "HIGH", "OVER"]
    assert [int(band) for band in Band] == [0, 1, 2, 3, 4, 5]
    assert [int(aim) for aim in (Aim.BELOW, Aim.IN, Aim.ABOVE)] == [0, 1, 2]
    assert [int(aux) for aux in (Aux.BETWEEN, Aux.OPEN, Aux.CLOSED, Aux.BOTH)] == [0, 1, 2, 3]
    assert [int(latch) for latch in (Latch.NONE, Latch.SOME, Latch.ALL)] == [0, 1, 2]
    assert [int(proof) for proof in (Proof.OPEN, Proof.HOLDS, Proof.FAILED)] == [0, 1, 2]
    assert not Band.INVALID, "a trip says `not (v.a and v.b and v.modules)`"
    assert len(Levels._fields) == 26
