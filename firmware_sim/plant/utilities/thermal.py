"""PURE: the thermal network of tube, magnet and load: heat capacities, links, water, ambient (physics.md B9).

``C_i dT_i/dt = P_i - H_i (T_i - T_in) - A_i (T_i - T_amb) - sum_j G_ij (T_i - T_j)``, solved exactly in its own
modes. Water takes heat as an exchanger does, ``H = w c (1 - exp(-UA / (w c)))`` for a flow ``w`` in kg/s: nothing
without flow, UA with plenty.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, expm1, sqrt

import numpy as np
import numpy.typing as npt

from firmware_sim.plant.utilities.exact import convolve, convolve_twice

WATER_J_PER_KG_K = 4182.0
"""Specific heat of water at 20 C."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Node:
    """One lump. ``circuit`` is the cooling circuit's place in the list of flows, -1 for none."""

    name: str
    capacity_j_per_k: float
    ambient_w_per_k: float = 0.0
    water_w_per_k: float = 0.0
    circuit: int = -1


@dataclass(frozen=True, slots=True)
class Link:
    """Heat conduction between two nodes, counted from 0."""

    first: int
    second: int
    w_per_k: float


@dataclass(frozen=True, slots=True, eq=False)
class ThermalParameters:
    """The nodes and the links between them.

    Compared by identity: it is the key of a cache that is asked 100 times a second.
    """

    nodes: tuple[Node, ...]
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class ThermalState:
    """Temperatures in K in the order of the nodes; heat in J given to water (per node) and to ambient so far."""

    temperature_k: tuple[float, ...]
    water_j: tuple[float, ...]
    ambient_j: float = 0.0


@dataclass(frozen=True, slots=True)
class TubeHeat:
    """Where the beam's mean power stays: body (interception), collector, and what left as RF. Watts."""

    body_w: float
    collector_w: float
    rf_w: float


def start_thermal(p: ThermalParameters, temperature_k: float) -> ThermalState:
    """Every node at one temperature."""
    return ThermalState((temperature_k,) * len(p.nodes), (0.0,) * len(p.nodes))


def split_beam(beam_w: float, rf_w: float, intercepted: float) -> TubeHeat:
    """Share out the mean beam power: ``intercepted`` of it to the body, the rest less the RF to the collector.

    Without RF drive the collector takes the full beam (physics.md B9). Raises ValueError when more RF leaves than
    the beam that passes the body brings.
    """
    body_w = intercepted * beam_w
    collector_w = beam_w - body_w - rf_w
    if collector_w < 0.0:
        raise ValueError(f"split_beam: {rf_w} W of RF out of {beam_w} W of beam, {body_w} W of them intercepted")
    return TubeHeat(body_w, collector_w, rf_w)


def water_conductance(water_w_per_k: float, flow_kg_per_s: float) -> float:
    """Heat to the water per kelvin above its inlet, in W/K (heat exchanger with a wall of one temperature)."""
    stream = flow_kg_per_s * WATER_J_PER_KG_K
    return stream * -expm1(-water_w_per_k / stream) if stream > 0.0 else 0.0


def outlet_temperature(inlet_k: float, heat_w: float, flow_kg_per_s: float) -> float:
    """Water's temperature at the outlet, in K; the inlet's without flow."""
    return inlet_k + heat_w / (flow_kg_per_s * WATER_J_PER_KG_K) if flow_kg_per_s > 0.0 else inlet_k


def advance_thermal(
    p: ThermalParameters,
    state: ThermalState,
    heat_w: Sequence[float],
    flow_kg_per_s: Sequence[float],
    inlet_k: float,
    ambient_k: float,
    step_s: float,
) -> ThermalState:
    """The network ``step_s`` later under constant heat, flow and surroundings: exact for any step (physics.md B9).

    ``heat_w`` has one entry per node, ``flow_kg_per_s`` one per circuit.
    """
    by = _propagator(p, tuple(flow_kg_per_s), step_s)
    drive = np.array((*state.temperature_k, *heat_w))
    drive[: len(p.nodes)] -= inlet_k
    drive[len(p.nodes) :] += by.ambient * (ambient_k - inlet_k)
    after, area = (by.step @ drive).reshape(2, -1)  # above the inlet: K, K s
    given = float(by.ambient @ area) + by.ambient_sum * (inlet_k - ambient_k) * step_s
    return ThermalState(
        tuple((after + inlet_k).tolist()),
        tuple((by.water * area + state.water_j).tolist()),
        state.ambient_j + given,
    )


def stored_heat(p: ThermalParameters, state: ThermalState) -> float:
    """Heat above 0 K in the nodes, in J (for balances: differences only)."""
    return sum(node.capacity_j_per_k * t for node, t in zip(p.nodes, state.temperature_k, strict=True))


def steady_temperatures(
    p: ThermalParameters, heat_w: Sequence[float], flow_kg_per_s: Sequence[float], inlet_k: float, ambient_k: float
) -> tuple[float, ...]:
    """Where the nodes settle, in K. Raises numpy's LinAlgError when a node has no way out for its heat."""
    matrix, water, ambient = _conductances(p, tuple(flow_kg_per_s))
    source = np.asarray(heat_w, dtype=np.float64) + water * inlet_k + ambient * ambient_k
    return tuple(np.linalg.solve(matrix, source).tolist())


@dataclass(frozen=True, slots=True)
class _Propagator:
    """``step`` turns (temperatures, heat) into (temperatures, their integrals), all above the inlet."""

    step: Array
    water: Array
    ambient: Array
    ambient_sum: float


@lru_cache(maxsize=64)
def _propagator(p: ThermalParameters, flows: tuple[float, ...], step_s: float) -> _Propagator:
    """From the symmetric eigenproblem of the network scaled by the roots of the capacities."""
    matrix, water, ambient = _conductances(p, flows)
    root = np.array([sqrt(node.capacity_j_per_k) for node in p.nodes])
    values, vectors = np.linalg.eigh(matrix / np.outer(root, root))
    rates = [max(0.0, float(value)) for value in values]
    inward, outward = vectors.T * root, vectors / root[:, None]
    decay = outward * [exp(-rate * step_s) for rate in rates]
    once = outward * [convolve(rate, 0.0, step_s) for rate in rates]
    twice = outward * [convolve_twice(rate, 0.0, 0.0, step_s) for rate in rates]
    step = np.block([[decay @ inward, once @ outward.T], [once @ inward, twice @ outward.T]])
    return _Propagator(step, water, ambient, float(ambient.sum()))


def _conductances(p: ThermalParameters, flows: tuple[float, ...]) -> tuple[Array, Array, Array]:
    """The matrix of W/K, and per node the conductance to water and to ambient."""
    water = np.array([water_conductance(n.water_w_per_k, flows[n.circuit]) if n.circuit >= 0 else 0.0 for n in p.nodes])
    ambient = np.array([n.ambient_w_per_k for n in p.nodes])
    matrix = np.diag(water + ambient)
    for link in p.links:
        i, j = link.first, link.second
        matrix[i, i] += link.w_per_k
        matrix[j, j] += link.w_per_k
        matrix[i, j] -= link.w_per_k
        matrix[j, i] -= link.w_per_k
    return matrix, water, ambient
