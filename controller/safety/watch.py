"""PURE: the controller's own watch over the bench, beside the PLC's.

``classify`` turns floats into a handful of booleans, ``step`` counts how long each has been wrong and says what
to do. It can only take energy away: the worst it can do is to dump a healthy shot. Comparisons are written
``ok = low <= value <= high`` so that NaN is never healthy (safety.md 2.3 row 13).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import IntEnum

from controller.safety.bench import ARMED, BenchState, Reading
from controller.safety.charge import agrees

RISE_SHARE = 0.1
"""A bank that does not rise has to show within this share of its ramp time (safety.md 2.3 row 02) ..."""

RISE_MIN_S, RISE_MAX_S = 0.5, 1.5
"""... but not before contactor and charge resistors have settled, and always within 2 s."""

RISE_PART = 0.3
"""Part of the planned rise that is enough: a weak charger is the PLC's envelope's business."""

COUNT_MAX = 100
"""Debounce counters saturate here; no rule waits longer than two readings."""


class Action(IntEnum):
    """What the watch asks for; totally ordered, the highest wins and never clears a higher one (rule C7)."""

    NONE = 0
    DUMP = 1


@dataclass(frozen=True, slots=True)
class WatchLimits:
    """The watch's numbers, from rig.yaml."""

    max_voltage_v: float
    mismatch_v: float
    status_age_s: float = 0.3
    loop_gap_s: float = 0.2
    ramp_v_per_s: float = 0.0
    zero_v: float = 50.0
    """What may be left in a bank that is about to be charged: V_safe."""
    above_target_v: float = math.inf
    """How far above its target a bank may read: the plan's tolerance and what a probe may be wrong by."""


@dataclass(frozen=True, slots=True)
class Levels:
    """What ``classify`` concluded; True is healthy."""

    status_fresh: bool
    loop_on_time: bool
    same_boot: bool
    probes_valid: bool
    probes_agree: bool
    witness_agrees: bool
    below_limit: bool
    journal_alive: bool
    instruments_present: bool
    bench_known: bool
    armed: bool
    zero_at_start: bool = True
    rising: bool = True
    charge_agrees: bool = True
    within_target: bool = True


@dataclass(frozen=True, slots=True)
class WatchState:
    """``wrong`` counts consecutive unhealthy readings per rule; ``cause`` is the first rule that asked for action."""

    boot_id: int | None = None
    wrong: tuple[int, ...] = field(default=())
    action: Action = Action.NONE
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: the level that must hold while armed, how many readings it may be wrong, and why it matters."""

    name: str
    healthy: Callable[[Levels], bool]
    patience: int
    reason: str


RULES: tuple[Rule, ...] = (
    Rule("status-stale", lambda v: v.status_fresh, 0, "the PLC's status is older than 300 ms"),
    Rule("loop-gap", lambda v: v.loop_on_time, 0, "the core stood still for more than 200 ms"),
    Rule("plc-rebooted", lambda v: v.same_boot, 0, "the PLC restarted during the shot"),
    Rule("probe-invalid", lambda v: v.probes_valid, 1, "a bank probe gives no valid number"),
    Rule("probe-mismatch", lambda v: v.probes_agree, 2, "probes A and B disagree"),
    Rule(
        "witness-mismatch", lambda v: v.witness_agrees, 2, "the independent reading of probe B disagrees with probe A"
    ),
    Rule("over-limit", lambda v: v.below_limit, 1, "a voltage is above the rig's limit"),
    Rule("journal-dead", lambda v: v.journal_alive, 0, "the journal cannot be written"),
    Rule("instrument-lost", lambda v: v.instruments_present, 0, "a required instrument stopped answering"),
    Rule("zero-check", lambda v: v.zero_at_start, 1, "a probe or module does not read zero before the charge"),
    Rule("no-rise", lambda v: v.rising, 1, "the bank does not charge: no voltage after a tenth of the ramp time"),
    Rule(
        "charge-estimate",
        lambda v: v.charge_agrees,
        1,
        "charge-estimate: both probes disagree with the charge that went into the bank",
    ),
    Rule("above-target", lambda v: v.within_target, 1, "the bank is above its target: the charger does not hold it"),
    Rule("state-unknown", lambda v: v.bench_known, 0, "the PLC reports a state this controller does not know"),
)
"""The watch's table. ``patience`` readings may be wrong in a row before the rule acts (readings come every 50 ms)."""

NEVER_WRONG = (0,) * len(RULES)
"""Counters of a healthy bench."""


def classify(reading: Reading, limits: WatchLimits, boot_id: int | None, quiet: bool) -> Levels:
    """Levels of one reading. ``quiet`` is the pulse's EMI window, in which probe readings are not judged."""
    probes = (reading.probe_a_v, reading.probe_b_v)
    low, high = -0.02 * limits.max_voltage_v, 1.2 * limits.max_voltage_v
    valid = low <= probes[0] <= high and low <= probes[1] <= high
    voltages = (*probes, *reading.module_v)
    witness = reading.witness_v
    return Levels(
        status_fresh=reading.age_s <= limits.status_age_s,
        loop_on_time=reading.loop_gap_s <= limits.loop_gap_s,
        same_boot=boot_id is None or reading.boot_id == boot_id,
        probes_valid=quiet or valid,
        probes_agree=quiet or abs(probes[0] - probes[1]) <= limits.mismatch_v,
        witness_agrees=quiet
        or witness is None
        or reading.state is _RUN
        or abs(witness - probes[0]) <= limits.mismatch_v,
        below_limit=quiet or all(math.isfinite(v) and v <= limits.max_voltage_v for v in voltages),
        journal_alive=reading.journal_alive,
        instruments_present=not reading.lost_instrument,
        bench_known=reading.state is not BenchState.UNKNOWN,
        armed=reading.state in ARMED or reading.state is BenchState.UNKNOWN,
        zero_at_start=reading.state is not _OPENING or all(abs(v) <= limits.zero_v for v in voltages),
        rising=reading.state is not _CHARGE or _rises(reading, limits),
        charge_agrees=reading.state not in _HELD or _charge_agrees(reading),
        within_target=quiet or reading.state not in _AIMED or _within_target(reading, limits),
    )


_OPENING, _CHARGE, _FLOAT = BenchState.OPENING, BenchState.CHARGE, BenchState.FLOAT
_HELD = frozenset({BenchState.FLOAT, BenchState.ISOLATE, BenchState.FIREWIN})
_RUN = BenchState.RUN
"""The store swings with every pulse: a reading of another moment says nothing, and only its upper side is judged."""
_AIMED = _HELD | {BenchState.CHARGE, _RUN}


def _rises(reading: Reading, limits: WatchLimits) -> bool:
    """True too early to tell, or when the lower probe has risen by enough of what was planned until now."""
    if limits.ramp_v_per_s <= 0.0:
        return True
    ramp_s = reading.target_v / limits.ramp_v_per_s
    if reading.state_age_s < min(max(RISE_SHARE * ramp_s, RISE_MIN_S), RISE_MAX_S):
        return True
    planned_v = min(limits.ramp_v_per_s * reading.state_age_s, reading.target_v)
    return all(v >= RISE_PART * planned_v for v in (reading.probe_a_v, reading.probe_b_v))


def _charge_agrees(reading: Reading) -> bool:
    """Judged once the charger was read in FLOAT; a bank may not be isolated without it."""
    if reading.charge_v is None:
        return reading.state is _FLOAT
    return all(agrees(reading.charge_v, reading.charge_doubt_v, v) for v in (reading.probe_a_v, reading.probe_b_v))


def _within_target(reading: Reading, limits: WatchLimits) -> bool:
    """The PLC watches its envelope in CHARGE only; a charger that lost its set-point drives on in FLOAT (row 08)."""
    highest_v = reading.target_v + limits.above_target_v
    return all(v <= highest_v for v in (reading.probe_a_v, reading.probe_b_v))


def step(state: WatchState, levels: Levels, boot_id: int) -> WatchState:
    """Count, decide, latch. Outside the armed states nothing is counted; a decision is never taken back."""
    before = state.wrong or NEVER_WRONG
    if not levels.armed:
        rested = before == NEVER_WRONG and state.boot_id == boot_id and state.wrong
        return state if rested else replace(state, wrong=NEVER_WRONG, boot_id=boot_id)
    wrong = tuple(
        [0 if rule.healthy(levels) else min(count + 1, COUNT_MAX) for rule, count in zip(RULES, before, strict=True)]
    )
    if wrong == state.wrong == NEVER_WRONG:
        return state
    if state.action is Action.NONE:
        for rule, count in zip(RULES, wrong, strict=True):
            if count > rule.patience:
                return replace(state, wrong=wrong, action=Action.DUMP, cause=rule.name, boot_id=state.boot_id)
    return replace(state, wrong=wrong)


def reason(cause: str) -> str:
    """The sentence for a cause that :func:`step` reported."""
    return next((rule.reason for rule in RULES if rule.name == cause), cause)
