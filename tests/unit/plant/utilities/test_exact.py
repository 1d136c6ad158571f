"""The exact elements against quadrature and against themselves in other arguments."""

from itertools import permutations
from math import exp

import pytest
from scipy.integrate import quad

from firmware_sim.plant.utilities.exact import convolve, convolve_twice, relax

RATES = ((0.0, 0.0, 0.0), (0.0, 5.0, 50.0), (5.0, 5.0, 50.0), (5.0, 5.0001, 5.0002), (1e-6, 1e-6, 3.0), (2.0, 2.0, 2.0))


def test_relax_is_a_first_order_element():
    assert relax(10.0, 2.0, 3.0, 3.0) == pytest.approx(2.0 + 8.0 * exp(-1.0), rel=1e-15)


@pytest.mark.parametrize("t", [1e-6, 0.01, 1.0, 20.0])
@pytest.mark.parametrize("rates", RATES)
def test_convolutions_against_quadrature(rates, t):
    a, b, c = rates
    once, _ = quad(lambda u: exp(-a * u - b * (t - u)), 0.0, t, epsabs=0.0, epsrel=1e-12)
    assert convolve(a, b, t) == pytest.approx(once, rel=1e-9, abs=1e-300)
    twice, _ = quad(lambda u: convolve(a, b, u) * exp(-c * (t - u)), 0.0, t, epsabs=0.0, epsrel=1e-12, limit=200)
    for order in permutations(rates):
        assert convolve_twice(*order, t) == pytest.approx(twice, rel=1e-9, abs=1e-300)


def test_the_series_meets_the_difference():
    """Across the border between both ways of computing there is no step."""
    below, above = (convolve_twice(1.0, 1.0 + 0.5 * x, 1.0 + x, 1.0) for x in (0.00999999, 0.01000001))
    assert below == pytest.approx(above, rel=2e-8)
    assert convolve_twice(1.0, 1.0, 1.01, 1.0) == pytest.approx(exp(-1.0) * (0.5 - 0.01 / 6 + 1e-4 / 24), rel=1e-7)


@pytest.mark.parametrize("spread", [1e-9, 1e-7, 1e-5, 1e-3, 9e-3])
def test_nearly_equal_rates_lose_no_digits(spread):
    """exp(-1) (1/2 - s/6 ...) for rates 1, 1, 1 + s over 1 s: the plain difference would be wrong by 1e-16 / s."""
    series = exp(-1.0) * (1 / 2 - spread / 6 + spread**2 / 24 - spread**3 / 120 + spread**4 / 720)
    assert convolve_twice(1.0, 1.0, 1.0 + spread, 1.0) == pytest.approx(series, rel=5e-13)


def test_days_neither_overflow_nor_divide_by_zero():
    assert convolve(0.0, 7.5, 1e7) == pytest.approx(1 / 7.5, rel=1e-15)
    assert convolve_twice(0.0, 7.5, 50.0, 1e7) == pytest.approx(1 / 7.5 / 50.0, rel=1e-14)
    assert convolve_twice(0.0, 0.0, 0.0, 1e7) == pytest.approx(0.5e14, rel=1e-15)
