"""PURE: directional couplers with finite directivity, and reflection, VSWR, return loss (physics.md B5)."""

from dataclasses import dataclass
from math import pi

import numpy as np

from firmware_sim.plant.rf.waves import Wave


@dataclass(frozen=True, slots=True)
class CouplerParameters:
    """``coupling_db`` down to both ports; ``directivity_db`` more of the wrong wave, turned by ``phase_rad``."""

    coupling_db: float
    directivity_db: float
    phase_rad: float = 0.0

    @property
    def leak(self) -> complex:
        """``10^(-D/20) e^{j phi}``."""
        return complex(10.0 ** (-self.directivity_db / 20.0) * np.exp(1j * self.phase_rad))


def coupled(p: CouplerParameters, forward: Wave, back: Wave) -> tuple[Wave, Wave]:
    """(forward port, reverse port): each shows its wave and a little of the other (physics.md B5).

    With one reflection Gamma the reverse port shows ``|Gamma + 10^(-D/20) e^{j phi}|`` of the forward wave.
    """
    factor = 10.0 ** (-p.coupling_db / 20.0)
    step = forward.step_s
    ahead = Wave(forward.start_s, step, factor * (forward.amplitude + p.leak * back.amplitude))
    behind = Wave(forward.start_s, step, factor * (back.amplitude + p.leak * forward.amplitude))
    return ahead, behind


def measured_reflection(gamma: complex, p: CouplerParameters) -> float:
    """``|Gamma + 10^(-D/20) e^{j phi}|``: what the reverse port makes of a reflection (physics.md B5)."""
    return abs(gamma + p.leak)


def reflection_bounds(gamma: float, directivity_db: float) -> tuple[float, float]:
    """The least and the most that |Gamma| may read as, whatever the phases."""
    leak = 10.0 ** (-directivity_db / 20.0)
    return abs(gamma - leak), gamma + leak


def vswr(gamma: float) -> float:
    """(1 + |Gamma|) / (1 - |Gamma|); infinite for 1 (physics.md B5)."""
    return (1.0 + gamma) / (1.0 - gamma) if gamma < 1.0 else float("inf")


def reflection_of_vswr(ratio: float) -> float:
    """|Gamma| of a VSWR of 1 or more."""
    return (ratio - 1.0) / (ratio + 1.0)


def guide_wavelength(frequency_hz: float, width_m: float) -> float:
    """Wavelength in a rectangular guide of this broad inner side (TE10), in m. Raises ValueError below cut-off."""
    free_m = 299_792_458.0 / frequency_hz
    share = 1.0 - (free_m / (2.0 * width_m)) ** 2
    if share <= 0.0:
        raise ValueError(f"guide_wavelength: {frequency_hz} Hz does not travel in a guide {width_m} m wide")
    return float(free_m / share**0.5)


def guide_delay(length_m: float, frequency_hz: float, width_m: float) -> float:
    """One-way delay of an envelope along a rectangular guide (group velocity of TE10), in s. Raises as above."""
    guide_m = guide_wavelength(frequency_hz, width_m)
    return length_m * guide_m * frequency_hz / 299_792_458.0**2


def phase_of_length(length_m: float, guide_m: float) -> float:
    """Phase in rad over a length there and back."""
    return 4.0 * pi * length_m / guide_m
