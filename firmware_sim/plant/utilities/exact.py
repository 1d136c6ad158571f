"""PURE: exact answers of first-order elements, alone and in chains, to constant and exponential inputs.

A chain of first-order elements answers with divided differences of ``exp(-rate * t)``. Written so that equal rates,
rates of zero and steps of hours neither divide by zero nor lose digits: the reason why the utilities may be advanced
by 10 ms or by a day with the same result.
"""

from math import exp, expm1

NEAR = 1e-2
"""Below this spread of rate times step the difference of two convolutions would lose digits: a series is used."""

TERMS = 6
"""Of that series: NEAR**6 / 8! is below 3e-17."""


def relax(value: float, target: float, tau_s: float, step_s: float) -> float:
    """A first-order element after ``step_s``: ``target + (value - target) exp(-step / tau)``."""
    return target + (value - target) * exp(-step_s / tau_s)


def convolve(a: float, b: float, t: float) -> float:
    """``integral_0^t exp(-a u) exp(-b (t - u)) du``, in s, for rates ``a``, ``b`` >= 0 in 1/s. Symmetric."""
    low, spread = (a, b - a) if a <= b else (b, a - b)
    if spread * t < 1e-300:
        return t * exp(-low * t)
    return exp(-low * t) * -expm1(-spread * t) / spread


def convolve_twice(a: float, b: float, c: float, t: float) -> float:
    """The convolution of three decaying exponentials of these rates (1/s), in s^2. Symmetric."""
    low, middle, high = sorted((a, b, c))
    spread = high - low
    if spread * t >= NEAR:
        return (convolve(low, middle, t) - convolve(middle, high, t)) / spread
    x, y = (middle - low) * t, (middle - high) * t
    term, power, total, factorial = 1.0, 1.0, 0.0, 2.0
    for k in range(TERMS):
        total += term / factorial
        power *= y
        term = term * x + power
        factorial *= k + 3
    return exp(-middle * t) * t * t * total
