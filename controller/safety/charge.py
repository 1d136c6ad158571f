"""PURE: how high the bank must be by the charge that went into it: a third, diverse estimate beside both probes.

The charger measures its own output current; the confirmed capacitance is rig data. Their quotient shares no divider,
no cable and no converter with the probes (safety.md 2.3 rows 08 and 15). An estimate carries its doubt, in volts:

- Between two readings the current was somewhere between them: it is constant while the charger limits current, falls
  steadily while it limits voltage, and rises once. The trapezoid is then wrong by at most half the difference times
  the time between them.
- A reading is stamped when its answer has come, up to ``STAMP_S`` after the current was measured.
- The moment at which the current begins is known from the PLC, whose status says that no current flows.

What is left is proportional (meter, capacitance, dielectric absorption) and is inside :data:`AGREE_FRACTION`.
"""

import math
from typing import NamedTuple

AGREE_FRACTION = 0.1
"""Estimate and probes may differ by this, beside the doubt (safety.md 2.3 row 08: Q against C V, 10 %)."""

STAMP_S = 0.05
"""Longest time from the measurement to the stamp: two answers of 20 ms each at 9600 baud."""


class BankModel(NamedTuple):
    """The confirmed modules as one capacitor: farads, siemens of their bleeders, and the charger's set current.

    ``meter_a`` is how far each reading of the current may be off, where that is not inside :data:`AGREE_FRACTION`.
    """

    capacitance_f: float
    bleeder_s: float
    current_a: float
    meter_a: float = 0.0


class Tally(NamedTuple):
    """The account so far. ``began_ns`` is when a current was first known to flow, 0 before that."""

    t_ns: int
    current_a: float = 0.0
    voltage_v: float = 0.0
    doubt_v: float = 0.0
    began_ns: int = 0


def rest(t_ns: int, voltage_v: float) -> Tally:
    """Nothing flows at ``t_ns`` and the bank has ``voltage_v`` (whatever is left of the last shot)."""
    return Tally(t_ns, voltage_v=voltage_v)


def still(tally: Tally, t_ns: int) -> Tally:
    """The PLC says at ``t_ns`` that no current flows; says nothing once one has been seen."""
    return tally if tally.began_ns or tally.current_a else tally._replace(t_ns=t_ns)


def begun(tally: Tally, t_ns: int) -> Tally:
    """The PLC says at ``t_ns`` that a current flows."""
    return tally if tally.began_ns or tally.current_a else tally._replace(began_ns=t_ns)


def add(tally: Tally, t_ns: int, current_a: float, bank: BankModel) -> Tally:
    """A reading of the charger: ``current_a`` flows at ``t_ns``."""
    if tally.current_a or not current_a:
        return _over(tally, t_ns, current_a, bank)
    # the first reading of a current: it rose to the set-point at some moment before, and may have fallen since
    highest_a = max(bank.current_a, current_a)
    tally = _over(tally, tally.began_ns or t_ns, highest_a, bank)
    return _over(tally, t_ns, current_a, bank)


def _over(tally: Tally, t_ns: int, current_a: float, bank: BankModel) -> Tally:
    time_s = max(0.0, (t_ns - tally.t_ns) * 1e-9)
    change_a = abs(current_a - tally.current_a)
    charge_c = (0.5 * (tally.current_a + current_a) - tally.voltage_v * bank.bleeder_s) * time_s
    doubt_c = change_a * (0.5 * time_s + STAMP_S) + bank.meter_a * time_s
    return Tally(
        max(t_ns, tally.t_ns),
        current_a,
        tally.voltage_v + charge_c / bank.capacitance_f,
        tally.doubt_v + doubt_c / bank.capacitance_f,
        tally.began_ns,
    )


def agrees(estimate_v: float, doubt_v: float, measured_v: float) -> bool:
    """True when estimate and measurement tell of the same voltage; NaN agrees with nothing."""
    if not (math.isfinite(estimate_v) and math.isfinite(measured_v)):
        return False
    allowed_v = AGREE_FRACTION * max(estimate_v, measured_v) + doubt_v
    return abs(estimate_v - measured_v) <= allowed_v
