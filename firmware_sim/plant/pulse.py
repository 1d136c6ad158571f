"""PURE: one pulse of a capacitor bank, from the first trigger to the last ampere, solved in one call.

Equations physics.md A1-A4, A6 and A8. Segmented at triggers, current zeros and the armature's exit; LSODA inside a
segment. A module that does not conduct is eliminated: through its snubber it carries ``-v_b / (R_sn + R_k)``, whose
own time constant (L / R_sn = 0.2 us) and whose share of dI/dt are neglected (1e-8 of the peak current).
The energy ledger travels with the state.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from firmware_sim.plant.circuit import LEDGER, Circuit, Phase
from firmware_sim.plant.parameters import DummyLoad, PulseParameters, RailLoad

GRID_S = 2e-6
"""Spacing of a solution's points: linear interpolation between them is good to 1e-5 of the peak (I'' h^2 / 8)."""

CHUNK_S = 1.0e-3
"""Longest piece handed to LSODA: bounds what is thrown away when an event ends it early."""

CHUNKS_MAX = 100
"""A pulse longer than this many pieces of CHUNK_S gets longer pieces."""

SEGMENTS_MAX = 400
"""Far above triggers + current zeros + exit + chunks of the longest pulse; a solver that does not get on stops here."""

STEPS_MAX = 20_000
"""LSODA's internal steps for one piece; a piece takes about a hundred."""

RTOL = 1e-7
"""LSODA's relative tolerance: leaves the ledger within 1e-5 of the stored energy, and the peak within 1e-6."""

REST_MPS = 0.05
"""An armature without current that is slower than this will not reach the exit within a pulse."""

EVENT_S = 1e-9
"""An event is located to this: at 1 kA/us a current that dies is then wrong by 1 A, an armature by 1e-7 m."""

EVENT_PASSES = 40
"""Halvings when an event is located between two points: 2 us need 11, a coarse caller's grid 25."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PulseSolution:
    """A solved pulse. ``t_s`` has shape (points,), per-module arrays (modules, points), the rest (points,).

    Currents in A, voltages in V; ``load_v`` is v_b, ``muzzle_v`` the voltage across the muzzle, ``current_slope`` dI/dt
    of the load. ``ledger_j`` are cumulated joules by :data:`~firmware_sim.plant.circuit.LEDGER` name, ``residual_j``
    the ledger's error at every point. ``exit_s`` is None when the armature stays inside.
    """

    t_s: Array
    capacitor_v: Array
    current_a: Array
    load_a: Array
    load_v: Array
    muzzle_v: Array
    current_slope: Array
    position_m: Array
    speed_mps: Array
    ledger_j: dict[str, Array]
    action_a2s: Array
    module_action_a2s: Array
    residual_j: Array
    stored_j: float
    exit_s: float | None
    exit_mps: float
    evaluations: int


def load_solver() -> None:
    """Import what solver and sensors need of scipy (some 0.3 s), so that the first shot does not wait for it."""
    from scipy import integrate, linalg

    del integrate, linalg


def solve_pulse(
    parameters: PulseParameters,
    voltage_v: Sequence[float],
    fire_s: Sequence[float | None],
    end_s: float,
    *,
    crowbar_open: Sequence[bool] | None = None,
    points_s: Array | None = None,
    rtol: float = RTOL,
) -> PulseSolution:
    """Solve one pulse from t = 0 to ``end_s`` at the latest.

    ``voltage_v`` are the capacitors at t = 0; ``fire_s`` the instants at which the switches close, None for a module
    that is not fired. Without ``points_s`` the solution has a 2 us grid and ends early, when all currents have died
    and the armature rests or is out; with them it has exactly these points, up to ``end_s``. Raises ValueError for
    lengths that do not match, ArithmeticError when the solver does not get on.
    """
    count = parameters.modules
    if len(voltage_v) != count or len(fire_s) != count:
        raise ValueError(f"{count} modules, {len(voltage_v)} voltages, {len(fire_s)} triggers")
    circuit = Circuit(parameters, tuple(crowbar_open or (False,) * count))
    run = _Run(circuit, voltage_v, fire_s, end_s, points_s, rtol)
    run.advance()
    return run.collect(voltage_v)


class _Run:
    """The march through the segments; lives for one call."""

    def __init__(
        self,
        circuit: Circuit,
        voltage_v: Sequence[float],
        fire_s: Sequence[float | None],
        end_s: float,
        points_s: Array | None,
        rtol: float,
    ) -> None:
        layout = circuit.layout
        self.circuit = circuit
        self.layout = layout
        self.fire = [math.inf if t is None else max(0.0, t) for t in fire_s]
        self.end_s = end_s
        self.grid = points_s if points_s is not None else np.arange(0.0, end_s + GRID_S / 2, GRID_S)
        self.sparse = points_s is not None
        self.rtol = rtol
        self.y = layout.start(voltage_v, circuit.start_m)
        self.atol = layout.tolerances(circuit.parameters, voltage_v, rtol)
        self.t = 0.0
        self.active: tuple[int, ...] = ()
        self.outside = False
        self.exit_s: float | None = None
        self.exit_mps = 0.0
        self.pieces: list[tuple[Phase, Array, Array]] = []
        self.evaluations = 0

    def advance(self) -> None:
        """March to the end, one segment at a time."""
        for _ in range(SEGMENTS_MAX):
            if self.t >= self.end_s:
                return
            waiting = [t for t in self.fire if t > self.t]
            until = min([self.end_s, *waiting])
            self.active = self._conducting()
            if self.active or self._glides():
                self._integrate(until)
            elif self.sparse or until < self.end_s:
                self._coast(until)
            else:
                return
        raise ArithmeticError(f"pulse not solved after {SEGMENTS_MAX} segments (t = {self.t} s)")

    def _fired(self, k: int) -> bool:
        return bool(self.fire[k] <= self.t)

    def _conducting(self) -> tuple[int, ...]:
        """The modules whose coils carry current, or begin to: capacitor above the load's voltage."""
        layout, y = self.layout, self.y.tolist()
        carrying = [k for k in range(layout.count) if y[layout.i + k] > 0.0]
        rest = sorted(
            (k for k in range(layout.count) if k not in carrying and self._fired(k)),
            key=lambda k: -y[layout.v + k],
        )
        for k in rest:
            load_v = self.circuit.phase(tuple(sorted(carrying)), self.outside).load_voltage(self.y)
            if y[layout.v + k] - self.circuit.parameters.switch_v[k] > max(load_v, 0.0):
                carrying.append(k)
        return tuple(sorted(carrying))

    def _points(self, until: float) -> Array:
        """Output points of (t, until], with both ends added."""
        inner = self.grid[np.searchsorted(self.grid, self.t, "right") : np.searchsorted(self.grid, until, "left")]
        return np.concatenate(([self.t], inner, [until]))

    def _glides(self) -> bool:
        """True while the armature is inside and too fast to be called at rest."""
        load = self.circuit.parameters.load
        if not isinstance(load, RailLoad) or load.stuck or self.outside:
            return False
        return bool(self.y[self.layout.u] > REST_MPS)

    def _coast(self, until: float) -> None:
        """Nothing conducts and nothing moves until the next trigger."""
        phase = self.circuit.phase((), self.outside)
        times = self._points(until)
        states = np.repeat(self.y[np.newaxis, :], len(times), axis=0)
        self.pieces.append((phase, times, states))
        self.t = until

    def _integrate(self, until: float) -> None:
        """One piece of LSODA, cut at the first event inside."""
        until = min(until, self.t + max(CHUNK_S, self.end_s / CHUNKS_MAX))
        phase = self.circuit.phase(self.active, self.outside)
        times = self._points(until)
        states = self._solve(phase, times)
        first = self._first_event(phase, states)
        if first is None:
            self.pieces.append((phase, times, states))
            self.t, self.y = until, states[-1].copy()
            return
        at_s, state = self._locate(phase, times[first - 1], times[first], states[first - 1])
        self.pieces.append((phase, np.append(times[:first], at_s), np.vstack((states[:first], state))))
        self.t, self.y = at_s, state.copy()
        self._enter(state)

    def _solve(self, phase: Phase, times: Array) -> Array:
        from scipy import integrate

        march: Any = integrate.odeint  # the stubs know a scalar atol only
        states, info = march(
            phase.rates,
            self.y,
            times,
            tfirst=True,
            rtol=self.rtol,
            atol=self.atol,
            mxstep=STEPS_MAX,
            full_output=True,
            h0=1e-8,
        )
        if info["message"] != "Integration successful.":
            raise ArithmeticError(f"pulse solver at t = {self.t} s: {info['message']}")
        self.evaluations += int(info["nfe"][-1])
        return np.asarray(states, dtype=np.float64)

    def _first_event(self, phase: Phase, states: Array) -> int | None:
        """Index of the first point at which a current has died, the armature is out, or a waiting module takes over."""
        layout = self.layout
        hit = np.zeros(len(states), dtype=bool)
        for k in self.active:
            hit |= states[:, layout.i + k] < 0.0
        hit |= states[:, layout.x] >= self._exit_m()
        waiting = [k for k in range(layout.count) if k not in self.active and self._fired(k)]
        ready = [k for k in waiting if self.y[k] > self.circuit.parameters.switch_v[k]]
        if ready:
            load_v = phase.observe(states)[0]
            for k in ready:
                hit[1:] |= states[1:, k] - self.circuit.parameters.switch_v[k] > load_v[1:]
        found = np.flatnonzero(hit[1:])
        return int(found[0]) + 1 if len(found) else None

    def _exit_m(self) -> float:
        """Where the armature leaves the rails next: infinite when it cannot."""
        load = self.circuit.parameters.load
        if not isinstance(load, RailLoad) or load.exit_m is None or load.stuck or self.outside:
            return math.inf
        return load.exit_m

    def _locate(self, phase: Phase, before: float, after: float, state: Array) -> tuple[float, Array]:
        """Where in (before, after] the event lies, by halving, each time re-integrated from ``before``."""
        self.y = state
        low, high = before, after
        at_s, found = after, state
        for _ in range(EVENT_PASSES):
            self.t = before
            found = self._solve(phase, np.array([before, at_s]))[-1]
            early = self._first_event(phase, np.vstack((state, found))) is None
            low, high = (at_s, high) if early else (low, at_s)
            if high - low <= EVENT_S:
                break
            at_s = 0.5 * (low + high)
        if at_s != high:
            at_s, found = high, self._solve(phase, np.array([before, high]))[-1]
        return at_s, found

    def _enter(self, state: Array) -> None:
        """Begin the next segment: dead currents are zero, an armature past the end is outside."""
        layout = self.layout
        for k in self.active:
            if state[layout.i + k] <= 0.0:
                self.y[layout.i + k] = 0.0
        if state[layout.x] >= self._exit_m():
            self.outside = True
            self.exit_s = float(self.t)
            self.exit_mps = float(state[layout.u])

    def collect(self, voltage_v: Sequence[float]) -> PulseSolution:
        """Join the pieces and work out what was not a state."""
        circuit, layout = self.circuit, self.layout
        if not self.pieces:
            self.pieces.append((circuit.phase((), False), np.array([0.0]), self.y[np.newaxis, :]))
        keep = [self._kept(times, n) for n, (_, times, _) in enumerate(self.pieces)]
        observed = [phase.observe(states) for phase, _, states in self.pieces]
        t_s = np.concatenate([times[k] for (_, times, _), k in zip(self.pieces, keep, strict=True)])
        states = np.concatenate([s[k] for (_, _, s), k in zip(self.pieces, keep, strict=True)])
        load_v, load_a, slope, muzzle_v = (
            np.concatenate([o[n][k] for o, k in zip(observed, keep, strict=True)]) for n in range(4)
        )
        current = np.concatenate([o[4][:, k] for o, k in zip(observed, keep, strict=True)], axis=1)
        stored = sum(0.5 * c * v * v for c, v in zip(circuit.parameters.capacitance_f, voltage_v, strict=True))
        return PulseSolution(
            t_s=t_s,
            capacitor_v=states[:, : layout.count].T.copy(),
            current_a=current,
            load_a=load_a,
            load_v=load_v,
            muzzle_v=muzzle_v,
            current_slope=slope,
            position_m=states[:, layout.x].copy(),
            speed_mps=states[:, layout.u].copy(),
            ledger_j={name: states[:, layout.ledger + n].copy() for n, name in enumerate(LEDGER)},
            action_a2s=states[:, layout.action].copy(),
            module_action_a2s=states[:, layout.action + 1 :].T.copy(),
            residual_j=self._residual(states, load_a, current, stored),
            stored_j=stored,
            exit_s=self.exit_s,
            exit_mps=self.exit_mps,
            evaluations=self.evaluations,
        )

    def _kept(self, times: Array, piece: int) -> npt.NDArray[np.bool_]:
        """Which points of a piece the caller gets: all but its first (the last of the piece before)."""
        keep = np.ones(len(times), dtype=bool)
        if self.sparse:
            keep = np.isin(times, self.grid)
        if piece > 0:
            keep[0] = False
        return keep

    def _residual(self, states: Array, load_a: Array, current: Array, stored: float) -> Array:
        """Stored energy minus everything the ledger knows, in J (physics.md A8)."""
        p, layout = self.circuit.parameters, self.layout
        total = states[:, layout.ledger : layout.ledger + len(LEDGER)].sum(axis=1)
        for k in range(layout.count):
            total += 0.5 * p.capacitance_f[k] * states[:, layout.v + k] ** 2 + 0.5 * p.coil_h[k] * current[k] ** 2
        if isinstance(p.load, DummyLoad):
            field_h: Array | float = p.load.inductance_h
        else:
            x = states[:, layout.x]
            inside = x if p.load.exit_m is None else np.minimum(x, p.load.exit_m)
            field_h = p.load.inductance_h + p.load.gradient_h_per_m * inside
            total += 0.5 * p.load.mass_kg * states[:, layout.u] ** 2
        residual: Array = stored - total - 0.5 * field_h * load_a**2
        return residual
