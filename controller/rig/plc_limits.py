"""PURE: the PLC's own limits compared with the rig's: the PLC may be stricter than rig.yaml, never looser.

plc.yaml belongs to the PLC (SI numbers with the unit in the key); the controller only compares.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from controller.rig.model import Rig
from controller.rig.source import Document, Path, Problem
from controller.rig.units import spell

RELATIVE = 1e-9
"""Two spellings of the same number are equal."""


@dataclass(frozen=True, slots=True)
class _Row:
    """``path`` in plc.yaml must be ``relation`` (at most, at least, equal) ``value``: ``name`` in rig.yaml."""

    path: tuple[str, ...]
    relation: str
    value: float
    name: str
    unit: str


def _rows(rig: Rig) -> tuple[_Row, ...]:
    bank, limits = rig.bank, rig.limits
    return (
        _Row(("bank", "rated_v"), "at most", bank.rated_voltage_v, "bank.rated_voltage", "V"),
        _Row(("bank", "overvoltage_v"), "at most", bank.overvoltage_v, "bank.overvoltage", "V"),
        _Row(("bank", "target_max_v"), "at most", bank.max_voltage_v, "bank.max_voltage", "V"),
        _Row(("bank", "module_limit_v"), "at most", bank.rated_voltage_v, "bank.rated_voltage", "V"),
        _Row(("bank", "bleeder_ohm"), "equal", bank.bleeder_ohm, "bank.bleeder", "ohm"),
        _Row(("bank", "dump_ohm"), "equal", bank.dump_ohm, "bank.dump", "ohm"),
        _Row(("bank", "consent_above_j"), "at most", limits.consent_energy_j, "limits.consent_energy", "J"),
        _Row(("safe", "v_safe_max_v"), "at most", bank.safe_voltage_v, "bank.safe_voltage", "V"),
        _Row(("safe", "energy_safe_j"), "at most", bank.safe_energy_j, "bank.safe_energy", "J"),
        _Row(
            ("safe", "single_dump_below_v"), "at most", limits.single_dump_voltage_v, "limits.single_dump_voltage", "V"
        ),
        _Row(("charge", "ramp_max_v_per_s"), "at most", bank.charge_rate_v_per_s, "bank.charge_rate", "V/s"),
        _Row(("charge", "tolerance_max_v"), "at most", bank.tolerance_v, "bank.fire_tolerance", "V"),
        _Row(("charge", "ramp_min_v_per_s"), "equal", bank.charge_rate_min_v_per_s, "bank.charge_rate_min", "V/s"),
        _Row(("charge", "tolerance_min_v"), "equal", bank.tolerance_min_v, "bank.fire_tolerance_min", "V"),
        _Row(("charge", "time_factor"), "at most", limits.charge_margin, "limits.charge_margin", "1"),
        _Row(("times", "scan_s"), "at most", limits.scan_s, "limits.scan", "s"),
        _Row(("times", "watchdog_s"), "at most", limits.watchdog_s, "limits.watchdog", "s"),
        _Row(("times", "open_s"), "at most", limits.open_s, "limits.open", "s"),
        _Row(("times", "float_s"), "at most", limits.float_s, "limits.float", "s"),
        _Row(("times", "isolate_s"), "at most", limits.isolate_s, "limits.isolate", "s"),
        _Row(("times", "fire_s"), "at most", limits.fire_s, "limits.fire", "s"),
        _Row(("times", "gate_max_s"), "at most", limits.trigger_delay_s, "limits.trigger_delay", "s"),
        _Row(("times", "dump_factor"), "at most", limits.dump_margin, "limits.dump_margin", "1"),
        _Row(("times", "dwell_taus"), "at least", limits.dwell_taus, "limits.dwell_taus", "1"),
        _Row(("times", "horn_s"), "at least", limits.warn_s, "limits.warn", "s"),
    )


def read_plc_limits(plc: Document, rig: Rig, rig_file: str) -> tuple[dict[str, float], list[Problem]]:
    """The compared limits by dotted name, and a problem for each that is missing, not a number, or looser."""
    limits: dict[str, float] = {}
    problems: list[Problem] = []
    for row in _rows(rig):
        value = _at(plc.data, row.path)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value or value < 0:
            found = "is missing" if value is None else f"'{value}' is not a number of zero or more"
            remedy = f"write {row.relation} {row.value:g} ({row.name} of {rig_file})"
            problems.append(plc.problem(row.path, found, remedy))
            continue
        limits[".".join(row.path)] = float(value)
        problems.extend(_compare(plc, row, float(value), rig_file))
    problems.extend(_capacitors(plc, rig, rig_file))
    return limits, problems


def read_self_test(plc: Document) -> tuple[tuple[str, ...], list[Problem]]:
    """The interlock paths that the PLC tests, in its order; a problem when it lists none."""
    path: Path = ("self_test", "paths")
    found = _at(plc.data, path)
    if isinstance(found, list) and found and all(isinstance(name, str) for name in found):
        return tuple(found), []
    return (), [plc.problem(path, "does not name the interlock paths", "list every path that has a test relay")]


def _compare(plc: Document, row: _Row, value: float, rig_file: str) -> Iterator[Problem]:
    slack = RELATIVE * row.value
    ok = {
        "at most": value <= row.value + slack,
        "at least": value >= row.value - slack,
        "equal": abs(value - row.value) <= slack,
    }
    if not ok[row.relation]:
        what = "differs from" if row.relation == "equal" else "is looser than"
        allowed = spell(row.value, row.unit)
        problem = f"{spell(value, row.unit)} {what} the {allowed} of {rig_file} ({row.name})"
        yield plc.problem(
            row.path, problem, f"write {'' if row.relation == 'equal' else row.relation + ' '}{row.value:g}"
        )


def _capacitors(plc: Document, rig: Rig, rig_file: str) -> Iterator[Problem]:
    path: Path = ("bank", "capacitance_f")
    found = _at(plc.data, path)
    if not isinstance(found, list) or len(found) != rig.bank.modules:
        remedy = f"list one capacitance per module ({rig.bank.modules} in {rig_file})"
        yield plc.problem(path, "does not list the modules", remedy)
        return
    nominal = rig.bank.module_capacitance_f
    for index, value in enumerate(found):
        number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0.0
        if not abs(number - nominal) <= rig.bank.tolerance * nominal:
            problem = f"'{value}' is not {spell(nominal, 'F')} within {rig.bank.tolerance:.0%} (bank of {rig_file})"
            yield plc.problem((*path, index), problem, f"write {nominal:g}")


def _at(data: Any, path: Path) -> Any:
    for part in path:
        if not isinstance(data, dict) or part not in data:
            return None
        data = data[part]
    return data
