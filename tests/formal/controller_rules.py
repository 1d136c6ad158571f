"""What the controller's engine must never do, written from safety.md 3.3 (C1 .. C15) and bench.md 2, 3.

Nothing here is read from the engine's tables: states, barriers and deadlines are written down a second time.
A rule gets one transition and returns what is wrong with it, or an empty string.
"""

from collections.abc import Callable, Mapping

from controller.safety.bench import BenchState as B
from controller.sequencer.engine import Cancel, Done, Ending, Enter, Failed, Finish, Leave, Mode, Start, Stop
from controller.sequencer.plan import StepKind as K
from controller.sequencer.steps import Command, Journal, Perform
from tests.formal.controller_walk import Moved

Rule = Callable[[Moved], str]

BARRIERS = {
    Command("PERMIT"): "permit",
    Command("CHARGE"): "charge_intent",
    Perform("arm"): "scope_arm_intent",
    Command("FIRE_ENABLE"): "fire_token",
    Command("FIRE"): "fire_intent",
    Perform("start_services"): "services_intent",
    Command("AUXILIARIES"): "services_intent",
    Perform("drive_on"): "run_intent",
    Command("RUN"): "run_intent",
    Perform("start_pulses"): "run_intent",
    Perform("provoke"): "run_intent",
    Perform("condition"): "raise_intent",
}
"""safety.md 6: what must be on the disk before it is done."""

ASKED_IN: Mapping[str, frozenset[B]] = {
    "SELF_TEST": frozenset({B.SAFE}),
    "WARN": frozenset({B.SAFE}),
    "PERMIT": frozenset({B.SAFE}),
    "CHARGE": frozenset({B.OPENING}),
    "ISOLATE": frozenset({B.FLOAT}),
    "FIRE_ENABLE": frozenset({B.ISOLATE}),
    "FIRE": frozenset({B.FIREWIN}),
    "ENTER_TEST": frozenset({B.SAFE, B.TEST}),
    "REHEARSE": frozenset({B.TEST}),
    "LEAVE_TEST": frozenset({B.SAFE, B.TEST}),
    "AUXILIARIES": frozenset({B.SAFE}),
    "RUN": frozenset({B.FLOAT}),
    "HOLD": frozenset({B.RUN, B.FLOAT}),
}
"""bench.md 2: the states from which each command leads anywhere. DUMP goes out in every state."""

MAY_SEE: Mapping[K, frozenset[B]] = {
    K.SELF_TEST: frozenset({B.SAFE}),
    K.CONFIGURE: frozenset({B.SAFE, B.TEST}),
    K.ARM: frozenset({B.SAFE, B.TEST}),
    K.WARN: frozenset({B.SAFE}),
    K.PERMIT: frozenset({B.SAFE, B.OPENING}),
    K.CHARGE: frozenset({B.OPENING, B.CHARGE, B.FLOAT}),
    K.FLOAT: frozenset({B.FLOAT}),
    K.COUNTDOWN: frozenset({B.FLOAT}),
    K.ISOLATE: frozenset({B.FLOAT, B.ISOLATE}),
    K.FIRE: frozenset({B.ISOLATE, B.FIREWIN, B.SHOT, B.DUMPING, B.SAFE}),
    K.DUMP: frozenset({B.OPENING, B.CHARGE, B.FLOAT, B.ISOLATE, B.DUMPING, B.SAFE}),
    K.VERIFY: frozenset({B.DUMPING, B.SAFE}),
    K.TRANSFER: frozenset({B.SAFE, B.TEST}),
    K.ENTER_TEST: frozenset({B.SAFE, B.TEST}),
    K.REHEARSE: frozenset({B.TEST}),
    K.LEAVE_TEST: frozenset({B.SAFE, B.TEST}),
    K.FORCE_TRIGGER: frozenset({B.SAFE, B.TEST}),
    K.WARM_UP: frozenset({B.SAFE}),
    K.RUN: frozenset({B.FLOAT, B.RUN}),
    K.SWEEP: frozenset({B.FLOAT, B.RUN}),
    K.TRIP_CHECK: frozenset({B.FLOAT, B.RUN}),
    K.CONDITION: frozenset({B.FLOAT, B.RUN}),
    K.RUN_DOWN: frozenset({B.OPENING, B.CHARGE, B.FLOAT, B.RUN, B.DUMPING, B.SAFE}),
}
"""bench.md 2 and 3: where the PLC may be during each kind of step; everything else ends the run."""

PULSED = frozenset({K.RUN, K.SWEEP, K.TRIP_CHECK, K.CONDITION})
ARMED = frozenset({B.OPENING, B.CHARGE, B.FLOAT, B.ISOLATE, B.FIREWIN, B.SHOT, B.RUN})
MISFIRE_S = 45.0
ABORT_S = 60.0
ORDER = (Mode.RUN, Mode.ABORT, Mode.SALVAGE, Mode.DONE)


def _commands(moved: Moved) -> list[str]:
    return [output.name for output in moved.outputs if isinstance(output, Command)]


def _write_ahead(moved: Moved) -> str:
    """C2: whatever can raise energy stands in the journal, on the disk, before it is asked for."""
    written: set[str] = set()
    for output in moved.outputs:
        if isinstance(output, Journal) and output.barrier:
            written.add(output.kind)
        elif isinstance(output, Command | Perform) and BARRIERS.get(output, "") not in written | {""}:
            return f"{output} without its record {BARRIERS[output]}"
    return ""


def _expected_state(moved: Moved) -> str:
    """C3: a command is asked only in the state for which it is meant; the start is judged by its own status."""
    seen = moved.status.state if moved.status is not None else moved.memory.seen
    for name in _commands(moved):
        if name == "DUMP" or name.startswith("DUMP_") or (seen is None and name == "SELF_TEST"):
            continue
        if seen not in ASKED_IN[name]:
            return f"{name} asked while the PLC reports {seen and seen.value}"
    return ""


def _one_path_dump(moved: Moved) -> str:
    """A dump with one path is a planned test of that path: only a DUMP step asks for it."""
    wanted = {"DUMP_A", "DUMP_B"} & set(_commands(moved))
    step = moved.plan.steps[moved.after.step] if moved.after.step >= 0 else None
    planned = step is not None and step.kind is K.DUMP and wanted == {f"DUMP_{step.dump_path.upper()}"}
    return f"{wanted} asked outside its step" if wanted and not planned else ""


def _deadline(moved: Moved) -> str:
    """C4: no wait outlasts its step's timeout, whatever the PLC says."""
    before, after = moved.before, moved.after
    if moved.status is None or before.mode is not Mode.RUN or before.step < 0:
        return ""
    step = moved.plan.steps[before.step]
    if moved.ages.step_s <= step.timeout_s + (MISFIRE_S if step.kind is K.VERIFY else 0.0):
        return ""
    still = after.mode is Mode.RUN and (after.step, after.phase) == (before.step, before.phase)
    return f"{step.id} waits on after its {step.timeout_s:g} s" if still else ""


def _abort_deadline(moved: Moved) -> str:
    """C4: an abort that cannot be proven within a minute ends, and says that it is not proven."""
    if moved.status is None or moved.before.mode is not Mode.ABORT or moved.ages.abort_s <= ABORT_S:
        return ""
    return "the abort waits on after 60 s" if moved.after.mode is Mode.ABORT else ""


def _patient(moved: Moved) -> str:
    """A step is not given up before its time unless the PLC or somebody says so (no spurious aborts)."""
    before, after = moved.before, moved.after
    if moved.status is None or before.mode is not Mode.RUN or before.step < 0 or after.mode is Mode.RUN:
        return ""
    step = moved.plan.steps[before.step]
    fine = moved.status.state in MAY_SEE[step.kind] and moved.ages.step_s <= step.timeout_s
    over = after.mode is Mode.DONE or step.kind is K.SELF_TEST or _pulses_failed(moved)
    return f"{step.id} given up although nothing is wrong" if fine and not over else ""


def _pulses_failed(moved: Moved) -> bool:
    """A step with pulses ends early when the PLC took RUN away or does not leave it, or a latch did not come."""
    before, status = moved.before, moved.status
    if status is None or moved.plan.steps[before.step].kind not in PULSED:
        return False
    kind, last = moved.plan.steps[before.step].kind, 4 if moved.plan.steps[before.step].kind is K.SWEEP else 2
    early = status.state is B.FLOAT or before.phase == 0
    return early or kind is K.TRIP_CHECK or (before.phase >= last and moved.ages.phase_s > 5.0)


def _dump_first(moved: Moved) -> str:
    """C5: leaving the plan asks for DUMP in the same step, before anything else and behind no disk."""
    if moved.before.mode is not Mode.RUN or moved.after.mode in (Mode.RUN, Mode.DONE):
        return ""
    asked = [output for output in moved.outputs if not isinstance(output, Enter | Leave)]
    if asked[:2] != [Cancel(), Command("DUMP")]:
        return f"the abort begins with {asked[:2]}"
    slow = [output for output in asked if isinstance(output, Journal) and output.barrier]
    return f"the abort waits for {slow}" if slow else ""


def _stop_heard(moved: Moved) -> str:
    """C5: whoever wants the energy gone is heard at any moment of a run."""
    stopped = isinstance(moved.event, Stop) and moved.before.mode is Mode.RUN
    return "a stop was not obeyed" if stopped and moved.after.mode is not Mode.ABORT else ""


def _failure_heard(moved: Moved) -> str:
    """What could not be carried out ends a run that has begun; nothing is tried a second time."""
    failed = isinstance(moved.event, Failed) and moved.before.mode is Mode.RUN and moved.before.step >= 0
    return "a failure was not obeyed" if failed and moved.after.mode is not Mode.ABORT else ""


def _journal_dead(moved: Moved) -> str:
    """C5: safing needs no success of the journal or of an instrument."""
    leftovers = isinstance(moved.event, Failed | Done | Stop | Start) and moved.before.mode is Mode.ABORT
    return "safing was changed by what else happened" if leftovers and moved.after != moved.before else ""


def _fire_once(moved: Moved) -> str:
    """C6: FIRE is asked once at most, and only by a plan that fires."""
    if moved.now.fires > 1:
        return "FIRE asked a second time"
    planned = any(step.kind is K.FIRE for step in moved.plan.steps)
    return "FIRE asked by a plan that does not fire" if moved.now.fires and not planned else ""


def _only_safing(moved: Moved) -> str:
    """Outside the plan nothing is asked but what takes energy away."""
    if moved.after.mode is Mode.RUN:
        return ""
    wrong = [name for name in _commands(moved) if name not in ("DUMP", "DUMP_A", "DUMP_B", "LEAVE_TEST")]
    return f"{wrong} asked outside the plan" if wrong else ""


def _no_way_back(moved: Moved) -> str:
    """C8: what has ended stays ended; nothing clears an abort."""
    if ORDER.index(moved.after.mode) < ORDER.index(moved.before.mode):
        return f"from {moved.before.mode.value} back to {moved.after.mode.value}"
    changed = moved.before.mode is Mode.DONE and (moved.after != moved.before or moved.outputs)
    return "something happens after the end" if changed else ""


def _unexpected_ends(moved: Moved) -> str:
    """C3, C8, C10: a trip, a lockout, an unknown state and every other state that the step does not know ends it."""
    before = moved.before
    if moved.status is None or before.mode is not Mode.RUN or before.step < 0:
        return ""
    kind = moved.plan.steps[before.step].kind
    if moved.status.state in MAY_SEE[kind] or moved.after.mode is Mode.ABORT:
        return ""
    return f"{kind.value} goes on in {moved.status.state.value}"


def _unknown_is_energised(moved: Moved) -> str:
    """C10: an unknown state proves nothing, as long as the run lasts."""
    lasts = moved.before.mode is not Mode.DONE
    unknown = lasts and moved.status is not None and moved.status.state is B.UNKNOWN
    return "an unknown state counts as safe" if unknown and moved.after.safe else ""


def _dump_while_armed(moved: Moved) -> str:
    """An armed bench is told to dump with every status until the run is over."""
    before = moved.before.mode
    if moved.status is None or before not in (Mode.ABORT, Mode.SALVAGE) or moved.status.state not in ARMED:
        return ""
    return "no DUMP although the bench is armed" if "DUMP" not in _commands(moved) else ""


def _proof(moved: Moved) -> str:
    """The run calls the bench safe only after a proof that is newer than the last sign of energy, and still holds."""
    if not moved.after.safe or moved.before.mode is Mode.DONE:
        return ""
    if moved.before.mode is Mode.RUN:
        fine = not moved.now.energy and moved.memory.seen in (B.SAFE, B.TEST)
        where = moved.status.state if moved.status is not None else moved.memory.seen
        return "" if fine and where in (B.SAFE, B.TEST) else f"a plan ends as safe in {where and where.value}"
    return "" if moved.now.proven and not moved.now.energy else "called safe without a proof"


def _completed(moved: Moved) -> str:
    """A run counts as completed when its last step was left, and then it is safe; unproven is unsafe, by name."""
    state = moved.after
    if state.mode is not Mode.DONE or moved.before.mode is Mode.DONE:
        return ""
    if (state.ending is Ending.UNSAFE) is state.safe:
        return f"{state.ending.value} with safe={state.safe}"
    last = len(moved.plan.steps) - 1
    complete = Leave(last) in moved.outputs
    return "" if state.ending is not Ending.COMPLETED or complete else "completed without its last step"


def _finish_once(moved: Moved) -> str:
    """Finish comes exactly when the run is over."""
    over = moved.after.mode is Mode.DONE and moved.before.mode is not Mode.DONE
    return "" if moved.outputs.count(Finish()) == over else "Finish at the wrong moment"


def _ending_names(moved: Moved) -> str:
    """An ending says the truth: misfire only after fire, tripped only when the PLC tripped, and always why."""
    before, after = moved.before, moved.after
    if after.ending is Ending.MISFIRE and not moved.now.fires:
        return "a misfire without fire"
    if after.ending is Ending.TRIPPED is not before.ending:
        status = moved.status
        if status is None or not (status.state is B.TRIP or status.trips):
            return "tripped without a trip"
    return "" if after.reason or after.ending is Ending.COMPLETED else "an ending without a reason"


def _scope_armed(moved: Moved) -> str:
    """C14: nothing is fired for a record that no scope waits for."""
    fires = {"FIRE", "FIRE_ENABLE"} & set(_commands(moved))
    return f"{fires} without an armed scope" if fires and not moved.memory.scope_armed else ""


def _fresh_only(moved: Moved) -> str:
    """A status that is not newer than the phase's last intent, or comes before it was carried out, proves nothing."""
    before, after = moved.before, moved.after
    if moved.status is None or before.mode is not Mode.RUN or (before.waiting and moved.ages.phase_s > 0.0):
        return ""
    still = (after.step, after.phase) == (before.step, before.phase)
    return "" if still or after.mode is Mode.ABORT else "a late status advanced the plan"


def _in_order(moved: Moved) -> str:
    """C1, and the plan: steps follow each other, one at a time, from the first."""
    entered = [output.index for output in moved.outputs if isinstance(output, Enter)]
    if not entered:
        same = moved.after.step == moved.before.step
        return "" if same else f"step {moved.before.step} became {moved.after.step} without a word"
    expected = moved.before.step + 1
    while moved.before.held and moved.plan.steps[expected].kind in PULSED:
        expected += 1  # nobody wants further pulses
    fine = entered == [expected] and moved.before.mode is Mode.RUN
    return "" if fine else f"step {entered} after step {moved.before.step}"


def _energy_is_left_by_proof(moved: Moved) -> str:
    """A step beyond VERIFY never begins while the last sign of energy stands unproven."""
    entered = [output.index for output in moved.outputs if isinstance(output, Enter)]
    late = [index for index in entered if moved.plan.steps[index].kind in (K.WARN, K.TRANSFER)]
    return "the plan went on beside unproven energy" if late and moved.now.energy else ""


RULES: Mapping[str, Rule] = {
    "C8 only safing after the end": _only_safing,
    "C2 write-ahead": _write_ahead,
    "C3 expected state": _expected_state,
    "C3 unexpected state ends": _unexpected_ends,
    "C3 fresh status only": _fresh_only,
    "C4 deadline": _deadline,
    "C4 abort deadline": _abort_deadline,
    "C5 dump first": _dump_first,
    "C5 stop heard": _stop_heard,
    "C5 journal dead": _journal_dead,
    "C6 fire once": _fire_once,
    "C6 failure ends": _failure_heard,
    "C8 no way back": _no_way_back,
    "C10 unknown is energised": _unknown_is_energised,
    "C14 scope armed": _scope_armed,
    "steps in order": _in_order,
    "one-path dump planned": _one_path_dump,
    "no spurious abort": _patient,
    "dump while armed": _dump_while_armed,
    "proof of safe": _proof,
    "energy left by proof": _energy_is_left_by_proof,
    "completed is safe": _completed,
    "finish once": _finish_once,
    "ending names": _ending_names,
}
"""Every rule of the exploration by name."""
