"""PURE: the line as a store between pulses: charged, held, bled and dumped (physics.md B1, A9).

Dumps, bleeder and a leak are the bank's of the capacitor bench, with one module. The charge follows the closed forms of
``modulator/charging.py``; its time runs by itself, so that a pulse may fall anywhere between two ticks.
"""

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np

from firmware_sim.plant.bank import Bank
from firmware_sim.plant.charger import Charger
from firmware_sim.plant.modulator.charging import DirectParameters, Resonant, ResonantParameters
from firmware_sim.plant.tube_bench.parameters import TubeBenchParameters

LEAST_V = 1e-3
"""A store below this rests: nothing is booked for it."""


@dataclass(slots=True)
class StoreLedger:
    """Joules since the bench was switched on: into the line, and out of it without a pulse.

    ``supply_j`` is what left the charger or supply, ``charged_j`` what the line gained of it.
    """

    supply_j: float = 0.0
    charged_j: float = 0.0
    bled_j: float = 0.0
    """Bleeder, and a leak beside it."""
    dumped_j: float = 0.0
    latched_j: float = 0.0
    """From the charger through a thyratron that stays latched."""


class LineStore:
    """``voltage_v`` now. ``hold_until_ns``: no charge flows before (recovery of the switch). ``latched``: a short."""

    def __init__(self, parameters: TubeBenchParameters) -> None:
        self._p = parameters.charging
        self._f = parameters.line_f
        slow = parameters.slow
        self._bleeder_s = 1.0 / slow.bank.bleeder_ohm
        self._dump_s = 1.0 / slow.bank.dump_ohm
        self._leak_s = 1.0 / slow.bank.leak_fault_ohm
        self._drop_v = parameters.modulator.circuit.switch.drop_v
        self.bank = Bank(slow.bank)
        self.bank.positions = 1
        self.ledger = StoreLedger()
        self.t_ns = 0
        self.hold_until_ns = 0
        self.latched = False
        self.leaks = False
        self._wave: tuple[Resonant, float] | None = None
        """A resonant half wave under way, and the seconds since it began."""

    @property
    def voltage_v(self) -> float:
        """Voltage of the line's capacitors."""
        return self.bank.voltage_v[0]

    def stored_j(self) -> float:
        """Energy in the line."""
        return self.bank.stored_j()

    def set_voltage(self, voltage_v: float) -> None:
        """What a pulse left on the line."""
        self.bank.voltage_v[0] = self.bank.bus_v = voltage_v
        self._wave = None

    def settle(self, voltage_v: float) -> None:
        """Where this pulse's charge really ended: the charger's scatter is booked as charge."""
        self.ledger.charged_j += 0.5 * self._f * (voltage_v**2 - self.voltage_v**2)
        self.bank.voltage_v[0] = self.bank.bus_v = voltage_v

    def advance(self, until_ns: int, *, connected: bool, dumps: int, charger: Charger) -> None:
        """On to ``until_ns`` under these contacts; an earlier time does nothing."""
        while self.t_ns < until_ns:
            end_ns = min(until_ns, self.hold_until_ns) if self.t_ns < self.hold_until_ns else until_ns
            step_ns = end_ns - self.t_ns
            self._decay(step_ns, dumps)
            if not connected:
                self._wave = None
                if charger.enabled or charger.voltage_v > 0.0:
                    charger.idle(step_ns * 1e-9)
            elif self.t_ns >= self.hold_until_ns:
                self._charge(step_ns * 1e-9, charger)
            self.t_ns = end_ns

    def _decay(self, step_ns: int, dumps: int) -> None:
        """Bleeder and dumps: exact exponentials, shared out by their conductances."""
        before_v = self.voltage_v
        if abs(before_v) < LEAST_V:
            return
        self.bank.step(step_ns, dumps, 0.0, 0.0)
        lost_j = 0.5 * self._f * (before_v**2 - self.voltage_v**2)
        dump_s = dumps.bit_count() * self._dump_s
        rest_s = self._bleeder_s + (self._leak_s if self.leaks else 0.0)
        self.ledger.dumped_j += lost_j * dump_s / (dump_s + rest_s)
        self.ledger.bled_j += lost_j * rest_s / (dump_s + rest_s)

    def _charge(self, step_s: float, charger: Charger) -> None:
        before_v = self.voltage_v
        limit_v, limit_a = charger.limits()
        if self.latched:
            charger.current_a, charger.voltage_v, charger.constant_voltage = limit_a, 0.0, False
            self.ledger.latched_j += limit_a * step_s * self._drop_v
            return
        if isinstance(self._p, ResonantParameters):
            after_v, supply_j = self._resonant_v(self._p, before_v, limit_v if limit_a > 0.0 else 0.0, step_s)
        else:
            after_v, supply_j = self._direct_v(self._p, before_v, limit_v, limit_a, step_s)
        if after_v != before_v:
            self.bank.voltage_v[0] = self.bank.bus_v = after_v
            self.ledger.charged_j += 0.5 * self._f * (after_v**2 - before_v**2)
            self.ledger.supply_j += supply_j
        charger.current_a = self._f * (after_v - before_v) / step_s
        charger.voltage_v = limit_v if isinstance(self._p, ResonantParameters) else after_v
        charger.constant_voltage = limit_a > 0.0 and after_v >= limit_v

    def _direct_v(
        self, p: DirectParameters, v: float, limit_v: float, limit_a: float, step_s: float
    ) -> tuple[float, float]:
        """``dV/dt = min(I, P / V) / C`` up to the set-point: ``direct_voltages_v`` for one time, and joules."""
        goal_v = min(limit_v, p.rated_v)
        if limit_a <= 0.0 or goal_v <= v:
            return v, 0.0
        amperes = min(limit_a, p.rated_a)
        knee_v = p.peak_w / amperes
        at_knee_s = max(0.0, self._f * (knee_v - v) / amperes)
        after_v = v + amperes * min(step_s, at_knee_s) / self._f
        if step_s > at_knee_s:
            after_v = sqrt(max(v, knee_v) ** 2 + 2.0 * p.peak_w * (step_s - at_knee_s) / self._f)
        after_v = min(after_v, goal_v)
        return after_v, 0.5 * self._f * (max(after_v, 0.0) ** 2 - max(v, 0.0) ** 2)

    def _resonant_v(self, p: ResonantParameters, v: float, supply_v: float, step_s: float) -> tuple[float, float]:
        """Half waves from the supply (``charging.Resonant``): one begins whenever the line lies below the supply."""
        before_v, left_s, joules = v, step_s, 0.0
        while left_s > 0.0:
            if self._wave is None:
                if supply_v <= 0.0 or v >= supply_v:
                    break
                self._wave = Resonant(replace(p, supply_v=supply_v), self._f, v), 0.0
            wave, since_s = self._wave
            end_s = wave.end_s()
            used_s = min(left_s, end_s - since_s)
            after_v = float(wave.voltages_v(np.array([since_s + used_s]))[0])
            joules += wave.parameters.supply_v * self._f * (after_v - v)
            v, left_s = after_v, left_s - used_s
            self._wave = None if since_s + used_s >= end_s else (wave, since_s + used_s)
        return max(v, before_v), joules
