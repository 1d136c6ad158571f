"""What a shot wears off its parts, to be debited to their serial numbers at its end (bench.md 4)."""

from dataclasses import dataclass

import numpy as np

from controller.shots.model import ShotRecord, SlowLog

DUMP_ROLE = "dump"
"""Parts whose role begins so take the dumped energy; every other part takes the shot and its action integral."""

SAMPLES = 5
"""A module's voltage at the dump is the median of so many samples: one that interference spoiled does not count."""

WORN_J = 1.0
"""Less than this is what readback noise and a bank left at 10 V amount to, not wear."""


@dataclass(frozen=True, slots=True)
class Wear:
    """What one part's counter grows by; the unit is in the counter's name."""

    serial: str
    counter: str
    amount: float


def wear_of(record: ShotRecord, module_capacitance_f: float) -> tuple[Wear, ...]:
    """Every debit of one shot: shots and action integral (A^2 s) of what carried current, joules of the dumps."""
    dumped_j = dumped_energy_j(record, module_capacitance_f)
    action_a2s = next(
        (item.value for item in record.measurements if item.function == "action_integral" and item.value), 0.0
    )
    found: list[Wear] = []
    for part in record.parts:
        if part.role.startswith(DUMP_ROLE):
            if dumped_j > WORN_J:
                found += [Wear(part.serial, "dumps", 1.0), Wear(part.serial, "dump_joules", dumped_j)]
        elif record.t0_s is not None:
            found.append(Wear(part.serial, "shots", 1.0))
            if action_a2s > 0.0:
                found.append(Wear(part.serial, "action_integral_a2s", action_a2s))
    return tuple(found)


def dumped_energy_j(record: ShotRecord, module_capacitance_f: float) -> float:
    """Energy in the modules when the dump began, from their readbacks; zero without a dump.

    After a pulse the readings just before the dump are the charged bank's, so those after its start count.
    """
    if record.dump_s is None:
        return 0.0
    modules = [log for log in record.slow_logs if log.name.startswith("module_") and log.name.endswith("_voltage")]
    levels_v = [_level_v(log, record.dump_s, fired=record.t0_s is not None) for log in modules]
    return sum(0.5 * module_capacitance_f * level_v * level_v for level_v in levels_v)


def _level_v(log: SlowLog, dump_s: float, *, fired: bool) -> float:
    valid = np.isfinite(log.value)
    t_s, value = log.t_s[valid], log.value[valid]
    near = value[t_s > dump_s][:SAMPLES] if fired else value[t_s <= dump_s][-SAMPLES:]
    return float(np.median(near)) if near.size else 0.0
