"""PURE: one discharge of the line, from the switch's closing to the record's end, solved in one call.

LSODA between the instants at which the switch changes what it does: its current dies, forward voltage returns to a
switch that is still ionised, inverse voltage arcs it back. The energy ledger travels with the state.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from firmware_sim.plant.modulator.line import energy_j
from firmware_sim.plant.modulator.network import LEDGER, Contact, Network, arc_a_at
from firmware_sim.plant.modulator.parameters import CircuitParameters
from firmware_sim.plant.modulator.tube import Array, Characteristic

RTOL = 1e-7
"""LSODA's relative tolerance: leaves the ledger within 1e-5 of the stored energy."""

CHUNK_S = 2.0e-6
"""Longest piece handed to LSODA: bounds what is thrown away when the switch changes in it."""

LINGER_STEP_S, LINGER_POINTS = 100e-9, 20
"""What is looked at after the record: half a section's period, one chunk at a time."""

SEGMENTS_MAX = 2_000
"""Above chunks + changes of the longest record; a switch that chatters stops here."""

STEPS_MAX = 50_000
"""LSODA's internal steps for one piece; a piece takes a few hundred."""

EVENT_PASSES = 4
"""Secant steps onto the instant of a change: each gains about two digits on a 4 ns grid."""


@dataclass(frozen=True, slots=True)
class Discharge:
    """A solved discharge; arrays of shape (points,), ``line_v`` (sections, points). t = 0 is the switch's closing.

    ``line_v`` and ``switch_a`` lie on the primary; ``tube_v``, ``tube_a`` and ``arc_a`` on the secondary.
    ``inverse_v`` is the inverse voltage across the switch (0 while it conducts). ``ledger_j`` are cumulated joules by
    :data:`~firmware_sim.plant.modulator.network.LEDGER` name, ``field_j`` what the circuit still stores, ``residual_j``
    the ledger's error. ``arced_back`` tells that inverse voltage broke the switch down.
    """

    t_s: Array
    line_v: Array
    switch_a: Array
    tube_v: Array
    tube_a: Array
    arc_a: Array
    inverse_v: Array
    flux_vs: Array
    ledger_j: dict[str, Array]
    field_j: Array
    residual_j: Array
    stored_j: float
    arced_back: bool
    evaluations: int

    def left_v(self) -> float:
        """Mean voltage of the line's capacitors at the end: the charge a recharge begins with, over all of C."""
        return float(self.line_v[:, -1].mean())


def solve_discharge(
    parameters: CircuitParameters,
    tube: Characteristic,
    voltage_v: float,
    points_s: Array,
    *,
    arc_s: float | None = None,
    rtol: float = RTOL,
    linger_s: float = 0.0,
) -> Discharge:
    """Discharge the line, charged to ``voltage_v``, into the tube; the result has exactly ``points_s``, and more every
    :data:`LINGER_STEP_S` for as long as the switch still conducts forward, up to ``linger_s`` after the last of them.

    ``points_s`` rise and begin at 0 (the switch closes) or later. ``arc_s``: the tube arcs at this instant (0 or
    before: it is a short from the start). Raises ValueError for points before 0 or a line that is not charged
    positively, ArithmeticError when the solver does not get on.
    """
    if voltage_v <= 0.0:
        raise ValueError(f"line voltage {voltage_v} V: a discharge needs a positive one")
    if len(points_s) == 0 or points_s[0] < 0.0:
        raise ValueError("points of a discharge begin at 0 or later, and there is at least one")
    network = Network(parameters, tube, arc_s, voltage_v)
    march = _March(network, voltage_v, points_s, rtol)
    march.advance()
    march.linger(float(points_s[-1]) + linger_s)
    return march.collect()


class _March:
    """The march through the segments; lives for one call."""

    def __init__(self, network: Network, voltage_v: float, points_s: Array, rtol: float) -> None:
        self.network = network
        self.points = points_s
        self.rtol = rtol
        self.stored_j = energy_j(network.parameters.line, voltage_v)
        self.atol = network.tolerances(voltage_v, self.stored_j, rtol)
        self.y = network.start(voltage_v)
        self.t = 0.0
        self.pieces: list[tuple[Contact, Array, Array]] = []
        self.arced_back = False
        self.evaluations = 0

    def advance(self) -> None:
        """March to the last point, one segment at a time."""
        end_s = float(self.points[-1])
        for _ in range(SEGMENTS_MAX):
            if self.t >= end_s:
                return
            until = min(end_s, self.t + CHUNK_S)
            if self.t < self.network.arc_s < until:
                until = self.network.arc_s
            self._segment(until)
        raise ArithmeticError(f"discharge not solved after {SEGMENTS_MAX} segments (t = {self.t} s)")

    def linger(self, end_s: float) -> None:
        """Go on, with coarse points, until the switch's forward current has died, but not beyond ``end_s``.

        A tube that takes less current than the line's impedance asks for reflects: the line is emptied in steps, and in
        the end by the transformer's magnetising current (positive mismatch).
        """
        while self.network.contact is Contact.FORWARD and self.t < end_s:
            more = self.points[-1] + LINGER_STEP_S * np.arange(1.0, LINGER_POINTS + 1.0)
            self.points = np.concatenate((self.points, more))
            self.advance()

    def _segment(self, until: float) -> None:
        low, high = np.searchsorted(self.points, (self.t, until), "right")
        inner = self.points[low:high]
        times = np.concatenate(([self.t], inner))
        if times[-1] < until:
            times = np.append(times, until)
        states = self._solve(times)
        margin = self._margin(states)
        hit = np.flatnonzero(margin[1:] < 0.0)
        contact = self.network.contact
        if not len(hit):
            self.pieces.append((contact, times, states))
            self.t, self.y = until, states[-1].copy()
            return
        first = int(hit[0]) + 1
        at_s, state = self._locate(times[first - 1 : first + 1], states[first - 1 : first + 1])
        self.pieces.append((contact, np.append(times[:first], at_s), np.vstack((states[:first], state))))
        self.t, self.y = at_s, state.copy()
        self._change(state)

    def _solve(self, times: Array) -> Array:
        from scipy import integrate

        march: Any = integrate.odeint
        states, info = march(
            self.network.rates,
            self.y,
            times,
            Dfun=self.network.slopes,
            tfirst=True,
            rtol=self.rtol,
            atol=self.atol,
            mxstep=STEPS_MAX,
            full_output=True,
            h0=1e-10,
        )
        if info["message"] != "Integration successful.":
            raise ArithmeticError(f"discharge solver at t = {self.t} s: {info['message']}")
        self.evaluations += int(info["nfe"][-1])
        return np.asarray(states, dtype=np.float64)

    def _margin(self, states: Array) -> Array:
        """Positive while the switch goes on doing what it does, negative where it changes; (points,)."""
        net = self.network
        if net.contact is Contact.FORWARD:
            margin = states[:, net.i].copy()
        elif net.contact is Contact.REVERSE:
            margin = -states[:, net.i]
        else:
            across = states[:, 0] - states[:, net.vs]
            margin = net.parameters.switch.drop_v - across
            limit = self._inverse_limit()
            if limit is not None:
                margin = np.minimum(margin, limit + across)
        return np.asarray(margin, dtype=np.float64)

    def _inverse_limit(self) -> float | None:
        """Inverse voltage at which a blocked switch carries inverse current; None: never."""
        switch = self.network.parameters.switch
        return switch.drop_v if switch.reverse else switch.arcback_v

    def _locate(self, times: Array, states: Array) -> tuple[float, Array]:
        """The instant between two points at which the margin is nothing, by secant, re-integrated each time."""
        low, high = float(times[0]), float(times[1])
        below, above = states[0], states[1]
        margins = self._margin(states)
        at_s, state = high, above
        for _ in range(EVENT_PASSES):
            if margins[0] <= 0.0 or high - low < 1e-15:
                break
            at_s = low + (high - low) * float(margins[0] / (margins[0] - margins[1]))
            if not low < at_s < high:
                break
            self.y, self.t = below, low
            state = self._solve(np.array([low, at_s]))[-1]
            margin = self._margin(state[np.newaxis, :])
            if margin[0] > 0.0:
                low, below, margins = at_s, state, np.array([margin[0], margins[1]])
            else:
                high, above, margins = at_s, state, np.array([margins[0], margin[0]])
        return at_s, state

    def _change(self, state: Array) -> None:
        """Decide what the switch does next. A blocked one changes to the side whose limit it is at.

        The instant is located to a rounding error, so the limit itself is not asked again.
        """
        net = self.network
        limit = self._inverse_limit()
        across = float(state[0] - state[net.vs])
        if net.contact is Contact.BLOCKED:
            forward = limit is None or across > -0.5 * limit
            backward = not forward
        else:
            self.y[net.i] = 0.0
            forward = across >= net.parameters.switch.drop_v
            backward = limit is not None and across <= -limit
        if forward:
            net.contact = Contact.FORWARD
            net.fall_v = net.parameters.switch.drop_v
        elif backward:
            net.contact = Contact.REVERSE
            self.arced_back |= not net.parameters.switch.reverse
        else:
            net.contact = Contact.BLOCKED

    def collect(self) -> Discharge:
        """Join the pieces and work out what was not a state."""
        net, n = self.network, self.network.count
        if not self.pieces:
            self.pieces.append((net.contact, np.array([0.0]), self.y[np.newaxis, :]))
        t_all = np.concatenate([times for _, times, _ in self.pieces])
        states_all = np.concatenate([states for _, _, states in self.pieces])
        blocked_all = np.concatenate([np.full(len(times), c is Contact.BLOCKED) for c, times, _ in self.pieces])
        at = np.searchsorted(t_all, self.points, "left")
        states, blocked = states_all[at], blocked_all[at]
        ratio = net.parameters.transformer.ratio
        tube_v = ratio * states[:, net.vs]
        volts = tube_v.tolist()
        ledger = states[:, net.ledger :]
        field_j = net.field_j(states)
        return Discharge(
            t_s=self.points,
            line_v=states[:, :n].T.copy(),
            switch_a=states[:, net.i].copy(),
            tube_v=tube_v,
            tube_a=np.array([net.tube(v) if v > 0.0 else 0.0 for v in volts]),
            arc_a=self._arc(volts),
            inverse_v=np.where(blocked, np.maximum(states[:, net.vs] - states[:, 0], 0.0), 0.0),
            flux_vs=states[:, net.flux].copy(),
            ledger_j={name: ledger[:, k].copy() for k, name in enumerate(LEDGER)},
            field_j=field_j,
            residual_j=self.stored_j - field_j - ledger.sum(axis=1),
            stored_j=self.stored_j,
            arced_back=self.arced_back,
            evaluations=self.evaluations,
        )

    def _arc(self, volts: list[float]) -> Array:
        """Current of the arc at every point, secondary side."""
        net = self.network
        ages = (self.points - net.arc_s).tolist()
        arc = net.parameters.arc
        return np.array([arc_a_at(arc, age, v) if age >= 0.0 else 0.0 for age, v in zip(ages, volts, strict=True)])
