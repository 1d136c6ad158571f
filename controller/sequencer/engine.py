"""PURE: the engine that walks a plan: (state, event) -> (state, intents).

It does no I/O and reads no clock. What ends a run early, whatever it is, goes one way: cancel what is under way,
take the energy away, prove it, finish. Nothing here ever sends FIRE twice (rule C6): an intent is emitted once, when
its phase begins.
"""

from dataclasses import dataclass, replace
from enum import Enum

from controller.safety.bench import ARMED, DE_ENERGISED, BenchState
from controller.sequencer.plan import RUNNING, Plan, StepKind
from controller.sequencer.steps import FROM_PERMIT_TO_SAFE, TABLE, Command, Intent, Journal, Observation, Perform
from controller.sequencer.steps import dump_command as dump_command_of

ABORT_TIMEOUT_S = 60.0
"""An abort not proven safe by then ends unsafe-unconfirmed: more than T_dump plus a misfire's no-approach time."""

MISFIRE_WAIT_S = 45.0
"""Added to VERIFY's timeout after a misfire: the PLC keeps people away for 30 s after V_safe (bench.md 2)."""


_MAY_HOLD_ENERGY = ARMED | {BenchState.DUMPING, BenchState.LOCKOUT, BenchState.UNKNOWN}
"""Once seen in one of these, only the PLC's proof of safe ends the run as safe."""


class Mode(Enum):
    """What the engine is doing."""

    RUN = "run"
    ABORT = "abort"
    SALVAGE = "salvage"
    DONE = "done"


_RUN, _DONE, _COUNTDOWN = Mode.RUN, Mode.DONE, StepKind.COUNTDOWN


class Ending(Enum):
    """How the run ended, beside its verdict (design.md 4)."""

    COMPLETED = "completed"
    STOPPED = "stopped"
    ABORTED = "aborted"
    TRIPPED = "tripped"
    MISFIRE = "misfire"
    UNSAFE = "unsafe-unconfirmed"


@dataclass(frozen=True, slots=True)
class EngineState:
    """Where the run stands. Times are loop nanoseconds; ``waiting`` means the phase's intents were carried out."""

    mode: Mode = Mode.RUN
    step: int = -1
    phase: int = 0
    step_ns: int = 0
    phase_ns: int = 0
    waiting: bool = False
    opened: bool = False
    fired: bool = False
    ending: Ending = Ending.COMPLETED
    reason: str = ""
    abort_ns: int = 0
    safe: bool = False
    seen: BenchState | None = None
    """What the PLC reported last; None before its first status."""
    held: bool = False
    """Somebody asked for no further pulses."""


@dataclass(frozen=True, slots=True)
class Start:
    """Begin with the first step."""

    t_ns: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A PLC status arrived."""

    observation: Observation


@dataclass(frozen=True, slots=True)
class Done:
    """The phase's intents were carried out."""

    t_ns: int


@dataclass(frozen=True, slots=True)
class Failed:
    """One of them could not be."""

    t_ns: int
    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Somebody or something wants the energy gone: a person, a signal, the watch."""

    t_ns: int
    reason: str
    ending: Ending = Ending.ABORTED


@dataclass(frozen=True, slots=True)
class Hold:
    """Somebody wants no further pulses; the plan goes on without them. Plans without pulses do not know it."""

    t_ns: int
    reason: str


Event = Start | Seen | Done | Failed | Stop | Hold


@dataclass(frozen=True, slots=True)
class Enter:
    """Tell everybody that step ``index`` begins."""

    index: int


@dataclass(frozen=True, slots=True)
class Leave:
    """Tell everybody that step ``index`` is done."""

    index: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """Drop every intent that was not carried out yet."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The run is over; the state says how."""


Output = Intent | Enter | Leave | Cancel | Finish


def step(plan: Plan, state: EngineState, event: Event) -> tuple[EngineState, tuple[Output, ...]]:
    """Advance the run by one event. Total: every event is legal in every state."""
    if state.mode is _DONE:
        return state, ()
    if state.mode is _RUN and state.step < 0 and not isinstance(event, Start | Stop):
        return state, ()  # nothing has begun
    if isinstance(event, Seen):
        where = event.observation.state
        # energy that came back to a bench proven safe (TRANSFER) is as good as another opening
        energy = where in _MAY_HOLD_ENERGY or "REBOUND" in event.observation.trips
        if where is not state.seen or (not state.opened and energy):
            state = replace(state, seen=where, opened=state.opened or energy)
    if isinstance(event, Stop):
        return _abort(state, event.t_ns, event.ending, event.reason) if state.mode is _RUN else (state, ())
    if isinstance(event, Hold):
        return _hold(plan, state, event) if state.mode is _RUN else (state, ())
    if state.mode is _RUN:
        if isinstance(event, Start):
            return _enter(plan, state, 0, event.t_ns) if state.step < 0 else (state, ())
        return _run(plan, state, event)
    if isinstance(event, Start):
        return state, ()  # stopped before it began
    return _aborting(plan, state, event) if state.mode is Mode.ABORT else _salvaging(state, event)


def _run(plan: Plan, state: EngineState, event: Seen | Done | Failed) -> tuple[EngineState, tuple[Output, ...]]:
    here = plan.steps[state.step]
    if isinstance(event, Failed):
        return _abort(state, event.t_ns, Ending.ABORTED, f"step {here.id}: {event.reason}")
    if isinstance(event, Done):
        state = replace(state, waiting=True, phase_ns=event.t_ns)
        over = TABLE[here.kind].phases[state.phase].until is None
        return _advance(plan, state, event.t_ns) if over else (state, ())
    return _look(plan, state, event.observation)


def _hold(plan: Plan, state: EngineState, event: Hold) -> tuple[EngineState, tuple[Output, ...]]:
    """The pulses of this step end now, and later ones do not begin; a bench that is not charged yet is not charged."""
    here = plan.steps[state.step]
    if state.held or not any(step.kind in RUNNING for step in plan.steps[state.step :]):
        return state, ()
    if here.kind not in RUNNING and here.kind is not StepKind.FLOAT:
        return _abort(state, event.t_ns, Ending.STOPPED, event.reason)
    state = replace(state, held=True, ending=Ending.STOPPED, reason=event.reason)
    last = len(TABLE[here.kind].phases) - 1
    if here.kind not in RUNNING or state.phase == last:
        return state, ()
    begun, outputs = _begin_phase(plan, replace(state, phase=last, step_ns=event.t_ns), event.t_ns)
    return begun, outputs if begun.mode is Mode.ABORT else (Cancel(), *outputs)


def _look(plan: Plan, state: EngineState, seen: Observation) -> tuple[EngineState, tuple[Output, ...]]:
    here, behaviour = plan.steps[state.step], TABLE[plan.steps[state.step].kind]
    if seen.state not in (behaviour.phases[state.phase].expected or behaviour.expected):
        ending = Ending.TRIPPED if seen.trips or seen.state is BenchState.TRIP else Ending.ABORTED
        return _abort(state, seen.t_ns, ending, f"step {here.id}: {describe(seen)}")
    # the PLC keeps these until its next opening: before this run's fire they are an earlier shot's
    if state.fired and ("MISFIRE" in seen.flags or "PARTIAL" in seen.flags):
        what = "no module fired" if "MISFIRE" in seen.flags else "only some modules fired"
        state = replace(state, ending=Ending.MISFIRE, reason=f"fire was commanded and {what}")
    patience_s = here.timeout_s
    if here.kind is StepKind.VERIFY and state.ending is Ending.MISFIRE:
        patience_s += MISFIRE_WAIT_S
    phase = behaviour.phases[state.phase]
    elapsed_s = (seen.t_ns - (state.step_ns if phase.since_step else state.phase_ns)) * 1e-9
    newer = state.waiting and seen.t_ns > state.phase_ns
    if newer and phase.until is not None and phase.until(seen, here, elapsed_s):
        return _advance(plan, state, seen.t_ns)
    if newer and phase.hopeless is not None and (why := phase.hopeless(seen, here, elapsed_s)):
        return _abort(state, seen.t_ns, Ending.ABORTED, f"step {here.id}: {why}")
    if (seen.t_ns - state.step_ns) * 1e-9 > patience_s:
        refusal = f"; the PLC refuses: {seen.refusal}" if seen.refusal else ""
        return _abort(state, seen.t_ns, Ending.ABORTED, f"step {here.id}: not done within {patience_s:g} s{refusal}")
    return state, ()


def _advance(plan: Plan, state: EngineState, t_ns: int) -> tuple[EngineState, tuple[Output, ...]]:
    phases = TABLE[plan.steps[state.step].kind].phases
    if state.phase + 1 < len(phases):
        return _begin_phase(plan, replace(state, phase=state.phase + 1), t_ns)
    entered, outputs = _enter(plan, state, state.step + 1, t_ns)
    return entered, (Leave(state.step), *outputs)


def _enter(plan: Plan, state: EngineState, index: int, t_ns: int) -> tuple[EngineState, tuple[Output, ...]]:
    while state.held and index < len(plan.steps) and plan.steps[index].kind in RUNNING:
        index += 1
    if index == len(plan.steps):
        return replace(state, mode=Mode.DONE, safe=True), (Finish(),)
    # VERIFY proved it safe; only another PERMIT could raise energy after that
    opened = state.opened and plan.steps[index].kind in FROM_PERMIT_TO_SAFE
    entered = replace(state, step=index, phase=0, step_ns=t_ns, opened=opened)
    begun, outputs = _begin_phase(plan, entered, t_ns)
    return begun, (Enter(index), *outputs)


def _begin_phase(plan: Plan, state: EngineState, t_ns: int) -> tuple[EngineState, tuple[Output, ...]]:
    here = plan.steps[state.step]
    phase = TABLE[here.kind].phases[state.phase]
    if not phase.wanted(here):
        return _advance(plan, state, t_ns)
    intents = phase.intents
    if here.kind is StepKind.DUMP:
        intents = tuple(Command(dump_command_of(here)) if i == Command("DUMP") else i for i in intents)
    where = state.seen
    if where is not None and where not in TABLE[here.kind].expected and any(isinstance(i, Command) for i in intents):
        return _abort(state, t_ns, Ending.ABORTED, f"step {here.id}: the PLC is in {where.value}")
    fired = state.fired or Command("FIRE") in intents
    if not intents:
        return replace(state, waiting=True, phase_ns=t_ns, fired=fired), ()
    return replace(state, waiting=False, phase_ns=t_ns, fired=fired), intents


def _abort(state: EngineState, t_ns: int, ending: Ending, reason: str) -> tuple[EngineState, tuple[Output, ...]]:
    if state.ending is Ending.MISFIRE:
        ending, reason = Ending.MISFIRE, f"{state.reason}; {reason}"
    aborting = replace(state, mode=Mode.ABORT, ending=ending, reason=reason, abort_ns=t_ns, waiting=False)
    return aborting, (Cancel(), Command("DUMP"), Journal("dump_intent"), Perform("rest_charger"))


def _aborting(plan: Plan, state: EngineState, event: Seen | Done | Failed) -> tuple[EngineState, tuple[Output, ...]]:
    if not isinstance(event, Seen):
        return state, ()  # a step's leftovers; the abort's own intents need no answer
    seen = event.observation
    late = (seen.t_ns - state.abort_ns) * 1e-9 > ABORT_TIMEOUT_S
    if seen.state in ARMED and not late:
        return state, (Command("DUMP"),)
    if seen.state is BenchState.TEST and not late:
        return state, (Command("LEAVE_TEST"),)
    if seen.t_ns > state.abort_ns and proven_safe(seen, state.opened):
        outputs: tuple[Output, ...] = (Journal("dump_done"), Journal("safe_verified"))
        if state.fired or plan.runs or "PREFIRE" in seen.trips:
            return replace(state, mode=Mode.SALVAGE, safe=True), (*outputs, Perform("salvage"))
        # the Done of these records ends the run: what was proven must stand in the journal
        return replace(state, mode=Mode.SALVAGE, safe=True), outputs
    if late or seen.state is BenchState.LOCKOUT:
        unproven = replace(state, mode=Mode.SALVAGE, ending=Ending.UNSAFE)
        return unproven, (Command("DUMP"), Journal("unsafe_unconfirmed"), Perform("salvage"))
    return state, ()


def _salvaging(state: EngineState, event: Seen | Done | Failed) -> tuple[EngineState, tuple[Output, ...]]:
    """The last records and waveforms are fetched. What was proven must still be so at the end."""
    if not isinstance(event, Seen):
        return replace(state, mode=Mode.DONE), (Finish(),)
    seen = event.observation
    if state.safe and not (proven_safe(seen, opened=False) and "REBOUND" not in seen.trips):
        reason = f"{state.reason}; proven safe, but then {describe(seen)}"
        state = replace(state, safe=False, ending=Ending.UNSAFE, reason=reason)
        return state, (Command("DUMP"), Journal("unsafe_unconfirmed"))
    return state, (Command("DUMP"),) if seen.state in ARMED else ()


def proven_safe(seen: Observation, opened: bool) -> bool:
    """De-energised and proven (bench.md 2, 3): after an opening only the PLC's proof of safe will do."""
    if seen.state not in DE_ENERGISED:
        return False
    if opened:
        return "PROOF_OF_SAFE" in seen.flags
    return {"ENERGY_SAFE", "DUMPS_PROVEN_CLOSED"} <= seen.flags


def lost(state: EngineState, reason: str) -> EngineState:
    """The end of a run whose PLC cannot be reached any more: nothing was proven."""
    return replace(state, mode=Mode.DONE, ending=Ending.UNSAFE, reason=reason, safe=False)


def describe(seen: Observation) -> str:
    """Why the bench is where no step expects it, for a person."""
    if seen.trips:
        return f"the PLC tripped: {', '.join(seen.trips)}"
    return f"the PLC went to {seen.state.value}"


def countdown_s(plan: Plan, state: EngineState, t_ns: int) -> float | None:
    """Seconds to the end of a COUNTDOWN step, None elsewhere."""
    if state.mode is not _RUN or state.step < 0 or plan.steps[state.step].kind is not _COUNTDOWN:
        return None
    return max(0.0, plan.steps[state.step].duration_s - (t_ns - state.step_ns) * 1e-9)
