"""PURE: what a scope sees that is not wired to a rig: test signals on its four inputs (instruments.md 4b)."""

import numpy as np
import numpy.typing as npt

PANEL_HZ = 5000.0
"""Repetition rate of all four signals: five periods in the power-on window of 1 ms."""


def panel_signals(channel: int, t_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Voltage at input ``channel`` (index from 0): 0 to 2.5 V square
    (at a 10:1 probe's tip), sine, ringing pulse, triangle.

    Channel 1 never crosses zero, so that a single-shot arm with the power-on trigger stays armed.
    """
    phase = np.mod(t_s * PANEL_HZ, 1.0)
    if channel == 0:
        square: npt.NDArray[np.float64] = np.where(phase < 0.5, 0.26, 0.01)
        return square
    if channel == 1:
        sine: npt.NDArray[np.float64] = 0.5 * np.sin(2 * np.pi * phase)
        return sine
    if channel == 2:
        ringing: npt.NDArray[np.float64] = 0.8 * np.exp(-phase * 8) * np.cos(2 * np.pi * 20 * phase)
        return ringing
    triangle: npt.NDArray[np.float64] = 0.6 * (1 - 4 * np.abs(phase - 0.5))
    return triangle
