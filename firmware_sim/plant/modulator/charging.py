"""PURE: how the line gets its charge: resonant with de-Q'ing, or straight from a capacitor charger.

Closed forms (physics.md B1, A9), and whether a charger's rating fits a line, a voltage and a repetition rate.
"""

from dataclasses import dataclass
from math import cos, exp, inf, pi, sin, sqrt

import numpy as np

from firmware_sim.plant.modulator.streams import STREAM_REGULATION, draws
from firmware_sim.plant.modulator.tube import Array

PASSES = 60
"""Halvings when the instant of a voltage is sought on a rising half wave: beyond a double's digits."""


@dataclass(frozen=True, slots=True)
class ResonantParameters:
    """DC supply, charging choke with its diode, de-Q'ing.

    ``quality`` is Q of choke and line at resonance. ``deq_v`` is the line voltage at which the choke is shunted (None:
    not fitted). ``supply_w`` is what the supply can deliver on average, ``supply_rated_v`` its highest voltage.
    ``regulation`` is the relative scatter of the voltage (one sigma).
    """

    supply_v: float
    supply_rated_v: float
    supply_w: float
    choke_h: float
    quality: float
    deq_v: float | None
    regulation: float


@dataclass(frozen=True, slots=True)
class DirectParameters:
    """A capacitor charger: constant current up to its power, then constant power (physics.md A9).

    ``rated_v`` and ``rated_a`` bound its output, ``peak_w`` its momentary and ``average_w`` its mean power.
    ``regulation`` is the relative scatter of the voltage (one sigma).
    """

    rated_v: float
    rated_a: float
    peak_w: float
    average_w: float
    regulation: float


@dataclass(frozen=True, slots=True)
class Charge:
    """One charge of a line: final voltage, how long it took, joules from the supply and where they went.

    supply_j = stored_j + choke_j + deq_j, stored_j being what the line gained.
    """

    voltage_v: float
    charge_s: float
    supply_j: float
    stored_j: float
    choke_j: float
    deq_j: float


@dataclass(frozen=True, slots=True)
class ChargerFit:
    """What `check` needs to know of a charger: figures, and one line for everything that does not fit."""

    pulse_j: float
    average_w: float
    charge_s: float
    available_s: float
    highest_v: float
    problems: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """True when nothing is wrong."""
        return not self.problems


def resonant_v(supply_v: float, quality: float) -> float:
    """End of a resonant charge from zero, 2 V_dc (1 - pi / 4Q) (physics.md B1; first order in 1/Q)."""
    return 2.0 * supply_v * (1.0 - pi / (4.0 * quality))


class Resonant:
    """One half wave of line capacitance and choke, begun at ``left_v`` on the line.

    v = V + (left - V) e^(-at) (cos wt + a/w sin wt), a = w0 / 2Q, over 0..pi/w, held by the diode after that.
    """

    __slots__ = ("_alpha", "_omega", "capacitance_f", "left_v", "parameters")

    def __init__(self, parameters: ResonantParameters, capacitance_f: float, left_v: float = 0.0) -> None:
        p = parameters
        if p.quality <= 0.5:
            raise ValueError(f"resonant charge: quality {p.quality} does not ring; right would be above 0.5")
        natural = 1.0 / sqrt(p.choke_h * capacitance_f)
        self.parameters = p
        self.capacitance_f = capacitance_f
        self.left_v = left_v
        self._alpha = natural / (2.0 * p.quality)
        self._omega = natural * sqrt(1.0 - 1.0 / (4.0 * p.quality**2))

    @property
    def half_s(self) -> float:
        """Half a period: the whole charge."""
        return pi / self._omega

    def _free(self, t_s: float) -> tuple[float, float]:
        """Line voltage and choke current without de-Q'ing, up to half a period."""
        a, w, supply_v = self._alpha, self._omega, self.parameters.supply_v
        gap_v, decay = self.left_v - supply_v, exp(-self._alpha * t_s)
        v = supply_v + gap_v * decay * (cos(w * t_s) + a / w * sin(w * t_s))
        i = -self.capacitance_f * gap_v * decay * (w + a * a / w) * sin(w * t_s)
        return v, i

    def end_s(self) -> float:
        """When the line stops rising: half a period, or the instant of de-Q'ing."""
        deq_v = self.parameters.deq_v
        if self.left_v >= self.parameters.supply_v or (deq_v is not None and self.left_v >= deq_v):
            return 0.0
        if deq_v is None or self._free(self.half_s)[0] <= deq_v:
            return self.half_s
        low, high = 0.0, self.half_s
        for _ in range(PASSES):
            middle = 0.5 * (low + high)
            low, high = (low, middle) if self._free(middle)[0] > deq_v else (middle, high)
        return high

    def voltages_v(self, t_s: Array) -> Array:
        """Line voltage at times since the charge began; negative times show what was left."""
        end_s = self.end_s()
        t = np.clip(t_s, 0.0, end_s)
        a, w, supply_v = self._alpha, self._omega, self.parameters.supply_v
        v = supply_v + (self.left_v - supply_v) * np.exp(-a * t) * (np.cos(w * t) + a / w * np.sin(w * t))
        return np.asarray(v, dtype=np.float64)

    def charge(self) -> Charge:
        """The whole charge with its energies: the supply gives V_dc C dV, the choke's field at de-Q'ing is shunted."""
        end_s = self.end_s()
        c, p = self.capacitance_f, self.parameters
        v, i = self._free(end_s)
        supply_j = p.supply_v * c * (v - self.left_v)
        stored_j = 0.5 * c * (v * v - self.left_v * self.left_v)
        deq_j = 0.5 * p.choke_h * i * i if 0.0 < end_s < self.half_s else 0.0
        return Charge(v, end_s, supply_j, stored_j, supply_j - stored_j - deq_j, deq_j)


def direct_charge(p: DirectParameters, capacitance_f: float, set_v: float, left_v: float = 0.0) -> Charge:
    """Charge to ``set_v`` from ``left_v``: dV/dt = min(I, P / V) / C (physics.md A9), closed form.

    The set-point is bounded by the rating; a line above it is left alone. Energy taken out of a line that was left
    reversed is counted in ``choke_j`` (the charger's output stage).
    """
    goal_v = min(set_v, p.rated_v)
    if goal_v <= left_v:
        return Charge(left_v, 0.0, 0.0, 0.0, 0.0, 0.0)
    knee_v = p.peak_w / p.rated_a
    flat_v = max(0.0, min(goal_v, knee_v) - left_v)
    steep_from_v = max(left_v, knee_v)
    steep = 0.5 * capacitance_f * max(0.0, goal_v**2 - steep_from_v**2) / p.peak_w if goal_v > knee_v else 0.0
    stored_j = 0.5 * capacitance_f * (goal_v**2 - left_v**2)
    supply_j = 0.5 * capacitance_f * (goal_v**2 - max(left_v, 0.0) ** 2)
    lost_j = supply_j - stored_j
    return Charge(goal_v, capacitance_f * flat_v / p.rated_a + steep, supply_j, stored_j, lost_j, 0.0)


def direct_voltages_v(p: DirectParameters, capacitance_f: float, set_v: float, left_v: float, t_s: Array) -> Array:
    """Line voltage at times since the charge began (same law as :func:`direct_charge`)."""
    knee_v = p.peak_w / p.rated_a
    at_knee_s = max(0.0, capacitance_f * (knee_v - left_v) / p.rated_a)
    t = np.maximum(t_s, 0.0)
    flat = left_v + p.rated_a * np.minimum(t, at_knee_s) / capacitance_f
    begin_v = max(left_v, knee_v)
    steep = np.sqrt(begin_v**2 + 2.0 * p.peak_w * np.maximum(t - at_knee_s, 0.0) / capacitance_f)
    v = np.where(t < at_knee_s, flat, steep)
    return np.asarray(np.minimum(v, max(left_v, min(set_v, p.rated_v))), dtype=np.float64)


def regulated_v(voltage_v: float, regulation: float, key: tuple[int, int]) -> float:
    """The voltage of one pulse: scattered by ``regulation`` (one sigma, relative), keyed by (seed, pulse index)."""
    return voltage_v * (1.0 + regulation * float(draws(*key, STREAM_REGULATION).standard_normal()))


def resonant_fit(
    p: ResonantParameters, capacitance_f: float, line_v: float, rate_hz: float, dead_s: float
) -> ChargerFit:
    """Does resonant charging bring the line to ``line_v`` at ``rate_hz``? ``dead_s``: no charging after a pulse.

    The supply is taken at its highest voltage for what can be reached, and at ``supply_v`` for energy and time.
    """
    charge = Resonant(p, capacitance_f).charge()
    highest_v = p.supply_rated_v * (1.0 + exp(-pi * _decrement(p)))
    period_s = 1.0 / rate_hz if rate_hz > 0.0 else inf
    average_w = charge.supply_j * rate_hz
    problems = []
    if line_v > highest_v:
        problems.append(f"line voltage {line_v:.0f} V: a supply of {p.supply_rated_v:.0f} V reaches {highest_v:.0f} V")
    elif line_v > charge.voltage_v * (1.0 + 1e-9):
        problems.append(f"line voltage {line_v:.0f} V: {p.supply_v:.0f} V charge the line to {charge.voltage_v:.0f} V")
    problems += _power_and_time(average_w, p.supply_w, charge.charge_s, period_s - dead_s)
    pulse_j = 0.5 * capacitance_f * line_v**2
    return ChargerFit(pulse_j, average_w, charge.charge_s, period_s - dead_s, highest_v, tuple(problems))


def _decrement(p: ResonantParameters) -> float:
    """alpha / omega of the damped half wave."""
    return 1.0 / sqrt(4.0 * p.quality**2 - 1.0)


def direct_fit(p: DirectParameters, capacitance_f: float, line_v: float, rate_hz: float, dead_s: float) -> ChargerFit:
    """Does this charger bring the line to ``line_v`` at ``rate_hz``? ``dead_s``: no charging after a pulse."""
    charge = direct_charge(p, capacitance_f, line_v)
    period_s = 1.0 / rate_hz if rate_hz > 0.0 else inf
    pulse_j = 0.5 * capacitance_f * line_v**2
    problems = []
    if line_v > p.rated_v:
        problems.append(f"line voltage {line_v:.0f} V: the charger is rated {p.rated_v:.0f} V")
    problems += _power_and_time(pulse_j * rate_hz, p.average_w, charge.charge_s, period_s - dead_s)
    return ChargerFit(pulse_j, pulse_j * rate_hz, charge.charge_s, period_s - dead_s, p.rated_v, tuple(problems))


def _power_and_time(average_w: float, rated_w: float, charge_s: float, available_s: float) -> list[str]:
    problems = []
    if average_w > rated_w:
        problems.append(f"average power {average_w:.0f} W: the rating is {rated_w:.0f} W")
    if charge_s > available_s:
        problems.append(f"charging takes {charge_s * 1e3:.2f} ms of the {available_s * 1e3:.2f} ms between pulses")
    return problems
