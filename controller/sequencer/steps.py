"""PURE: what each kind of step does, as a table: phases of intents, and what must be seen before the next.

A phase's intents are carried out in order, then its ``until`` must hold on a status that is newer than the last
of them. ``expected`` lists the bench states a step may see; any other state ends the run.
"""

from collections.abc import Callable
from dataclasses import dataclass

from controller.safety.bench import BenchState as B
from controller.sequencer.plan import RUNNING, Step, StepKind

RECHECK_BEFORE_S = 1.0
"""Scopes and delay generator are looked at for the last time this long before fire, if the countdown is longer: half a
second before the links fall quiet (bench.md 1), so that a look that takes longer ends the shot and not the silence."""

SELF_TEST_STARTS_S = 0.1
"""A self-test that neither runs nor has passed this long after its command has failed: it starts within one scan."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One PLC status, as far as the engine needs it. ``flags`` are names of ``drivers.wire.plc.Flag``.

    A bench that runs adds what its run block says: names of ``drivers.wire.plc_run.RunFlag``, ``INHIBIT_`` and the name
    of each cause that keeps the gate shut, ``INHIBIT_CLEAR`` without one, and ``PULSES_DONE`` when its own counter has
    moved by what the step asked for. A block that is too old adds nothing.
    """

    t_ns: int
    state: B
    flags: frozenset[str]
    inputs: frozenset[str]
    trips: tuple[str, ...]
    latches: int
    refusal: str = ""
    self_test: tuple[int, int] = (0, 0)
    """Interlock paths that passed the last self-test, and paths in all."""
    self_test_failed: tuple[str, ...] = ()
    """Names of those that failed it."""


@dataclass(frozen=True, slots=True)
class Journal:
    """Append a record; ``barrier``: it must be on disk before the next intent (safety.md 6)."""

    kind: str
    barrier: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """Send a command to the PLC; ``repeat`` again every second until the phase ends (a person may be needed)."""

    name: str
    repeat: bool = False


@dataclass(frozen=True, slots=True)
class Perform:
    """Let the runtime do something with the instruments: a name in ``controller/runtime/actions.py``."""

    action: str


Intent = Journal | Command | Perform
Predicate = Callable[[Observation, Step, float], bool]
Hopeless = Callable[[Observation, Step, float], str]
"""(observation, step, seconds since the phase's intents were done) -> why it will never be over, or an empty string."""


@dataclass(frozen=True, slots=True)
class Phase:
    """Intents, then a predicate over (observation, step, seconds since the phase's intents were done).

    ``until`` None: the phase is over as soon as its intents are carried out. ``since_step``: the seconds count from
    the step's beginning instead. ``wanted`` says for which steps the phase is carried out; others pass over it.
    """

    intents: tuple[Intent, ...]
    until: Predicate | None
    hopeless: Hopeless | None = None
    since_step: bool = False
    wanted: Callable[[Step], bool] = lambda step: True
    expected: frozenset[B] | None = None
    """The bench states this phase may see, where they are fewer than the row's."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A row of the step table."""

    phases: tuple[Phase, ...]
    expected: frozenset[B]


def _elapsed(seen: Observation, step: Step, elapsed_s: float) -> bool:
    return elapsed_s >= step.duration_s


def _recheck_due(seen: Observation, step: Step, elapsed_s: float) -> bool:
    return elapsed_s >= step.duration_s - RECHECK_BEFORE_S


def _has_recheck(step: Step) -> bool:
    return step.duration_s > RECHECK_BEFORE_S


def _in(*states: B) -> Predicate:
    return lambda seen, step, elapsed_s: seen.state in states


def _self_test_failed(seen: Observation, step: Step, elapsed_s: float) -> str:
    if elapsed_s < SELF_TEST_STARTS_S or {"SELF_TEST_RUNNING", "SELF_TEST_FRESH"} & seen.flags:
        return ""
    passed, total = seen.self_test
    dead = f"; dead: {', '.join(seen.self_test_failed)}" if seen.self_test_failed else ""
    return f"self-test failed: {passed} of {total} interlock paths passed{dead}"


def _flag(name: str) -> Predicate:
    return lambda seen, step, elapsed_s: name in seen.flags


def _opened(seen: Observation, step: Step, elapsed_s: float) -> bool:
    return seen.state is B.OPENING and "DUMPS_PROVEN_OPEN" in seen.flags


def _isolated(seen: Observation, step: Step, elapsed_s: float) -> bool:
    return seen.state is B.ISOLATE and "CONTACTOR_OPEN" in seen.inputs and "IN_TOLERANCE" in seen.flags


def _charging(seen: Observation, step: Step, elapsed_s: float) -> bool:
    """The charger's current makes the ramp until FLOAT; a set-point that is moved begins in CHARGE."""
    return seen.state is B.FLOAT or (seen.state is B.CHARGE and _by_set_point(step))


def _by_set_point(step: Step) -> bool:
    return step.ramp_v_per_s > 0.0


def _safe(seen: Observation, step: Step, elapsed_s: float) -> bool:
    return seen.state is B.SAFE and "PROOF_OF_SAFE" in seen.flags


_DUMP_COMMAND = {"both": "DUMP", "a": "DUMP_A", "b": "DUMP_B"}


def dump_command(step: Step) -> str:
    """The PLC command of a DUMP step's path."""
    return _DUMP_COMMAND[step.dump_path]


HOLD_MAX_S = 5.0
"""A PLC that is still in RUN so long after HOLD does not obey: the step's own time may be hours."""

RUN_STARTS_S = 0.5
"""A RUN that is over so soon and has not done what was asked was taken away by the PLC: ten heartbeats."""


def _ran(seen: Observation, step: Step, elapsed_s: float) -> bool:
    """N pulses are done when the PLC says so itself; a duration when it is over."""
    if step.pulses:
        return seen.state is B.FLOAT and "PULSES_DONE" in seen.flags
    return seen.state is B.RUN and elapsed_s >= step.duration_s


def _settled(seen: Observation, step: Step, elapsed_s: float) -> bool:
    return seen.state is B.RUN and elapsed_s >= step.settle_s


def _latched(seen: Observation, step: Step, elapsed_s: float) -> bool:
    return f"INHIBIT_{step.latch}" in seen.flags


def _let_go(seen: Observation, step: Step, elapsed_s: float) -> bool:
    """High voltage without pulses, and every latch has obeyed its reset."""
    return seen.state is B.FLOAT and "INHIBIT_CLEAR" in seen.flags


def _taken_away(seen: Observation, step: Step, elapsed_s: float) -> str:
    if seen.state is not B.FLOAT or elapsed_s < RUN_STARTS_S:
        return ""
    return "the PLC ended RUN by itself, before its pulses were done; its events say why"


def _stuck(seen: Observation, step: Step, elapsed_s: float) -> str:
    late = seen.state is B.RUN and elapsed_s > HOLD_MAX_S
    return f"the PLC did not leave RUN within {HOLD_MAX_S:g} s of HOLD" if late else ""


def _no_latch(seen: Observation, step: Step, elapsed_s: float) -> str:
    if elapsed_s < step.duration_s:
        return ""
    return f"no {step.latch} latch within {step.duration_s:g} s: this interlock does not act"


_COLD = frozenset({B.SAFE})
_HOT = frozenset({B.FLOAT, B.RUN})
_BEGIN = (
    Journal("run_intent", True),
    Perform("drive_on"),
    Command("RUN"),
    Perform("start_pulses"),
    Journal("run_start"),
)
_BEGIN_DRY = tuple(intent for intent in _BEGIN if intent != Perform("drive_on"))
"""A conditioning switches the drive on itself, once it has decided how high."""
_END = (Perform("stop_pulses"), Command("HOLD"), Journal("run_done"))
_HELD = Phase(_END, lambda seen, step, elapsed_s: seen.state is B.FLOAT, _stuck)
"""The last phase of every step with pulses: a hold goes here directly."""
_SET = Phase((Perform("set_drive"),), None, expected=frozenset({B.FLOAT}))
_TESTING = frozenset({B.SAFE, B.TEST})

TABLE: dict[StepKind, Behaviour] = {
    StepKind.SELF_TEST: Behaviour(
        (Phase((Command("SELF_TEST"),), _flag("SELF_TEST_FRESH"), _self_test_failed),), _COLD
    ),
    StepKind.CONFIGURE: Behaviour((Phase((Perform("configure"),), None),), _TESTING),
    StepKind.ARM: Behaviour((Phase((Journal("scope_arm_intent", True), Perform("arm")), None),), _TESTING),
    StepKind.WARN: Behaviour((Phase((Command("WARN"),), _flag("WARNED")),), _COLD),
    StepKind.PERMIT: Behaviour(
        (
            Phase(
                (Perform("ready_charger"), Journal("permit", True), Command("PERMIT"), Journal("dump_opened")), _opened
            ),
        ),
        frozenset({B.SAFE, B.OPENING}),
    ),
    StepKind.CHARGE: Behaviour(
        (
            Phase((Journal("charge_intent", True), Command("CHARGE"), Journal("charge_start")), _charging),
            Phase((Perform("ramp_charger"),), _in(B.FLOAT), wanted=_by_set_point),
            Phase((Journal("charge_done"),), _in(B.FLOAT)),
        ),
        frozenset({B.OPENING, B.CHARGE, B.FLOAT}),
    ),
    StepKind.FLOAT: Behaviour(
        (
            Phase((Journal("hold"), Perform("recheck")), _elapsed),
            # a scope may lose its arm while the bank waits: what fires is what was read last (safety.md 2.3 row 21)
            Phase((Perform("recheck_scopes"),), None),
        ),
        frozenset({B.FLOAT}),
    ),
    StepKind.COUNTDOWN: Behaviour(
        (
            Phase((), _recheck_due, wanted=_has_recheck),
            Phase((Perform("last_look"),), None, wanted=_has_recheck),
            Phase((), _elapsed, since_step=True),
        ),
        frozenset({B.FLOAT}),
    ),
    StepKind.ISOLATE: Behaviour((Phase((Command("ISOLATE"),), _isolated),), frozenset({B.FLOAT, B.ISOLATE})),
    StepKind.FIRE: Behaviour(
        (
            Phase((Journal("fire_token", True), Command("FIRE_ENABLE")), _in(B.FIREWIN)),
            Phase(
                (Journal("fire_intent", True), Command("FIRE"), Journal("fire_sent")), _in(B.SHOT, B.DUMPING, B.SAFE)
            ),
            Phase((), _in(B.DUMPING, B.SAFE)),
            Phase((Journal("fire_result"),), _in(B.DUMPING, B.SAFE)),
        ),
        frozenset({B.ISOLATE, B.FIREWIN, B.SHOT, B.DUMPING, B.SAFE}),
    ),
    StepKind.DUMP: Behaviour(
        (Phase((Command("DUMP"), Journal("dump_intent"), Perform("rest_charger")), _in(B.DUMPING, B.SAFE)),),
        frozenset({B.OPENING, B.CHARGE, B.FLOAT, B.ISOLATE, B.DUMPING, B.SAFE}),
    ),
    StepKind.VERIFY: Behaviour(
        (Phase((Perform("rest_charger"),), _safe), Phase((Journal("dump_done"), Journal("safe_verified")), _safe)),
        frozenset({B.DUMPING, B.SAFE}),
    ),
    StepKind.TRANSFER: Behaviour(
        (
            Phase((Journal("capture_start"), Perform("transfer")), None),
            Phase((Journal("capture_done"),), _in(B.SAFE, B.TEST)),
        ),
        _TESTING,
    ),
    StepKind.ENTER_TEST: Behaviour((Phase((Command("ENTER_TEST", repeat=True),), _in(B.TEST)),), _TESTING),
    StepKind.REHEARSE: Behaviour((Phase((Command("REHEARSE"), Perform("await_trigger")), None),), frozenset({B.TEST})),
    StepKind.LEAVE_TEST: Behaviour((Phase((Command("LEAVE_TEST"),), _in(B.SAFE)),), _TESTING),
    StepKind.FORCE_TRIGGER: Behaviour(
        # the slow channels have no trigger: they are recorded for the step's duration
        (Phase((Perform("force_trigger"),), _elapsed),),
        _TESTING,
    ),
    StepKind.WARM_UP: Behaviour(
        (
            Phase(
                (Journal("services_intent", True), Perform("start_services"), Command("AUXILIARIES")),
                _flag("WINDOWS_FIT"),
            ),
        ),
        _COLD,
    ),
    StepKind.RUN: Behaviour((_SET, Phase(_BEGIN, _ran, _taken_away), _HELD), _HOT),
    StepKind.SWEEP: Behaviour(
        (
            _SET,
            Phase(_BEGIN, _settled, _taken_away),
            Phase((Perform("begin_level"),), _elapsed, expected=frozenset({B.RUN})),
            Phase((Perform("end_level"), Journal("level_done")), None, expected=frozenset({B.RUN})),
            _HELD,
        ),
        _HOT,
    ),
    StepKind.TRIP_CHECK: Behaviour(
        (
            _SET,
            Phase((*_BEGIN, Perform("provoke")), _latched, _no_latch, expected=_HOT),
            Phase((Perform("relent"), *_END), _let_go, _stuck),
        ),
        _HOT,
    ),
    StepKind.CONDITION: Behaviour(
        (
            Phase((Perform("begin_conditioning"),), None, expected=frozenset({B.FLOAT})),
            Phase(_BEGIN_DRY, _in(B.RUN), _taken_away),
            Phase((Journal("raise_intent", True), Perform("condition")), None, expected=frozenset({B.RUN})),
            _HELD,
        ),
        _HOT,
    ),
    StepKind.RUN_DOWN: Behaviour(
        (
            Phase((Perform("stop_pulses"),), None),
            Phase((Command("DUMP"), Journal("dump_intent"), Perform("rest_charger")), _in(B.DUMPING, B.SAFE)),
        ),
        frozenset({B.OPENING, B.CHARGE, B.FLOAT, B.RUN, B.DUMPING, B.SAFE}),
    ),
}
"""Every step kind's behaviour. DUMP's command follows the step's path (see :func:`dump_command`)."""

FROM_PERMIT_TO_SAFE = frozenset(
    {
        StepKind.PERMIT,
        StepKind.CHARGE,
        StepKind.FLOAT,
        StepKind.COUNTDOWN,
        StepKind.ISOLATE,
        StepKind.FIRE,
        StepKind.DUMP,
        StepKind.VERIFY,
        *RUNNING,
        StepKind.RUN_DOWN,
    }
)
"""Steps during which the bank may hold energy."""
