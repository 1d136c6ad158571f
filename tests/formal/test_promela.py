"""The second opinion: a hand-written Promela text of the PLC reaches exactly the states that the code reaches.

Sorted tuples are compared, not counts. A seeded defect on either side must break the equality, else the comparison
would prove nothing. How to run the text by hand: docs/explanation/second-opinion.md.
"""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from drivers.wire.plc import PlcCommand, PlcState, Trip
from firmware_sim.plc.machine import ControlState, Outputs, step
from firmware_sim.plc.table import TABLE, Rules, make_rules, without
from firmware_sim.plc.trips import PREDICATES
from tests.formal.narrow_bench import CHOICES, TIMES, Bench, Fault, keep, move, show
from tests.formal.narrow_search import Result, explore, lines
from tests.formal.spin import TOOLS, Verdict, verify
from tests.support import require_tool

TEXT = (Path(__file__).parent / "plc.pml").read_text(encoding="utf-8")
SAMPLE = 300
"""States from which leftovers are looked at; each costs some 60 scans twice."""
S = PlcState

pytestmark = pytest.mark.timeout(300)
"""Two explorations of ten seconds in one fixture: room for a machine that is busy with something else."""


TEXT_DEFECTS = {
    "fires into a current": ("inhibited && !current && see_c", "inhibited && see_c"),
    "one dump alone at any voltage": ("a <= V_SINGLE && b <= V_SINGLE && m <= V_SINGLE", "true"),
    "a failed proof of safe is reset": ("APPROACH && !failed && found", "APPROACH && found"),
    "no wait after a misfire": ("(!(misfire || partial) || calm >= T_NO_APPROACH)", "true"),
}
"""What is wrong -> one replacement in plc.pml."""
DANGER = "charges without a key"
DANGERS = {DANGER: ("if :: KEY_OFF -> found = found | X_KEY ::", "if :: KEY_OFF -> skip ::")}


def _with_defect(defect: str) -> str:
    old, new = (TEXT_DEFECTS | DANGERS)[defect]
    assert TEXT.count(old) == 1, f"{old!r} must be in plc.pml once"
    return TEXT.replace(old, new)


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Verdict]]]:
    """The text as it is ("") and with each defect, verified one after the other while the code is explored.

    With a defect assertions are switched off (``-A``), so that it is the comparison that finds it.
    """
    for tool in TOOLS:
        require_tool(tool)
    folder = tmp_path_factory.mktemp("promela")
    with ThreadPoolExecutor(1, "pan") as pan:
        waiting = {"": pan.submit(verify, TEXT, folder / "text")}
        for number, defect in enumerate(TEXT_DEFECTS):
            waiting[defect] = pan.submit(verify, _with_defect(defect), folder / f"defect_{number}", "-A")
        waiting[DANGER] = pan.submit(verify, _with_defect(DANGER), folder / "danger", "-c0")
        yield waiting
        pan.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def text(verdicts: dict[str, Future[Verdict]], code: Result) -> Verdict:
    return verdicts[""].result()


@pytest.fixture(scope="module")
def code(verdicts: dict[str, Future[Verdict]]) -> Result:
    assert verdicts, "pan works meanwhile"
    return explore()


def test_text_and_code_reach_the_same_states(text: Verdict, code: Result, figure: Callable[..., None]) -> None:
    of_code = lines(code.found)
    only_text, only_code = set(text.lines) - set(of_code), set(of_code) - set(text.lines)
    assert not only_text and not only_code, f"text alone: {sorted(only_text)[:3]}; code alone: {sorted(only_code)[:3]}"
    assert text.lines == of_code, "the same line twice"
    assert text.transitions == code.transitions + 2, "the text's loop has one step before the first scan"
    asserts = TEXT.count("assert(")
    figure("promela.states", states=len(code.found), transitions=code.transitions, lines=len(of_code), asserts=asserts)


def test_no_assertion_of_the_text_is_violated(text: Verdict) -> None:
    assert text.errors == 0, text.output
    assert TEXT.count("assert(") >= 20
    unreached = re.search(r"unreached in proctype rig(.*?)\((\d+) of", text.output, re.DOTALL)
    assert unreached and unreached[2] == "1" and "-end-" in unreached[1], "a line of the text that never runs"


def test_the_narrow_bench_is_not_too_narrow(code: Result) -> None:
    """Every state, every trip cause, every fault and every row of the table is passed."""
    assert {state.control.state for state in code.found} == set(S) - {S.RUN}
    assert {state.bench.fault for state in code.found} == set(Fault)
    causes = 0
    for shown in code.found.values():
        for seen in shown:
            causes |= seen.causes
    assert Trip(causes) == Trip(sum(PREDICATES))
    for row in TABLE:
        asked = row.command or PlcCommand.NONE
        assert (row.source, row.target, asked) in code.edges, row.name
    marks = {(c.misfire, c.partial) for c, _ in code.found if c.state is S.DUMPING}
    assert marks == {(False, False), (True, False), (False, True)}


def test_what_is_left_out_is_never_read(code: Result) -> None:
    """``keep`` drops leftovers of the PLC's memory: scans with and without them must lead to the same."""
    leftovers = 0
    for state in list(code.found)[:: len(code.found) // SAMPLE]:
        for command, event in CHOICES[state.control.state, state.bench.fault is not Fault.NONE]:
            moved = move(state.control, state.bench, event)
            whole, _ = step(state.control, show(state.control, moved, event, command), TIMES)
            if whole != keep(whole):
                leftovers += 1
                assert _outcomes(whole, moved) == _outcomes(keep(whole), moved)
                break
    assert leftovers > SAMPLE / 2


def _outcomes(control: ControlState, bench: Bench) -> list[tuple[ControlState, Outputs]]:
    """What every choice makes of ``control``, as far as it is kept."""
    outcomes = []
    for command, event in CHOICES[control.state, bench.fault is not Fault.NONE]:
        after, out = step(control, show(control, move(control, bench, event), event, command), TIMES)
        outcomes.append((keep(after), out))
    return outcomes


def _changed(name: str, **changes: Any) -> Rules:
    """The table with one row changed."""
    assert any(row.name == name for row in TABLE)
    return make_rules(tuple(row._replace(**changes) if row.name == name else row for row in TABLE))


CODE_DEFECTS: dict[str, Callable[[], Rules]] = {
    "fire without looking at the contactor": lambda: without("contactor_open"),
    "permit with a stray latch": lambda: without("latches_clear"),
    "safe before the dwell": lambda: without("dwell_done"),
    "a held reset button resets": lambda: without("reset_edge"),
    "the key does not trip": lambda: without(Trip.KEY.name or ""),
    "the mismatch of probes does not trip": lambda: without(Trip.PROBE_MISMATCH.name or ""),
    "a dump out of OPENING ends at once": lambda: _changed("dump_opening", target=S.SAFE),
    "charged without being steady": lambda: _changed("charged", guards=("in_tolerance",)),
    "no permit is ever accepted": lambda: make_rules(tuple(row for row in TABLE if row.name != "permit")),
}


@pytest.mark.parametrize("defect", CODE_DEFECTS)
def test_a_defect_in_the_code_breaks_the_equality(defect: str, text: Verdict) -> None:
    result = explore(CODE_DEFECTS[defect](), frozenset(text.lines))
    assert result.strange or lines(result.found) != text.lines


@pytest.mark.parametrize("defect", TEXT_DEFECTS)
def test_a_defect_in_the_text_breaks_the_equality(
    defect: str, text: Verdict, verdicts: dict[str, Future[Verdict]]
) -> None:
    assert verdicts[defect].result().lines != text.lines


def test_assertions_find_a_dangerous_text(verdicts: dict[str, Future[Verdict]]) -> None:
    """``-c0``: the search goes on after each violation."""
    assert verdicts[DANGER].result().errors > 0
