"""The second opinion on RUN and the pulse inhibit: a hand-written Promela text reaches what the code reaches.

As test_promela.py, for what a bench that runs has besides. Some defects of the code are tried here, all of them by
``python -m tests.formal.narrow_run_defects``.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.wire.plc import PlcState
from firmware_sim.plc.table import RUN_TABLE, TABLE
from firmware_sim.plc.trips import RUN_PREDICATES
from tests.formal.narrow_run import TEXT, Event, Result, explore
from tests.formal.narrow_run_defects import COVERED, DEFECTS, SHORT, is_noticed
from tests.formal.spin import TOOLS, Verdict, verify
from tests.support import require_tool

S = PlcState
pytestmark = pytest.mark.timeout(300)

TEXT_DEFECTS = {
    "a gate that an inhibit does not shut": ("gate = mode == RUN && !INHIBITED;", "gate = mode == RUN;"),
    "a budget that is never exhausted": (
        "if :: old < T_WINDOW -> found = found | X_RETRIES ::",
        "if :: false -> skip ::",
    ),
    "a retry that takes the youngest place": ("old = young; young = 0;", "young = 0;"),
    "let go without the hold-off": ("INHIBITED && !CAUSE && hold >= T_HOLD ->", "INHIBITED && !CAUSE ->"),
    "HOLD stops the permit's clock": ("(mode == RUN || clock > 0) && clock < T_RUN", "mode == RUN && clock < T_RUN"),
    "a pulse through a shut gate": ("new > 0 && (mode != RUN || INHIBITED) ->", "new > 0 && mode != RUN ->"),
    "RUN goes on without consent": ("(FIT && ev != E_NO_CONSENT && ", "(FIT && "),
}
"""What is wrong -> one replacement in plc_run.pml."""
DANGER = ("a gate that an inhibit does not shut", "RUN goes on without consent")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    for tool in TOOLS:
        require_tool(tool)
    return verify(TEXT, tmp_path_factory.mktemp("run") / "text")


@pytest.fixture(scope="module")
def code() -> Result:
    return explore()


def test_text_and_code_reach_the_same_states(text: Verdict, code: Result, figure: Callable[..., None]) -> None:
    only_text, only_code = set(text.lines) - set(code.lines), set(code.lines) - set(text.lines)
    assert not only_text and not only_code, f"text alone: {sorted(only_text)[:3]}; code alone: {sorted(only_code)[:3]}"
    assert text.lines == code.lines, "the same line twice"
    asserts = TEXT.count("assert(")
    figure("promela.run", states=len(code.states), transitions=code.transitions, lines=len(code.lines), asserts=asserts)


def test_no_assertion_of_the_text_is_violated(text: Verdict) -> None:
    assert text.errors == 0, text.output
    assert TEXT.count("assert(") >= 10
    assert re.search(r"unreached in proctype rig\s+\(0 of \d+ states\)", text.output), "a line that never runs"


def test_the_narrow_bench_is_not_too_narrow(code: Result) -> None:
    """Every row of RUN and its ends is passed, every trip of a bench that runs comes, under every event."""
    assert {control.state for control in code.states} == {S.FLOAT, S.RUN, S.DUMPING, S.TRIP}
    new = {row.name for row in RUN_TABLE} - {row.name for row in TABLE}
    for row in RUN_TABLE:
        if row.name in new:
            assert any((row.source, row.target) == edge[:2] for edge in code.edges), row.name
    trips = {int(line.split()[14]) for line in code.lines}
    for cause in RUN_PREDICATES:
        assert any(found & cause for found in trips), cause.name
    assert {int(line.split()[16]) for line in code.lines} == set(map(int, Event))


@pytest.mark.parametrize("defect", TEXT_DEFECTS)
def test_a_defect_in_the_text_breaks_the_equality(defect: str, text: Verdict, tmp_path: Path) -> None:
    old, new = TEXT_DEFECTS[defect]
    assert TEXT.count(old) == 1, f"{old!r} must be in plc_run.pml once"
    assert verify(TEXT.replace(old, new), tmp_path / "text", "-A").lines != text.lines


@pytest.mark.parametrize("defect", DANGER)
def test_assertions_find_a_dangerous_text(defect: str, tmp_path: Path) -> None:
    old, new = TEXT_DEFECTS[defect]
    assert verify(TEXT.replace(old, new), tmp_path / "text", "-c0").errors > 0


@pytest.mark.parametrize("defect", SHORT)
def test_a_defect_in_the_code_breaks_the_equality(defect: str, text: Verdict) -> None:
    assert is_noticed(defect, text.lines)


def test_what_is_covered_changes_nothing(text: Verdict) -> None:
    for defect in COVERED:
        assert defect in DEFECTS and not is_noticed(defect, text.lines)
