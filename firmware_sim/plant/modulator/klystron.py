"""PURE: a klystron: perveance diode, emission limit, efficiency, saturation curve, phase pushing (physics.md B3)."""

from bisect import bisect_right
from dataclasses import dataclass
from enum import Enum
from math import exp, pi, sqrt

import numpy as np

from firmware_sim.plant.modulator.tube import (
    Array,
    Characteristic,
    Conditions,
    Drive,
    Envelope,
    Mode,
    drive_shape,
    low_pass,
)

BOLTZMANN_EV_PER_K = 8.617333262e-5
"""k in eV/K (CODATA; exact since 2019)."""

BESSEL_PEAK_X = 1.841183781340659
"""Where J1 has its first maximum (DLMF 10.21: j'_{1,1}). physics.md B3 rounds it to 1.841."""

BESSEL_PEAK = 0.5818652242815963
"""J1 there. physics.md B3 rounds it to 0.5819."""

BESSEL_ZERO_X = 3.8317059702075125
"""First zero of J1: beyond it ballistic bunching has no meaning, the output is held at nothing."""

PUSHING_PERCENT = 10.0
"""The voltage this many percent off pushes no further: beyond it a straight line means nothing."""


class GainCurve(Enum):
    """Shape of the saturation curve over x = sqrt(P_in / P_in,sat) (physics.md B3)."""

    EMPIRICAL = "empirical"
    """(2 x / (1 + x^2))^2."""
    BALLISTIC = "ballistic"
    """(J1(1.841 x) / 0.5819)^2."""


@dataclass(frozen=True, slots=True)
class KlystronParameters:
    """A klystron's data sheet.

    ``perveance`` is K of I = K V^1.5 in A/V^1.5. ``efficiency_v`` (rising) and ``efficiency`` are the saturated
    efficiency's points. ``gain_db`` is the saturated gain. ``pushing_deg_per_percent`` is the phase for one percent of
    voltage above ``reference_v`` (B3: -5..-15). ``bandwidth_hz`` is the full -3 dB width of the output.
    Emission: ``emission_a`` is the temperature-limited current at ``emission_k``, ``work_function_ev`` the cathode's,
    ``emission_knee`` how sharp space charge gives way to it.
    """

    perveance: float
    efficiency_v: tuple[float, ...]
    efficiency: tuple[float, ...]
    gain_db: float
    gain_curve: GainCurve
    reference_v: float
    pushing_deg_per_percent: float
    bandwidth_hz: float
    emission_a: float
    emission_k: float
    work_function_ev: float
    emission_knee: float


def diode_a(perveance: float, voltage_v: float) -> float:
    """Space-charge-limited current K V^1.5 (physics.md B3, Child-Langmuir); 0 for no or negative voltage."""
    return perveance * voltage_v * sqrt(voltage_v) if voltage_v > 0.0 else 0.0


def emission_limit_a(p: KlystronParameters, cathode_k: float) -> float:
    """Temperature-limited current, Richardson-Dushman A T^2 exp(-W / kT), scaled to ``emission_a`` at its point."""
    if cathode_k <= 0.0:
        return 0.0
    power = p.work_function_ev / BOLTZMANN_EV_PER_K * (1.0 / p.emission_k - 1.0 / cathode_k)
    return p.emission_a * (cathode_k / p.emission_k) ** 2 * exp(max(-700.0, min(700.0, power)))


def efficiency_at(p: KlystronParameters, voltage_v: float) -> float:
    """Saturated efficiency: straight lines between the table's points.

    Below the first point proportional to V (a klystron off its voltage bunches badly; nothing says how badly), above
    the last one held: three measured points (physics.md B3) carry no curvature and no extrapolation.
    """
    v, eta = p.efficiency_v, p.efficiency
    if voltage_v <= v[0]:
        return eta[0] * max(voltage_v, 0.0) / v[0]
    if voltage_v >= v[-1]:
        return eta[-1]
    k = bisect_right(v, voltage_v) - 1
    return eta[k] + (eta[k + 1] - eta[k]) * (voltage_v - v[k]) / (v[k + 1] - v[k])


def saturation_share(curve: GainCurve, x: Array) -> Array:
    """P / P_sat over x = sqrt(P_in / P_in,sat), 1 at x = 1, rolling over above it (physics.md B3)."""
    if curve is GainCurve.EMPIRICAL:
        return np.asarray((2.0 * x / (1.0 + x * x)) ** 2, dtype=np.float64)
    from scipy.special import j1

    inside = np.minimum(BESSEL_PEAK_X * x, BESSEL_ZERO_X)
    return np.asarray((j1(inside) / BESSEL_PEAK) ** 2, dtype=np.float64)


class Klystron:
    """A :class:`~firmware_sim.plant.modulator.tube.Tube` that amplifies its drive. Stateless."""

    __slots__ = ("parameters",)

    def __init__(self, parameters: KlystronParameters) -> None:
        p = parameters
        if len(p.efficiency_v) != len(p.efficiency) or not p.efficiency_v:
            raise ValueError(f"klystron: {len(p.efficiency_v)} efficiency_v for {len(p.efficiency)} efficiency")
        if any(a >= b for a, b in zip((0.0, *p.efficiency_v), p.efficiency_v, strict=False)):
            raise ValueError(f"klystron: efficiency_v {p.efficiency_v} must rise from above zero")
        self.parameters = parameters

    def characteristic(self, conditions: Conditions) -> Characteristic:
        """K V^1.5, and with a cathode temperature the smooth lesser of that and the emission.

        (I_sc^-a + I_T^-a)^(-1/a) with a = ``emission_knee``; a = 1 is Longo's form. The knee's share of the current
        at I_T = 10 I_sc is 10^-a / a.
        """
        perveance = self.parameters.perveance
        if conditions.cathode_k is None:
            return lambda v: perveance * v * sqrt(v) if v > 0.0 else 0.0
        limit_a, knee = emission_limit_a(self.parameters, conditions.cathode_k), self.parameters.emission_knee

        def limited(v: float) -> float:
            if v <= 0.0 or limit_a <= 0.0:
                return 0.0
            space_a = perveance * v * sqrt(v)
            low, high = (space_a, limit_a) if space_a < limit_a else (limit_a, space_a)
            return float(low * (1.0 + (low / high) ** knee) ** (-1.0 / knee)) if high > 0.0 else 0.0

        return limited

    def currents_a(self, voltage_v: Array, conditions: Conditions) -> Array:
        """The characteristic for many voltages."""
        space_a = self.parameters.perveance * np.maximum(voltage_v, 0.0) ** 1.5
        if conditions.cathode_k is None:
            return np.asarray(space_a, dtype=np.float64)
        limit_a = emission_limit_a(self.parameters, conditions.cathode_k)
        low, high = np.minimum(space_a, limit_a), np.maximum(np.maximum(space_a, limit_a), 1e-300)
        knee = self.parameters.emission_knee
        return np.asarray(low * (1.0 + (low / high) ** knee) ** (-1.0 / knee), dtype=np.float64)

    def starting_mode(self, slope_v_per_s: float, peak_a: float, draw: float, conditions: Conditions) -> Mode:
        """An amplifier has nothing to start."""
        del slope_v_per_s, peak_a, draw, conditions
        return Mode.NORMAL

    def threshold_v(self, conditions: Conditions) -> float:
        """A diode conducts from zero."""
        del conditions
        return 0.0

    def saturated_w(self, voltage_v: Array, current_a: Array) -> Array:
        """P_out at saturation, eta(V) V I (physics.md B3)."""
        p = self.parameters
        v = np.maximum(voltage_v, 0.0)
        eta = np.interp(v, (0.0, *p.efficiency_v), (0.0, *p.efficiency))
        return np.asarray(eta * v * np.maximum(current_a, 0.0), dtype=np.float64)

    def drive_for_saturation_w(self, voltage_v: float) -> float:
        """Drive that saturates the tube at ``voltage_v`` with full emission: P_sat / gain."""
        p = self.parameters
        beam_w = voltage_v * diode_a(p.perveance, voltage_v)
        return float(efficiency_at(p, voltage_v) * beam_w / 10.0 ** (p.gain_db / 10.0))

    def radiate(
        self, time_s: Array, voltage_v: Array, current_a: Array, drive: Drive | None, conditions: Conditions
    ) -> Envelope:
        """Saturation curve at every instant's voltage, phase pushing, then the cavity's first-order response."""
        del conditions
        p = self.parameters
        shape = drive_shape(time_s, drive)
        saturated_w = self.saturated_w(voltage_v, current_a)
        saturating_w = saturated_w / 10.0 ** (p.gain_db / 10.0)
        drive_w = 0.0 if drive is None else drive.power_w
        # no beam: nothing to bunch; the floor keeps x finite where the power is nothing anyway
        floor_w = 1e-9 * max(float(saturating_w.max(initial=0.0)), 1e-30)
        x = shape * np.sqrt(drive_w / np.maximum(saturating_w, floor_w))
        power_w = saturated_w * saturation_share(p.gain_curve, x)
        # pushing is a slope near the working point (B3): on the edges it is held at that of PUSHING_PERCENT off
        percent = np.clip(100.0 * (voltage_v / p.reference_v - 1.0), -PUSHING_PERCENT, PUSHING_PERCENT)
        phase = np.radians(p.pushing_deg_per_percent * percent)
        tau_s = 1.0 / (pi * p.bandwidth_hz) if p.bandwidth_hz > 0.0 else 0.0
        amplitude = low_pass(time_s, np.sqrt(power_w) * np.exp(1j * phase), tau_s)
        return Envelope(np.abs(amplitude) ** 2, np.unwrap(np.angle(amplitude)))
