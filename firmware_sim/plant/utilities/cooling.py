"""PURE: cooling water: circuits that start and run down, and the chiller that feeds them (physics.md B9)."""

from dataclasses import dataclass
from math import log

from firmware_sim.plant.utilities.exact import relax


@dataclass(frozen=True, slots=True)
class CircuitParameters:
    """One circuit: nominal flow and the time constant with which it starts or runs down."""

    name: str
    flow_kg_per_s: float
    tau_s: float


SETTLED_RATIO = 1e-9
"""A flow this close to its target (as a share of nominal) has arrived: only then is the network linear in time."""


def advance_flow(p: CircuitParameters, flow_kg_per_s: float, running: bool, step_s: float) -> float:
    """The circuit's flow ``step_s`` later, in kg/s; exact, and exactly at its target once it is there."""
    target = p.flow_kg_per_s if running else 0.0
    flow = relax(flow_kg_per_s, target, p.tau_s, step_s)
    return target if abs(flow - target) <= SETTLED_RATIO * p.flow_kg_per_s else flow


@dataclass(frozen=True, slots=True)
class ChillerParameters:
    """Cooling power, heat capacity of the bath and its water, time constant of the regulated bath."""

    power_w: float
    capacity_j_per_k: float
    tau_s: float


SETTLED_K = 1e-9
"""A bath this close to its set-point has arrived."""


def advance_supply(
    p: ChillerParameters, supply_k: float, set_k: float, heat_w: float, running: bool, step_s: float
) -> float:
    """The supply temperature ``step_s`` later, in K: exact, region by region.

    Within its power the chiller takes the returning ``heat_w`` away and brings the bath to ``set_k`` with ``tau_s``;
    it can neither cool with more than ``power_w`` nor heat. Raises ValueError for negative heat.
    """
    if heat_w < 0.0:
        raise ValueError(f"advance_supply: heat_w is {heat_w}; water cannot take less than 0 W here")
    if not running:
        return supply_k + heat_w * step_s / p.capacity_j_per_k
    gain = p.capacity_j_per_k / p.tau_s
    error, left_s = supply_k - set_k, step_s
    idle_k, full_k = -heat_w / gain, (p.power_w - heat_w) / gain
    if error < idle_k:
        error, left_s = _ramp(error, idle_k, heat_w / p.capacity_j_per_k, left_s)
    elif error > full_k and heat_w < p.power_w:
        error, left_s = _ramp(error, full_k, (heat_w - p.power_w) / p.capacity_j_per_k, left_s)
    if left_s > 0.0 and error <= full_k:
        error, left_s = _regulate(error, full_k, p.tau_s, left_s)
    if left_s > 0.0:
        error += (heat_w - p.power_w) * left_s / p.capacity_j_per_k
    return set_k if abs(error) <= SETTLED_K else set_k + error


def _ramp(error: float, until: float, rate: float, left_s: float) -> tuple[float, float]:
    """Along a straight line towards ``until``; returns where it got and the time left."""
    if rate == 0.0:
        return error, 0.0
    need_s = (until - error) / rate
    return (until, left_s - need_s) if need_s < left_s else (error + rate * left_s, 0.0)


def _regulate(error: float, full: float, tau_s: float, left_s: float) -> tuple[float, float]:
    """Towards the set-point; a bath whose heat exceeds the power leaves this region at ``full`` (below zero)."""
    if full < 0.0:
        need_s = tau_s * log(error / full)
        if need_s < left_s:
            return full, left_s - need_s
    return relax(error, 0.0, tau_s, left_s), 0.0
