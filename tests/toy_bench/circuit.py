"""PURE: one module of the toy bench: a capacitor that is switched onto a resistor and an inductor in series."""

from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Circuit:
    """A series RLC circuit, over-damped: i(t) = V / (L (s1 - s2)) (exp(s1 t) - exp(s2 t)) (any text on circuits)."""

    capacitance_f: float
    resistance_ohm: float
    inductance_h: float

    @property
    def roots(self) -> tuple[float, float]:
        """s1 > s2, both below zero, in 1/s. Raises ValueError when the circuit rings."""
        half = self.resistance_ohm / (2.0 * self.inductance_h)
        under = half * half - 1.0 / (self.inductance_h * self.capacitance_f)
        if under <= 0.0:
            raise ValueError("plant.yaml: load_ohm: the circuit rings; at least 2 sqrt(load_h / capacitance_f)")
        return sqrt(under) - half, -sqrt(under) - half

    def current_a(self, voltage_v: float, t_s: Array) -> Array:
        """Current after the switch closed at t = 0, zero before; shape of ``t_s``."""
        slow, fast = self.roots
        since = np.maximum(t_s, 0.0)
        return voltage_v / (self.inductance_h * (slow - fast)) * (np.exp(slow * since) - np.exp(fast * since))

    def peak(self, voltage_v: float) -> tuple[float, float]:
        """Highest current in A and when, in s after the switch."""
        slow, fast = self.roots
        at_s = log(fast / slow) / (slow - fast)
        return voltage_v / (self.inductance_h * (slow - fast)) * (exp(slow * at_s) - exp(fast * at_s)), at_s

    def action_a2s(self, voltage_v: float) -> float:
        """Integral of the current squared: all of the energy goes into the resistor."""
        return 0.5 * self.capacitance_f * voltage_v * voltage_v / self.resistance_ohm
