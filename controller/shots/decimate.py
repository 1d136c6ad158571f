"""PURE: fewer points with the same look: the minimum and maximum of every stretch, so that no spike is lost."""

import numpy as np

from controller.shots.model import FloatArray


def decimate(t: FloatArray, values: FloatArray, points: int) -> tuple[FloatArray, FloatArray]:
    """At most ``points`` samples (an even number): of each of ``points // 2`` stretches the extremes, in time order.

    Records that are short enough come back as they are; NaN samples are left out first.
    """
    valid = np.isfinite(values)
    t, values = t[valid], values[valid]
    stretches = max(points // 2, 1)
    if values.size <= 2 * stretches:
        return t, values
    edges = np.linspace(0, values.size, stretches + 1).astype(np.int64)
    keep = np.empty(2 * stretches, dtype=np.int64)
    for index in range(stretches):
        first, last = int(edges[index]), int(edges[index + 1])
        part = values[first:last]
        pair = sorted((first + int(np.argmin(part)), first + int(np.argmax(part))))
        keep[2 * index], keep[2 * index + 1] = pair
    return t[keep], values[keep]
