"""PURE: what only a bench that runs is judged by: its pulse inhibit, pulses nobody allowed, arcs, services."""

from controller.app.trial import Trial
from controller.campaign.evidence import Evidence
from controller.campaign.hazard_types import Variant

ARC_MAX_J = 10.0
ARC_MAX_S = 10e-6
"""safety.md 2.3 rows 43 and 44: what an arc may take, and how long drive may go on."""

OVERRUN = "PULSE_OVERRUN"
"""The trip for pulses that nothing allowed: a row that injects them names it."""


def inhibits_of(trial: Trial) -> tuple[str, ...]:
    """Every cause that ever shut the pulse gate."""
    return tuple(sorted({cause for change in trial.running.inhibits for cause in change.causes}))


def inhibited_ns(variant: Variant, trial: Trial, evidence: Evidence) -> int | None:
    """When the gate was first shut for one of the row's causes since the fault acts; None: it was not."""
    if evidence.acts_ns is None or not variant.inhibits:
        return None
    wanted = {*variant.inhibits}
    changes = trial.running.inhibits
    return next((c.t_ns for c in changes if c.t_ns >= evidence.acts_ns and wanted & {*c.causes}), None)


def late_shut(since_ns: int, shut_ns: int, allowed_s: float, limit: str) -> str:
    """The gate has to be shut within the row's time."""
    took_s = (shut_ns - since_ns) * 1e-9
    if took_s <= allowed_s + 1e-6:
        return ""
    return f"expected the pulses inhibited within {allowed_s * 1e3:.0f} ms ({limit}), took {took_s:.2f} s"


def no_stray_pulse(variant: Variant, trial: Trial, evidence: Evidence) -> str:
    """While the inhibit stands, and once all power is away, no pulse comes."""
    if not trial.running.stray_pulses or OVERRUN in variant.trips:
        return ""
    return f"expected no pulse that nothing allowed, got {trial.running.stray_pulses}"


def arcs_bounded(variant: Variant, trial: Trial, evidence: Evidence) -> str:
    """By the plant's own joules and times, whatever latched."""
    running = trial.running
    if running.arc_j > ARC_MAX_J:
        return f"expected at most {ARC_MAX_J:.0f} J into an arc, got {running.arc_j:.1f} J"
    if running.arc_s > ARC_MAX_S:
        return f"expected drive off within {ARC_MAX_S * 1e6:.0f} us, took {running.arc_s * 1e6:.1f} us"
    return ""


def services_go_on(variant: Variant, trial: Trial, evidence: Evidence) -> str:
    """What cools and heats goes on, unless the fault is its own (by the PLC's windows)."""
    lost = trial.running.services_lost
    return f"expected what cools and heats to go on, but auxiliaries {lost:#06b} went off" if lost else ""
