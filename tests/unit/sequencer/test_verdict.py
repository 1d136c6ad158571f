"""Verdicts, margins and exit codes."""

import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.sequencer.engine import Ending
from controller.sequencer.plan import Measurement
from controller.sequencer.verdict import Exit, Side, Verdict, exit_code, judge, overall, worst, worst_exit


def peak(lower: float | None, upper: float | None) -> Measurement:
    return Measurement("peak", "total_current", "peak", "A", lower, upper)


@pytest.mark.parametrize(
    ("value", "uncertainty", "verdict", "margin", "side", "marginal"),
    [
        (64.0, 1.0, Verdict.PASS, 2.0, Side.LOWER, False),
        (66.5, 1.0, Verdict.PASS, 0.5, Side.UPPER, True),
        (67.0, 0.0, Verdict.PASS, 0.0, Side.UPPER, False),
        (67.5, 5.0, Verdict.FAIL, -0.5, Side.UPPER, False),
        (61.0, 0.0, Verdict.FAIL, -1.0, Side.LOWER, False),
    ],
)
def test_judge(value: float, uncertainty: float, verdict: Verdict, margin: float, side: Side, marginal: bool):
    judged = judge(peak(62.0, 67.0), value, uncertainty)
    assert (judged.verdict, judged.margin, judged.side, judged.marginal) == (verdict, margin, side, marginal)


@pytest.mark.parametrize("value", [None, math.nan, math.inf, 9.9e37 * 1e300])
def test_no_number_is_inconclusive(value: float | None):
    judged = judge(peak(62.0, 67.0), value)
    assert (judged.value, judged.margin, judged.verdict) == (None, None, Verdict.INCONCLUSIVE)


def test_one_sided_and_no_limits():
    assert judge(peak(None, 50.0), 49.0).side is Side.UPPER
    assert judge(peak(1.0, None), 0.0).verdict is Verdict.FAIL
    free = judge(peak(None, None), 5.0)
    assert (free.verdict, free.margin) == (Verdict.PASS, None)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.sampled_from(Verdict)))
def test_the_worst_child_wins(children: list[Verdict]):
    order = [Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ABORTED, Verdict.ERROR]
    assert worst(children) is order[max((order.index(child) for child in children), default=0)]


def test_an_early_end_is_never_a_pass():
    for ending, child in product(Ending, Verdict):
        verdict = overall(ending, [child])
        assert verdict >= child
        assert (verdict >= Verdict.ABORTED) or ending is Ending.COMPLETED


@pytest.mark.parametrize(
    ("ending", "verdict", "code"),
    [
        (Ending.COMPLETED, Verdict.PASS, 0),
        (Ending.COMPLETED, Verdict.INCONCLUSIVE, 1),
        (Ending.COMPLETED, Verdict.FAIL, 1),
        (Ending.STOPPED, Verdict.PASS, 3),
        (Ending.ABORTED, Verdict.ABORTED, 3),
        (Ending.TRIPPED, Verdict.FAIL, 3),
        (Ending.MISFIRE, Verdict.PASS, 3),
        (Ending.ABORTED, Verdict.ERROR, 5),
        (Ending.UNSAFE, Verdict.ERROR, 4),
        (Ending.UNSAFE, Verdict.PASS, 4),
    ],
)
def test_exit_codes_of_design_md(ending: Ending, verdict: Verdict, code: int):
    assert exit_code(ending, verdict) == code


def test_of_several_exit_codes_4_wins_over_5_over_3_over_1():
    assert worst_exit([Exit.PASS, Exit.FAILED, Exit.ABORTED, Exit.INTERNAL, Exit.UNSAFE]) == 4
    assert worst_exit([Exit.FAILED, Exit.ABORTED, Exit.INTERNAL]) == 5
    assert worst_exit([Exit.FAILED, Exit.ABORTED]) == 3
    assert worst_exit([]) == 0
