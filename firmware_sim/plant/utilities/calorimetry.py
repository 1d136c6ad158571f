"""PURE: the water load's calorimeter: mixing, transport delay, thermometers, power and its uncertainty (physics.md B5).

RF heats the water in the load: ``dT/dt = (w c (T_in - T) + P) / (M c)``; the pipe to the outlet thermometer is plug
flow. In the mass that has passed, ``m = integral w dt``, the mixing is ``dT/dm = (T_in + P / (w c) - T) / M`` and the
delay a constant mass, so that changes of flow and a standstill are exact too. In equilibrium ``dT = P / (w c)``.
"""

from dataclasses import dataclass, replace
from math import exp, sqrt

from firmware_sim.plant.utilities.exact import convolve
from firmware_sim.plant.utilities.thermal import WATER_J_PER_KG_K

PIECES_MAX = 4096
"""Pieces of history between load and thermometer: 10 ms of changing power each over a delay of 40 s."""


@dataclass(frozen=True, slots=True)
class CalorimeterParameters:
    """``mixing_kg`` of water in the load, ``pipe_kg`` from there to the outlet thermometer, thermometers' ``tau_s``.

    Relative uncertainty of the flow sensor and of what heat is lost on the way, absolute of each thermometer (K).
    ``flow_gain`` and ``outlet_offset_k`` are this bench's true errors, within those uncertainties.
    """

    mixing_kg: float
    pipe_kg: float
    tau_s: float
    flow_uncertainty: float
    loss_uncertainty: float
    thermometer_k: float
    flow_gain: float = 1.0
    outlet_offset_k: float = 0.0


@dataclass(frozen=True, slots=True)
class Piece:
    """Water that left the load from mass ``from_kg`` on: ``end_k + (start_k - end_k) exp(-(m - from_kg) / M)``."""

    from_kg: float
    start_k: float
    end_k: float


@dataclass(frozen=True, slots=True)
class CalorimeterState:
    """Mass passed so far, temperature in the load, history still in the pipe (oldest first), thermometer readings."""

    passed_kg: float
    load_k: float
    pieces: tuple[Piece, ...]
    outlet_k: float
    inlet_k: float


@dataclass(frozen=True, slots=True)
class CalorimetricPower:
    """Power in W with its standard uncertainty, the temperature rise it was made of, and the flow."""

    power_w: float
    uncertainty_w: float
    rise_k: float
    flow_kg_per_s: float


def start_calorimeter(temperature_k: float) -> CalorimeterState:
    """Everything at one temperature."""
    return CalorimeterState(0.0, temperature_k, (Piece(-1e9, temperature_k, temperature_k),), *(temperature_k,) * 2)


def advance_calorimeter(
    p: CalorimeterParameters,
    state: CalorimeterState,
    power_w: float,
    flow_kg_per_s: float,
    inlet_k: float,
    step_s: float,
) -> CalorimeterState:
    """The calorimeter ``step_s`` later at constant power, flow and inlet: exact for any step (physics.md B5).

    Without flow the load's water heats up where it stands and the thermometers settle on the water around them.
    Raises ValueError for a negative flow, and OverflowError when the pipe holds more than PIECES_MAX changes.
    """
    if flow_kg_per_s < 0.0:
        raise ValueError(f"advance_calorimeter: flow_kg_per_s is {flow_kg_per_s}; from 0 is needed")
    inlet_seen = inlet_k + (state.inlet_k - inlet_k) * exp(-step_s / p.tau_s)
    if flow_kg_per_s == 0.0:
        standing = _temperature(p, state.pieces, state.passed_kg - p.pipe_kg)
        return replace(
            state,
            load_k=state.load_k + power_w * step_s / (p.mixing_kg * WATER_J_PER_KG_K),
            outlet_k=standing + (state.outlet_k - standing) * exp(-step_s / p.tau_s),
            inlet_k=inlet_seen,
        )
    end_k = inlet_k + power_w / (flow_kg_per_s * WATER_J_PER_KG_K)
    pieces = _extend(p, state, end_k)
    passed = state.passed_kg + flow_kg_per_s * step_s
    outlet = _settle(p, pieces, state, flow_kg_per_s, step_s)
    load = _temperature(p, pieces[-1:], passed)
    return CalorimeterState(passed, load, _forget(pieces, passed - p.pipe_kg), outlet, inlet_seen)


def calorimetric_power(
    p: CalorimeterParameters, state: CalorimeterState, flow_reading_kg_per_s: float
) -> CalorimetricPower:
    """``P = w c dT`` from the thermometers and the flow reading, with its uncertainty (physics.md B5: 5-10 %).

    The parts add in quadrature: flow and heat loss in proportion, two thermometers absolutely.
    """
    stream = flow_reading_kg_per_s * WATER_J_PER_KG_K
    rise = state.outlet_k + p.outlet_offset_k - state.inlet_k
    power = stream * rise
    relative = power * sqrt(p.flow_uncertainty**2 + p.loss_uncertainty**2)
    absolute = stream * p.thermometer_k * sqrt(2.0)
    return CalorimetricPower(power, sqrt(relative**2 + absolute**2), rise, flow_reading_kg_per_s)


def transport_delay(p: CalorimeterParameters, flow_kg_per_s: float) -> float:
    """Time from the load to the outlet thermometer, in s. Raises ZeroDivisionError without flow."""
    return p.pipe_kg / flow_kg_per_s


def _extend(p: CalorimeterParameters, state: CalorimeterState, end_k: float) -> tuple[Piece, ...]:
    """The history with a new piece, unless the last one goes on as it was."""
    last = state.pieces[-1]
    continued = last.end_k == end_k and state.load_k == _temperature(p, (last,), state.passed_kg)
    if continued:
        return state.pieces
    if len(state.pieces) >= PIECES_MAX:
        raise OverflowError(
            f"advance_calorimeter: {PIECES_MAX} changes of power within {p.pipe_kg} kg of pipe; advance in longer steps"
        )
    return (*state.pieces, Piece(state.passed_kg, state.load_k, end_k))


def _settle(
    p: CalorimeterParameters, pieces: tuple[Piece, ...], state: CalorimeterState, flow: float, step_s: float
) -> float:
    """The outlet thermometer's reading after the pieces that pass it during the step."""
    mass, until = state.passed_kg - p.pipe_kg, state.passed_kg - p.pipe_kg + flow * step_s
    reading, lag, mixing = state.outlet_k, 1.0 / p.tau_s, flow / p.mixing_kg
    for n, piece in enumerate(pieces):
        end = pieces[n + 1].from_kg if n + 1 < len(pieces) else until
        if end <= mass:
            continue
        span_s = (min(end, until) - mass) / flow
        gap = (piece.start_k - piece.end_k) * exp(-(mass - piece.from_kg) / p.mixing_kg)
        reading = piece.end_k + (reading - piece.end_k) * exp(-lag * span_s) + lag * gap * convolve(mixing, lag, span_s)
        if end >= until:
            break
        mass = end
    return reading


def _temperature(p: CalorimeterParameters, pieces: tuple[Piece, ...], mass: float) -> float:
    """Temperature of the water that left the load at ``mass``."""
    piece = next(piece for piece in reversed(pieces) if piece.from_kg <= mass or piece is pieces[0])
    return piece.end_k + (piece.start_k - piece.end_k) * exp(-(mass - piece.from_kg) / p.mixing_kg)


def _forget(pieces: tuple[Piece, ...], mass: float) -> tuple[Piece, ...]:
    """Without what has passed the thermometer."""
    first = 0
    while first + 1 < len(pieces) and pieces[first + 1].from_kg <= mass:
        first += 1
    return pieces[first:]
