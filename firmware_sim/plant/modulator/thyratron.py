"""PURE: a hydrogen thyratron between pulses: warm-up, firing, hold-off, recovery.

physics.md F and safety.md 2.3 ask for missing pulses, jitter, spontaneous firing and latch-through; the laws here are
the usual ones of such tubes, every number is data: hydrogen pressure follows the reservoir's temperature by a power
law, hold-off falls with pressure (left branch of Paschen's curve), delay and jitter fall and recovery time grows
with it.
"""

from dataclasses import dataclass
from enum import Enum
from math import exp, inf, log

import numpy as np

from firmware_sim.plant.modulator.streams import STREAM_DELAY, STREAM_HOLD, STREAM_LATCH, draws
from firmware_sim.plant.modulator.tube import Array

LOWEST_PRESSURE = 1e-6
"""A cold reservoir's pressure over nominal: keeps the power laws finite."""

MOST = 60.0
"""Exponent beyond which a hazard is taken as certain or none."""


@dataclass(frozen=True, slots=True)
class ThyratronParameters:
    """A thyratron's data sheet and habits.

    Levels are temperatures above ambient over their nominal value. ``warm_up_s`` is the least time with the heater on.
    ``pressure_exponent``: pressure over nominal = reservoir level to this power. ``hold_off_v`` at nominal pressure,
    inversely proportional to it. ``delay_s`` and ``jitter_s`` (one sigma) at nominal pressure go with pressure to the
    power ``-delay_exponent``. ``recovery_s`` is the time constant of regaining hold-off, proportional to pressure.
    ``missing_share`` of pulses fail when ready; below ``starving_pressure`` half of them do, ``starving_spread`` is how
    gradually. Spontaneous firing: ``spontaneous_hz`` at the hold-off voltage, falling by e for every
    ``spontaneous_spread`` of it below. ``hold_spread`` is the relative scatter of hold-off from pulse to pulse,
    ``sustaining_a`` the current that keeps it conducting.
    """

    heater_tau_s: float
    reservoir_tau_s: float
    warm_up_s: float
    ready_heater: float
    ready_reservoir: float
    pressure_exponent: float
    hold_off_v: float
    minimum_v: float
    delay_s: float
    jitter_s: float
    delay_exponent: float
    recovery_s: float
    missing_share: float
    starving_pressure: float
    starving_spread: float
    spontaneous_hz: float
    spontaneous_spread: float
    hold_spread: float
    sustaining_a: float


@dataclass(frozen=True, slots=True)
class ThyratronState:
    """``heater`` and ``reservoir`` levels (1 is nominal), and for how long the heater has been on."""

    heater: float = 0.0
    reservoir: float = 0.0
    heated_s: float = 0.0


WARM = ThyratronState(1.0, 1.0, inf)
"""A thyratron that has been on for long at nominal voltages."""


class Refusal(Enum):
    """Why a triggered thyratron did not conduct."""

    COLD = "cathode is cold"
    LOW_ANODE = "anode voltage is below what it starts at"
    STARVED = "too little hydrogen"
    MISSED = "missed without a reason"


@dataclass(frozen=True, slots=True)
class Firing:
    """What a trigger did: anode delay in s, or the reason why nothing happened."""

    delay_s: float
    refusal: Refusal | None = None


def advance(
    p: ThyratronParameters, state: ThyratronState, step_s: float, heater_share: float, reservoir_share: float
) -> ThyratronState:
    """The state ``step_s`` later with heater and reservoir at these shares of their nominal voltages.

    First-order towards the power's level, voltage share squared; exact for any step. Switched off, the time heated
    starts anew.
    """
    heater_goal, reservoir_goal = heater_share**2, reservoir_share**2
    return ThyratronState(
        heater=heater_goal + (state.heater - heater_goal) * exp(-step_s / p.heater_tau_s),
        reservoir=reservoir_goal + (state.reservoir - reservoir_goal) * exp(-step_s / p.reservoir_tau_s),
        heated_s=state.heated_s + step_s if heater_share > 0.0 else 0.0,
    )


def is_ready(p: ThyratronParameters, state: ThyratronState) -> bool:
    """Heater and reservoir at their levels and heated for long enough."""
    return state.heater >= p.ready_heater and state.reservoir >= p.ready_reservoir and state.heated_s >= p.warm_up_s


def pressure(p: ThyratronParameters, state: ThyratronState) -> float:
    """Hydrogen pressure over nominal."""
    return float(max(LOWEST_PRESSURE, max(state.reservoir, 0.0) ** p.pressure_exponent))


def hold_off_v(p: ThyratronParameters, state: ThyratronState) -> float:
    """Forward voltage that it holds when recovered: falls with pressure."""
    return p.hold_off_v / pressure(p, state)


def fire(p: ThyratronParameters, state: ThyratronState, anode_v: float, key: tuple[int, int]) -> Firing:
    """What a grid pulse does at ``anode_v``; ``key`` is (seed, pulse index). Always draws the same numbers."""
    random = draws(*key, STREAM_DELAY)
    normal, missed, starved = float(random.standard_normal()), float(random.random()), float(random.random())
    relative = pressure(p, state)
    if state.heater < p.ready_heater:
        return Firing(0.0, Refusal.COLD)
    if anode_v < p.minimum_v:
        return Firing(0.0, Refusal.LOW_ANODE)
    power = max(-MOST, min(MOST, (relative - p.starving_pressure) / p.starving_spread))
    if starved < 1.0 / (1.0 + exp(power)):
        return Firing(0.0, Refusal.STARVED)
    if missed < p.missing_share:
        return Firing(0.0, Refusal.MISSED)
    scale = relative**-p.delay_exponent
    return Firing(max(0.0, scale * (p.delay_s + p.jitter_s * normal)))


def spontaneous_hz(p: ThyratronParameters, state: ThyratronState, anode_v: float) -> float:
    """Rate of firing without a trigger at ``anode_v``: exponential in the share of the hold-off voltage."""
    if anode_v <= 0.0:
        return 0.0
    power = (anode_v / hold_off_v(p, state) - 1.0) / p.spontaneous_spread
    return p.spontaneous_hz * exp(max(-700.0, min(MOST, power)))


def spontaneous_s(
    p: ThyratronParameters, state: ThyratronState, anode_v: float, hold_s: float, key: tuple[int, int]
) -> float | None:
    """When, within ``hold_s`` at ``anode_v``, it fires by itself: exponential waiting time; None: it holds."""
    rate_hz = spontaneous_hz(p, state, anode_v)
    waiting = -log(1.0 - float(draws(*key, STREAM_HOLD).random()))
    if rate_hz <= 0.0 or waiting > rate_hz * hold_s:
        return None
    return waiting / rate_hz


def recovered_v(p: ThyratronParameters, state: ThyratronState, since_s: Array) -> Array:
    """Hold-off ``since_s`` after the current ended: hold_off (1 - exp(-t / tau)), tau growing with pressure."""
    tau_s = p.recovery_s * pressure(p, state)
    return np.asarray(hold_off_v(p, state) * -np.expm1(-np.maximum(since_s, 0.0) / tau_s), dtype=np.float64)


def latches_at(
    p: ThyratronParameters,
    state: ThyratronState,
    since_s: Array,
    anode_v: Array,
    key: tuple[int, int],
    burning_v: float = 0.0,
) -> float | None:
    """When a recharge overtakes the recovering hold-off: latch-through, in s after the current's end; None: it holds.

    ``since_s`` and ``anode_v`` (points,) are the recharge as the anode sees it. The scatter of hold-off is this
    pulse's, keyed by (seed, index). Below ``burning_v``, its own arc's voltage, nothing burns.
    """
    scale = max(0.0, 1.0 + p.hold_spread * float(draws(*key, STREAM_LATCH).standard_normal()))
    beyond = np.flatnonzero((anode_v > burning_v) & (anode_v > scale * recovered_v(p, state, since_s)))
    return float(since_s[beyond[0]]) if len(beyond) else None


def stays_latched(p: ThyratronParameters, charger_a: float) -> bool:
    """A latched thyratron conducts for as long as the charger feeds it more than its sustaining current."""
    return charger_a > p.sustaining_a
