"""PURE: the modulator's random streams, keyed by seed and pulse index: a pulse never depends on the ones before it."""

import numpy as np

STREAM_DELAY = 201
"""Anode delay and jitter, and whether the thyratron fires."""

STREAM_HOLD = 202
"""When the thyratron fires by itself."""

STREAM_LATCH = 205
"""This pulse's hold-off while it recovers: latch-through."""

STREAM_MODE = 203
"""How the tube takes the pulse."""

STREAM_REGULATION = 204
"""The charger's scatter from pulse to pulse."""


def draws(seed: int, index: int, stream: int) -> np.random.Generator:
    """The generator of one stream of one pulse. ``seed`` and ``index`` are not negative."""
    return np.random.default_rng([seed, index, stream])
