"""PURE: how fields fill and empty a resonator: the slow envelope a(t), first order per cavity (physics.md B5)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import pi

from firmware_sim.plant.rf.waves import Wave, follow


@dataclass(frozen=True, slots=True)
class Cavity:
    """One resonator: frequency, loaded Q, and how far it is tuned away from the carrier (its own minus the carrier)."""

    frequency_hz: float
    loaded_q: float
    detuning_hz: float = 0.0

    @property
    def rate_per_s(self) -> float:
        """w0 / (2 Q_L): the rate at which its amplitude fills and empties."""
        return pi * self.frequency_hz / self.loaded_q


def fill(cavities: Sequence[Cavity], wave: Wave) -> Wave:
    """The wave after the cavities, one behind the other (physics.md B5).

    ``da/dt = -(w0 / 2 Q_L - j dw) a + (w0 / 2 Q_L) a_in``: tuned, the steady amplitude is the drive's.
    """
    amplitude = wave.amplitude
    for cavity in cavities:
        rate = complex(cavity.rate_per_s, -2.0 * pi * cavity.detuning_hz)
        amplitude = follow(amplitude, wave.step_s, rate) * (cavity.rate_per_s / rate)
    return replace(wave, amplitude=amplitude)
