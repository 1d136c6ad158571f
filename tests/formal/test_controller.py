"""The controller's pure engine, explored exhaustively beside a PLC that reports anything (safety.md 3.3, 3.6).

Every shipped profile's plan, every status, every Done, Failed, Stop and Start at any moment. The rules are in
``controller_rules.py``; each is shown to be able to fail by a defect of ``controller_defects.py``.
"""

from collections.abc import Callable
from functools import lru_cache

import pytest

from controller.app.locate import find_profile, profile_names
from controller.app.preflight import read_bounded, read_rig
from controller.sequencer import engine
from controller.sequencer.compile import compile_profile
from controller.sequencer.engine import Ending, Mode
from controller.sequencer.plan import Plan, StepKind
from controller.sequencer.profile import load_profile
from controller.sequencer.steps import TABLE, Command, Journal, Perform
from controller.sequencer.verdict import Exit, Verdict, exit_code, overall
from controller.shots.journal import BARRIERS as JOURNAL_BARRIERS
from tests.formal.controller_defects import DEFECTS, Defect
from tests.formal.controller_rules import BARRIERS, RULES
from tests.formal.controller_walk import Moved, Node, Walk, describe, explore

Figure = Callable[..., None]


@lru_cache
def plans() -> dict[str, Plan]:
    """Every shipped profile of the rig, compiled."""
    rig, _files = read_rig("railgun_bench")
    paths = {name: find_profile(name, rig.name) for name in profile_names(rig.name)}
    return {name: compile_profile(load_profile(read_bounded(path), str(path)), rig, {}) for name, path in paths.items()}


@lru_cache
def shapes() -> dict[tuple[object, ...], str]:
    """Profiles whose steps the engine cannot tell apart but by their names, times and the one dump path, each once."""
    found: dict[tuple[object, ...], str] = {}
    for name, plan in plans().items():
        shape = tuple((step.kind, step.dump_path != "both", step.duration_s > 0.0) for step in plan.steps)
        found.setdefault(shape, name)
    return found


class Broken(Exception):
    """A rule was broken: its name, what is wrong, and how it came to that."""


def judge(walk: Walk, moved: Moved) -> None:
    """Apply every rule; what is over stays as it is."""
    if moved.before.mode is Mode.DONE:
        if moved.after != moved.before or moved.outputs:
            raise Broken("C8 no way back", "something happens after the end", describe(moved))
        return
    for name, rule in RULES.items():
        if wrong := rule(moved):
            trace = [*walk.trace(Node(moved.before, moved.memory)), describe(moved)]
            raise Broken(name, wrong, "\n".join(trace))


@lru_cache
def walked(profile: str) -> Walk:
    return explore(plans()[profile], engine.step, judge)


def test_every_profile_is_explored_and_no_rule_is_broken(figure: Figure) -> None:
    walks = [walked(name) for name in shapes().values()]
    states, transitions = sum(walk.states for walk in walks), sum(walk.transitions for walk in walks)
    assert states > 1_500 and transitions > 150_000 and len(walks) == 4
    figure(
        "controller.exploration",
        states=states,
        transitions=transitions,
        rules=len(RULES),
        profiles=len(plans()),
        shapes=len(walks),
    )


def test_every_step_mode_and_ending_is_reached() -> None:
    for name in shapes().values():
        reached = {node.state for node in walked(name).followers}
        here = plans()[name].steps
        phases = {(state.step, state.phase) for state in reached if state.mode is Mode.RUN and state.step >= 0}
        wanted_phases = {
            (i, p)
            for i, step in enumerate(here)
            for p, phase in enumerate(TABLE[step.kind].phases)
            if phase.wanted(step)
        }
        assert phases == wanted_phases, name
        assert {state.mode for state in reached} == set(Mode)
        over = {(state.ending, state.safe) for state in reached if state.mode is Mode.DONE}
        wanted = set(Ending) - (set() if plans()[name].fires else {Ending.MISFIRE})
        assert over == {(ending, ending is not Ending.UNSAFE) for ending in wanted}, name


def test_a_run_can_always_end() -> None:
    """From every state that was reached the end is reachable: nothing waits for ever."""
    for name in shapes().values():
        followers = walked(name).followers
        sources: dict[Node, set[Node]] = {node: set() for node in followers}
        for node, after in followers.items():
            for follower in after:
                sources[follower].add(node)
        reached = {node for node in followers if node.state.mode is Mode.DONE}
        waiting = list(reached)
        while waiting:
            new = sources[waiting.pop()] - reached
            reached |= new
            waiting += new
        assert reached == set(followers), name


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_seeded_defect_breaks_its_rule(defect: Defect, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exploration is not blind: each rule is broken by the defect that it is there for."""
    step = defect.seed(monkeypatch)
    with pytest.raises(Broken) as broken:
        explore(plans()[defect.profile], step, judge)
    assert broken.value.args[0] == defect.rule, broken.value.args


def test_every_rule_has_a_defect_that_breaks_it() -> None:
    assert {defect.rule for defect in DEFECTS} == set(RULES)


def test_the_table_writes_ahead() -> None:
    """C2 over the table itself, for steps that no shipped profile has: the record's barrier stands before its act."""
    acts: set[object] = set()
    for kind in StepKind:
        for phase in TABLE[kind].phases:
            written: set[str] = set()
            for intent in phase.intents:
                if isinstance(intent, Journal) and intent.barrier:
                    written.add(intent.kind)
                elif isinstance(intent, Command | Perform) and intent in BARRIERS:
                    acts.add(intent)
                    assert BARRIERS[intent] in written, f"{kind.value}: {intent}"
    assert acts == set(BARRIERS)
    assert set(BARRIERS.values()) == JOURNAL_BARRIERS


def test_fire_is_asked_by_one_phase_of_one_step() -> None:
    asking = [kind for kind in StepKind for phase in TABLE[kind].phases if Command("FIRE") in phase.intents]
    assert asking == [StepKind.FIRE]
    assert all([step.kind for step in plan.steps].count(StepKind.FIRE) <= 1 for plan in plans().values())


def test_every_ending_has_its_exit_code() -> None:
    """Total: every ending with every verdict. 0 is a completed pass and nothing else, 4 is unsafe and nothing else."""
    for ending in Ending:
        for verdict in Verdict:
            code = exit_code(ending, verdict)
            assert (code is Exit.UNSAFE) == (ending is Ending.UNSAFE)
            assert (code is Exit.PASS) == (ending is Ending.COMPLETED and verdict is Verdict.PASS)
            assert code is not Exit.REFUSED
            if ending not in (Ending.COMPLETED, Ending.UNSAFE):
                assert code in (Exit.ABORTED, Exit.INTERNAL)
                assert overall(ending, [verdict]) >= Verdict.ABORTED
