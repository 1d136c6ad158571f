"""PURE: a waveguide from the tube to its load, with delay, loss, the load's reflection and an arc (physics.md B5).

The tube end is matched (an isolator takes what comes back). An arc is a two-port somewhere along the line: reflection
Gamma and transmission T that go from (0, 1) to their final values within tens of ns; with |Gamma| + |T| <= 1 it is
passive at every instant and absorbs what it neither reflects nor lets through, waves from both sides interfering.
Every joule is accounted for: incident = load + back at the tube + lost in the walls + arc + still in the line.
"""

from dataclasses import dataclass
from math import inf

import numpy as np

from firmware_sim.plant.rf.waves import Array, Wave, Waves, delay, power


@dataclass(frozen=True, slots=True)
class LineParameters:
    """One-way delay and loss from tube to load; ``coupler`` and the tube are at its beginning."""

    delay_s: float
    loss_db: float


@dataclass(frozen=True, slots=True)
class LoadParameters:
    """|Gamma| of the load in dB (physics.md B5: -30 dB normally) and the phase of its reflection.

    ``loss_db`` is what a matched part in front of it takes (a structure: 4 dB). Raises ValueError when both are more
    than arrives.
    """

    reflection_db: float
    phase_rad: float = 0.0
    loss_db: float = 0.0

    def __post_init__(self) -> None:
        if self.loss_db < 0.0:
            raise ValueError(f"LoadParameters: loss_db is {self.loss_db}; 0 or more")
        if self.loss_db and self.passes + abs(self.gamma) ** 2 > 1.0:
            raise ValueError("LoadParameters: reflection_db and loss_db together give back more than arrives")

    @property
    def gamma(self) -> complex:
        """The complex reflection coefficient."""
        return complex(10.0 ** (self.reflection_db / 20.0) * np.exp(1j * self.phase_rad))

    @property
    def passes(self) -> float:
        """Share of the arriving power that gets through the part in front; without one all that is not reflected."""
        return 10.0 ** (-self.loss_db / 10.0) if self.loss_db else 1.0 - abs(self.gamma) ** 2


@dataclass(frozen=True, slots=True)
class Arc:
    """An arc that starts at ``start_s`` (times of the wave at the tube), ``place`` 0 (tube's window) .. 1 (load).

    ``reflection`` (complex) and ``transmission`` are its final amplitudes, ``rise_s`` its time constant: physics.md B5,
    transmitted collapses in < 100 ns, reflected rises to about the incident. Raises ValueError when it would amplify.
    """

    start_s: float
    place: float
    reflection: complex = -0.95
    transmission: float = 0.03
    rise_s: float = 15e-9

    def __post_init__(self) -> None:
        if not 0.0 <= self.place <= 1.0:
            raise ValueError(f"Arc: place is {self.place}; 0 (tube) to 1 (load)")
        if not 0.0 <= self.transmission <= 1.0 - abs(self.reflection) + 1e-12:
            raise ValueError(
                f"Arc: |reflection| {abs(self.reflection)} and transmission {self.transmission} exceed 1 together"
            )


NO_ARC = Arc(start_s=inf, place=0.0)
"""An arc that never starts."""


@dataclass(frozen=True, slots=True)
class LineLedger:
    """Energy in J. ``incident`` leaves the tube; ``held`` is still in the line at the end of the record."""

    incident_j: float
    load_j: float
    back_j: float
    lost_j: float
    arc_j: float
    held_j: float

    @property
    def residual_j(self) -> float:
        """What the account does not explain: rounding."""
        return self.incident_j - self.load_j - self.back_j - self.lost_j - self.arc_j - self.held_j


@dataclass(frozen=True, slots=True)
class LineWaves:
    """One pulse on the line. ``forward`` and ``back`` at the tube, ``at_load`` incident on the load; ``arc_w`` is the
    power that the arc absorbs at every point of ``forward``'s times.
    """

    forward: Wave
    back: Wave
    at_load: Wave
    arc_w: Array
    ledger: LineLedger


def propagate(line: LineParameters, load: LoadParameters, forward: Wave, arc: Arc = NO_ARC) -> LineWaves:
    """The waves of one pulse. Delays are whole points of the grid, each part at least one towards the load.

    The load's echo meets the arc again and again; it takes one round trip each time, so that the record is computed
    in blocks of that length, exactly.
    """
    dt = forward.step_s
    near = round(arc.place * line.delay_s / dt)
    far = max(1, round((1.0 - arc.place) * line.delay_s / dt))
    keep_near, keep_far = (10.0 ** (-line.loss_db * share / 20.0) for share in (arc.place, 1.0 - arc.place))
    gamma, passing = _scattering(arc, forward)
    sent = keep_near * delay(forward.amplitude, near)
    onward, echo = _between(sent, gamma, passing, load.gamma * keep_far**2, 2 * far)
    returned = gamma * sent + passing * echo
    at_load = keep_far * delay(onward, far)
    back = keep_near * delay(returned, near)
    arc_w = _absorbed(gamma, passing, sent, echo)
    ends = _Ends(near, far, keep_near, keep_far, load.gamma, load.passes)
    return LineWaves(
        forward=forward,
        back=Wave(forward.start_s, dt, back),
        at_load=Wave(forward.start_s, dt, at_load),
        arc_w=arc_w,
        ledger=_account(ends, forward, onward, returned, at_load, back, arc_w),
    )


def _scattering(arc: Arc, forward: Wave) -> tuple[Waves, Array]:
    """The arc's reflection and transmission at every point: growing together, so that it stays passive."""
    since = np.maximum(0.0, forward.time_s - arc.start_s)
    grown: Array = -np.expm1(-since / arc.rise_s)
    gamma: Waves = (grown * complex(arc.reflection)).astype(np.complex128)
    return gamma, 1.0 - grown * (1.0 - arc.transmission)


def _between(sent: Waves, gamma: Waves, passing: Array, echoing: complex, trip: int) -> tuple[Waves, Waves]:
    """(wave from the arc towards the load, its echo back at the arc), block by block of one round trip."""
    onward, echo = np.empty_like(sent), np.zeros_like(sent)
    for first in range(0, len(sent), trip):
        last = min(first + trip, len(sent))
        if first:
            echo[first:last] = echoing * onward[first - trip : last - trip]
        onward[first:last] = passing[first:last] * sent[first:last] + gamma[first:last] * echo[first:last]
    return onward, echo


def _absorbed(gamma: Waves, passing: Array, near: Waves, far: Waves) -> Array:
    """a^H (1 - S^H S) a of the symmetric two-port, in W: never negative but for rounding."""
    alone = 1.0 - power(gamma) - passing**2
    mixed = 2.0 * gamma.real * passing
    watts: Array = alone * (power(near) + power(far)) - 2.0 * mixed * (near.conj() * far).real
    return watts


@dataclass(frozen=True, slots=True)
class _Ends:
    near: int
    far: int
    keep_near: float
    keep_far: float
    gamma: complex
    passes: float


def _account(
    ends: _Ends, forward: Wave, onward: Waves, returned: Waves, at_load: Waves, back: Waves, arc_w: Array
) -> LineLedger:
    """Sum every place up by its own waves; each part of the wall takes its share of what arrives at its end."""
    dt = forward.step_s
    mirrored = ends.gamma * at_load
    arrived = ends.keep_far * delay(mirrored, ends.far)
    sent = ends.keep_near * delay(forward.amplitude, ends.near)

    def total(wave: Waves) -> float:
        return float(power(wave).sum()) * dt

    def tail(wave: Waves, points: int) -> float:
        return float(power(wave[len(wave) - points :]).sum()) * dt

    near_loss, far_loss = (1.0 / keep**2 - 1.0 for keep in (ends.keep_near, ends.keep_far))
    return LineLedger(
        incident_j=forward.energy_j,
        load_j=total(at_load) * ends.passes,
        back_j=total(back),
        lost_j=near_loss * (total(sent) + total(back))
        + far_loss * (total(at_load) + total(arrived))
        + total(at_load) * (1.0 - abs(ends.gamma) ** 2 - ends.passes),
        arc_j=float(arc_w.sum()) * dt,
        held_j=tail(forward.amplitude, ends.near)
        + tail(returned, ends.near)
        + tail(onward, ends.far)
        + tail(mirrored, ends.far),
    )
