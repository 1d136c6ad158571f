"""PURE: the focusing magnet and its supply: ramp, regulation, decay through the freewheel diode (physics.md B9).

Unipolar supply into R and L: it slews, it runs into its voltage limit, it regulates; with the output off the current
runs down with L / R. Each part is solved exactly.
"""

from dataclasses import dataclass
from math import exp, log


@dataclass(frozen=True, slots=True)
class MagnetParameters:
    """Coil and supply. ``slew_a_per_s`` is the programmed ramp; ``drift_ratio`` how far a drifted supply is off."""

    resistance_ohm: float
    inductance_h: float
    limit_v: float
    slew_a_per_s: float
    drift_ratio: float


@dataclass(frozen=True, slots=True)
class MagnetStep:
    """Current at the end in A, and the action integral of i^2 over the step in A^2 s."""

    current_a: float
    action_a2s: float


def advance_magnet(p: MagnetParameters, current_a: float, set_a: float, on: bool, step_s: float) -> MagnetStep:
    """The magnet ``step_s`` later with the supply set to ``set_a`` (0 A when off). Exact, part by part."""
    target = set_a if on else 0.0
    if target < current_a:
        return _fall(p, current_a, target, step_s)
    i, left_s, action = current_a, step_s, 0.0
    limit_a = p.limit_v / p.resistance_ohm
    tau_s = p.inductance_h / p.resistance_ohm
    knee_a = min(target, limit_a - p.slew_a_per_s * tau_s)
    if i < knee_a:
        need_s = min((knee_a - i) / p.slew_a_per_s, left_s)
        end = i + p.slew_a_per_s * need_s if need_s == left_s else knee_a
        action += need_s * (i * i + i * end + end * end) / 3.0
        i, left_s = end, left_s - need_s
    if left_s > 0.0 and i < target:
        reach_s = tau_s * log((limit_a - i) / (limit_a - target)) if target < limit_a else left_s
        i, spent, used_s = _exponential(i, limit_a, tau_s, min(reach_s, left_s))
        i = target if used_s < left_s else i
        action, left_s = action + spent, left_s - used_s
    return MagnetStep(i, action + i * i * left_s)


def _fall(p: MagnetParameters, current_a: float, target: float, step_s: float) -> MagnetStep:
    """Freewheel towards zero, held at ``target`` when it gets there."""
    tau_s = p.inductance_h / p.resistance_ohm
    need_s = tau_s * log(current_a / target) if target > 0.0 else step_s
    i, action, used_s = _exponential(current_a, 0.0, tau_s, min(need_s, step_s))
    if used_s < step_s:
        i = target
        action += i * i * (step_s - used_s)
    return MagnetStep(i, action)


def _exponential(i: float, towards: float, tau_s: float, step_s: float) -> tuple[float, float, float]:
    """(current, integral of its square, time) of an exponential approach over ``step_s``."""
    gap, decay = i - towards, exp(-step_s / tau_s)
    action = towards * towards * step_s + 2.0 * towards * gap * tau_s * (1.0 - decay)
    action += 0.5 * gap * gap * tau_s * (1.0 - decay * decay)
    return towards + gap * decay, action, step_s


def magnet_ok(current_a: float, set_a: float, tolerance: float = 0.01) -> bool:
    """Whether the current is within ``tolerance`` of its set value (safety.md 2.3 row 45: off by > 1 % is a fault)."""
    return abs(current_a - set_a) <= tolerance * abs(set_a)
