"""PURE: switching one guard or trip of the PLC off, everywhere or in one row, and which rule notices."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from drivers.wire.plc import PlcState, Trip
from firmware_sim.plc.guards import GUARDS
from firmware_sim.plc.levels import Levels
from firmware_sim.plc.machine import ControlState, _count
from firmware_sim.plc.table import RULES, TABLE, Row, Rules, make_rules, without
from firmware_sim.plc.trips import PREDICATES
from tests.formal.bench_levels import SHORT
from tests.formal.choices import bench_part, door_is_open, run_choice, run_choices
from tests.formal.plc_model import ScanKey
from tests.formal.plc_runs import exact_model, healthy, single_faults, spread_out
from tests.formal.rule_words import Scan
from tests.formal.rules import broken_by

S = PlcState
SAMPLE = 8
"""Of the scans under faults one in SAMPLE is looked at for the exceptions, all of them for any other mutant."""


class Kill(NamedTuple):
    """The first scan on which a mutant breaks rules."""

    mutant: str
    rules: tuple[str, ...]
    key: ScanKey


def without_in_row(row: Row, guard: str) -> Rules:
    """The table with ``guard`` taken out of one row only."""
    fewer = row._replace(guards=tuple(name for name in row.guards if name != guard))
    return make_rules(table=tuple(fewer if other is row else other for other in TABLE))


NAMES: tuple[str, ...] = (*GUARDS, *(str(Trip(cause).name) for cause in PREDICATES))
IN_ROWS: tuple[tuple[str, str], ...] = tuple((row.name, guard) for row in TABLE for guard in row.guards)


def make_mutants() -> dict[str, Rules]:
    """By name: a guard or trip switched off, or ``row.guard``: the guard taken out of that row only."""
    rows = {f"{row.name}.{guard}": without_in_row(row, guard) for row in TABLE for guard in row.guards}
    return {name: without(name) for name in NAMES} | rows


def mutants_of(state: PlcState) -> set[str]:
    """Mutants that can matter in ``state``."""
    trips = {str(Trip(cause).name) for cause, _ in RULES.trips[state]}
    rows = RULES.rows[state]
    return trips | {name for row in rows for guard in row.guards for name in (guard, f"{row.name}.{guard}")}


def decisive(control: ControlState, levels: Levels) -> Iterator[str]:
    """Mutants that may make this scan go another way: the trip is present, or the guard alone keeps a row from fitting.

    What this leaves out can only differ in the answer to a command that is refused for another reason too.
    """
    counted = _count(control, levels, SHORT)
    state, command = counted.state, levels.facts.command
    present = [cause for cause, predicate in RULES.trips[state] if predicate(counted, levels, SHORT)]
    for cause in present:
        yield str(Trip(cause).name)
    if present and state is not S.TRIP:
        return
    for row in RULES.rows[state]:
        if row.command is None or row.command is command:
            false = [name for name in row.guards if not GUARDS[name](counted, levels, SHORT)]
            if len(false) == 1:
                yield false[0]
                yield f"{row.name}.{false[0]}"


def _scans() -> Iterator[ScanKey | None]:
    """What the explorations saw: the healthy bench, a sample of every fault, None, then the rest."""
    healthy()
    yield from spread_out(list(exact_model().scans))
    faulty = list(spread_out(list(single_faults().model.scans)))
    yield from faulty[::SAMPLE]
    yield None
    for offset in range(1, SAMPLE):
        yield from faulty[offset::SAMPLE]


def find_kills(survivors: Collection[str]) -> dict[str, Kill]:
    """Per mutant the first reachable scan that goes another way with it and breaks a rule.

    Up to the scan on which a mutant first differs, it and the real PLC are one: what the real one reaches, it reaches.
    Mutants in ``survivors`` are expected to have none and are looked for in a sample only.
    """
    pending = make_mutants()
    kills: dict[str, Kill] = {}
    at_stake = {state: mutants_of(state) for state in S}
    for key in _scans():
        if key is None:
            pending = {name: rules for name, rules in pending.items() if name not in survivors}
            continue
        control, seen, stuck = key
        if not pending.keys() & at_stake[control.state]:
            continue
        part = bench_part(seen)
        for outcome in run_choices(control, seen, stuck, RULES):
            for name in decisive(control, outcome.levels):
                if name not in pending:
                    continue
                other = run_choice(control, seen, part, stuck, pending[name], outcome.choice)
                if other.control == outcome.control and other.out == outcome.out:
                    continue
                scan = Scan(control, other.levels, other.control, other.out, door_is_open(other.levels, stuck))
                broken = tuple(broken_by(scan))
                if broken:
                    kills[name] = Kill(name, broken, key)
                    del pending[name]
    return kills
