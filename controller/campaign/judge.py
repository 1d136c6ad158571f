"""PURE: the verdict on one cell, from the bench's own evidence.

A cell passes only if the fault is in the plant's log, the outcome differs from the undisturbed control (or the table
says why it need not), the bench ends safe within the row's time by the plant's own voltages and relays, and the reason
is one of the row's. Whatever the row: at most one fire pulse, no energy raised again, and the right exit code.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from controller.app.trial import Trial
from controller.campaign.evidence import Check, Evidence
from controller.campaign.hazard_types import Excuse, Variant
from controller.campaign.judge_run import (
    arcs_bounded,
    inhibited_ns,
    inhibits_of,
    late_shut,
    no_stray_pulse,
    services_go_on,
)
from controller.campaign.model import Cell, CellResult, Status
from controller.campaign.profiles import Moment

RAISED_MAX_V = 25.0
"""After the last safe command the bank may rise by this: dielectrics give back some 1 % of the charge (plant.yaml)."""

SCANS_SLACK = 1
"""One scan for the plant to carry out what the PLC wrote, beside every limit of the table."""

_BLANKED = frozenset({"PROBE_INVALID", "PROBE_MISMATCH", "CONTACTOR_MISMATCH", "DUMP_MISMATCH"})
"""Trips that the PLC blanks in SHOT, because interference could fake them (bench.md 1): they count from its end."""

_NOT_PERMITTED = ("self-test failed", "the PLC refused PERMIT", "the PLC refused SELF_TEST", "the PLC refuses")
"""A cause that would trip an armed bench keeps it from being armed: right wherever the dumps never opened."""

_ENDINGS = {"completed": (0, 1, 5), "unsafe-unconfirmed": (4,), "": (2,)}
_ABORTED = (3,)
"""How a run may end -> the exit codes that say so; every other ending is an abort."""

_ACTS = re.compile(r"fault (\S+) acts: (.*)")
_FULLY = re.compile(r"fault (\S+) acts fully: .*")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What two runs must differ in to differ."""

    exit: int
    ended: str
    died: bool
    first_faults: tuple[str, ...]
    trips: tuple[str, ...]
    fire_pulses: int
    bench: str
    inhibits: tuple[str, ...] = ()


def judge(cell: Cell, variant: Variant, moment: Moment, trial: Trial, control: Trial) -> CellResult:
    """Judge a trial of ``variant`` at ``moment`` beside the control of the same profile and seed."""
    variant, rule = variant.at(moment), variant.rule(moment)
    evidence = find_evidence(variant, trial)
    same = outcome_of(trial) == outcome_of(control)
    excuse = "" if rule is None else rule.sentence
    problem = next(filter(None, (check(variant, trial, evidence) for check in _ALWAYS)), "")
    if not problem and same:
        problem = _same_problem(evidence, rule, trial)
    elif not problem:
        problem = next(filter(None, (check(variant, trial, evidence) for check in _REACTION)), "")
        problem = problem or _exit_problem(variant, trial, control) or _idle_problem(evidence, rule)
    if problem:
        return _result(cell, variant, trial, evidence, Status.FAILED, problem)
    if same or evidence.idle:
        status = Status.NOT_APPLICABLE if evidence.idle else Status.PASSED
        return _result(cell, variant, trial, evidence, status, excuse)
    return _result(cell, variant, trial, evidence, Status.PASSED, f"{evidence.what}: {_came(trial)}")


def find_evidence(variant: Variant, trial: Trial) -> Evidence:
    """What the plant's log knows of the faults of ``variant``."""
    names = variant.injection.names
    texts = {text for _, text in trial.log}
    missing = tuple(name for name in names if f"fault {name} on" not in texts)
    fully_ns = next((t_ns for t_ns, text in trial.log if (m := _FULLY.fullmatch(text)) and m[1] in names), None)
    acts = [(t_ns, m) for t_ns, text in trial.log if (m := _ACTS.fullmatch(text)) and m[1] in names]
    acted = {found[1] for _, found in acts}
    idle = tuple(name for name in names if name not in acted)
    if not acts:
        return Evidence(missing, None, "", fully_ns, idle)
    first_ns, found = acts[0]
    return Evidence(missing, first_ns, found[2], fully_ns, idle)


def outcome_of(trial: Trial) -> Outcome:
    """The run in a few words, without numbers that noise moves."""
    finished = trial.finished
    return Outcome(
        2 if finished is None else finished.exit,
        "" if finished is None else finished.ended,
        trial.died,
        trial.first_faults,
        tuple(sorted(trial.trips)),
        trial.fire_pulses,
        bench_of(trial),
        inhibits_of(trial),
    )


def bench_of(trial: Trial) -> str:
    """The PLC's state at the end of the trial."""
    return trial.points[-1].state if trial.points else ""


def disarmed_ns(trial: Trial) -> int:
    """When the plant was last told to let no energy in or stay (0: it never was told otherwise)."""
    last = max((k for k, point in enumerate(trial.points) if point.commanded), default=-1)
    if last < 0:
        return 0
    return trial.points[last + 1].t_ns if last + 1 < len(trial.points) else trial.ended_ns


def reaction_s(trial: Trial, acts_ns: int | None) -> float | None:
    """From the fault's first effect to the safe command; None when it never acted."""
    return None if acts_ns is None else max(0.0, (disarmed_ns(trial) - acts_ns) * 1e-9)


def safe_after_s(trial: Trial, acts_ns: int | None) -> float | None:
    """From the fault's first effect to the end of the reaction, by true voltages: no energy, or LOCKOUT."""
    if acts_ns is None:
        return None
    locked = next((point.t_ns for point in trial.points if point.state == "LOCKOUT"), None)
    until_ns = max(disarmed_ns(trial), trial.energised_until_ns)
    until_ns = until_ns if locked is None else min(until_ns, locked)
    return max(0.0, (until_ns - acts_ns) * 1e-9)


def visible_ns(variant: Variant, trial: Trial, evidence: Evidence) -> int | None:
    """When the fault acts (fully, if it grows) and nothing blanks it any more: where the row's time begins."""
    since_ns = evidence.fully_ns if variant.grows else evidence.acts_ns
    if variant.armed and since_ns is not None:
        armed = (point.t_ns for point in trial.points if point.commanded and point.t_ns >= since_ns)
        if not any(point.commanded for point in trial.points if point.t_ns <= since_ns):
            since_ns = next(armed, since_ns)
    if since_ns is None or not _BLANKED & {*variant.trips}:
        return since_ns
    for shot, after in pairwise(trial.points):
        if shot.state == "SHOT" and shot.t_ns <= since_ns < after.t_ns:
            since_ns = after.t_ns
    return since_ns


def limit_s(variant: Variant, trial: Trial) -> float | None:
    """What the row allows to the safe command, in seconds; None where it bounds something else."""
    limit = variant.limit
    if limit.event:
        return None
    facts = trial.facts
    wait_s = facts.waits_s[limit.wait] if limit.wait else 0.0
    return wait_s + limit.seconds + (limit.scans + SCANS_SLACK) * facts.scan_s


# --- what holds for every cell -------------------------------------------------------------------------------------


def _moment_came(variant: Variant, trial: Trial, evidence: Evidence) -> str:
    return "expected the fault to be injected, but its moment never came" if trial.injected_ns is None else ""


def _fault_on(variant: Variant, trial: Trial, evidence: Evidence) -> str:
    missing = ", ".join(evidence.missing)
    return f"expected the plant's log to show {missing} active, but it does not" if missing else ""


def _fired_once(variant: Variant, trial: Trial, evidence: Evidence) -> str:
    return f"expected one fire pulse at most, got {trial.fire_pulses}" if trial.fire_pulses > 1 else ""


def _code_fits(variant: Variant, trial: Trial, evidence: Evidence) -> str:
    finished = trial.finished
    if finished is None:
        return ""
    right = _ENDINGS.get(finished.ended, _ABORTED)
    if finished.exit not in right:
        return f"expected exit {' or '.join(map(str, right))} of a run that ended {finished.ended}, got {finished.exit}"
    claims = finished.safe.startswith("verified")
    if claims is (finished.exit == 4):
        return f"exit {finished.exit} contradicts what is said of safety: {finished.safe}"
    return ""


def _bench_safe(variant: Variant, trial: Trial, evidence: Evidence) -> str:
    last = trial.points[-1]
    if last.commanded:
        return f"expected the bench without power, but in {last.state} its coils or its charger are powered"
    closed = last.dump_a_closed or last.dump_b_closed
    if last.state == "LOCKOUT" and not closed:
        return ""  # no dump path is left: the bleeders alone, behind a locked door
    if trial.final_v >= trial.facts.v_safe_v:
        return f"expected every module below {trial.facts.v_safe_v:.0f} V at the end, got {trial.final_v:.0f} V"
    if not closed:
        return "expected a dump path to be closed at the end, but both are open"
    return ""


def _claim_true(variant: Variant, trial: Trial, evidence: Evidence) -> str:
    """Nobody may claim a proof that the relays contradict."""
    last, finished = trial.points[-1], trial.finished
    if finished is None or finished.exit == 4:
        return ""
    if last.dump_a_closed and last.dump_b_closed and trial.final_v < trial.facts.v_safe_v:
        return ""
    return f"the bench was called {finished.safe}, but a dump relay is open or {trial.final_v:.0f} V are left"


def _not_raised(variant: Variant, trial: Trial, evidence: Evidence) -> str:
    if trial.raised_v <= RAISED_MAX_V:
        return ""
    return f"expected no energy after the safe command, but the bank rose by {trial.raised_v:.0f} V"


def _locked(variant: Variant, trial: Trial, evidence: Evidence) -> str:
    """Whatever probes read: the door stays locked while there is energy behind it."""
    if trial.unlocked_v < trial.facts.v_safe_v:
        return ""
    return f"expected the door locked above {trial.facts.v_safe_v:.0f} V, but it was open at {trial.unlocked_v:.0f} V"


def _refused(variant: Variant, trial: Trial, evidence: Evidence) -> str:
    """What somebody else attempts beside the run must have been refused."""
    if not variant.answers or evidence.acts_ns is None:
        return ""
    what = evidence.what
    given = {part.strip() for part in what.rpartition(": ")[2].split(",")}  # answers stand behind the last colon
    if what.split(":")[0] in variant.answers or given <= set(variant.answers):
        return ""
    return f"expected it to be refused, got {what}"


_ALWAYS: tuple[Check, ...] = (
    _moment_came,
    _fault_on,
    _fired_once,
    _code_fits,
    _bench_safe,
    _claim_true,
    _not_raised,
    _locked,
    _refused,
    no_stray_pulse,
    arcs_bounded,
    services_go_on,
)


# --- what holds where the outcome differs --------------------------------------------------------------------------


def _acted(variant: Variant, trial: Trial, evidence: Evidence) -> str:
    if evidence.acts_ns is not None:
        return ""
    return f"the outcome differs ({_came(trial)}), but the plant's log does not show that the fault did anything"


def _right_reason(variant: Variant, trial: Trial, evidence: Evidence) -> str:
    said = trial.refusal if trial.finished is None else trial.finished.reason
    if inhibited_ns(variant, trial, evidence) is not None and set(trial.first_faults) <= {*variant.trips}:
        return ""
    if trial.first_faults and trial.first_faults[0] in variant.trips:
        return ""
    # where the PLC tripped, its own first fault is the reason, whatever the controller says
    if not trial.first_faults and any(text in said for text in variant.says):
        return ""
    if variant.marks and trial.finished is not None and (trial.finished.ended, trial.finished.exit) == ("completed", 1):
        return ""
    if variant.trips and not disarmed_ns(trial) and any(text in said for text in _NOT_PERMITTED):
        return ""
    wanted = " or ".join((*variant.trips, *(f"{text!r}" for text in variant.says)))
    return f"expected {wanted} as the reason, got {_came(trial)}"


def _in_time(variant: Variant, trial: Trial, evidence: Evidence) -> str:
    since_ns = visible_ns(variant, trial, evidence)
    allowed_s, took_s = limit_s(variant, trial), reaction_s(trial, since_ns)
    shut_ns = inhibited_ns(variant, trial, evidence)
    if shut_ns is not None and since_ns is not None:  # pulses stop; the run may go on, or be tripped later
        return late_shut(since_ns, shut_ns, allowed_s or 0.0, variant.limit.text)
    if allowed_s is None or took_s is None:
        fired_ns = next((point.t_ns for point in trial.points if point.state == "SHOT"), None)
        shown = fired_ns is not None and evidence.acts_ns is not None and evidence.acts_ns < fired_ns
        too_late = variant.limit.event == "before fire" and trial.fire_pulses and shown
        return "expected no fire after the fault had shown, but the pulse was given" if too_late else ""
    if took_s > allowed_s + 1e-6:
        return f"expected the safe command within {allowed_s * 1e3:.0f} ms ({variant.limit.text}), took {took_s:.2f} s"
    bound_s = allowed_s + trial.facts.dump_s
    safe_s = safe_after_s(trial, since_ns) or 0.0
    if safe_s > bound_s + trial.facts.scan_s:
        return f"expected the bank empty or locked out within {bound_s:.2f} s, took {safe_s:.2f} s"
    return ""


def _tripped_in_time(variant: Variant, trial: Trial, evidence: Evidence) -> str:
    """A fault that shows while all power is away already has to be noticed within the row's time all the same."""
    since_ns, allowed_s = visible_ns(variant, trial, evidence), limit_s(variant, trial)
    if inhibited_ns(variant, trial, evidence) is not None:
        return ""
    if since_ns is None or allowed_s is None or trial.first_faults[:1] not in {(name,) for name in variant.trips}:
        return ""
    tripped_ns = next((point.t_ns for point in trial.points if point.state in ("TRIP", "LOCKOUT")), None)
    took_s = 0.0 if tripped_ns is None else (tripped_ns - since_ns) * 1e-9
    if took_s <= allowed_s + 1e-6:
        return ""
    return f"expected the trip within {allowed_s * 1e3:.0f} ms ({variant.limit.text}), took {took_s:.2f} s"


_REACTION: tuple[Check, ...] = (_acted, _right_reason, _in_time, _tripped_in_time)


def _exit_problem(variant: Variant, trial: Trial, control: Trial) -> str:
    """The row's exit codes; the control's own where the run had ended before the fault could touch it."""
    got = outcome_of(trial).exit
    allowed = {*variant.exits}
    if trial.finished is not None and control.finished is not None and trial.finished.ended == control.finished.ended:
        allowed.add(control.finished.exit)
    return "" if got in allowed else f"expected exit {' or '.join(map(str, sorted(allowed)))}, got {got}"


def _idle_problem(evidence: Evidence, rule: Excuse | None) -> str:
    """Of several faults each has to act, or a rule says why one cannot."""
    if not evidence.idle or rule is not None:
        return ""
    return f"expected every fault to act, but the plant's log does not show that of {', '.join(evidence.idle)}"


def _same_problem(evidence: Evidence, rule: Excuse | None, trial: Trial) -> str:
    if rule is not None and rule.acted and evidence.idle:
        return f"expected the fault to act in vain ({rule.sentence}), but the plant's log does not show it"
    if rule is not None and evidence.acts_ns is not None and not any(rule.noted in text for text in trial.warnings):
        return f"expected a warning in the record that says {rule.noted!r}, but there is none" if rule.noted else ""
    if rule is not None:
        return ""
    acts = f"the fault acted ({evidence.what})" if evidence.acts_ns is not None else "the fault never acted"
    return f"expected a reaction, but the outcome is the control's; {acts}, and no rule says why"


# --- words ---------------------------------------------------------------------------------------------------------


def _came(trial: Trial) -> str:
    finished = trial.finished
    first = f" first {trial.first_faults[0]}," if trial.first_faults else ""
    if finished is None:
        return f"refused: {trial.refusal}"
    return f"{finished.ended},{first} bench {bench_of(trial)}, {finished.reason or 'no reason'}"


def _result(cell: Cell, variant: Variant, trial: Trial, evidence: Evidence, status: Status, why: str) -> CellResult:
    outcome, since_ns = outcome_of(trial), visible_ns(variant, trial, evidence)
    return CellResult(
        cell=cell,
        status=status,
        why=why,
        exit=outcome.exit,
        ended=outcome.ended,
        reason=trial.refusal if trial.finished is None else trial.finished.reason,
        trips=trial.trips,
        bench=outcome.bench,
        safe_after_s=safe_after_s(trial, since_ns),
        limit_s=limit_s(variant, trial),
        wall_s=0.0,
        command_after_s=reaction_s(trial, since_ns),
    )
