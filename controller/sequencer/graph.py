"""PURE: which order of steps is legal, as tables (bench.md section 3), and what each kind of shot needs and forbids."""

from collections.abc import Iterator, Sequence

from controller.sequencer.plan import Energy, ShotKind, Step, StepKind

_K = StepKind

LEAVES: dict[StepKind, Energy] = {
    _K.SELF_TEST: Energy.DEAD,
    _K.CONFIGURE: Energy.DEAD,
    _K.ARM: Energy.DEAD,
    _K.WARN: Energy.DEAD,
    _K.PERMIT: Energy.CHARGING,
    _K.CHARGE: Energy.CHARGED,
    _K.FLOAT: Energy.CHARGED,
    _K.COUNTDOWN: Energy.CHARGED,
    _K.ISOLATE: Energy.CHARGED,
    _K.FIRE: Energy.FIRING,
    _K.DUMP: Energy.DISCHARGING,
    _K.VERIFY: Energy.DEAD,
    _K.TRANSFER: Energy.DEAD,
    _K.ENTER_TEST: Energy.DEAD,
    _K.REHEARSE: Energy.DEAD,
    _K.LEAVE_TEST: Energy.DEAD,
    _K.FORCE_TRIGGER: Energy.DEAD,
    _K.WARM_UP: Energy.DEAD,
    _K.RUN: Energy.CHARGED,
    _K.SWEEP: Energy.CHARGED,
    _K.TRIP_CHECK: Energy.CHARGED,
    _K.CONDITION: Energy.CHARGED,
    _K.RUN_DOWN: Energy.DISCHARGING,
}
"""The energy class that each kind of step may leave behind (sequencing.md 5a)."""

_PULSED = (_K.RUN, _K.SWEEP, _K.TRIP_CHECK, _K.CONDITION)

FOLLOWERS: dict[StepKind, tuple[StepKind, ...]] = {
    _K.SELF_TEST: (_K.CONFIGURE, _K.WARM_UP),
    _K.WARM_UP: (_K.CONFIGURE,),
    _K.CONFIGURE: (_K.ARM, _K.WARN, _K.ENTER_TEST),
    _K.ARM: (_K.WARN, _K.REHEARSE, _K.FORCE_TRIGGER),
    _K.WARN: (_K.PERMIT,),
    _K.PERMIT: (_K.CHARGE, _K.DUMP),
    _K.CHARGE: (_K.FLOAT, _K.COUNTDOWN, _K.ISOLATE, _K.DUMP),
    _K.FLOAT: (_K.COUNTDOWN, _K.ISOLATE, _K.DUMP, *_PULSED, _K.RUN_DOWN),
    _K.RUN: (_K.RUN, _K.FLOAT, _K.SWEEP, _K.TRIP_CHECK, _K.RUN_DOWN),
    _K.SWEEP: (_K.SWEEP, _K.FLOAT, _K.RUN_DOWN),
    _K.TRIP_CHECK: (_K.FLOAT, _K.RUN, _K.RUN_DOWN),
    _K.CONDITION: (_K.RUN_DOWN,),
    _K.RUN_DOWN: (_K.VERIFY,),
    _K.COUNTDOWN: (_K.ISOLATE, _K.DUMP),
    _K.ISOLATE: (_K.FIRE, _K.DUMP),
    _K.FIRE: (_K.VERIFY, _K.DUMP),
    _K.DUMP: (_K.VERIFY,),
    _K.VERIFY: (_K.TRANSFER, _K.WARN),
    _K.TRANSFER: (),
    _K.ENTER_TEST: (_K.ARM,),
    _K.REHEARSE: (_K.LEAVE_TEST,),
    _K.LEAVE_TEST: (_K.TRANSFER,),
    _K.FORCE_TRIGGER: (_K.TRANSFER,),
}
"""What may follow what. The PLC dumps by itself after FIRE, so VERIFY may follow it directly."""

FIRST = (_K.SELF_TEST, _K.CONFIGURE)
LAST = (_K.TRANSFER,)

_POWERED = (_K.SELF_TEST, _K.CONFIGURE, _K.WARN, _K.PERMIT, _K.CHARGE, _K.VERIFY, _K.TRANSFER)
_SHOT = (*_POWERED, _K.ARM, _K.ISOLATE, _K.FIRE)
_RUN = (*_POWERED, _K.WARM_UP, _K.FLOAT, _K.RUN_DOWN)

REQUIRED: dict[ShotKind, tuple[StepKind, ...]] = {
    ShotKind.NOISE: (_K.CONFIGURE, _K.ARM, _K.FORCE_TRIGGER, _K.TRANSFER),
    ShotKind.TRIGGER_ONLY: (_K.CONFIGURE, _K.ENTER_TEST, _K.ARM, _K.REHEARSE, _K.LEAVE_TEST, _K.TRANSFER),
    ShotKind.DUMP_PROOF: (*_POWERED, _K.DUMP),
    ShotKind.POLARITY: _SHOT,
    ShotKind.DUMMY_LOAD: _SHOT,
    ShotKind.FULL: _SHOT,
    ShotKind.SINGLE_PULSE: (*_RUN, _K.ARM, _K.RUN),
    ShotKind.PULSE_TRAIN: (*_RUN, _K.ARM, _K.RUN),
    ShotKind.POWER_SWEEP: (*_RUN, _K.SWEEP),
    ShotKind.TRIP_CHECK: (*_RUN, _K.TRIP_CHECK),
    ShotKind.LOW_VOLTAGE: (*_RUN, _K.ARM, _K.RUN),
    ShotKind.NO_DRIVE: (*_RUN, _K.ARM, _K.RUN),
    ShotKind.CONDITIONING: (*_RUN, _K.CONDITION),
}
"""Steps that a kind of shot cannot do without."""

_TEST_ONLY = (_K.ENTER_TEST, _K.REHEARSE, _K.LEAVE_TEST)
_RUN_ONLY = (_K.WARM_UP, *_PULSED, _K.RUN_DOWN)
_FIRE_ONLY = (_K.COUNTDOWN, _K.ISOLATE, _K.FIRE, _K.FORCE_TRIGGER, _K.DUMP, *_TEST_ONLY)
_ENERGY = (_K.PERMIT, _K.CHARGE, _K.FLOAT, _K.COUNTDOWN, _K.ISOLATE, _K.FIRE, _K.DUMP, _K.VERIFY, _K.WARN)

FORBIDDEN: dict[ShotKind, tuple[StepKind, ...]] = {
    ShotKind.NOISE: (*_ENERGY, *_TEST_ONLY, *_RUN_ONLY),
    ShotKind.TRIGGER_ONLY: (*_ENERGY, _K.FORCE_TRIGGER, *_RUN_ONLY),
    ShotKind.DUMP_PROOF: (_K.FIRE, _K.ISOLATE, _K.COUNTDOWN, _K.ARM, _K.FORCE_TRIGGER, *_TEST_ONLY, *_RUN_ONLY),
    ShotKind.POLARITY: (_K.FORCE_TRIGGER, *_TEST_ONLY, *_RUN_ONLY),
    ShotKind.DUMMY_LOAD: (_K.FORCE_TRIGGER, *_TEST_ONLY, *_RUN_ONLY),
    ShotKind.FULL: (_K.FORCE_TRIGGER, *_TEST_ONLY, *_RUN_ONLY),
    ShotKind.SINGLE_PULSE: (*_FIRE_ONLY, _K.SWEEP, _K.TRIP_CHECK, _K.CONDITION),
    ShotKind.PULSE_TRAIN: (*_FIRE_ONLY, _K.SWEEP, _K.TRIP_CHECK, _K.CONDITION),
    ShotKind.POWER_SWEEP: (*_FIRE_ONLY, _K.TRIP_CHECK, _K.CONDITION),
    ShotKind.TRIP_CHECK: (*_FIRE_ONLY, _K.SWEEP, _K.CONDITION),
    ShotKind.LOW_VOLTAGE: (*_FIRE_ONLY, _K.SWEEP, _K.TRIP_CHECK, _K.CONDITION),
    ShotKind.NO_DRIVE: (*_FIRE_ONLY, _K.SWEEP, _K.TRIP_CHECK, _K.CONDITION),
    ShotKind.CONDITIONING: (*_FIRE_ONLY, _K.SWEEP, _K.TRIP_CHECK, _K.RUN),
}
"""Steps that a kind of shot must not contain. A scope is forced for noise only; a dump proof has nothing to trigger."""

ONCE = (
    *(_K.SELF_TEST, _K.CONFIGURE, _K.ARM, _K.FIRE, _K.TRANSFER, _K.REHEARSE, _K.FORCE_TRIGGER),
    *(_K.WARM_UP, _K.TRIP_CHECK, _K.CONDITION, _K.RUN_DOWN),
)
"""At most one each: one shot is one arming, one fire and one transfer."""

Complaint = tuple[int, str, str]
"""Index of the step (-1: the list of steps), problem, remedy."""


def check_graph(kind: ShotKind, steps: Sequence[Step]) -> Iterator[Complaint]:
    """Every way in which ``steps`` is not a legal shot of ``kind``."""
    if steps[0].kind not in FIRST:
        yield 0, f"a profile cannot begin with {steps[0].kind.value}", f"begin with {_any(FIRST)}"
    if steps[-1].kind not in LAST:
        yield len(steps) - 1, f"a profile cannot end with {steps[-1].kind.value}", f"end with {_any(LAST)}"
    for index in range(1, len(steps)):
        before, here = steps[index - 1].kind, steps[index].kind
        if here not in FOLLOWERS[before]:
            remedy = f"after {before.value} comes {_any(FOLLOWERS[before]) or 'nothing'}"
            yield index, f"{here.value} cannot follow {before.value}", remedy
    yield from _check_kind(kind, steps)
    ids = [step.id for step in steps]
    for index, name in enumerate(ids):
        if name in ids[:index]:
            yield index, f"the id '{name}' is used twice", "give every step its own id"


def _check_kind(kind: ShotKind, steps: Sequence[Step]) -> Iterator[Complaint]:
    seen: list[StepKind] = []
    for index, step in enumerate(steps):
        if step.kind in FORBIDDEN[kind]:
            yield index, f"a {kind.value} shot must not have the step {step.kind.value}", "remove it or change `kind`"
        if step.kind in ONCE and step.kind in seen:
            yield index, f"{step.kind.value} comes a second time", "keep one"
        if step.kind is _K.FIRE and not _precedes(_K.ARM, _K.PERMIT, seen):
            yield index, "the scopes are not armed before permit", "put arm before warn and permit"
        seen.append(step.kind)
    for needed in REQUIRED[kind]:
        if needed not in seen:
            yield -1, f"a {kind.value} shot needs the step {needed.value}", f"add `- step: {needed.value}`"


def _precedes(first: StepKind, second: StepKind, seen: Sequence[StepKind]) -> bool:
    return first in seen and second in seen and seen.index(first) < seen.index(second)


def _any(kinds: Sequence[StepKind]) -> str:
    return " or ".join(kind.value for kind in kinds)
