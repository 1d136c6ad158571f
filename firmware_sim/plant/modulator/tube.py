"""PURE: what a modulator and an RF line need to know of a tube, whichever it is."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

BLOCK_EXPONENT = 300.0
"""The low pass works through blocks of points; e to this is the largest weight in one, far from overflow."""

Characteristic = Callable[[float], float]
"""Tube voltage in V -> tube current in A, both on the secondary. Zero at and below zero."""


class Mode(Enum):
    """How a tube took this pulse."""

    NORMAL = "normal"
    MODED = "moded"
    """It oscillates in the wrong mode: current at another voltage, no power at its frequency."""
    MISSING = "missing"
    """It did not start: cut off, no current but leakage, no power; the line sees an open end."""


@dataclass(frozen=True, slots=True)
class Drive:
    """The RF drive at the tube's input: ``power_w`` from ``start_s`` for ``width_s``, 10-90 % edges of ``edge_s``.

    Times count from the modulator's trigger. An oscillator does not look at it.
    """

    power_w: float
    start_s: float
    width_s: float
    edge_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a tube stands in during one pulse.

    ``cathode_k`` None: hot enough not to limit the emission. ``field_ratio`` is the magnet's field over its nominal
    one. ``reflection`` is the load's complex reflection coefficient at the tube's output.
    """

    cathode_k: float | None = None
    field_ratio: float = 1.0
    reflection: complex = 0j
    mode: Mode = Mode.NORMAL


NOMINAL = Conditions()
"""A hot cathode, nominal field, a matched load, the right mode."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """RF at the tube's output, shape (points,): power in W and phase in rad, both against the nominal carrier."""

    power_w: Array
    phase_rad: Array


class Tube(Protocol):
    """A klystron, a magnetron, or whatever a bench has. All voltages and currents on the secondary side."""

    def characteristic(self, conditions: Conditions) -> Characteristic:
        """The tube's current as a function of its voltage: a plain function, called some thousand times a pulse."""
        ...

    def currents_a(self, voltage_v: Array, conditions: Conditions) -> Array:
        """The same law for many voltages at once."""
        ...

    def starting_mode(self, slope_v_per_s: float, peak_a: float, draw: float, conditions: Conditions) -> Mode:
        """How the tube takes a pulse that rises with ``slope_v_per_s`` at its threshold and reaches ``peak_a``.

        ``draw`` is uniform in [0, 1), keyed by the caller.
        """
        ...

    def threshold_v(self, conditions: Conditions) -> float:
        """The voltage at which ``starting_mode`` wants the slope."""
        ...

    def radiate(
        self, time_s: Array, voltage_v: Array, current_a: Array, drive: Drive | None, conditions: Conditions
    ) -> Envelope:
        """RF output of a pulse; ``time_s`` is evenly spaced."""
        ...


def drive_shape(time_s: Array, drive: Drive | None) -> Array:
    """Amplitude of the drive over its top, 0..1, shape of ``time_s``: trapezium with the given 10-90 % edges."""
    if drive is None or drive.power_w <= 0.0:
        return np.zeros_like(time_s)
    ramp_s = max(drive.edge_s / 0.8, 1e-12)
    rising = (time_s - drive.start_s) / ramp_s + 0.5
    falling = (drive.start_s + drive.width_s - time_s) / ramp_s + 0.5
    return np.clip(np.minimum(rising, falling), 0.0, 1.0)


def low_pass(time_s: Array, amplitude: npt.NDArray[np.complex128], tau_s: float) -> npt.NDArray[np.complex128]:
    """First-order response da/dt = (in - a) / tau of a cavity's envelope (physics.md B5), starting from rest.

    Exact for an input that is straight between points; ``tau_s`` 0 returns the input.
    """
    if tau_s <= 0.0 or len(time_s) < 2:
        return amplitude
    x = float(time_s[1] - time_s[0]) / tau_s
    keep = float(np.exp(-x))
    mean = (1.0 - keep) / x
    pushed = (1.0 - mean) * amplitude
    pushed[1:] += (mean - keep) * amplitude[:-1]
    if x > BLOCK_EXPONENT:
        return pushed  # nothing is left of one point at the next
    block = int(BLOCK_EXPONENT / x)
    result = np.empty_like(pushed)
    before = 0j
    for first in range(0, len(pushed), block):
        grown = np.exp(x * np.arange(1, len(pushed[first : first + block]) + 1))
        part = (before + np.cumsum(pushed[first : first + block] * grown)) / grown
        result[first : first + block] = part
        before = complex(part[-1])
    return result
