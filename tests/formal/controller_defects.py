"""Seeded defects of the controller's engine: each makes one rule of ``controller_rules.py`` fail, which proves it can.

A defect is a step function that differs from the engine's, a doctored row of the step table, or a constant.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from controller.safety.bench import BenchState as B
from controller.sequencer import engine, steps
from controller.sequencer.engine import Cancel, Done, EngineState, Enter, Event, Failed, Finish, Leave, Mode, Seen, Stop
from controller.sequencer.plan import Plan, StepKind
from controller.sequencer.steps import Command, Journal, Perform, Phase
from tests.formal.controller_walk import Step

Result = tuple[EngineState, tuple[engine.Output, ...]]
Seed = Callable[[pytest.MonkeyPatch], Step]


@dataclass(frozen=True)
class Defect:
    """What is broken, the rule that must notice, and the profile in which it shows."""

    name: str
    rule: str
    seed: Seed
    profile: str = "full"


def _altered(alter: Callable[[Plan, EngineState, Event, Result], Result]) -> Seed:
    """The engine with its result altered."""

    def step(plan: Plan, state: EngineState, event: Event) -> Result:
        return alter(plan, state, event, engine.step(plan, state, event))

    return lambda patch: step


def _row(kind: StepKind, expected: frozenset[B] | None = None, **phases: Phase) -> Seed:
    """The engine with a row of its table doctored; ``p0`` replaces the first phase."""

    def seed(patch: pytest.MonkeyPatch) -> Step:
        row = steps.TABLE[kind]
        changed = tuple(phases.get(f"p{index}", phase) for index, phase in enumerate(row.phases))
        patch.setitem(steps.TABLE, kind, replace(row, phases=changed, expected=expected or row.expected))
        return engine.step

    return seed


def _constant(name: str, value: Any) -> Seed:
    def seed(patch: pytest.MonkeyPatch) -> Step:
        patch.setattr(engine, name, value)
        return engine.step

    return seed


def _impatient_plan(plan: Plan, state: EngineState, event: Event) -> Result:
    slow = tuple(replace(step, timeout_s=step.timeout_s * 100.0) for step in plan.steps)
    return engine.step(replace(plan, steps=slow), state, event)


def _hasty_plan(plan: Plan, state: EngineState, event: Event) -> Result:
    fast = tuple(replace(step, timeout_s=step.timeout_s * 0.5) for step in plan.steps)
    return engine.step(replace(plan, steps=fast), state, event)


def _deaf(kind: type[Stop | Failed]) -> Seed:
    def alter(plan: Plan, state: EngineState, event: Event, result: Result) -> Result:
        deaf = isinstance(event, kind) and state.step >= 0 and plan.steps[state.step].kind is StepKind.FIRE
        return (state, ()) if deaf and state.mode is Mode.RUN else result

    return _altered(alter)


def _retry_fire(plan: Plan, state: EngineState, event: Event, result: Result) -> Result:
    """A failed FIRE is simply tried again."""
    at_fire = state.step >= 0 and plan.steps[state.step].kind is StepKind.FIRE and state.phase == 1
    if isinstance(event, Failed) and state.mode is Mode.RUN and at_fire and not state.waiting:
        return state, steps.TABLE[StepKind.FIRE].phases[1].intents
    return result


def _journal_first(plan: Plan, state: EngineState, event: Event, result: Result) -> Result:
    after, outputs = result
    if Cancel() not in outputs:
        return result
    return after, (Cancel(), Journal("dump_intent", True), Command("DUMP"), Perform("rest_charger"))


def _waits_for_journal(plan: Plan, state: EngineState, event: Event, result: Result) -> Result:
    if state.mode is Mode.ABORT and isinstance(event, Failed):
        return replace(state, mode=Mode.DONE, ending=engine.Ending.UNSAFE, reason=event.reason), (Finish(),)
    return result


def _forgives(plan: Plan, state: EngineState, event: Event, result: Result) -> Result:
    """An abort is taken back when the bench looks healthy again."""
    if state.mode is Mode.ABORT and isinstance(event, Seen) and event.observation.state is B.FLOAT:
        return replace(state, mode=Mode.RUN), ()
    return result


def _resumes(plan: Plan, state: EngineState, event: Event, result: Result) -> Result:
    after, outputs = result
    return after, (*outputs, Command("CHARGE")) if Cancel() in outputs else outputs


def _trusts_unknown(plan: Plan, state: EngineState, event: Event, result: Result) -> Result:
    if state.mode is Mode.ABORT and isinstance(event, Seen) and event.observation.state is B.UNKNOWN:
        return replace(state, mode=Mode.SALVAGE, safe=True), ()
    return result


def _skips(plan: Plan, state: EngineState, event: Event, result: Result) -> Result:
    after, outputs = result
    if Enter(1) in outputs:
        return replace(after, step=2), (Leave(0), Enter(2))
    return result


def _one_path_abort(plan: Plan, state: EngineState, event: Event, result: Result) -> Result:
    after, outputs = result
    return after, (*outputs, Command("DUMP_A")) if Cancel() in outputs else outputs


def _dumps_once(plan: Plan, state: EngineState, event: Event, result: Result) -> Result:
    after, outputs = result
    return (after, ()) if state.mode is Mode.ABORT and outputs == (Command("DUMP"),) else result


def _finishes_early(plan: Plan, state: EngineState, event: Event, result: Result) -> Result:
    if isinstance(event, Done) and state.mode is Mode.RUN and state.step == 1:
        return replace(state, mode=Mode.DONE, safe=True), (Finish(),)
    return result


def _finishes_twice(plan: Plan, state: EngineState, event: Event, result: Result) -> Result:
    after, outputs = result
    return after, (*outputs, Finish()) if after.mode is Mode.SALVAGE else outputs


def _misfire_of_before(plan: Plan, state: EngineState, event: Event, result: Result) -> Result:
    after, outputs = result
    old = isinstance(event, Seen) and state.mode is Mode.RUN is after.mode and "MISFIRE" in event.observation.flags
    return (replace(after, ending=engine.Ending.MISFIRE, reason="no module fired"), outputs) if old else result


def _newer_or_not(patch: pytest.MonkeyPatch) -> Step:
    """The moment at which the phase's intents were done is forgotten: any status is newer."""

    def step(plan: Plan, state: EngineState, event: Event) -> Result:
        fooled = state.mode is Mode.RUN and isinstance(event, Seen)
        return engine.step(plan, replace(state, phase_ns=0) if fooled else state, event)

    return step


def _verify_unproven(patch: pytest.MonkeyPatch) -> Step:
    row = steps.TABLE[StepKind.VERIFY]
    phases = tuple(replace(phase, until=lambda seen, step, elapsed_s: seen.state is B.SAFE) for phase in row.phases)
    patch.setitem(steps.TABLE, StepKind.VERIFY, replace(row, phases=phases))
    return engine.step


_FIRE = steps.TABLE[StepKind.FIRE].phases

DEFECTS = (
    Defect(
        "charge without its record",
        "C2 write-ahead",
        _row(StepKind.CHARGE, p0=Phase((Command("CHARGE"),), steps.TABLE[StepKind.CHARGE].phases[0].until)),
    ),
    Defect(
        "the record of fire is not waited for",
        "C2 write-ahead",
        _row(StepKind.FIRE, p1=Phase((Journal("fire_intent"), Command("FIRE")), _FIRE[1].until)),
    ),
    Defect(
        "fire does not wait for FIREWIN",
        "C3 expected state",
        _row(StepKind.FIRE, p0=Phase(_FIRE[0].intents, None)),
    ),
    Defect(
        "float goes on through a trip",
        "C3 unexpected state ends",
        _row(StepKind.FLOAT, expected=frozenset({B.FLOAT, B.TRIP})),
    ),
    Defect("any status is new enough", "C3 fresh status only", _newer_or_not),
    Defect("steps wait a hundred times as long", "C4 deadline", lambda patch: _impatient_plan),
    Defect("an abort waits for ever", "C4 abort deadline", _constant("ABORT_TIMEOUT_S", 1e9)),
    Defect("the journal comes before the dump", "C5 dump first", _altered(_journal_first)),
    Defect("a stop is not heard during fire", "C5 stop heard", _deaf(Stop)),
    Defect("a dead journal ends the safing", "C5 journal dead", _altered(_waits_for_journal)),
    Defect("a failed fire is tried again", "C6 fire once", _altered(_retry_fire)),
    Defect("a failure is not heard during fire", "C6 failure ends", _deaf(Failed)),
    Defect("an abort is taken back", "C8 no way back", _altered(_forgives)),
    Defect("an abort charges", "C8 only safing after the end", _altered(_resumes)),
    Defect("an unknown state is trusted", "C10 unknown is energised", _altered(_trusts_unknown)),
    Defect(
        "the scopes are not armed",
        "C14 scope armed",
        _row(StepKind.ARM, p0=Phase((Journal("scope_arm_intent", True),), None)),
    ),
    Defect("a step is skipped", "steps in order", _altered(_skips)),
    Defect("an abort dumps one path", "one-path dump planned", _altered(_one_path_abort)),
    Defect("steps wait half as long", "no spurious abort", lambda patch: _hasty_plan),
    Defect("DUMP is not repeated", "dump while armed", _altered(_dumps_once)),
    Defect("an opening asks for no proof", "proof of safe", _constant("_MAY_HOLD_ENERGY", frozenset())),
    Defect("verify asks for no proof", "energy left by proof", _verify_unproven),
    Defect("a run completes in the middle", "completed is safe", _altered(_finishes_early)),
    Defect("the end is told twice", "finish once", _altered(_finishes_twice)),
    Defect("an older misfire counts", "ending names", _altered(_misfire_of_before)),
)
"""At least one for every rule."""
