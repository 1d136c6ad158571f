"""PURE: detectors from RF power to volts: logarithmic and square-law, with their video bandwidth (physics.md B5)."""

from dataclasses import dataclass
from math import log10, pi

import numpy as np

from firmware_sim.plant.rf.waves import Array, Wave, follow_real, power


@dataclass(frozen=True, slots=True)
class LogDetector:
    """Volts linear in dBm: ``(dBm - intercept_dbm) * volts_per_db`` between ``floor_dbm`` and ``ceiling_dbm``.

    ``pad_db`` is the attenuation in front of it; ``video_hz`` its output's 3 dB bandwidth.
    """

    pad_db: float
    volts_per_db: float
    intercept_dbm: float
    floor_dbm: float
    ceiling_dbm: float
    video_hz: float

    def volts_of(self, watts: float) -> float:
        """The settled output for this power in front of the pad."""
        return float(self._curve(np.array([watts]))[0])

    def watts_of(self, volts: float) -> float:
        """The inverse, within the range."""
        dbm = volts / self.volts_per_db + self.intercept_dbm + self.pad_db
        return float(1e-3 * 10.0 ** (dbm / 10.0))

    def detect(self, wave: Wave) -> Array:
        """Volts at the output at every point of the wave."""
        return follow_real(self._curve(power(wave.amplitude)), wave.step_s, 1.0 / (2.0 * pi * self.video_hz))

    def _curve(self, watts: Array) -> Array:
        floor_w = 1e-3 * 10.0 ** ((self.floor_dbm + self.pad_db) / 10.0)
        dbm = 10.0 * np.log10(np.maximum(watts, floor_w) * 1e3) - self.pad_db
        volts: Array = (np.minimum(dbm, self.ceiling_dbm) - self.intercept_dbm) * self.volts_per_db
        return volts


@dataclass(frozen=True, slots=True)
class SquareLawDetector:
    """A diode: volts proportional to power while small, to its root above ``knee_v``.

    ``V = knee (sqrt(1 + 2 k P / knee) - 1)``: k P for k P << knee. At most ``ceiling_v``.
    """

    pad_db: float
    volts_per_watt: float
    knee_v: float
    ceiling_v: float
    video_hz: float

    def volts_of(self, watts: float) -> float:
        """The settled output for this power in front of the pad."""
        return float(self._curve(np.array([watts]))[0])

    def watts_of(self, volts: float) -> float:
        """The inverse, below the ceiling."""
        behind = ((volts / self.knee_v + 1.0) ** 2 - 1.0) * self.knee_v / (2.0 * self.volts_per_watt)
        return float(behind * 10.0 ** (self.pad_db / 10.0))

    def detect(self, wave: Wave) -> Array:
        """Volts at the output at every point of the wave."""
        return follow_real(self._curve(power(wave.amplitude)), wave.step_s, 1.0 / (2.0 * pi * self.video_hz))

    def _curve(self, watts: Array) -> Array:
        small = self.volts_per_watt * watts * 10.0 ** (-self.pad_db / 10.0)
        volts: Array = np.minimum(self.knee_v * (np.sqrt(1.0 + 2.0 * small / self.knee_v) - 1.0), self.ceiling_v)
        return volts


Detector = LogDetector | SquareLawDetector


@dataclass(frozen=True, slots=True)
class Pickup:
    """The detector behind one port: exactly one of the two kinds. Raises ValueError otherwise."""

    log: LogDetector | None = None
    square_law: SquareLawDetector | None = None

    def __post_init__(self) -> None:
        if (self.log is None) is (self.square_law is None):
            raise ValueError("Pickup: exactly one of log and square_law is needed")

    @property
    def detector(self) -> Detector:
        """The one that is there."""
        found = self.log or self.square_law
        if found is None:
            raise ValueError("Pickup: neither log nor square_law")
        return found


def dbm(watts: float) -> float:
    """Power in dBm."""
    return 10.0 * log10(watts * 1e3)
