"""PURE: a magnetron: Hartree voltage, dynamic resistance, pushing, pulling, moding, missing pulses (physics.md B4)."""

from dataclasses import dataclass
from math import exp, pi, sin

import numpy as np

from firmware_sim.plant.modulator.tube import (
    Array,
    Characteristic,
    Conditions,
    Drive,
    Envelope,
    Mode,
    low_pass,
)

ELECTRON_C_PER_KG = 1.75882001e11
"""e / m of the electron (CODATA)."""

PULLING_REFLECTION = 0.2
"""|Gamma| of VSWR 1.5, at which a pulling figure is stated (physics.md B4)."""

STEEPEST = 60.0
"""Exponent beyond which a logistic is 0 or 1."""


@dataclass(frozen=True, slots=True)
class MagnetronParameters:
    """A magnetron's data sheet.

    ``hartree_v`` is the threshold at nominal field, ``field_slope`` its relative change per relative change of field,
    ``dynamic_ohm`` r_d above it. ``leakage_a`` flows at the threshold, proportional to voltage. ``limit_a`` and
    ``slope_limit_v_per_s`` are where half of the pulses mode, ``mode_spread`` how gradually (relative);
    ``mode_ratio`` and ``mode_ohm`` are the wrong mode's threshold over ``hartree_v`` and its resistance.
    ``missing_share`` of all pulses do not start. ``pushing_hz_per_a`` counts from ``reference_a``; ``pulling_hz`` is
    the whole swing at VSWR 1.5 for every phase of the load. ``build_s`` is the field's build-up time constant.
    """

    hartree_v: float
    field_slope: float
    dynamic_ohm: float
    leakage_a: float
    efficiency: float
    limit_a: float
    slope_limit_v_per_s: float
    mode_spread: float
    mode_ratio: float
    mode_ohm: float
    missing_share: float
    pushing_hz_per_a: float
    reference_a: float
    pulling_hz: float
    build_s: float


def hartree_v(frequency_hz: float, mode: int, field_t: float, anode_m: float, cathode_m: float) -> float:
    """Hartree threshold of mode number ``mode`` in a cylindrical magnetron, V.

    V_H = w B (ra^2 - rc^2) / 2 - w^2 ra^2 m / (2 e), w = 2 pi f / n (textbook form of physics.md B4's V_H).
    """
    w = 2.0 * pi * frequency_hz / mode
    return 0.5 * w * field_t * (anode_m**2 - cathode_m**2) - 0.5 * (w * anode_m) ** 2 / ELECTRON_C_PER_KG


def hull_cutoff_v(field_t: float, anode_m: float, cathode_m: float) -> float:
    """Hull cut-off e B^2 ra^2 (1 - rc^2/ra^2)^2 / (8 m): the parabola that every Hartree line touches."""
    return ELECTRON_C_PER_KG * (field_t * anode_m * (1.0 - (cathode_m / anode_m) ** 2)) ** 2 / 8.0


class Magnetron:
    """A :class:`~firmware_sim.plant.modulator.tube.Tube` that oscillates by itself. Stateless."""

    __slots__ = ("parameters",)

    def __init__(self, parameters: MagnetronParameters) -> None:
        if parameters.hartree_v <= 0.0 or parameters.dynamic_ohm <= 0.0 or parameters.mode_ohm <= 0.0:
            raise ValueError("magnetron: hartree_v, dynamic_ohm and mode_ohm must be above zero")
        self.parameters = parameters

    def threshold_v(self, conditions: Conditions) -> float:
        """Hartree voltage at this field (physics.md B4); a field far off leaves none below zero."""
        p = self.parameters
        return max(0.0, p.hartree_v * (1.0 + p.field_slope * (conditions.field_ratio - 1.0)))

    def _line(self, conditions: Conditions) -> tuple[float, float, float]:
        """Threshold in V, conductance above it, leakage conductance below it, of this pulse's mode."""
        p = self.parameters
        threshold_v = self.threshold_v(conditions)
        leak = p.leakage_a / p.hartree_v
        if conditions.mode is Mode.MISSING:
            return threshold_v, 0.0, leak
        if conditions.mode is Mode.MODED:
            return threshold_v * p.mode_ratio, 1.0 / p.mode_ohm, leak
        return threshold_v, 1.0 / p.dynamic_ohm, leak

    def characteristic(self, conditions: Conditions) -> Characteristic:
        """Leakage, and (V - V_H) / r_d above the threshold (physics.md B4)."""
        threshold_v, siemens, leak = self._line(conditions)

        def current(v: float) -> float:
            if v <= 0.0:
                return 0.0
            return leak * v + (siemens * (v - threshold_v) if v > threshold_v else 0.0)

        return current

    def currents_a(self, voltage_v: Array, conditions: Conditions) -> Array:
        """The characteristic for many voltages."""
        threshold_v, siemens, leak = self._line(conditions)
        v = np.maximum(voltage_v, 0.0)
        return np.asarray(leak * v + siemens * np.maximum(v - threshold_v, 0.0), dtype=np.float64)

    def starting_mode(self, slope_v_per_s: float, peak_a: float, draw: float, conditions: Conditions) -> Mode:
        """Missing with ``missing_share``, else moded with a probability that crosses one half at either limit.

        Too steep a rise or too much current modes (physics.md B4); how gradually is this tube's ``mode_spread``.
        """
        del conditions
        p = self.parameters
        if draw < p.missing_share:
            return Mode.MISSING
        excess = max(slope_v_per_s / p.slope_limit_v_per_s, peak_a / p.limit_a) - 1.0
        power = max(-STEEPEST, min(STEEPEST, -excess / p.mode_spread))
        share = 1.0 / (1.0 + exp(power))
        return Mode.MODED if draw < p.missing_share + (1.0 - p.missing_share) * share else Mode.NORMAL

    def pulling_at_hz(self, reflection: complex) -> float:
        """Frequency shift by the load: half the figure times |Gamma| / 0.2 times the sine of its phase (B4)."""
        size = abs(reflection)
        if size == 0.0:
            return 0.0
        return 0.5 * self.parameters.pulling_hz * size / PULLING_REFLECTION * sin(float(np.angle(reflection)))

    def radiate(
        self, time_s: Array, voltage_v: Array, current_a: Array, drive: Drive | None, conditions: Conditions
    ) -> Envelope:
        """P = eta V I above the threshold, phase the integral of pushing and pulling (physics.md B4)."""
        del drive
        p = self.parameters
        threshold_v, _, leak = self._line(conditions)
        if conditions.mode is not Mode.NORMAL:
            return Envelope(np.zeros_like(time_s), np.zeros_like(time_s))
        oscillates = voltage_v > threshold_v
        working_a = np.where(oscillates, current_a - leak * voltage_v, 0.0)
        power_w = p.efficiency * np.maximum(voltage_v * working_a, 0.0)
        shift_hz = p.pushing_hz_per_a * (current_a - p.reference_a) + self.pulling_at_hz(conditions.reflection)
        step_s = float(time_s[1] - time_s[0]) if len(time_s) > 1 else 0.0
        phase = 2.0 * pi * np.cumsum(np.where(oscillates, shift_hz, 0.0)) * step_s
        grown = low_pass(time_s, np.sqrt(power_w).astype(np.complex128), p.build_s)
        return Envelope(np.abs(grown) ** 2, phase)
