"""What the engine must never do in plans with pulses, beside the rules of every plan, and a defect that breaks each.

Written from bench.md 2 (microwave part) and decision 16: nothing here is read from the engine's tables.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from controller.safety.bench import BenchState as B
from controller.sequencer import steps
from controller.sequencer.engine import Cancel, EngineState, Event, Failed, Hold, Leave, Mode
from controller.sequencer.plan import Plan, StepKind
from controller.sequencer.plan import Step as PlannedStep
from controller.sequencer.steps import Command, Journal, Observation, Phase
from tests.formal.controller_defects import Defect, Result, Seed, _altered, _row
from tests.formal.controller_rules import PULSED, Rule
from tests.formal.controller_walk import Moved

K = StepKind


def _run_once(moved: Moved) -> str:
    """RUN is asked when its phase begins and at no other moment: what was refused or lost is not asked again."""
    if Command("RUN") not in moved.outputs:
        return ""
    before, after = moved.before, moved.after
    began = before.mode is Mode.RUN is after.mode and (before.step, before.phase) != (after.step, after.phase)
    pulsed = after.step >= 0 and moved.plan.steps[after.step].kind in PULSED
    return "" if began and pulsed and not after.held else "RUN asked a second time, or where no pulses belong"


def _hold_heard(moved: Moved) -> str:
    """After a hold no pulse begins; one that comes while pulses run ends them in the same step of the engine."""
    before, after = moved.before, moved.after
    if before.held and Command("RUN") in moved.outputs:
        return "pulses begin after a hold"
    if not isinstance(moved.event, Hold) or before.mode is not Mode.RUN or before.step < 0 or before.held:
        return ""
    here = moved.plan.steps[before.step]
    if not any(step.kind in PULSED for step in moved.plan.steps[before.step :]):
        return "" if after == before else "a hold without pulses to come changed something"
    if after.mode is Mode.ABORT:
        return "" if here.kind not in PULSED or moved.memory.seen not in (B.FLOAT, B.RUN) else "a hold dumped"
    ending = here.kind in PULSED and Command("HOLD") not in moved.outputs and before.phase < _last(here.kind)
    return "a hold was not obeyed" if not after.held or ending else ""


def _last(kind: StepKind) -> int:
    return {K.RUN: 2, K.SWEEP: 4, K.TRIP_CHECK: 2, K.CONDITION: 3}[kind]


def _hold_between(moved: Moved) -> str:
    """A step with pulses is left by HOLD and with high voltage still: between two of them nothing pulses."""
    left = [output.index for output in moved.outputs if isinstance(output, Leave)]
    if not any(moved.plan.steps[index].kind in PULSED for index in left):
        return ""
    at_end = moved.before.phase == _last(moved.plan.steps[left[0]].kind)
    floats = moved.status is not None and moved.status.state is B.FLOAT
    return "" if at_end and floats else "a step with pulses was left without HOLD, or while the PLC was in RUN"


RUN_RULES: Mapping[str, Rule] = {
    "RUN once": _run_once,
    "hold heard": _hold_heard,
    "HOLD between": _hold_between,
}
"""Rules of plans with pulses."""


def _retry_run(plan: Plan, state: EngineState, event: Event, result: Result) -> Result:
    at_run = state.step >= 0 and plan.steps[state.step].kind is K.RUN and state.phase == 1
    if isinstance(event, Failed) and state.mode is Mode.RUN and at_run and not state.waiting:
        return state, steps.TABLE[K.RUN].phases[1].intents
    return result


def _deaf_to_hold(plan: Plan, state: EngineState, event: Event, result: Result) -> Result:
    pulsing = state.step >= 0 and plan.steps[state.step].kind is K.RUN
    return (state, ()) if isinstance(event, Hold) and state.mode is Mode.RUN and pulsing else result


def _forgets_hold(plan: Plan, state: EngineState, event: Event, result: Result) -> Result:
    after, outputs = result
    return replace(after, held=False) if after.held and not state.held else after, outputs


def _holds_without_cancel(plan: Plan, state: EngineState, event: Event, result: Result) -> Result:
    after, outputs = result
    return after, tuple(o for o in outputs if o != Command("HOLD")) if Cancel() in outputs else outputs


def _phase(kind: StepKind, at: int, **changes: Any) -> Seed:
    changed: dict[str, Any] = {f"p{at}": replace(steps.TABLE[kind].phases[at], **changes)}
    return _row(kind, **changed)


def _late_record(kind: StepKind, at: int, record: str) -> Seed:
    intents = tuple(i for i in steps.TABLE[kind].phases[at].intents if not (isinstance(i, Journal) and i.barrier))
    changed: dict[str, Any] = {f"p{at}": Phase((*intents, Journal(record, True)), steps.TABLE[kind].phases[at].until)}
    return _row(kind, **changed)


_ANY = frozenset({B.FLOAT, B.RUN, B.DUMPING})


def _at_once(seen: Observation, step: PlannedStep, elapsed_s: float) -> bool:
    return True


RUN_DEFECTS = (
    Defect("RUN after its record only", "C2 write-ahead", _late_record(K.RUN, 1, "run_intent"), "low-voltage"),
    Defect(
        "services before their record", "C2 write-ahead", _late_record(K.WARM_UP, 0, "services_intent"), "low-voltage"
    ),
    Defect("a raise before its record", "C2 write-ahead", _late_record(K.CONDITION, 2, "raise_intent"), "conditioning"),
    Defect(
        "a trip check's RUN is not written",
        "C2 write-ahead",
        _late_record(K.TRIP_CHECK, 1, "run_intent"),
        "vswr-trip-check",
    ),
    Defect("a sweep's RUN is not written", "C2 write-ahead", _late_record(K.SWEEP, 1, "run_intent"), "power-sweep"),
    Defect("a run goes on through a dump", "C3 unexpected state ends", _row(K.RUN, _ANY), "low-voltage"),
    Defect("RUN is asked in RUN", "C3 expected state", _phase(K.RUN, 0, expected=None), "low-voltage"),
    Defect("a failed RUN is tried again", "C6 failure ends", _altered(_retry_run), "low-voltage"),
    Defect("a hold is not heard", "hold heard", _altered(_deaf_to_hold), "low-voltage"),
    Defect("a hold is forgotten", "hold heard", _altered(_forgets_hold), "power-sweep"),
    Defect("a hold without HOLD", "hold heard", _altered(_holds_without_cancel), "low-voltage"),
    Defect("a run is left before HOLD is obeyed", "HOLD between", _phase(K.RUN, 2, until=_at_once), "low-voltage"),
    Defect(
        "a conditioning is left before HOLD is obeyed",
        "HOLD between",
        _phase(K.CONDITION, 3, until=_at_once),
        "conditioning",
    ),
)
"""Seeded defects of the rows with pulses; ``RUN once`` is broken by :data:`RETRY` once failures are not heard."""


def _retry_unheard(plan: Plan, state: EngineState, event: Event, result: Result) -> Result:
    """RUN asked again by a status: the PLC is still in FLOAT."""
    waiting = state.mode is Mode.RUN and state.waiting and state.step >= 0 and state.phase == 1
    after, outputs = result
    if waiting and plan.steps[state.step].kind is K.RUN and after == state and not isinstance(event, Failed):
        if isinstance(event, Hold) or state.seen is not B.FLOAT:
            return result
        return after, (*outputs, Journal("run_intent", True), Command("RUN"))
    return result


RETRY = Defect("RUN is asked until it is obeyed", "RUN once", _altered(_retry_unheard), "low-voltage")
