"""PURE: what a record of the journal says beside its kind: where the run stands and what the PLC said last."""

from typing import Any

from controller.runtime.situation import Situation, path_names

_OF_PULSES = frozenset({"run_intent", "run_start", "run_done", "level_done", "raise_intent"})
"""Records that say which pulses were asked for, and how many came."""


def journal_facts(kind: str, situation: Situation, now_ns: int, step_id: str, shot: int, reason: str) -> dict[str, Any]:
    """The payload of a record of this ``kind``, written at ``now_ns`` (loop nanoseconds) in step ``step_id``."""
    status = situation.status
    facts: dict[str, Any] = {"t_ns": now_ns - situation.start_ns, "step": step_id, "shot": shot}
    if reason:
        facts["reason"] = reason
    if status is not None:
        facts |= {"plc": status.state.name, "scan": status.scan, "latches": status.latches, "nonce": status.nonce}
        facts["probes_v"] = [_finite(status.probe_a_v), _finite(status.probe_b_v)]
    if kind in _OF_PULSES:
        facts |= situation.run_facts | {"pulses": situation.pulses}
    if kind == "permit":
        facts |= _self_test(situation, now_ns)
    return facts


def _self_test(situation: Situation, now_ns: int) -> dict[str, Any]:
    """With the permit: which interlock paths were tested, and how long ago (safety.md, precheck)."""
    if situation.status is None:
        return {}
    status, since_ns = situation.status, situation.self_tested_ns
    age_s = None if since_ns is None else round((now_ns - since_ns) * 1e-9, 3)
    counts = {"passed": status.self_test_passed, "of": status.self_test_total, "age_s": age_s}
    return {"self_test": counts | {"failed": list(path_names(status.self_test_failed))}}


def _finite(value: float) -> float | None:
    return round(value, 3) if value - value == 0.0 else None
