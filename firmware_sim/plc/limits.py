"""PURE: the PLC's own limits file: load, check, hash. The controller cannot change any of it (design.md section 1)."""

import hashlib
import math
from dataclasses import dataclass, fields
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from firmware_sim.plc.run_limits import SECTIONS as RUN_SECTIONS
from firmware_sim.plc.run_limits import RunLimits, read_run
from firmware_sim.signals import RUN_SELF_TEST_PATHS, SELF_TEST_PATHS

FILE_BYTES_MAX = 65_536
"""A limits file is about 3 kB; anything of this size is not one, and parsing it would hold up the start."""
VERSION = 1
SCAN_S = 0.01
"""The scan of every rig; the limits file says it too."""
MODULES_MAX = 8


@dataclass(frozen=True, slots=True)
class PlcLimits:
    """The limits of one rig, SI. Field names are the keys of plc.yaml; ``limits_hash`` identifies the file's bytes."""

    capacitance_f: tuple[float, ...]
    rated_v: float
    overvoltage_v: float
    target_max_v: float
    module_limit_v: float
    bleeder_ohm: float
    dump_ohm: float
    consent_above_j: float
    v_safe_max_v: float
    energy_safe_j: float
    zero_v: float
    single_dump_below_v: float
    full_scale_v: float
    overrange_fraction: float
    mismatch_v: float
    mismatch_debounce_s: float
    spread_fraction: float
    spread_floor_v: float
    spread_debounce_s: float
    prefire_drop_v: float
    leak_factor: float
    ramp_min_v_per_s: float
    ramp_max_v_per_s: float
    tolerance_min_v: float
    tolerance_max_v: float
    in_tolerance_s: float
    envelope_factor: float
    envelope_margin_v: float
    time_factor: float
    settle_s: float
    scan_s: float
    watchdog_s: float
    open_s: float
    float_s: float
    isolate_s: float
    fire_s: float
    shot_s: float
    current_wait_s: float
    dump_factor: float
    no_approach_s: float
    dwell_taus: float
    horn_s: float
    warned_valid_s: float
    self_test_valid_s: float
    self_test_step_s: float
    status_age_max_s: float
    gate_max_s: float
    door_discrepancy_s: float
    contactor_open_s: float
    contactor_close_s: float
    contactor_bounce_s: float
    dump_open_s: float
    dump_close_s: float
    dump_bounce_s: float
    charger_inhibit_s: float
    tau_error_fraction: float
    follow_fraction: float
    paths: tuple[str, ...]
    limits_hash: int
    run: RunLimits | None = None
    """Sections run, windows and auxiliaries: a bench that runs. None: one that fires once."""


class LimitsError(ValueError):
    """A limits file that is refused. ``problems`` are ``file:line: field: what is wrong; what would be right``."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


SECTIONS: dict[str, tuple[str, ...]] = {
    "bank": (
        "capacitance_f",
        "rated_v",
        "overvoltage_v",
        "target_max_v",
        "module_limit_v",
        "bleeder_ohm",
        "dump_ohm",
        "consent_above_j",
    ),
    "safe": ("v_safe_max_v", "energy_safe_j", "zero_v", "single_dump_below_v"),
    "probes": (
        "full_scale_v",
        "overrange_fraction",
        "mismatch_v",
        "mismatch_debounce_s",
        "spread_fraction",
        "spread_floor_v",
        "spread_debounce_s",
        "prefire_drop_v",
        "leak_factor",
    ),
    "charge": (
        "ramp_min_v_per_s",
        "ramp_max_v_per_s",
        "tolerance_min_v",
        "tolerance_max_v",
        "in_tolerance_s",
        "envelope_factor",
        "envelope_margin_v",
        "time_factor",
        "settle_s",
    ),
    "times": (
        "scan_s",
        "watchdog_s",
        "open_s",
        "float_s",
        "isolate_s",
        "fire_s",
        "shot_s",
        "current_wait_s",
        "dump_factor",
        "no_approach_s",
        "dwell_taus",
        "horn_s",
        "warned_valid_s",
        "self_test_valid_s",
        "self_test_step_s",
        "status_age_max_s",
        "gate_max_s",
        "door_discrepancy_s",
    ),
    "travel": (
        "contactor_open_s",
        "contactor_close_s",
        "contactor_bounce_s",
        "dump_open_s",
        "dump_close_s",
        "dump_bounce_s",
        "charger_inhibit_s",
    ),
    "proof": ("tau_error_fraction", "follow_fraction"),
    "self_test": ("paths",),
}


def load_limits(text: str, filename: str) -> PlcLimits:
    """Read plc.yaml. Raises LimitsError with every problem found, timing rules of safety.md 3.2 included."""
    raw = text.encode()
    if len(raw) > FILE_BYTES_MAX:
        raise LimitsError([f"{filename}:1: file: {len(raw)} bytes; a limits file has at most {FILE_BYTES_MAX}"])
    tree = _parse(text, filename)
    problems: list[str] = []
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    _read_tree(tree, filename, values, lines, problems)
    run = read_run(tree, filename, values.get("scan_s") or SCAN_S, problems)
    if problems:
        raise LimitsError(problems)
    digest = int.from_bytes(hashlib.sha256(raw).digest()[:8], "big")
    limits = PlcLimits(**values, limits_hash=digest, run=run)
    broken = [f"{filename}:{lines.get(p.split(':')[0], 1)}: {p}" for p in check_limits(limits)]
    if broken:
        raise LimitsError(broken)
    return limits


def _parse(text: str, filename: str) -> CommentedMap:
    reader = YAML(typ="rt")
    try:
        tree = reader.load(StringIO(text))
    except MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        raise LimitsError(
            [f"{filename}:{line}: file: {problem.problem}; valid YAML 1.2 without duplicate keys"]
        ) from problem
    except YAMLError as problem:
        raise LimitsError([f"{filename}:1: file: {problem}; valid YAML 1.2"]) from problem
    if not isinstance(tree, CommentedMap):
        raise LimitsError([f"{filename}:1: file: not a mapping; sections {', '.join(SECTIONS)}"])
    return tree


def _read_tree(
    tree: CommentedMap, filename: str, values: dict[str, Any], lines: dict[str, int], problems: list[str]
) -> None:
    if tree.get("version") != VERSION:
        problems.append(f"{filename}:1: version: {tree.get('version')!r}; {VERSION}")
    for key in tree:
        if key != "version" and key not in SECTIONS and key not in RUN_SECTIONS:
            problems.append(f"{filename}:{_line(tree, key)}: {key}: unknown section; one of {', '.join(SECTIONS)}")
    wired = RUN_SELF_TEST_PATHS if any(name in tree for name in RUN_SECTIONS) else SELF_TEST_PATHS
    for section, names in SECTIONS.items():
        node = tree.get(section)
        if not isinstance(node, CommentedMap):
            problems.append(f"{filename}:1: {section}: missing section; a mapping with {', '.join(names)}")
            continue
        for key in node:
            if key not in names:
                problems.append(f"{filename}:{_line(node, key)}: {key}: unknown key; one of {', '.join(names)}")
        for name in names:
            if name not in node:
                problems.append(f"{filename}:{_line(tree, section)}: {name}: missing; it belongs to {section}")
                continue
            lines[name] = _line(node, name)
            value, wrong = _read_value(name, node[name], wired)
            if wrong:
                problems.append(f"{filename}:{lines[name]}: {name}: {wrong}")
            values[name] = value


def _line(node: CommentedMap, key: object) -> int:
    return int(node.lc.key(key)[0]) + 1


def _read_value(name: str, raw: object, wired: tuple[str, ...]) -> tuple[Any, str]:
    """A field's value and what is wrong with it; ``wired`` are the self-test's paths on such a rig."""
    if name == "paths":
        if isinstance(raw, list) and tuple(raw) == wired:
            return wired, ""
        return (), f"{raw!r}; the paths wired on this rig are {', '.join(wired)}, in this order"
    if name == "capacitance_f":
        if not isinstance(raw, list) or not 1 <= len(raw) <= MODULES_MAX or not all(map(_is_number, raw)):
            return (), f"{raw!r}; a list of 1 to {MODULES_MAX} positive capacitances in farads"
        return tuple(float(value) for value in raw), ""
    if not _is_number(raw):
        return 0.0, f"{raw!r}; a positive, finite SI number without a unit"
    return float(raw), ""  # type: ignore[arg-type]


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value > 0.0


def check_limits(limits: PlcLimits) -> list[str]:
    """Rules the limits must obey (safety.md 3.2, F1): as ``field: problem; what would be right``."""
    scan = limits.scan_s
    top = limits.target_max_v
    opening = limits.contactor_open_s + limits.contactor_bounce_s
    rules = (
        (
            limits.ramp_max_v_per_s * (2.0 * scan + opening) <= limits.overvoltage_v - top,
            "overvoltage_v: passed before the contactor is open; ramp * (2 scans + opening) <= V_OV - target",
        ),
        (
            limits.ramp_max_v_per_s * (limits.watchdog_s + scan) <= limits.rated_v - top,
            "rated_v: a blind watchdog time of charging exceeds it; ramp * (watchdog + scan) <= rating - target",
        ),
        (top < limits.overvoltage_v < limits.rated_v, "overvoltage_v: out of order; target < over-voltage < rating"),
        (limits.module_limit_v <= limits.rated_v, "module_limit_v: above the rating; at most rated_v"),
        (limits.full_scale_v > limits.rated_v, "full_scale_v: probes end below the rating; above rated_v"),
        (limits.v_safe_max_v <= 50.0, "v_safe_max_v: above 50 V; at most 50 (safety.md F1)"),
        (limits.energy_safe_j <= 10.0, "energy_safe_j: above 10 J; at most 10 (safety.md F1)"),
        (limits.zero_v < limits.v_safe_max_v, "zero_v: not below v_safe_max_v; a few volts"),
        (limits.single_dump_below_v <= 120.0, "single_dump_below_v: above 120 V; at most 120 (bench.md section 2)"),
        (
            limits.mismatch_v >= max(0.02 * limits.full_scale_v, 20.0),
            "mismatch_v: too fine; max(2 % of full scale, 20 V)",
        ),
        (limits.fire_s <= 1.0, "fire_s: the fire window is longer than 1 s; at most 1"),
        (limits.isolate_s <= 0.5, "isolate_s: longer than 0.5 s; at most 0.5 (bench.md section 2)"),
        (limits.current_wait_s <= 0.2, "current_wait_s: longer than 0.2 s; at most 0.2 (bench.md section 2)"),
        (limits.watchdog_s <= 0.5, "watchdog_s: longer than 0.5 s; at most 0.5"),
        (limits.watchdog_s > limits.status_age_max_s, "watchdog_s: not above status_age_max_s; above it"),
        (limits.gate_max_s < limits.shot_s, "gate_max_s: the gate outlasts SHOT; below shot_s"),
        (limits.no_approach_s >= 30.0, "no_approach_s: below 30 s; at least 30 (bench.md section 2)"),
        (limits.dwell_taus >= 5.0, "dwell_taus: below 5; at least 5 (bench.md section 2)"),
        (1.0 < limits.dump_factor < 2.0, "dump_factor: must tell two paths from one; between 1 and 2, 1.5 proposed"),
        (limits.ramp_min_v_per_s < limits.ramp_max_v_per_s, "ramp_min_v_per_s: not below ramp_max_v_per_s; below it"),
        (limits.tolerance_min_v < limits.tolerance_max_v, "tolerance_min_v: not below tolerance_max_v; below it"),
        (limits.tau_error_fraction < 0.5, "tau_error_fraction: cannot tell one dump path from two; below 0.5"),
        (limits.follow_fraction < 1.0, "follow_fraction: no probe follows that well; below 1"),
        (abs(scan - SCAN_S) < 1e-9, "scan_s: the scan is fixed; 0.01"),
    )
    return [problem for holds, problem in rules if not holds]


FIELD_NAMES = tuple(field.name for field in fields(PlcLimits) if field.name != "run")
"""Names of the fields that every limits file has, ``limits_hash`` last: for comparing with rig.yaml."""
