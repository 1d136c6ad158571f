"""The engine explored over the plans with pulses: the rules of every plan, and those of RUN and HOLD."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import pytest

from controller.sequencer import engine
from controller.sequencer.engine import Ending, Mode
from controller.sequencer.plan import Plan, StepKind
from controller.sequencer.steps import TABLE
from tests.formal.controller_defects import Defect
from tests.formal.controller_rules import RULES
from tests.formal.controller_running import RETRY, RUN_DEFECTS, RUN_RULES
from tests.formal.controller_walk import Moved, Node, Walk, describe, explore
from tests.formal.test_controller import Broken
from tests.pulsed_bench import plan

Figure = Callable[..., None]
SHAPES = ("low-voltage", "power-sweep", "vswr-trip-check", "conditioning")
"""Every other draft has the steps of the first of them."""
LEVELS = 2
"""Of a sweep: a third level is like the second."""


@lru_cache
def shape(name: str) -> Plan:
    whole = plan(name)
    sweeps = [step for step in whole.steps if step.kind is StepKind.SWEEP]
    left_out = {StepKind.CONFIGURE, StepKind.ARM, StepKind.WARN}  # they are explored in every other plan
    kept = (step for step in whole.steps if step.kind not in left_out and step not in sweeps[LEVELS:])
    return replace(whole, steps=tuple(kept))


def judge(walk: Walk, moved: Moved) -> None:
    """Every rule of every plan, then those of pulses."""
    if moved.before.mode is Mode.DONE:
        if moved.after != moved.before or moved.outputs:
            raise Broken("C8 no way back", "something happens after the end", describe(moved))
        return
    for name, rule in (*RULES.items(), *RUN_RULES.items()):
        if wrong := rule(moved):
            trace = [*walk.trace(Node(moved.before, moved.memory)), describe(moved)]
            raise Broken(name, wrong, "\n".join(trace))


@lru_cache
def walked(name: str) -> Walk:
    return explore(shape(name), engine.step, judge)


@pytest.mark.timeout(300)
def test_every_plan_with_pulses_is_explored_and_no_rule_is_broken(figure: Figure) -> None:
    walks = [walked(name) for name in SHAPES]
    states, transitions = sum(walk.states for walk in walks), sum(walk.transitions for walk in walks)
    assert states > 2_000 and transitions > 200_000
    figure(
        "controller.exploration_running",
        states=states,
        transitions=transitions,
        rules=len(RULES) + len(RUN_RULES),
        shapes=len(SHAPES),
    )


def test_every_phase_and_ending_is_reached_and_the_end_from_everywhere() -> None:
    for name in SHAPES:
        followers = walked(name).followers
        reached = {node.state for node in followers}
        here = shape(name).steps
        phases = {(s.step, s.phase) for s in reached if s.mode is Mode.RUN and s.step >= 0}
        assert phases == {(i, p) for i, step in enumerate(here) for p in range(len(TABLE[step.kind].phases))}, name
        over = {state.ending for state in reached if state.mode is Mode.DONE}
        assert over == set(Ending) - {Ending.MISFIRE}, name
        sources: dict[Node, set[Node]] = {node: set() for node in followers}
        for node, after in followers.items():
            for follower in after:
                sources[follower].add(node)
        ends = {node for node in followers if node.state.mode is Mode.DONE}
        waiting = list(ends)
        while waiting:
            new = sources[waiting.pop()] - ends
            ends |= new
            waiting += new
        assert ends == set(followers), name


@pytest.mark.parametrize("defect", [*RUN_DEFECTS, RETRY], ids=lambda defect: defect.name)
def test_a_seeded_defect_breaks_its_rule(defect: Defect, monkeypatch: pytest.MonkeyPatch) -> None:
    step = defect.seed(monkeypatch)
    with pytest.raises(Broken) as broken:
        explore(shape(defect.profile), step, judge)
    assert broken.value.args[0] == defect.rule, broken.value.args


def test_every_rule_of_pulses_has_a_defect_that_breaks_it() -> None:
    assert set(RUN_RULES) <= {defect.rule for defect in (*RUN_DEFECTS, RETRY)}
