"""PURE: what a trial with real processes has to show. Every check returns a sentence about what is wrong, or nothing.

The words of the controller count for its exit code and for nothing else: whether the bench is safe is judged by the
PLC's own status and ring and by the plant, whether it fired by the ring and the plant.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from controller.app.plc_reader import ARMED
from controller.campaign.real_table import Expectation, RealVariant
from controller.campaign.trial_bench import Trial
from controller.campaign.witness import Sight
from controller.shots.journal import Damage, JournalScan

SAFE_V = 50.0
"""Far below what any module is charged to; the proof itself is the PLC's, by its own V_safe."""

UNWRITTEN = 5
"""Exit code of a shot that was over and safe when its disk failed: not everything could be written (design.md 4)."""

CORE_DIED = "the core died"
"""How the supervisor announces a recovery."""

NORMAL = frozenset({0, 1})
"""A campaign's voltage is not what the profile's limits are for: a healthy shot may fail its verdict."""

EXITS: Mapping[Expectation, frozenset[int]] = {
    Expectation.RECOVERED: frozenset({3}),
    Expectation.ABORTED: frozenset({3}),
    Expectation.UNTOUCHED: NORMAL,
    Expectation.LOST: frozenset({4}),
    Expectation.POWERED_AGAIN: NORMAL | {3},
}
"""What the run may end with; one that was over when the deed was done, or that had no energy any more, also 0 or 1."""


STALL_ROW = "29"
"""Who stood still while nothing was armed may go on: there is no energy, and nothing to catch up with."""

DISK_ROW = "30"
"""A journal whose disk failed takes nothing any more: it ends somewhere, whole, and the catalogue says why."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """The PLC's dump command after a deed, by the scans' own stamps. None: it was not armed, or never dumped."""

    after_s: float | None
    late_s: float
    state: str
    """The PLC's state when the deed was done."""
    causes: tuple[str, ...] = ()
    """The trips that the dump came with; none when a time of the PLC's own was over."""


def find_reaction(trial: Trial) -> Reaction:
    """When the PLC commanded the dump, and the worst lateness of its scans from one second before until then."""
    acted_ns = trial.acted_ns
    if acted_ns is None:
        return Reaction(None, 0.0, "")
    before = [sight for sight in trial.sights if sight.t_ns <= acted_ns]
    state = before[-1].state if before else ""
    later = [sight for sight in trial.sights if sight.t_ns > acted_ns]
    dump = next((sight for sight in later if sight.dumping), None)
    if not before or before[-1].dumping or dump is None:
        return Reaction(None, 0.0, state)
    # a line tells the worst lateness since the line before it, and there is one every second
    near = [before[-1].worst_ns, *(sight.worst_ns for sight in later if sight.t_ns <= dump.t_ns)]
    return Reaction((dump.t_ns - acted_ns) / 1e9, max(near) / 1e9, state, dump.trips)


def find_problem(trial: Trial, variant: RealVariant) -> str:
    """The first thing that is wrong, or an empty string."""
    if trial.acted_ns is None:
        last = trial.finished.reason if trial.finished is not None else "; ".join(trial.outcome.problems)
        return f"the moment never came: exit {trial.outcome.exit}: {last}"
    if not trial.shown:
        return "nothing shows that it was done"
    checks: tuple[Callable[[Trial, RealVariant], str], ...] = (
        _no_orphan,
        _right_exit,
        _right_reason,
        _right_trip,
        _dumped_in_time,
        _safe_at_the_end,
        _fired_once_and_intended,
        _journal_sound,
        _booked,
        _again,
        _undisturbed,
    )
    return next((problem for check in checks if (problem := check(trial, variant))), "")


def _no_orphan(trial: Trial, variant: RealVariant) -> str:
    return f"left behind: {'; '.join(trial.orphans)}" if trial.orphans else ""


def _right_exit(trial: Trial, variant: RealVariant) -> str:
    allowed = EXITS[variant.expectation]
    if was_over(trial) or (variant.row == STALL_ROW and find_reaction(trial).state not in ARMED):
        allowed = allowed | NORMAL
    if any(text.startswith(CORE_DIED) for text in trial.texts) and variant.expectation is not Expectation.RECOVERED:
        return f"the core died of it: {trial.core_words[-300:]}"
    if variant.row == DISK_ROW and was_over(trial):
        allowed = allowed | {UNWRITTEN}
    if trial.outcome.exit in allowed:
        return ""
    problems = "; ".join(trial.outcome.problems)
    reason = trial.finished.reason if trial.finished is not None else problems
    late = f"frames up to {trial.frames_late_max_s:.2f} s late, scans {highest_lateness_s(trial.sights):.2f} s"
    return f"exit {trial.outcome.exit} instead of {sorted(allowed)}: {reason} ({late})"


def _right_reason(trial: Trial, variant: RealVariant) -> str:
    """The run's last word and its line in the catalogue name what was done; a completed run has nothing to name."""
    completed = bool(trial.booked) and trial.booked[0].ended == "completed" and trial.outcome.exit in NORMAL
    if not variant.says or completed:
        return ""
    said = {} if trial.finished is None else {"the run's last word": trial.finished.reason}
    said |= {"the catalogue": trial.booked[0].reason} if trial.booked else {}
    wanted = " or ".join(map(repr, variant.says))
    for where, reason in said.items():
        if not any(text in reason for text in variant.says):
            return f"expected {wanted} as the reason in {where}, got {reason!r}"
    return "" if said else f"expected {wanted} as the reason, but nobody gave one"


def _right_trip(trial: Trial, variant: RealVariant) -> str:
    """What the PLC tripped by after the deed, by its own word; none where its own times ended the state, or nobody."""
    later = (sight.trips for sight in trial.sights if sight.t_ns > (trial.acted_ns or 0) and sight.trips)
    first = next(later, ())
    wrong = [cause for cause in first if cause not in variant.trips]
    return f"tripped by {', '.join(wrong)} instead of {' or '.join(variant.trips) or 'nothing'}" if wrong else ""


def was_over(trial: Trial) -> bool:
    """Whether the shot had been fired, and its energy was being taken away or gone, when the deed was done."""
    acted_ns = trial.acted_ns or 0
    before = [sight for sight in trial.sights if sight.t_ns <= acted_ns]
    return bool(before) and before[-1].pulses > 0


def _dumped_in_time(trial: Trial, variant: RealVariant) -> str:
    reaction = find_reaction(trial)
    if variant.limit_s is None or reaction.state not in ARMED:
        return ""
    if reaction.after_s is None:
        return f"the PLC was in {reaction.state} and never commanded the dump"
    if reaction.after_s > variant.limit_s + reaction.late_s:
        return (
            f"the dump was commanded {reaction.after_s * 1e3:.0f} ms later, {variant.limit_s * 1e3:.0f} ms and the "
            f"scans' lateness of {reaction.late_s * 1e3:.0f} ms are allowed"
        )
    if variant.expectation is Expectation.RECOVERED and any(
        entry.code == "COMMAND" and entry.text.startswith("DUMP") for entry in trial.said.ring
    ):
        return "somebody sent DUMP; the PLC should need nobody"
    return ""


def _safe_at_the_end(trial: Trial, variant: RealVariant) -> str:
    """By the plant when it could say a last word, else (the rig is dead) there is nobody to ask."""
    if variant.expectation is Expectation.LOST:
        return ""
    last = trial.sights[-1] if trial.sights else None
    if last is None or not last.last:
        return "the rig did not end in order"
    if not (last.dumping and last.closed and last.highest_v <= SAFE_V):
        return f"the plant ended with {last.highest_v:.0f} V, PLC in {last.state}, dumps closed: {last.closed}"
    # not by the reader's last look: a busy machine may have ended the rig before the next one
    if last.state not in ("SAFE", "TRIP") or "DUMPS_PROVEN_CLOSED" not in last.flags:
        return f"the PLC's last word was {last.state} {', '.join(last.flags)}"
    opened = any(sight.state in ARMED for sight in trial.sights)
    if opened and "PROOF_OF_SAFE" not in last.flags:
        return f"the PLC never proved the bench safe: {last.state} {', '.join(last.flags)}"
    return ""


def _fired_once_and_intended(trial: Trial, variant: RealVariant) -> str:
    pulses = max((sight.pulses for sight in trial.sights), default=0)
    ring = sum(entry.code == "FIRE" for entry in trial.said.ring)
    shots = max((sight.shots for sight in trial.sights), default=0)
    if max(pulses, ring, shots) > 1:
        return f"fired more than once: {pulses} pulses, {ring} in the ring, {shots} in the plant"
    intended = any("fire_intent" in scan.kinds() for scan in trial.journals.values() if isinstance(scan, JournalScan))
    if max(pulses, ring, shots) == 1 and not intended:
        return "fired without fire_intent in the journal"
    return ""


def _journal_sound(trial: Trial, variant: RealVariant) -> str:
    if not trial.journals and trial.booked:
        return "there is no journal"
    for number, scan in trial.journals.items():
        if not isinstance(scan, JournalScan):
            return f"journal of shot {number}: {scan}"
        kinds = scan.kinds()
        # a journal without a record was just being made: there is nothing to close
        closed = scan.sealed or not kinds or "recovered" in kinds or variant.row == DISK_ROW
        if scan.damage is not Damage.NONE or not closed:
            return f"journal of shot {number} is left {scan.damage.value} behind {kinds[-1] if kinds else 'nothing'!r}"
    return ""


def _booked(trial: Trial, variant: RealVariant) -> str:
    if not trial.booked or not trial.booked[0].ended:
        return "the shot is not booked"
    return ""


def _again(trial: Trial, variant: RealVariant) -> str:
    if trial.again in ("", "exit 0", "exit 1"):
        return ""
    if variant.expectation is Expectation.LOST and "UNSAFE" in trial.again.upper():
        return ""  # refused, and for the right reason
    return f"the next shot: {trial.again}"


def _undisturbed(trial: Trial, variant: RealVariant) -> str:
    if variant.expectation is not Expectation.UNTOUCHED:
        return ""
    if trial.booked[0].ended != "completed":
        return f"the shot ended {trial.booked[0].ended}: {trial.booked[0].reason}"
    pulses = max((sight.pulses for sight in trial.sights), default=0)
    return "" if pulses == 1 else f"{pulses} fire pulses where one belongs"


def highest_lateness_s(sights: tuple[Sight, ...]) -> float:
    """The worst lateness of the rig's scans in a trial."""
    return max((sight.worst_ns for sight in sights), default=0) / 1e9


def machine_lateness_s(trial: Trial, variant: RealVariant) -> float:
    """How late the machine itself was: that of the rig's scans, while nothing was done to the rig.

    The rig is a process of its own, which waits for 10 ms and computes for less: what it misses, nobody gave it.
    """
    if not variant.name.startswith("rig_"):
        return highest_lateness_s(trial.sights)
    return highest_lateness_s(tuple(sight for sight in trial.sights if sight.t_ns <= (trial.acted_ns or 0)))
