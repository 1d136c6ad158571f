"""PURE: the circuit of one pulse as an ODE: modules (physics.md A1), load (A2, A4, A6), motion (A3), ledger (A8).

A :class:`Phase` is the circuit with a fixed set of conducting modules; its right-hand side is scalar Python on plain
floats, which for ten modules or fewer is faster than numpy.
"""

from collections.abc import Sequence
from math import cosh, tanh

import numpy as np
import numpy.typing as npt

from firmware_sim.plant.parameters import DummyLoad, PulseParameters, RailLoad

Array = npt.NDArray[np.float64]

LEDGER = ("switch", "coil", "snubber", "crowbar", "rail", "contact", "friction", "muzzle")
"""Where joules go, in the order of the state."""

Row = tuple[int, float, float, float, float, float, float, float, float, float, float, float]
"""Constants of one conducting module, in the order that :meth:`Phase.rates` unpacks."""

NEWTON_PASSES = 30
"""For the muzzle resistor beside the contact's tanh: monotone from zero, 6 passes are usual."""

COSH_MAX = 300.0
"""cosh overflows a double above 710; at 300 the contact's slope is zero to any precision."""


class Layout:
    """Where things are in the state vector of ``size``: v and i per module, x, u, ledger, action (load, per module)."""

    __slots__ = ("action", "count", "i", "ledger", "size", "u", "v", "x")

    def __init__(self, count: int) -> None:
        self.count = count
        self.v = 0
        self.i = count
        self.x = 2 * count
        self.u = 2 * count + 1
        self.ledger = 2 * count + 2
        self.action = self.ledger + len(LEDGER)
        self.size = self.action + 1 + count

    def start(self, voltage_v: Sequence[float], start_m: float) -> Array:
        """The state at rest."""
        state = np.zeros(self.size)
        state[: self.count] = voltage_v
        state[self.x] = start_m
        return state

    def tolerances(self, parameters: PulseParameters, voltage_v: Sequence[float], rtol: float) -> Array:
        """Absolute tolerance per state: ``rtol`` of its natural scale, a tenth of that where more is asked of it."""
        volts = max(1e-3, *(abs(v) for v in voltage_v))
        joules = sum(0.5 * c * v * v for c, v in zip(parameters.capacitance_f, voltage_v, strict=True)) + 1e-9
        amperes = max(
            volts * (c / coil) ** 0.5 for c, coil in zip(parameters.capacitance_f, parameters.coil_h, strict=True)
        )
        scale = np.full(self.size, joules)
        scale[: self.i] = volts
        scale[self.i : self.x] = amperes
        scale[self.x] = 0.1
        scale[self.u] = 10.0
        scale[self.action :] = amperes * amperes * 1e-3
        tolerances: Array = scale * rtol
        return tolerances


class Circuit:
    """Parameters of one pulse and the phases made from them."""

    __slots__ = ("_phases", "crowbar_open", "layout", "parameters", "start_m")

    def __init__(self, parameters: PulseParameters, crowbar_open: tuple[bool, ...]) -> None:
        self.parameters = parameters
        self.crowbar_open = crowbar_open
        self.layout = Layout(parameters.modules)
        self.start_m = parameters.load.start_m if isinstance(parameters.load, RailLoad) else 0.0
        self._phases: dict[tuple[tuple[int, ...], bool], Phase] = {}

    def phase(self, active: tuple[int, ...], outside: bool) -> "Phase":
        """The circuit with these modules conducting; ``outside``: the armature has left the rails."""
        key = (active, outside)
        found = self._phases.get(key)
        if found is None:
            found = self._phases[key] = Phase(self, active, outside)
        return found


class Phase:
    """The ODE while the set of conducting modules and the armature's whereabouts do not change."""

    def __init__(self, circuit: Circuit, active: tuple[int, ...], outside: bool) -> None:
        p = circuit.parameters
        self.circuit = circuit
        self.layout = circuit.layout
        self.active = active
        self.outside = outside
        self.load = p.load if isinstance(p.load, RailLoad) else _as_rails(p.load)
        self.siemens = 0.0 if p.snubber_ohm is None else 1.0 / p.snubber_ohm
        self.stray_siemens = 0.0
        if p.snubber_ohm is not None:
            blocked = [r for k, r in enumerate(p.coil_ohm) if k not in active]
            self.stray_siemens = sum(1.0 / (p.snubber_ohm + r) for r in blocked)
        self.inverse_h = sum(1.0 / p.coil_h[k] for k in active)
        self._rows = [self._row(k) for k in active]
        self._moves = not (outside or self.load.stuck or isinstance(p.load, DummyLoad))

    def _row(self, k: int) -> Row:
        p, g = self.circuit.parameters, self.siemens
        rc, rf = p.switch_ohm[k], p.crowbar_ohm
        return (
            k,
            p.switch_v[k],
            rc,
            1.0 / rc,
            1.0 / p.capacitance_f[k],
            1.0 / p.coil_h[k],
            p.coil_ohm[k],
            1.0 / (1.0 + rc * g),
            1.0 / (1.0 / rc + 1.0 / rf + g),
            1.0 / (1.0 / rf + g),
            p.crowbar_v / rf,
            -1e30 if self.circuit.crowbar_open[k] else -p.crowbar_v,
        )

    def rates(self, _t: float, state: Array) -> list[float]:
        """d(state)/dt. Node A without iteration, then the load by elimination (physics.md A1, A2)."""
        y = state.tolist()
        layout, g = self.layout, self.siemens
        count, action = layout.count, layout.action
        d = [0.0] * layout.size
        total_a = push = switch_w = coil_w = snubber_w = crowbar_w = 0.0
        for k, drop, rc, inv_rc, inv_c, inv_l, r, alone, shared, free, knee, lowest in self._rows:
            i = y[count + k]
            v = y[k]
            node = (v - drop - rc * i) * alone
            feed = i + g * node
            if node < lowest:
                node = ((v - drop) * inv_rc - knee - i) * shared
                feed = (v - drop - node) * inv_rc
                if feed < 0.0:
                    feed = 0.0
                    node = -(knee + i) * free
                crowbar_w -= (i + g * node - feed) * node
            elif feed < 0.0 < i and g > 0.0:
                feed = 0.0
                node = -i / g
            d[k] = -feed * inv_c
            slope = (node - r * i) * inv_l
            d[count + k] = slope
            push += slope
            total_a += i
            switch_w += feed * (v - node)
            coil_w += r * i * i
            snubber_w += g * node * node
            d[action + 1 + k] = i * i
        load_v = self._load_rates(y, d, total_a, push)
        for row in self._rows:
            d[count + row[0]] -= load_v * row[5]
        at = layout.ledger
        d[at] = switch_w
        d[at + 1] = coil_w
        d[at + 2] = snubber_w + self.stray_siemens * load_v * load_v
        d[at + 3] = crowbar_w
        return d

    def _load_rates(self, y: list[float], d: list[float], total_a: float, push: float) -> float:
        """Load, motion and their share of the ledger; returns v_b."""
        load, layout = self.load, self.layout
        x, u = y[layout.x], y[layout.u]
        gone = self.outside and load.exit_m is not None
        inside_m, inside_mps = (load.exit_m or 0.0, 0.0) if gone else (x, u)
        rail_ohm = load.resistance_ohm + load.gradient_ohm_per_m * inside_m
        inductance_h = load.inductance_h + load.gradient_h_per_m * inside_m
        contact_v = self._end_v(total_a)
        motion_v = load.field_t * load.gap_m * inside_mps
        ohm = rail_ohm + load.gradient_h_per_m * inside_mps
        load_v = (ohm * total_a + contact_v + motion_v + inductance_h * push) / (
            1.0 + self.inverse_h * inductance_h + self.stray_siemens * ohm
        )
        i = total_a - self.stray_siemens * load_v
        at = layout.ledger
        d[at + 4] = rail_ohm * i * i
        d[at + (7 if self.outside else 5)] = contact_v * i
        d[layout.action] = i * i
        if self._moves:
            friction = load.friction_n * tanh(u / load.friction_mps)
            force = 0.5 * load.gradient_h_per_m * i * i + load.field_t * load.gap_m * i
            d[layout.x] = u
            d[layout.u] = (force - friction) / load.mass_kg
            d[at + 6] = friction * u
        elif self.outside:
            d[layout.x] = u
        return load_v

    def _end_v(self, total_a: float) -> float:
        """Voltage across the far end of the rails: armature and contact, or arc and muzzle resistor."""
        load = self.load
        if self.outside:
            through = total_a * load.muzzle_ohm if load.muzzle_ohm is not None else load.muzzle_arc_v
            return min(through, load.muzzle_arc_v) if load.muzzle_arc_v > 0.0 else through
        if load.muzzle_ohm is None:
            return load.armature_ohm * total_a + load.contact_v * tanh(total_a / load.contact_a)
        return self._shared_v(total_a, load.muzzle_ohm)

    def _shared_v(self, total_a: float, muzzle_ohm: float) -> float:
        """Armature and contact in parallel with the muzzle resistor: Newton on the armature's current."""
        load, i = self.load, 0.0
        for _ in range(NEWTON_PASSES):
            ratio = min(abs(i) / load.contact_a, COSH_MAX)
            voltage = load.armature_ohm * i + load.contact_v * tanh(i / load.contact_a)
            slope = load.armature_ohm + load.contact_v / (load.contact_a * cosh(ratio) ** 2)
            step = (total_a - i - voltage / muzzle_ohm) / (1.0 + slope / muzzle_ohm)
            i += step
            if abs(step) <= 1e-9 * abs(total_a) + 1e-12:
                break
        return (total_a - i) * muzzle_ohm

    def load_voltage(self, state: Array) -> float:
        """v_b of one state."""
        return float(self.observe(state[np.newaxis, :])[0][0])

    def observe(self, states: Array) -> tuple[Array, Array, Array, Array, Array]:
        """v_b, load current, its slope, muzzle voltage, and module currents (modules, points) of many states."""
        layout, p = self.layout, self.circuit.parameters
        total = states[:, [layout.i + k for k in self.active]].sum(axis=1)
        push = np.zeros(len(states))
        for row in self._rows:
            push += self._slopes(row, states)
        x, u = states[:, layout.x], states[:, layout.u]
        load = self.load
        if self.outside and load.exit_m is not None:
            x, u = np.full_like(x, load.exit_m), np.zeros_like(u)
        rail_ohm = load.resistance_ohm + load.gradient_ohm_per_m * x
        inductance = load.inductance_h + load.gradient_h_per_m * x
        ohm = rail_ohm + load.gradient_h_per_m * u
        end_v = self._end_voltages(total)
        numerator = ohm * total + end_v + load.field_t * load.gap_m * u + inductance * push
        load_v = numerator / (1.0 + self.inverse_h * inductance + self.stray_siemens * ohm)
        currents = states[:, layout.i : layout.i + layout.count].T.copy()
        if p.snubber_ohm is not None:
            for k in set(range(layout.count)) - set(self.active):
                currents[k] = -load_v / (p.snubber_ohm + p.coil_ohm[k])
        return load_v, total - self.stray_siemens * load_v, push - self.inverse_h * load_v, end_v, currents

    def _end_voltages(self, total: Array) -> Array:
        load = self.load
        if not self.outside and load.muzzle_ohm is None:
            return load.armature_ohm * total + load.contact_v * np.tanh(total / load.contact_a)
        return np.array([self._end_v(i) for i in total.tolist()])

    def _slopes(self, row: Row, states: Array) -> Array:
        """(v_A - R_k i_k) / L_k of one conducting module, for many states."""
        k, drop, rc, inv_rc, _, inv_l, r, alone, shared, free, knee, lowest = row
        g = self.siemens
        i = states[:, self.layout.i + k]
        above = states[:, k] - drop
        node = (above - rc * i) * alone
        both = (above * inv_rc - knee - i) * shared
        both = np.where(above < both, -(knee + i) * free, both)
        node = np.where(node < lowest, both, node)
        if g > 0.0:
            node = np.where((node >= lowest) & (i > 0.0) & (i + g * node < 0.0), -i / g, node)
        slopes: Array = (node - r * i) * inv_l
        return slopes


def _as_rails(load: DummyLoad) -> RailLoad:
    """A dummy load is a pair of rails without gradient, contact or motion."""
    return RailLoad(load.inductance_h, load.resistance_ohm, 0.0, stuck=True)
