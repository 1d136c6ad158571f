"""The PLC's limits file: every problem with file and line; timing rules of safety.md 3.2."""

import hashlib

import pytest

from firmware_sim.plc.limits import LimitsError, PlcLimits, check_limits, load_limits
from tests.unit.plc.kit import LIMITS, PLC_YAML, TIMES

TEXT = PLC_YAML.read_text(encoding="utf-8")


def _problems(text: str) -> list[str]:
    with pytest.raises(LimitsError) as caught:
        load_limits(text, "plc.yaml")
    return caught.value.problems


def _line_of(word: str) -> int:
    return next(number for number, line in enumerate(TEXT.splitlines(), 1) if line.strip().startswith(word))


def test_shipped_file_is_sound_and_hashed() -> None:
    assert check_limits(LIMITS) == []
    assert LIMITS.limits_hash.to_bytes(8, "big") == hashlib.sha256(TEXT.encode()).digest()[:8]


def test_times_follow_the_rules() -> None:
    """t_dump2 = R/2 C ln(V0/V_safe) = 0.413 s; T_dump is 1.5 of it and travel; T_charge = 1.25 * 12 s + 3 s."""
    assert TIMES.dump == 66
    assert TIMES.charge == 1800
    assert TIMES.dwell == 100, "5 tau with a single path: 5 * 200 Ohm * 1 mF"
    assert (TIMES.isolate, TIMES.fire, TIMES.current_wait) == (50, 100, 20)
    assert TIMES.contactor_travel == 6, "32 ms of travel and bounce, plus two scans"


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("overvoltage_v: 3100.0", "overvoltage_v: 3010.0", "overvoltage_v"),
        ("rated_v: 3300.0", "rated_v: 3120.0", "rated_v"),
        ("target_max_v: 3000.0", "target_max_v: 3150.0", "overvoltage_v"),
        ("watchdog_s: 0.5", "watchdog_s: 0.7", "watchdog_s"),
        ("watchdog_s: 0.5", "watchdog_s: 0.2", "watchdog_s"),
        ("fire_s: 1.0", "fire_s: 1.1", "fire_s"),
        ("isolate_s: 0.5", "isolate_s: 0.6", "isolate_s"),
        ("v_safe_max_v: 50.0", "v_safe_max_v: 60.0", "v_safe_max_v"),
        ("dump_factor: 1.5", "dump_factor: 2.5", "dump_factor"),
        ("no_approach_s: 30.0", "no_approach_s: 3.0", "no_approach_s"),
        ("gate_max_s: 0.02", "gate_max_s: 0.2", "gate_max_s"),
        ("single_dump_below_v: 120.0", "single_dump_below_v: 500.0", "single_dump_below_v"),
        ("mismatch_v: 80.0", "mismatch_v: 8.0", "mismatch_v"),
        ("scan_s: 0.01", "scan_s: 0.1", "scan_s"),
    ],
)
def test_rule_that_fails_is_refused_at_its_line(old: str, new: str, field: str) -> None:
    assert old in TEXT
    problems = _problems(TEXT.replace(old, new, 1))
    assert any(problem.startswith(f"plc.yaml:{_line_of(field + ':')}: {field}: ") for problem in problems)


@pytest.mark.parametrize("value", ["3.3 kV", "'3300'", ".nan", ".inf", "-3300.0", "0", "true", "3,3", "[1]", "null"])
def test_value_that_is_no_positive_number(value: str) -> None:
    problems = _problems(TEXT.replace("rated_v: 3300.0", f"rated_v: {value}", 1))
    assert problems == [p for p in problems if p.startswith(f"plc.yaml:{_line_of('rated_v:')}: rated_v: ")]


def test_unknown_missing_and_duplicate_keys() -> None:
    assert "plc.yaml:7: tea_v: unknown key" in _problems(TEXT.replace("bank:\n", "bank:\n  tea_v: 1.0\n", 1))[0]
    assert "rated_v: missing" in _problems(TEXT.replace("  rated_v: 3300.0\n", "", 1))[0]
    assert "plc.yaml:" in _problems(TEXT.replace("  zero_v: 10.0\n", "  zero_v: 10.0\n  zero_v: 11.0\n", 1))[0]
    assert "unknown section" in _problems(TEXT + "\nmore: {}\n")[0]
    assert "version" in _problems(TEXT.replace("version: 1", "version: 2", 1))[0]
    assert "missing section" in _problems("version: 1\n")[0]


@pytest.mark.parametrize("text", ["", "- 1\n", "a: [\n", "\t", "x" * 70_000])
def test_text_that_is_no_limits_file(text: str) -> None:
    assert all(problem.startswith("plc.yaml:") for problem in _problems(text))


def test_self_test_paths_must_be_the_wired_ones() -> None:
    assert "the paths wired" in _problems(TEXT.replace("[door_1, door_2,", "[door_2, door_1,", 1))[0]


def test_every_field_is_a_number_or_a_tuple() -> None:
    assert LIMITS.run is None, "a bench that fires once"
    for name in set(PlcLimits.__slots__) - {"run"}:
        assert isinstance(getattr(LIMITS, name), (float, int, tuple)), name
