"""The second configuration: the real ``step`` with the table of a bench that runs, explored by the same code.

All faults, exactly: ``python -m tests.formal.explore --run`` (docs/explanation/proofs.md).
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import zip_longest
from typing import Any, NamedTuple

import pytest

from drivers.wire.plc import PlcCommand, PlcState, Refusal, Trip
from firmware_sim.plc.guards import GUARD_BITS, RUN_GUARDS
from firmware_sim.plc.levels import Aux, Band, Latch, Levels
from firmware_sim.plc.machine import ControlState, Outputs, step
from firmware_sim.plc.settings import Permit, Times, resolve_times
from firmware_sim.plc.table import ALL_GUARDS, ALL_PREDICATES, RUN_TABLE, TABLE, Rules, make_run_rules, without_running
from firmware_sim.plc.table import RUN_RULES as TABLE_RULES
from firmware_sim.plc.trips import RUN_ACTS, RUN_PREDICATES
from tests.formal.bench_levels import LEVELS, SHORT, Drive
from tests.formal.choices import RUNS, Outcome, bench_part, door_is_open, run_choice, run_choices
from tests.formal.explorer import cannot_reach
from tests.formal.plc_model import Node, ScanKey, describe, initial, render
from tests.formal.plc_runs import FaultRun, spread_out
from tests.formal.rule_run import RUN_PLANT_RULES, RUN_RULES
from tests.formal.rule_words import Scan, Truth
from tests.formal.rules import broken_by, rules_of
from tests.formal.run_world import ALL_FAULTS, JUDGES, QUICK_FAULTS, RULE_COUNT, faulty_runs, healthy_run
from tests.unit.plc.run_kit import RUN_LIMITS, run_control, run_levels

S = PlcState
GONE = {S.ISOLATE, S.FIREWIN, S.SHOT}
pytestmark = pytest.mark.timeout(900)  # seconds of CPU, but the cores are shared


def _report(run: FaultRun) -> str:
    return "\n".join(render(run.graph, violation) for violation in run.violations)


def test_no_rule_is_broken_without_a_fault(figure: Callable[..., None]) -> None:
    model, run = healthy_run()
    assert not run.violations, _report(run)
    assert {node.control.state for node in run.graph} == set(S) - GONE
    assert {node.plant.level for node in run.graph} == set(range(LEVELS))
    figure(
        "plc.run_exploration_healthy",
        states=len(run.graph),
        transitions=run.graph.transitions,
        scans_judged=model.judged,
        invariants=RULE_COUNT,
    )


def test_no_rule_is_broken_under_single_faults(figure: Callable[..., None]) -> None:
    single = faulty_runs()
    broken = [_report(run) for run in (single.healthy, *single.runs.values()) if run.violations]
    assert not broken, "\n".join(broken)
    figure(
        "plc.run_exploration",
        states=len(single.healthy.graph) + sum(len(run.graph) for run in single.runs.values()),
        transitions=single.healthy.graph.transitions + sum(run.graph.transitions for run in single.runs.values()),
        scans_judged=single.model.judged,
        faults=len(ALL_FAULTS),
        faults_explored_here=len(QUICK_FAULTS),
    )


BOUNDS = {"door": 6, "estop": 4, "key": 6, "heartbeat": 6, "DUMP": 6, "window": 6, "PLC dead": 5}
"""As for the bench that fires once, and a window that trips the same."""


def test_b1_b2_b3_bounded_responses(figure: Callable[..., None]) -> None:
    single = faulty_runs()
    for fault, run in {"": single.healthy, **single.runs}.items():
        extra = 2 if fault == "dump_a_stuck_open" else 0
        for demand, bound in run.bounds.items():
            way = "\n".join(describe(node, None) for node in bound.way)
            assert bound.steps <= BOUNDS[demand] + extra, f"{demand} under {fault}: {bound.steps} scans\n{way}"
    assert {name: bound.steps for name, bound in single.healthy.bounds.items()} == BOUNDS, "the bounds are reached"
    figure("plc.run_bounded_response", scans=BOUNDS["window"], demands=len(BOUNDS))


def _is_in(state: PlcState, node: Node) -> bool:
    return node.control.state is state


def test_rest_and_a_new_permit_are_reachable_from_everywhere() -> None:
    single = faulty_runs()
    for fault, run in {"": single.healthy, **single.runs}.items():
        assert not run.stranded, f"{fault}: {describe(run.stranded[0], None)}"
    _, run = healthy_run()
    for goal in (S.SAFE, S.OPENING, S.RUN):
        stranded = cannot_reach(run.graph, partial(_is_in, goal))
        assert {node.control.state for node in stranded} == {S.LOCKOUT}, goal.name


# ---- every guard, trip and row matters ---------------------------------------------------------------------------


ROW_NAMES = {row.name for row in RUN_TABLE} - {row.name for row in TABLE}
CHANGED_ROWS = {"permit": ("windows_fit",), "charge": ("windows_fit",), "reset": ("windows_back",)}
_ROWS = {row.name: row for row in RUN_TABLE}
_CONTACTS = "without a fault contactor and dumps are where they were told to be in FLOAT and RUN"
EXCEPTIONS = {
    "run.latches_clear": "PREFIRE trips FLOAT on any latch before RUN is looked at",
    **dict.fromkeys(("contactor_closed", "run.contactor_closed", "run.dumps_open"), _CONTACTS),
    **dict.fromkeys(("contactor_not_closed never", "dumps_not_open never"), _CONTACTS),
}
"""Mutants that change nothing reachable, with what covers them; :func:`test_exceptions_directly`."""


class Mutant(NamedTuple):
    """Rules with one defect, and where it can show: (state, command; None: any) pairs."""

    rules: Rules
    where: frozenset[tuple[PlcState, PlcCommand | None]]


def _without_in_row(name: str, guard: str) -> Rules:
    fewer = tuple(
        row._replace(guards=tuple(one for one in row.guards if one != guard)) if row.name == name else row
        for row in RUN_TABLE
    )
    return make_run_rules(table=fewer)


def _never(c: ControlState, v: Levels, t: Times) -> bool:
    return False


def _mutants() -> dict[str, Mutant]:
    """Each guard of RUN always and never true, each trip gone, each row gone, each guard out of its row."""
    found: dict[str, Mutant] = {}
    where: frozenset[tuple[PlcState, PlcCommand | None]]
    for cause in RUN_PREDICATES:
        where = frozenset((state, None) for state in RUN_ACTS[cause])
        found[str(cause.name)] = Mutant(without_running(str(cause.name)), where)
    for guard in RUN_GUARDS:
        where = frozenset((row.source, row.command) for row in RUN_TABLE if guard in row.guards)
        found[guard] = Mutant(without_running(guard), where)
        never = {**ALL_GUARDS, guard: _never}
        found[f"{guard} never"] = Mutant(make_run_rules(guards=never), where)
    for name in (*ROW_NAMES, *CHANGED_ROWS):
        row = _ROWS[name]
        where = frozenset({(row.source, row.command)})
        for guard in CHANGED_ROWS.get(name, row.guards):
            found[f"{name}.{guard}"] = Mutant(_without_in_row(name, guard), where)
    return found


def _keys() -> Iterator[ScanKey]:
    """What the healthy bench scanned, its states in turn."""
    by_state: dict[PlcState, list[ScanKey]] = {}
    for key in spread_out(list(healthy_run()[0].scans)):
        by_state.setdefault(key[0].state, []).append(key)
    for together in zip_longest(*by_state.values()):
        yield from (key for key in together if key is not None)


def _find_kills(pending: dict[str, Mutant]) -> tuple[dict[str, tuple[str, ...]], set[str]]:
    """Rules that each mutant broke, and mutants that changed some scan without breaking one."""
    killed: dict[str, tuple[str, ...]] = {}
    differ: set[str] = set()
    for control, seen, stuck in _keys():
        here = {name: one for name, one in pending.items() if any(state is control.state for state, _ in one.where)}
        if not here:
            continue
        part = bench_part(seen)
        for outcome in run_choices(control, seen, stuck, TABLE_RULES, 1, RUNS):
            place = (control.state, outcome.choice.command)
            for name, mutant in list(here.items()):
                if place not in mutant.where and (control.state, None) not in mutant.where:
                    continue
                other = run_choice(control, seen, part, stuck, mutant.rules, outcome.choice, RUNS)
                if (other.control, other.out) == (outcome.control, outcome.out):
                    continue
                differ.add(name)
                scan = Scan(control, other.levels, other.control, other.out, door_is_open(other.levels, stuck))
                broken = tuple(broken_by(scan, JUDGES.checks))
                if broken:
                    killed[name] = broken
                    del pending[name], here[name]
        if pending.keys() <= HARMLESS.keys() <= differ:
            break
    return killed, differ - killed.keys()


HARMLESS = {
    "windows_fit never": "no permit is ever given",
    "windows_back never": "no reset is ever given",
    "inhibit_clear never": "RUN is never entered",
    "run_time_left never": "RUN is never entered",
    "contactor_closed never": "RUN is never entered",
}
"""Mutants that only keep the bench from going on: seen, and no danger."""


def test_every_guard_trip_and_row_of_run_matters(figure: Callable[..., None]) -> None:
    mutants = _mutants()
    wanted = mutants.keys() - EXCEPTIONS.keys()
    killed, differ = _find_kills({name: mutants[name] for name in wanted})
    assert wanted - killed.keys() == set(HARMLESS), f"{sorted(wanted - killed.keys())} SEEN {sorted(differ)}"
    assert differ == set(HARMLESS)
    figure(
        "plc.run_mutation", mutants=len(mutants), killed=len(killed), harmless=len(differ), exceptions=len(EXCEPTIONS)
    )


def test_exceptions_directly() -> None:
    """PREFIRE out of the way, a latch alone keeps RUN from being entered; so do contacts on their way."""
    blind = make_run_rules(trips={**ALL_PREDICATES, Trip.PREFIRE: _never})
    times = resolve_times(RUN_LIMITS, Permit(1, 4000.0, 2000.0, 60.0, 1, 1))
    asked = run_levels(S.FLOAT, command=PlcCommand.RUN, latch=Latch.SOME)
    assert step(run_control(S.FLOAT), asked, times, blind)[0].state is S.FLOAT
    good = asked._replace(latch=Latch.NONE)
    assert step(run_control(S.FLOAT), good, times, blind)[0].state is S.RUN
    for name, guard in (("contactor", "contactor_closed"), ("dump_a", "dumps_open"), ("dump_b", "dumps_open")):
        lost = good._replace(**{name: Aux.BETWEEN})  # type: ignore[arg-type]
        after, out = step(run_control(S.FLOAT), lost, times, TABLE_RULES)
        assert (after.state, out.ack, out.guards) == (S.FLOAT, Refusal.GUARD, GUARD_BITS[guard])
        for rules in (without_running(guard), _without_in_row("run", guard)):
            assert step(run_control(S.FLOAT), lost, times, rules)[0].state is S.RUN
        seen = run_levels(S.RUN, **{name: Aux.BETWEEN})
        after, out = step(run_control(S.RUN), seen, times, TABLE_RULES)
        assert (after.state, out.pulse_gate) == (S.FLOAT, False)
        opposite = {"contactor_closed": "contactor_not_closed", "dumps_open": "dumps_not_open"}[guard]
        never = make_run_rules(guards={**ALL_GUARDS, opposite: _never})
        assert step(run_control(S.RUN), seen, times, never)[0].state is S.RUN


# ---- every rule can fail -------------------------------------------------------------------------------------------


def _corruptions(outcome: Outcome) -> Iterator[tuple[ControlState, Outputs]]:
    """The outcome with one thing wrong that only a bench which runs has, or in a wrong state."""
    after, out = outcome.control, outcome.out
    for state in S:
        yield after._replace(state=state), out
        yield after._replace(state=state, trips=0), out
    yield after._replace(t=99), out
    yield after, out._replace(pulse_gate=not out.pulse_gate)
    yield after, out._replace(gate_open=True)
    for name, value in after.pulse._asdict().items():
        others: tuple[Any, ...] = (value[:-1], (0,) * len(value), (99,)) if name == "ages" else (0, 1, value + 1)
        for other in others:
            yield after._replace(pulse=after.pulse._replace(**{name: other})), out
    trips = after.trips | Trip.RETRIES
    yield after._replace(state=S.TRIP, trips=int(trips)), out


def test_every_rule_of_run_can_fail() -> None:
    pending = {rule.id for rule in RUN_RULES}
    assert len(pending) == len(RUN_RULES), "ids are unique"
    pending.remove("R slow")  # without a fault no dump is slow: test_a_slow_dump_locks_or_trips_first
    rules = rules_of(RUN_RULES)
    for control, seen, stuck in _keys():
        for outcome in run_choices(control, seen, stuck, TABLE_RULES, 1, RUNS):
            for after, out in _corruptions(outcome):
                scan = Scan(control, outcome.levels, after, out, not outcome.levels.door_1)
                here = [rule for rule in rules[control.state, after.state] if rule.id in pending]
                pending -= {rule.id for rule in here if not rule.holds(scan)}
        if not pending:
            return
    assert not pending


def test_a_slow_dump_locks_or_trips_first() -> None:
    """Energy left after T_dump: LOCKOUT, or TRIP by a pulse that is counted on that very scan, and nothing else."""
    slow = next(rule for rule in RUN_RULES if rule.id == "R slow")
    before = run_control(S.DUMPING, dump_t=SHORT.dump)._replace(dump_a_open=False, dump_b_open=False)
    for pulses, allowed in ((0, {S.LOCKOUT}), (1, {S.LOCKOUT, S.TRIP})):
        seen = run_levels(S.DUMPING, a=Band.HIGH, b=Band.HIGH, modules=Band.HIGH, pulses=pulses)
        _, out = step(before, seen, RUNS.times, TABLE_RULES)
        found = {state for state in S if slow.holds(Scan(before, seen, before._replace(state=state), out, False))}
        assert found == allowed


def test_the_plant_rule_of_run_can_fail() -> None:
    start, run = (node.control for node in next(_entries()))
    _, plant = initial(RUNS)[0]
    off = Outputs(True, True, True, True, False, False, True, None, 0)
    for wrong in (plant._replace(level=0), plant._replace(level=4, contactor=1)):
        truth = Truth(start, run, off, wrong, Drive(), False, False)
        assert [rule.id for rule in RUN_PLANT_RULES if not rule.holds(truth)] == ["R true"]
    dumping = start._replace(state=S.DUMPING)
    for after, level in ((dumping, 2), (start, 0)):
        truth = Truth(dumping, after, off, plant._replace(level=level), Drive(), False, False, called_zero=True)
        assert [rule.id for rule in RUN_PLANT_RULES if not rule.holds(truth)] == ["R zero"]


def _entries() -> Iterator[tuple[Node, Node]]:
    for node, following in healthy_run()[1].graph.edges.items():
        for after in following:
            if node.control.state is S.FLOAT and after.control.state is S.RUN:
                yield node, after
