"""Every rule of the PLC's limits file at its edge, with the whole sentence that names field, fault and remedy."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from ruamel.yaml import YAML

from firmware_sim.plc import limits as module
from firmware_sim.plc.limits import FIELD_NAMES, FILE_BYTES_MAX, LimitsError, check_limits, load_limits
from firmware_sim.signals import SELF_TEST_PATHS
from tests.unit.plc.kit import LIMITS, PLC_YAML

TEXT = PLC_YAML.read_text(encoding="utf-8")
PATHS = ", ".join(SELF_TEST_PATHS)
SECTIONS = "bank, safe, probes, charge, times, travel, proof, self_test"

# A bench in powers of two, so that an edge is an edge: 8 V/s * (2 * 0.25 s + 0.25 s + 0.25 s) = 8 V.
EASY = replace(
    LIMITS,
    scan_s=0.25,
    contactor_open_s=0.25,
    contactor_bounce_s=0.25,
    ramp_min_v_per_s=4.0,
    ramp_max_v_per_s=8.0,
    overvoltage_v=3008.0,
    rated_v=3200.0,
)
SCAN = "scan_s: the scan is fixed; 0.01"

# field -> (values that are just right, values that are just wrong, the sentence)
EDGES: list[tuple[str, tuple[float, ...], tuple[float, ...], str]] = [
    ("module_limit_v", (3200.0,), (3200.5,), "module_limit_v: above the rating; at most rated_v"),
    ("full_scale_v", (3200.5,), (3200.0,), "full_scale_v: probes end below the rating; above rated_v"),
    ("v_safe_max_v", (50.0,), (50.5,), "v_safe_max_v: above 50 V; at most 50 (safety.md F1)"),
    ("energy_safe_j", (10.0,), (10.5,), "energy_safe_j: above 10 J; at most 10 (safety.md F1)"),
    ("zero_v", (49.5,), (50.0,), "zero_v: not below v_safe_max_v; a few volts"),
    (
        "single_dump_below_v",
        (120.0,),
        (120.5,),
        "single_dump_below_v: above 120 V; at most 120 (bench.md section 2)",
    ),
    ("mismatch_v", (80.0,), (79.5,), "mismatch_v: too fine; max(2 % of full scale, 20 V)"),
    ("fire_s", (1.0,), (1.5,), "fire_s: the fire window is longer than 1 s; at most 1"),
    ("isolate_s", (0.5,), (0.5625,), "isolate_s: longer than 0.5 s; at most 0.5 (bench.md section 2)"),
    ("current_wait_s", (0.2,), (0.25,), "current_wait_s: longer than 0.2 s; at most 0.2 (bench.md section 2)"),
    ("watchdog_s", (0.5,), (0.5625,), "watchdog_s: longer than 0.5 s; at most 0.5"),
    ("watchdog_s", (0.3125,), (0.3,), "watchdog_s: not above status_age_max_s; above it"),
    ("gate_max_s", (0.0999,), (0.1,), "gate_max_s: the gate outlasts SHOT; below shot_s"),
    ("no_approach_s", (30.0,), (29.5,), "no_approach_s: below 30 s; at least 30 (bench.md section 2)"),
    ("dwell_taus", (5.0,), (4.5,), "dwell_taus: below 5; at least 5 (bench.md section 2)"),
    (
        "dump_factor",
        (1.0625, 1.9375),
        (1.0, 2.0),
        "dump_factor: must tell two paths from one; between 1 and 2, 1.5 proposed",
    ),
    ("ramp_min_v_per_s", (7.5,), (8.0,), "ramp_min_v_per_s: not below ramp_max_v_per_s; below it"),
    ("tolerance_min_v", (59.5,), (60.0,), "tolerance_min_v: not below tolerance_max_v; below it"),
    ("tau_error_fraction", (0.4375,), (0.5,), "tau_error_fraction: cannot tell one dump path from two; below 0.5"),
    ("follow_fraction", (0.9375,), (1.0,), "follow_fraction: no probe follows that well; below 1"),
]


@pytest.mark.parametrize(("field", "right", "wrong", "sentence"), EDGES, ids=lambda value: str(value)[:24])
def test_rule_holds_at_its_edge_and_not_beyond(
    field: str, right: tuple[float, ...], wrong: tuple[float, ...], sentence: str
) -> None:
    for value in right:
        assert check_limits(replace(EASY, **{field: value})) == [SCAN]  # type: ignore[arg-type]
    for value in wrong:
        assert check_limits(replace(EASY, **{field: value})) == [sentence, SCAN]  # type: ignore[arg-type]


def test_overvoltage_leaves_the_contactor_its_time() -> None:
    """Two scans and the contactor's opening at full ramp (safety.md 3.2): 13 V on the shipped bench."""
    assert check_limits(EASY) == [SCAN]
    sentence = "overvoltage_v: passed before the contactor is open; ramp * (2 scans + opening) <= V_OV - target"
    assert check_limits(replace(EASY, overvoltage_v=3007.5)) == [sentence, SCAN]
    assert check_limits(replace(LIMITS, overvoltage_v=3012.5)) == [sentence]


def test_rating_covers_a_blind_watchdog_time() -> None:
    """Half a second and a scan at full ramp: 8 * 0.75 = 6 V here, 127.5 V on the shipped bench."""
    right = replace(EASY, target_max_v=3000.0, ramp_max_v_per_s=4.0, ramp_min_v_per_s=2.0, overvoltage_v=3004.0)
    sentence = "rated_v: a blind watchdog time of charging exceeds it; ramp * (watchdog + scan) <= rating - target"
    assert check_limits(replace(right, rated_v=3004.25, module_limit_v=3000.0, watchdog_s=0.5)) == [SCAN]
    tight = replace(right, contactor_open_s=0.0625, contactor_bounce_s=0.0625, overvoltage_v=3002.5)
    assert check_limits(replace(tight, rated_v=3003.0, module_limit_v=3000.0)) == [SCAN]
    assert check_limits(replace(tight, rated_v=3002.9375, module_limit_v=3000.0)) == [sentence, SCAN]


def test_target_overvoltage_and_rating_are_in_order() -> None:
    sentence = "overvoltage_v: out of order; target < over-voltage < rating"
    assert sentence in check_limits(replace(LIMITS, overvoltage_v=LIMITS.target_max_v))
    assert check_limits(replace(LIMITS, overvoltage_v=LIMITS.rated_v)) == [sentence]
    assert check_limits(replace(LIMITS, overvoltage_v=3299.5)) == []


def test_mismatch_is_at_least_20_volts() -> None:
    sentence = "mismatch_v: too fine; max(2 % of full scale, 20 V)"
    fine = replace(
        EASY, target_max_v=300.0, overvoltage_v=308.0, rated_v=400.0, full_scale_v=500.0, module_limit_v=350.0
    )
    assert check_limits(replace(fine, mismatch_v=20.0)) == [SCAN]
    assert check_limits(replace(fine, mismatch_v=19.5)) == [sentence, SCAN]


def test_scan_is_10_ms() -> None:
    assert check_limits(replace(LIMITS, scan_s=0.01 + 1e-10)) == []
    assert check_limits(replace(LIMITS, scan_s=0.0101)) == [SCAN]
    assert check_limits(replace(LIMITS, scan_s=0.0099)) == [SCAN]


# ---- the file -------------------------------------------------------------------------------------------------------


def _problems(text: str) -> list[str]:
    with pytest.raises(LimitsError) as caught:
        load_limits(text, "plc.yaml")
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def _line_of(word: str) -> int:
    return next(number for number, line in enumerate(TEXT.splitlines(), 1) if line.strip().startswith(word))


def _edited(old: str, new: str) -> str:
    assert TEXT.count(old) == 1, old
    return TEXT.replace(old, new)


def test_broken_rule_is_reported_at_the_line_of_its_field() -> None:
    problems = _problems(_edited("energy_safe_j: 10.0", "energy_safe_j: 11.0").replace("fire_s: 1.0", "fire_s: 2.0"))
    assert problems == [
        f"plc.yaml:{_line_of('energy_safe_j')}: energy_safe_j: above 10 J; at most 10 (safety.md F1)",
        f"plc.yaml:{_line_of('fire_s')}: fire_s: the fire window is longer than 1 s; at most 1",
    ]


def test_rule_about_no_field_of_the_file_is_reported_at_line_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "check_limits", lambda limits: ["tea_s: too hot; warm"])
    assert _problems(TEXT) == ["plc.yaml:1: tea_s: too hot; warm"]


def test_hash_is_the_first_8_bytes_of_sha_256_of_the_bytes() -> None:
    text = _edited("horn_s: 1.0", "horn_s: 1.25 # \N{DEGREE SIGN}")
    assert f"{load_limits(text, 'plc.yaml').limits_hash:016x}" == hashlib.sha256(text.encode()).hexdigest()[:16]
    assert load_limits(text, "plc.yaml").limits_hash != LIMITS.limits_hash


def test_every_field_comes_from_its_own_key() -> None:
    """A value read into the wrong field would move a limit silently."""
    tree = YAML(typ="safe").load(StringIO(TEXT))
    del tree["version"]
    flat: dict[str, Any] = {}
    for section in tree.values():
        flat |= section
    assert tuple(flat) != () and set(flat) == set(FIELD_NAMES) - {"limits_hash"}
    for name, value in flat.items():
        assert getattr(LIMITS, name) == (tuple(value) if isinstance(value, list) else value), name
    assert FIELD_NAMES[-1] == "limits_hash"


def test_file_of_64_kib_is_read_and_one_byte_more_is_not() -> None:
    room = FILE_BYTES_MAX - len(TEXT.encode()) - 1
    assert FILE_BYTES_MAX == 65_536
    assert load_limits(TEXT + "#" * room + "\n", "plc.yaml").rated_v == 3300.0
    assert _problems(TEXT + "#" * (room + 1) + "\n") == [
        "plc.yaml:1: file: 65537 bytes; a limits file has at most 65536"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- 1\n", f"plc.yaml:1: file: not a mapping; sections {SECTIONS}"),
        ("bank:\n  a: 1\n  a: 2\n", 'plc.yaml:3: file: found duplicate key "a" with value "2" (original value: "1")'),
        ("a: 1\nb: [\n", "plc.yaml:3: file: expected the node content, but found '<stream end>'"),
    ],
)
def test_text_that_yaml_refuses(text: str, problem: str) -> None:
    (found,) = _problems(text)
    assert found.split("; ")[0] == problem.split("; ")[0]
    assert found.endswith("; valid YAML 1.2 without duplicate keys") or found == problem


def test_yaml_error_without_a_place_is_reported_at_line_1() -> None:
    assert _problems("a: \0\n")[0].startswith("plc.yaml:1: file: ")
    assert _problems("a: \0\n")[0].endswith("; valid YAML 1.2")


def test_structure_is_reported_whole_and_at_its_line() -> None:
    """All problems at once: who mends one after the other has to start as often."""
    text = (
        _edited("version: 1", "version: 2")
        .replace("proof:\n", "tea:\n  milk: 1\nproof:\n")
        .replace("safe:\n", "safe:\n  extra: 1.0\n")
        .replace("  zero_v: 10.0\n", "")
    )
    tea = next(number for number, line in enumerate(text.splitlines(), 1) if line == "tea:")
    safe = next(number for number, line in enumerate(text.splitlines(), 1) if line == "safe:")
    assert _problems(text) == [
        "plc.yaml:1: version: 2; 1",
        f"plc.yaml:{tea}: tea: unknown section; one of {SECTIONS}",
        f"plc.yaml:{safe + 1}: extra: unknown key; one of v_safe_max_v, energy_safe_j, zero_v, single_dump_below_v",
        f"plc.yaml:{safe}: zero_v: missing; it belongs to safe",
    ]


def test_missing_section_does_not_hide_the_next() -> None:
    assert _problems("version: 1\nsafe:\n  zero_v: 1\nproof: 7\n")[:4] == [
        "plc.yaml:1: bank: missing section; a mapping with capacitance_f, rated_v, overvoltage_v, target_max_v, "
        "module_limit_v, bleeder_ohm, dump_ohm, consent_above_j",
        "plc.yaml:2: v_safe_max_v: missing; it belongs to safe",
        "plc.yaml:2: energy_safe_j: missing; it belongs to safe",
        "plc.yaml:2: single_dump_below_v: missing; it belongs to safe",
    ]
    assert "plc.yaml:1: proof: missing section; a mapping with tau_error_fraction, follow_fraction" in (
        _problems("version: 1\nproof: 7\n")
    )


NUMBER = "a positive, finite SI number without a unit"


@pytest.mark.parametrize(
    ("value", "shown"),
    [("-1.0", "-1.0"), ("0", "0"), (".nan", "nan"), (".inf", "inf"), ("true", "True"), ("'3'", "'3'")],
)
def test_value_that_is_no_number_is_shown(value: str, shown: str) -> None:
    assert _problems(_edited("rated_v: 3300.0", f"rated_v: {value}")) == [
        f"plc.yaml:{_line_of('rated_v')}: rated_v: {shown}; {NUMBER}"
    ]


BANK = "capacitance_f: [1.0e-3, 1.0e-3, 1.0e-3, 1.0e-3]"


@pytest.mark.parametrize("value", ["[]", "1.0e-3", "[1.0e-3, -1.0]", "[" + ", ".join(["1.0e-3"] * 9) + "]", "{}"])
def test_capacitances_are_1_to_8_positive_numbers(value: str) -> None:
    (problem,) = _problems(_edited(BANK, f"capacitance_f: {value}"))
    assert problem.startswith(f"plc.yaml:{_line_of('capacitance_f')}: capacitance_f: ")
    assert problem.endswith("; a list of 1 to 8 positive capacitances in farads")


@pytest.mark.parametrize("count", [1, 8])
def test_one_module_and_eight_are_banks(count: int) -> None:
    text = _edited(BANK, f"capacitance_f: [{', '.join(['2.0e-3'] * count)}]")
    assert load_limits(text, "plc.yaml").capacitance_f == (0.002,) * count


@pytest.mark.parametrize("change", [lambda paths: paths[:-1], lambda paths: "door_1"], ids=["one short", "no list"])
def test_paths_are_those_wired(change: Callable[[list[str]], object]) -> None:
    tree = YAML(typ="rt")
    data = tree.load(StringIO(TEXT))
    data["self_test"]["paths"] = change(list(SELF_TEST_PATHS))
    out = StringIO()
    tree.dump(data, out)
    (problem,) = _problems(out.getvalue())
    assert problem.endswith(f"; the paths wired on this rig are {PATHS}, in this order")
    assert ": paths: " in problem and load_limits(TEXT, "plc.yaml").paths == SELF_TEST_PATHS


def test_whole_numbers_are_read_as_floats() -> None:
    limits = load_limits(_edited("rated_v: 3300.0", "rated_v: 3300"), "plc.yaml")
    assert isinstance(limits.rated_v, float) and limits.rated_v == 3300.0
