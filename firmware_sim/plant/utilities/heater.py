"""PURE: a tube's heater and cathode: radiating cathode, warm-up of 15-30 min, emission (physics.md B3, B9).

The cathode loses its heat by radiation: ``C dT/dt = P - k (T^4 - T_amb^4)``. With constant power that has a closed
form, ``F(T) = ln|(T_e + T) / (T_e - T)| + 2 atan(T / T_e)`` grows by ``4 k T_e^3 / C`` per second on the way to the
equilibrium ``T_e``, whatever the step.
"""

from dataclasses import dataclass
from math import atan, exp, log

BOLTZMANN_EV_PER_K = 8.617333262e-5

NEWTON_MAX = 100
"""Steps of the inversion; it takes fewer than ten, monotonically."""

NEWTON_STOP = 1e-13


@dataclass(frozen=True, slots=True)
class HeaterParameters:
    """``nominal_a`` through ``resistance_ohm`` holds the cathode at ``nominal_k`` in surroundings of ``ambient_k``.

    ``capacity_j_per_k`` sets the warm-up; ``emission_margin`` is the emission at ``nominal_k`` over the rated current
    ``rated_a``, ``work_ev`` the work function. ``drift_per_s`` is what a drifting supply loses of its current.
    """

    nominal_a: float
    resistance_ohm: float
    nominal_k: float
    ambient_k: float
    capacity_j_per_k: float
    rated_a: float
    emission_margin: float
    work_ev: float
    drift_per_s: float


def heater_power(p: HeaterParameters, current_a: float) -> float:
    """Heater power in W; the resistance is the hot filament's."""
    return current_a * current_a * p.resistance_ohm


def equilibrium(p: HeaterParameters, current_a: float) -> float:
    """The cathode temperature at which radiation balances this heater current, in K."""
    share = (current_a / p.nominal_a) ** 2
    fourth: float = p.ambient_k**4 + share * (p.nominal_k**4 - p.ambient_k**4)
    return float(fourth**0.25)


def advance_cathode(p: HeaterParameters, cathode_k: float, current_a: float, step_s: float) -> float:
    """The cathode's temperature ``step_s`` later at constant heater current, in K: exact for any step."""
    end_k = equilibrium(p, current_a)
    gap = (cathode_k - end_k) / end_k
    if gap == 0.0 or step_s == 0.0:
        return cathode_k
    radiation = heater_power(p, p.nominal_a) / (p.nominal_k**4 - p.ambient_k**4)
    grown = 4.0 * radiation * end_k**3 / p.capacity_j_per_k * step_s
    sign = 1.0 if gap > 0.0 else -1.0
    u = log(abs(gap))
    target = _grown(u, sign) + grown
    for _ in range(NEWTON_MAX):
        change = (_grown(u, sign) - target) / _slope(u, sign)
        u -= change
        if abs(change) <= NEWTON_STOP * max(1.0, abs(u)):
            return end_k * (1.0 + sign * exp(u))
    raise ArithmeticError(f"advance_cathode: no solution from {cathode_k} K towards {end_k} K over {step_s} s")


def _grown(u: float, sign: float) -> float:
    """F at ``T = T_e (1 + sign e^u)``."""
    w = sign * exp(u)
    return log(2.0 + w) - u + 2.0 * atan(1.0 + w)


def _slope(u: float, sign: float) -> float:
    """dF/du: between -4 and 0, -1 near the equilibrium."""
    w = sign * exp(u)
    return -4.0 / (4.0 + 6.0 * w + 4.0 * w * w + w**3)


def emission_limit(p: HeaterParameters, cathode_k: float) -> float:
    """The most current the cathode emits, in A: Richardson, T^2 exp(-W / kT) (physics.md B3: temperature-limited)."""
    ratio = cathode_k / p.nominal_k
    exponent = p.work_ev / BOLTZMANN_EV_PER_K * (1.0 / p.nominal_k - 1.0 / cathode_k)
    return p.emission_margin * p.rated_a * ratio * ratio * exp(exponent)


def heater_ok(p: HeaterParameters, current_a: float, tolerance: float = 0.05) -> bool:
    """Whether the heater current is within +-5 % of nominal (safety.md 2.3 row 45)."""
    return abs(current_a - p.nominal_a) <= tolerance * p.nominal_a
