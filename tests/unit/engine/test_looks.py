"""When scopes and delay generator are looked at: at both ends of the hold and once more a second before fire."""

from dataclasses import replace

import pytest

from controller.safety.bench import BenchState as B
from controller.sequencer import engine
from controller.sequencer.engine import Done, EngineState, Mode, Seen
from controller.sequencer.plan import Plan, StepKind
from controller.sequencer.steps import Command, Journal, Observation, Perform
from tests.unit.engine.plans import full_plan

BEAT_NS = 50_000_000
FLAGS = frozenset({"DUMPS_PROVEN_OPEN", "IN_TOLERANCE"})


def plan_with(hold_s: float, countdown_s: float) -> Plan:
    durations = {StepKind.FLOAT: hold_s, StepKind.COUNTDOWN: countdown_s}
    plan = full_plan()
    return replace(plan, steps=tuple(replace(s, duration_s=durations.get(s.kind, s.duration_s)) for s in plan.steps))


def walk(hold_s: float, countdown_s: float, takes_s: float = 0.001) -> list[tuple[str, str, float]]:
    """What is carried out from FLOAT to ISOLATE: the step, the intent and seconds since the step began."""
    plan = plan_with(hold_s, countdown_s)
    at = next(index for index, step in enumerate(plan.steps) if step.kind is StepKind.CHARGE)
    state = EngineState(Mode.RUN, at, phase=1, waiting=True, opened=True, seen=B.FLOAT)
    told: list[tuple[str, str, float]] = []
    t_ns, done_ns = 0, -1
    for _ in range(200):
        t_ns += BEAT_NS
        if 0 <= done_ns <= t_ns:
            state, outputs = engine.step(plan, state, Done(done_ns))
            done_ns = -1
        else:
            state, outputs = engine.step(plan, state, Seen(Observation(t_ns, B.FLOAT, FLAGS, frozenset(), (), 0)))
        intents = [output for output in outputs if isinstance(output, Command | Journal | Perform)]
        for intent in intents:
            if not isinstance(intent, Journal):
                name = intent.action if isinstance(intent, Perform) else intent.name
                told.append((plan.steps[state.step].kind.value, name, (state.phase_ns - state.step_ns) * 1e-9))
        if Command("ISOLATE") in intents:
            return told
        if intents:
            done_ns = t_ns + round(takes_s * 1e9)
    raise AssertionError(f"no ISOLATE after {t_ns * 1e-9} s: {state}")


def test_everything_is_looked_at_at_both_ends_of_the_hold_and_a_second_before_fire() -> None:
    told = walk(hold_s=2.0, countdown_s=3.0)
    assert [(step, action) for step, action, _ in told] == [
        ("float", "recheck"),
        ("float", "recheck_scopes"),
        ("countdown", "last_look"),
        ("isolate", "ISOLATE"),
    ]
    first, second, last = (since_s for _, _, since_s in told[:3])
    assert first == 0.0
    assert 2.0 <= second <= 2.15
    assert 2.0 <= last <= 2.05, "at T-1 s, with the first status after it"


@pytest.mark.parametrize("countdown_s", [0.5, 0.8, 1.0])
def test_a_countdown_of_a_second_or_less_begins_with_the_look_at_the_end_of_the_hold(countdown_s: float) -> None:
    told = walk(hold_s=0.0, countdown_s=countdown_s)
    assert [action for _, action, _ in told] == ["recheck", "recheck_scopes", "ISOLATE"]


@pytest.mark.parametrize("takes_s", [0.001, 0.35])
def test_the_countdown_is_as_long_as_planned_however_long_the_last_look_takes(takes_s: float) -> None:
    plan = plan_with(0.0, 2.0)
    at = next(index for index, step in enumerate(plan.steps) if step.kind is StepKind.COUNTDOWN)
    state = EngineState(Mode.RUN, at, opened=True, seen=B.FLOAT, waiting=True)
    t_ns, done_ns = 0, -1
    while plan.steps[state.step].kind is StepKind.COUNTDOWN:
        t_ns += BEAT_NS
        event = Seen(Observation(t_ns, B.FLOAT, FLAGS, frozenset(), (), 0))
        state, outputs = engine.step(plan, state, event)
        if Perform("last_look") in outputs:
            done_ns = t_ns + round(takes_s * 1e9)
        if 0 <= done_ns <= t_ns + BEAT_NS:
            state, _ = engine.step(plan, state, Done(done_ns))
            done_ns = -1
    assert 2.0 <= t_ns * 1e-9 <= 2.05


def test_a_last_look_that_fails_dumps_and_never_fires() -> None:
    plan = plan_with(0.0, 2.0)
    at = next(index for index, step in enumerate(plan.steps) if step.kind is StepKind.COUNTDOWN)
    state = EngineState(Mode.RUN, at, phase=1, opened=True, seen=B.FLOAT)
    state, outputs = engine.step(plan, state, engine.Failed(BEAT_NS, "scope_1: not armed any more but stopped"))
    assert state.mode is Mode.ABORT and Command("DUMP") in outputs
    assert state.reason == "step countdown: scope_1: not armed any more but stopped"
