"""The real PLC against an arbitrary controller, arbitrary people and every single hardware fault, exhaustively.

What is explored and what is not: tests/formal/bench_levels.py, docs/explanation/proofs.md. All faults with all memory:
``python -m tests.formal.explore``.
"""

from collections.abc import Callable

import pytest

from drivers.wire.plc import PlcState
from firmware_sim.plc.guards import GUARDS
from firmware_sim.plc.levels import Levels
from firmware_sim.plc.machine import ControlState
from firmware_sim.plc.settings import Times
from firmware_sim.plc.table import RULES, TABLE, Row, Rules, make_rules
from firmware_sim.plc.trips import ACTS, PREDICATES, Predicate
from tests.formal.bench_faults import FAULTS
from tests.formal.bench_levels import LEVELS
from tests.formal.choices import bench_part, run_choice, run_choices
from tests.formal.explorer import cannot_reach
from tests.formal.plc_model import ScanKey, describe, render
from tests.formal.plc_runs import CI_FAULTS, SUBSUMED, FaultRun, exact_model, healthy, single_faults, spread_out
from tests.formal.rules import RULE_COUNT
from tests.formal.symmetry import is_first

S = PlcState
pytestmark = pytest.mark.timeout(900)  # seconds of CPU, but the cores are shared


def _report(run: FaultRun) -> str:
    return "\n".join(render(run.graph, violation) for violation in run.violations)


def test_no_rule_is_broken_without_a_fault(figure: Callable[..., None]) -> None:
    run = healthy()
    assert not run.violations, _report(run)
    assert {node.control.state for node in run.graph} == set(S) - {S.RUN}
    assert {node.plant.level for node in run.graph} == set(range(LEVELS))
    figure("plc.exploration_healthy", states=len(run.graph), transitions=run.graph.transitions)


def test_no_rule_is_broken_under_any_single_fault(figure: Callable[..., None]) -> None:
    single = single_faults()
    broken = [_report(run) for run in (single.healthy, *single.runs.values()) if run.violations]
    assert not broken, "\n".join(broken)
    exact = healthy()
    states = len(exact.graph) + sum(len(run.graph) for run in single.runs.values())
    transitions = exact.graph.transitions + sum(run.graph.transitions for run in single.runs.values())
    figure(
        "plc.exploration",
        states=states,
        transitions=transitions,
        scans_judged=exact_model().judged + single.model.judged,
        faults=len(FAULTS),
        faults_explored_here=len(CI_FAULTS),
        invariants=RULE_COUNT,
        levels=LEVELS,
    )


BOUNDS = {"door": 6, "estop": 5, "key": 6, "heartbeat": 6, "DUMP": 6, "PLC dead": 5}
"""Scans from the demand to true V_safe: 1 to command, 2 to travel, 3 from over-voltage by two paths. The e-stop chain
and a dead PLC need no scan to command; five instead of four with a charger that ignores its inhibit."""
ONE_PATH = "dump_a_stuck_open"


def test_b1_b2_b3_bounded_responses(figure: Callable[..., None]) -> None:
    """B1 demand, B2 controller dead (heartbeat), B3 PLC dead: without energy in time, from everywhere."""
    single = single_faults()
    for fault, run in {"": single.healthy, **single.runs}.items():
        for demand, bound in run.bounds.items():
            extra = 2 if fault == ONE_PATH else 1 if fault == "estop_chain_dead" and demand == "estop" else 0
            way = "\n".join(describe(node, None) for node in bound.way)
            assert bound.steps <= BOUNDS[demand] + extra, f"{demand} under {fault}: {bound.steps} scans\n{way}"
    assert single.healthy.bounds["door"].steps == BOUNDS["door"], "the bound is reached: it is not a loose one"
    assert single.runs[ONE_PATH].bounds["door"].steps == BOUNDS["door"] + 2
    figure("plc.bounded_response", scans=BOUNDS["door"], scans_one_path_dead=BOUNDS["door"] + 2, demands=len(BOUNDS))


def test_rest_is_reachable_from_everywhere() -> None:
    """SAFE, TRIP or LOCKOUT with truly no energy, from every state under every fault."""
    single = single_faults()
    for fault, run in {"": single.healthy, **single.runs}.items():
        assert not run.stranded, f"{fault}: {describe(run.stranded[0], None)}"


def test_safe_is_reachable_from_everywhere_without_a_fault() -> None:
    """SAFE itself, exactly, from all but LOCKOUT, which is for ever."""
    stranded = cannot_reach(healthy().graph, lambda node: node.control.state is S.SAFE)
    assert stranded
    assert {node.control.state for node in stranded} == {S.LOCKOUT}


def test_the_bench_can_be_armed_again() -> None:
    """From SAFE, whatever happened before, a PERMIT can be had: no shot is the last one."""
    stranded = cannot_reach(healthy().graph, lambda node: node.control.state is S.OPENING)
    assert {node.control.state for node in stranded} == {S.LOCKOUT}


UNTAKEN = {
    "dump_lockout": "the dumps are commanded already; DUMP is accepted without the row",
}
"""Rows whose removal changes nothing that can be seen: they say in the table that DUMP is legal there."""


def _scans_from(state: PlcState) -> list[ScanKey]:
    """What was scanned in ``state``, the longest waits first: that is where the late rows are."""
    keys = [key for model in (exact_model(), single_faults().model) for key in model.scans if key[0].state is state]
    return sorted(keys, key=lambda key: -key[0].t - key[0].dump_t)


def _differs(row: Row, rules: Rules) -> bool:
    """Some explored scan goes another way without the row."""
    for control, seen, stuck in _scans_from(row.source):
        part = bench_part(seen)
        for outcome in run_choices(control, seen, stuck, RULES):
            other = run_choice(control, seen, part, stuck, rules, outcome.choice)
            if (outcome.control, outcome.out) != (other.control, other.out):
                return True
    return False


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_every_row_is_reached_and_matters(row: Row) -> None:
    if row.name in UNTAKEN:
        return
    assert _differs(row, make_rules(table=tuple(other for other in TABLE if other is not row)))


UNREACHED = {
    (
        "token_unused",
        False,
    ): "OPENING clears the mark and FIREWIN is before SHOT: the nonce of the link is the first line",
}
"""(guard or trip, value) that no explored scan evaluates, with the reason; each has a direct test in tests/unit/plc."""


def _watch(name: str, predicate: Predicate, seen: set[tuple[str, bool]]) -> Predicate:
    def watched(c: ControlState, v: Levels, t: Times) -> bool:
        value = predicate(c, v, t)
        seen.add((name, bool(value)))
        return value

    return watched


def test_every_guard_and_trip_is_reached_with_both_values() -> None:
    seen: set[tuple[str, bool]] = set()
    watching = make_rules(
        guards={name: _watch(name, guard, seen) for name, guard in GUARDS.items()},
        trips={cause: _watch(str(cause.name), PREDICATES[cause], seen) for cause in PREDICATES},
    )
    wanted = {(name, value) for name in (*GUARDS, *(str(cause.name) for cause in ACTS)) for value in (False, True)}
    single = single_faults()
    for model in (exact_model(), single.model):
        for control, terminals, stuck in spread_out(list(model.scans)):
            for _ in run_choices(control, terminals, stuck, watching):
                pass
            if wanted - seen <= UNREACHED.keys():
                return
    assert wanted - seen == UNREACHED.keys()


def test_people_contacts_are_subsumed() -> None:
    """A stuck contact of people shows the PLC nothing that people could not: no state beyond the healthy ones.

    Here for the doors; ``python -m tests.formal.explore`` shows it for every one of SUBSUMED.
    """
    left_out = {name for name in FAULTS if name not in CI_FAULTS and name not in SUBSUMED}
    assert left_out == {name for name in FAULTS if not is_first(name)}, "mirror images"
    single = single_faults()
    base = set(single.healthy.graph)
    for fault in ("door_1=1", "door_2=1"):
        assert set(single.runs[fault].graph) <= base
