"""PURE: what a pulse sends into everything else: oscilloscope inputs, the PLC's analogue inputs, serial lines.

A modulator switches a kiloampere within 0.1 us: damped oscillations when its switch closes and when its pulse ends
(physics.md A10). What scopes see is keyed by (seed, pulse), so that a segment that is read later shows the same.
"""

import numpy as np

from firmware_sim.plant.modulator.tube import Array
from firmware_sim.plant.tube_bench.orders import TubeEdges
from firmware_sim.plant.tube_bench.parameters import StrayParameters
from firmware_sim.plant.tube_bench.train import PulseMark

STREAM_STRAY = 402
"""Frequencies and phases of a pulse's bursts."""

STREAM_LINES = 403
"""Whether it gets into the serial lines."""

STREAM_LOOPS = 404
"""What the 4-20 mA inputs make of it."""

LOOPS_SIZE = 4_099
"""Samples of their table, a prime."""

DECAYS = 20.0
"""A burst is over after so many of its time constants."""


class Stray:
    """One bench's. ``strike`` tells of a pulse; the scan that follows it sees it."""

    def __init__(self, p: StrayParameters, seed: int) -> None:
        self._p = p
        self._seed = seed
        table = np.random.default_rng([seed, 0, STREAM_LOOPS]).uniform(-p.analogue_ma, p.analogue_ma, LOOPS_SIZE)
        self._table: list[float] = table.tolist()
        self._at = 0
        self._loops_ma: list[float] = []
        self._struck = False

    # --- oscilloscopes

    def bursts(self, t_s: Array, mark: PulseMark) -> Array:
        """Sum of the oscillations at ``t_s`` after the mark's T0, of amplitude 1 at ``reference_v``; zero without."""
        total = np.zeros(t_s.shape)
        shape = mark.shape
        if shape is None or not mark.stray:
            return total
        p, random = self._p, np.random.default_rng([self._seed, mark.index, STREAM_STRAY])
        begin_s = mark.trigger_s + shape.delay_s
        low_hz, high_hz = p.frequency_hz
        for start_s, share in ((begin_s, 1.0), (begin_s + shape.scalars.fwhm_s, p.end_share)):
            hz, phase = random.uniform(low_hz, high_hz), random.uniform(0.0, 2.0 * np.pi)
            since = t_s - start_s
            live = (since >= 0.0) & (since < DECAYS * p.decay_s)
            age = since[live]
            total[live] += share * np.exp(-age / p.decay_s) * np.sin(2.0 * np.pi * hz * age + phase)
        scaled: Array = total * (mark.line_v / p.reference_v)
        return scaled

    # --- lines and loops

    def until_ns(self, edges: TubeEdges) -> int:
        """Until when the serial lines are disturbed by the pulse of ``edges``; 0: not at all, as nearly always."""
        if edges.request is None or not edges.stray:
            return 0
        hit = np.random.default_rng([self._seed, edges.index, STREAM_LINES]).random() < self._p.line_share
        return edges.t0_ns + round(self._p.line_s * 1e9) if hit else 0

    def strike(self, edges: TubeEdges) -> None:
        """The switch closed."""
        self._struck = self._struck or edges.stray

    def take(self) -> bool:
        """Whether there was a pulse since the last scan."""
        struck, self._struck = self._struck, False
        return struck

    def loops_ma(self, currents_ma: list[float] | None, struck: bool) -> list[float]:
        """The 4-20 mA inputs as the PLC samples them; None: their transmitters say what they said."""
        if currents_ma is not None:
            self._loops_ma = currents_ma
        if not struck:
            return self._loops_ma
        first = self._at
        self._at = (first + len(self._loops_ma)) % LOOPS_SIZE
        return [ma + self._table[(first + k) % LOOPS_SIZE] for k, ma in enumerate(self._loops_ma)]
