"""PURE: line, switch, transformer, tube, clippers and arc as an ODE (physics.md B1-B3), ledger included.

State: section capacitors (switch side first), section inductors, the transformer's stray capacitance, its flux, then
the ledger. Everything is on the primary side. The first section's inductor and the leakage inductance are in series
with the switch and share its current.
"""

from enum import Enum
from math import exp

import numpy as np

from firmware_sim.plant.modulator.parameters import ArcParameters, CircuitParameters, ClipperParameters
from firmware_sim.plant.modulator.tube import Array, Characteristic

LEDGER = ("line", "switch", "transformer", "tube", "arc", "backswing_clipper", "end_of_line_clipper")
"""Where energy goes, in the order of the ledger's states: joules since the trigger."""

NEVER_S = 1e30
"""An arc that does not strike, a clipper that is not fitted."""

SLOPE_V = 1e-3
"""Step of the tube's difference quotient: small against a threshold's width, large against rounding at 10 kV."""


class Contact(Enum):
    """What the switch does."""

    FORWARD = 1
    BLOCKED = 0
    REVERSE = -1


class Network:
    """The circuit of one pulse; ``rates`` is its right-hand side while the switch does what ``contact`` says.

    ``fall_v`` is the anode voltage at which the switch began to fall, at ``fall_from_s``; ``arc_s`` None: no arc.
    ``contact`` is the only thing that changes during a pulse.
    """

    def __init__(self, p: CircuitParameters, tube: Characteristic, arc_s: float | None, fall_v: float) -> None:
        self.parameters = p
        self.tube = tube
        self.count = p.line.sections
        self.i = self.count
        self.vs = 2 * self.count
        self.flux = self.vs + 1
        self.ledger = self.flux + 1
        self.size = self.ledger + len(LEDGER)
        self.arc_s = NEVER_S if arc_s is None else arc_s
        self.fall_v = fall_v
        self.fall_from_s = 0.0
        self.contact = Contact.FORWARD
        self._matrices = {contact: self._matrix(contact) for contact in Contact}
        self.first_h = p.line.section_h + p.transformer.leakage_h

    def _matrix(self, contact: Contact) -> Array:
        """The linear part of d(state)/dt; ledger rows are empty."""
        line, t, n, vs, flux = self.parameters.line, self.parameters.transformer, self.count, self.vs, self.flux
        m = np.zeros((self.size, self.size))
        for k in range(n):
            m[k, n + k] = -1.0 / line.section_f
            if k:
                m[k - 1, n + k] = 1.0 / line.section_f
                m[n + k, k] = 1.0 / line.section_h
                m[n + k, k - 1] = -1.0 / line.section_h
                m[n + k, n + k] = -line.section_ohm / line.section_h
        m[vs, flux] = -1.0 / (t.stray_f * t.magnetising_h)
        m[flux, vs] = 1.0
        if t.core_ohm is not None:
            m[vs, vs] = -1.0 / (t.stray_f * t.core_ohm)
        if contact is Contact.BLOCKED:
            m[0, n] = 0.0
            return m
        first_h = line.section_h + t.leakage_h
        m[vs, n] = 1.0 / t.stray_f
        m[n, 0] = 1.0 / first_h
        m[n, vs] = -1.0 / first_h
        m[n, n] = -(line.section_ohm + t.winding_ohm + self.parameters.switch.resistance_ohm) / first_h
        return m

    def start(self, voltage_v: float) -> Array:
        """The state at the trigger: every section at ``voltage_v``, the core reset."""
        y = np.zeros(self.size)
        y[: self.count] = voltage_v
        return y

    def switch_v(self, t: float, current_a: float) -> float:
        """Voltage across the conducting switch: what is left of its fall, drop and resistance."""
        s = self.parameters.switch
        if self.contact is Contact.REVERSE:
            return s.resistance_ohm * current_a - s.drop_v
        late_s = t - self.fall_from_s
        falling = (
            (self.fall_v - s.drop_v) * exp(-late_s / s.fall_s) if s.fall_s > 0.0 and late_s < 40 * s.fall_s else 0.0
        )
        return s.resistance_ohm * current_a + s.drop_v + falling

    def rates(self, t: float, y: Array) -> Array:
        """d(state)/dt."""
        p, n, vs_at, book = self.parameters, self.count, self.vs, self.ledger
        line, transformer = p.line, p.transformer
        d: Array = self._matrices[self.contact].dot(y)
        first_a, vs = float(y[n]), float(y[vs_at])
        taken_a = 0.0
        if self.contact is not Contact.BLOCKED:
            drop_v = self.switch_v(t, first_a)
            d[n] -= (drop_v - p.switch.resistance_ohm * first_a) / self.first_h
            d[book + 1] = drop_v * first_a
        currents = y[n : 2 * n]
        d[book] = line.section_ohm * float(currents.dot(currents)) if line.section_ohm else 0.0
        d[book + 2] = transformer.winding_ohm * first_a * first_a
        if transformer.core_ohm is not None:
            d[book + 2] += vs * vs / transformer.core_ohm
        if vs > 0.0:
            tube_a = taken_a = self._tube_a(vs)
            d[book + 3] = vs * tube_a
        if t >= self.arc_s:
            arc_a = self._arc_a(t, vs)
            taken_a += arc_a
            d[book + 4] = vs * arc_a
        if p.backswing_clipper is not None and vs < -p.backswing_clipper.threshold_v:
            clipped_a = clipper_a(p.backswing_clipper, vs)
            taken_a -= clipped_a
            d[book + 5] = -vs * clipped_a
        if p.end_of_line_clipper is not None and y[n - 1] < -p.end_of_line_clipper.threshold_v:
            clipped_a = clipper_a(p.end_of_line_clipper, float(y[n - 1]))
            d[n - 1] += clipped_a / line.section_f
            d[book + 6] = -float(y[n - 1]) * clipped_a
        if transformer.saturation_vs is not None:
            flux = float(y[self.flux])
            taken_a += self._saturated_a(flux) - flux / transformer.magnetising_h
        d[vs_at] -= taken_a / transformer.stray_f
        return d

    def slopes(self, t: float, y: Array) -> Array:
        """d(rates)/d(state), for the implicit steps that an arc or a clipper at the stray capacitance forces.

        Exact but for the tube's slope (a difference quotient) and a saturated core.
        """
        p, n, vs_at, book = self.parameters, self.count, self.vs, self.ledger
        transformer = p.transformer
        j = self._matrices[self.contact].copy()
        vs, first_a, far_v = float(y[vs_at]), float(y[n]), float(y[n - 1])
        siemens = 0.0
        j[book, n : 2 * n] = 2.0 * p.line.section_ohm * y[n : 2 * n]
        j[book + 2, n] = 2.0 * transformer.winding_ohm * first_a
        if transformer.core_ohm is not None:
            j[book + 2, vs_at] = 2.0 * vs / transformer.core_ohm
        if self.contact is not Contact.BLOCKED:
            j[book + 1, n] = self.switch_v(t, first_a) + p.switch.resistance_ohm * first_a
        loads: list[tuple[int, Characteristic]] = [(book + 3, self._tube_a)]
        if t >= self.arc_s:
            loads.append((book + 4, lambda v: self._arc_a(t, v)))
        if p.backswing_clipper is not None:
            backswing = p.backswing_clipper
            loads.append((book + 5, lambda v: -clipper_a(backswing, v)))
        for row, law in loads:
            current = law(vs)
            slope = (law(vs + SLOPE_V) - current) / SLOPE_V
            siemens += slope
            j[row, vs_at] = current + vs * slope
        j[vs_at, vs_at] -= siemens / transformer.stray_f
        if p.end_of_line_clipper is not None and far_v < -p.end_of_line_clipper.threshold_v:
            slope = 1.0 / p.end_of_line_clipper.resistance_ohm
            j[n - 1, n - 1] -= slope / p.line.section_f
            j[book + 6, n - 1] = far_v * slope - clipper_a(p.end_of_line_clipper, far_v)
        return j

    def _tube_a(self, primary_v: float) -> float:
        """The tube's current on the primary side."""
        ratio = self.parameters.transformer.ratio
        return ratio * self.tube(ratio * primary_v) if primary_v > 0.0 else 0.0

    def _arc_a(self, t: float, primary_v: float) -> float:
        """The arc's current on the primary side."""
        ratio = self.parameters.transformer.ratio
        return ratio * arc_a_at(self.parameters.arc, t - self.arc_s, ratio * primary_v)

    def _saturated_a(self, flux_vs: float) -> float:
        """Magnetising current of a core that saturates (physics.md B2), a curve of two straight pieces."""
        t = self.parameters.transformer
        limit = t.saturation_vs
        if limit is None or t.saturated_h is None or abs(flux_vs) <= limit:
            return flux_vs / t.magnetising_h
        beyond = (abs(flux_vs) - limit) / t.saturated_h
        return (limit / t.magnetising_h + beyond) * (1.0 if flux_vs > 0.0 else -1.0)

    def field_j(self, states: Array) -> Array:
        """Energy in capacitors, inductors and the core, shape (points,), of states (points, size)."""
        line, t, n = self.parameters.line, self.parameters.transformer, self.count
        energy = 0.5 * line.section_f * (states[:, :n] ** 2).sum(axis=1)
        energy += 0.5 * line.section_h * (states[:, n : 2 * n] ** 2).sum(axis=1)
        energy += 0.5 * t.leakage_h * states[:, n] ** 2 + 0.5 * t.stray_f * states[:, self.vs] ** 2
        flux = np.abs(states[:, self.flux])
        energy += 0.5 * flux**2 / t.magnetising_h
        if t.saturation_vs is not None and t.saturated_h is not None:
            beyond = np.maximum(flux - t.saturation_vs, 0.0)
            energy += 0.5 * beyond**2 * (1.0 / t.saturated_h - 1.0 / t.magnetising_h)
        return np.asarray(energy, dtype=np.float64)

    def tolerances(self, voltage_v: float, stored_j: float, rtol: float) -> Array:
        """Absolute tolerances: rtol of the largest value each kind of state takes."""
        line = self.parameters.line
        amps = voltage_v * (line.section_f / line.section_h) ** 0.5
        atol = np.full(self.size, rtol * voltage_v)
        atol[self.count : self.vs] = rtol * amps
        atol[self.flux] = rtol * voltage_v * self.count * (line.section_f * line.section_h) ** 0.5
        atol[self.ledger :] = rtol * stored_j
        return atol


def clipper_a(clipper: ClipperParameters, voltage_v: float) -> float:
    """Current through a clipper (positive: it pulls its node up)."""
    below_v = -voltage_v - clipper.threshold_v
    return below_v / clipper.resistance_ohm if below_v > 0.0 else 0.0


def arc_a_at(arc: ArcParameters, age_s: float, tube_v: float) -> float:
    """Current of an arc of ``age_s`` at ``tube_v``, secondary side: its conductance grows, its drop stays."""
    above_v = abs(tube_v) - arc.drop_v
    if above_v <= 0.0:
        return 0.0
    grown = 1.0 - exp(-age_s / arc.growth_s) if arc.growth_s > 0.0 else 1.0
    return (above_v if tube_v > 0.0 else -above_v) * grown / arc.resistance_ohm
