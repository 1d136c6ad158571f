"""PURE: one acquisition of any oscilloscope stand-in: analogue front end, noise, ADC, and the codes it keeps.

Samples are computed when first asked for and kept, so that arming costs nothing and reading twice gives the same
bytes. Codes are 16 bit, left-aligned; how many of them span the vertical range is the model's (:class:`Adc`).
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Volts = Callable[[int, npt.NDArray[np.float64]], npt.NDArray[np.float64]]
"""Voltage at an input connector: (channel index from 0, times in s) -> volts, same shape."""

Codes = npt.NDArray[np.uint16]

NOISE_OF_LSB = 0.25
"""ADC noise, rms, in steps of the ADC in the acquisition type at hand."""

SLICE_POINTS = 16_384
"""Points computed at a stretch, 2 ms of work: whoever asks for millions must not keep the rig's PLC from its scan."""

COARSE_POINTS = 4_096
"""Samples whose mean AC coupling takes away."""

POLE_SAMPLES = 200
"""Samples in a time constant of the bandwidth limit at the most: between two of them its output is straight to 3e-6,
less than a step of any ADC here, and its memory is not longer than 2,400 of them."""

PEAK_SAMPLES = 8
"""Samples searched for the minimum and maximum of one peak-detect pair."""

KEPT_MAX = 16
"""Records kept in each form: four channels at a few lengths. An older one is computed again, to the same bytes."""


@dataclass(frozen=True, slots=True)
class Inlet:
    """One input as set at capture: volts at the probe tip are ``gain`` times those at the connector."""

    range_v: float
    centre_v: float
    gain: float = 1.0
    ac: bool = False
    grounded: bool = False
    bandwidth_hz: float | None = None
    skew_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Adc:
    """``span`` codes are the vertical range, ``centre`` its middle, ``quantum`` one step of the converter.

    Codes below ``lowest`` or above ``highest`` are sent as ``mark_low`` and ``mark_high``.
    """

    span: int
    centre: int
    quantum: int
    lowest: int
    highest: int
    mark_low: int
    mark_high: int


@dataclass(frozen=True, slots=True)
class Sweep:
    """Everything that shapes a record, frozen at its trigger. ``noise`` is 1.0 without averaging; ``pairs``: peak."""

    inlets: tuple[Inlet, ...]
    start_s: float
    range_s: float
    adc: Adc
    noise: float = 1.0
    pairs: bool = False


@dataclass(frozen=True, slots=True)
class FrontEndFaults:
    """What is broken in the analogue part at capture."""

    clipped: bool = False
    dead_channel: int | None = None


@dataclass
class ScopeRecord:
    """A triggered capture. ``key`` seeds its noise; ``origin_s`` is the trigger's time on the source's time axis."""

    sweep: Sweep
    volts: Volts
    key: tuple[int, ...]
    origin_s: float
    trigger_ns: int = 0
    faults: FrontEndFaults = field(default_factory=FrontEndFaults)
    _codes: dict[tuple[int, int], Codes] = field(default_factory=dict)
    _work: dict[tuple[int, int], Iterator[bool]] = field(default_factory=dict)
    _texts: dict[tuple[int, int, Hashable], list[str]] = field(default_factory=dict)
    _encoded: dict[tuple[int, int, Hashable], memoryview] = field(default_factory=dict)

    def codes(self, channel: int, points: int) -> Codes:
        """16-bit codes of one channel (index from 0), shape (points,), computed to the end."""
        while not self.prepare(channel, points):
            continue
        return self._codes[channel, points]

    def prepare(self, channel: int, points: int) -> bool:
        """Compute the next :data:`SLICE_POINTS`; True once the whole record is there."""
        key = (channel, points)
        if key not in self._codes:
            if key not in self._work:
                _make_room(self._work)
                self._work[key] = self._digitise(channel, points)
            if not next(self._work[key], True):
                return False
            del self._work[key]
        return True

    def volts_of(self, channel: int, points: int, first: int = 0, last: int | None = None) -> npt.NDArray[np.float64]:
        """Samples ``first`` to ``last`` of the record in volts at the probe tip, as a client would compute them."""
        codes = self.codes(channel, points)[first:last].astype(np.float64)
        own, adc = self.sweep.inlets[channel], self.sweep.adc
        volts: npt.NDArray[np.float64] = (codes - adc.centre) * (own.range_v / adc.span) + own.centre_v
        return volts

    def encode(
        self, channel: int, points: int, form: Hashable, convert: Callable[[Codes], memoryview]
    ) -> memoryview | None:
        """The record as ``convert`` lays it out, kept by ``form``: a view that stays valid and unchanged.

        None while it is not ready: each call does one slice of the work.
        """
        key = (channel, points, form)
        found = self._encoded.get(key)
        if found is None:
            if not self.prepare(channel, points):
                return None
            _make_room(self._encoded)
            found = self._encoded[key] = convert(self._codes[channel, points])
        return found

    def encode_text(
        self, channel: int, points: int, form: Hashable, write: Callable[[float], str], first: int = 0, last: int = 0
    ) -> memoryview | None:
        """Samples ``first`` to ``last`` (0: the end) as numbers with commas; None while they are not ready."""
        key = (channel, points, form)
        if key in self._encoded:
            return self._encoded[key]
        if not self.prepare(channel, points):
            return None
        if key not in self._texts:
            _make_room(self._texts)
            self._texts[key] = []
        texts, end = self._texts[key], last or points
        start = first + len(texts) * SLICE_POINTS
        volts = self.volts_of(channel, points, start, min(end, start + SLICE_POINTS))
        texts.append(",".join([write(value) for value in volts.tolist()]))
        if start + SLICE_POINTS < end:
            return None
        _make_room(self._encoded)
        found = self._encoded[key] = memoryview(",".join(self._texts.pop(key)).encode("ascii"))
        return found

    def _digitise(self, channel: int, points: int) -> Iterator[bool]:
        """Fill the record slice by slice; yields False after each but the last."""
        generator = np.random.Generator(np.random.PCG64([*self.key, channel]))
        fine = PEAK_SAMPLES // 2 if self.sweep.pairs and points > 1 else 1
        is_ac = self.sweep.inlets[channel].ac
        mean_v = self._signal(channel, 0, COARSE_POINTS, COARSE_POINTS).mean() if is_ac else 0.0
        codes = np.empty(points, dtype=np.uint16)
        for first in range(0, points, SLICE_POINTS):
            last = min(points, first + SLICE_POINTS)
            signal = self._signal(channel, first * fine, (last - first) * fine, points * fine) - mean_v
            codes[first:last] = self._quantise(channel, signal, generator, fine > 1)
            if last < points:
                yield False
        codes.flags.writeable = False
        _make_room(self._codes)
        self._codes[channel, points] = codes

    def _signal(self, channel: int, first: int, count: int, total: int) -> npt.NDArray[np.float64]:
        """What the ADC sees before noise: ``count`` samples of ``total`` over the window, in volts at the probe tip."""
        own, step_s = self.sweep.inlets[channel], self.sweep.range_s / total
        if self.faults.dead_channel == channel or own.grounded:
            return np.zeros(count)
        if own.bandwidth_hz is None:
            signal = self._heard(channel, first, count, step_s)
        else:
            signal = self._limited(channel, first, count, step_s, own.bandwidth_hz)
        scaled: npt.NDArray[np.float64] = signal * own.gain
        return scaled + 10 * own.range_v if self.faults.clipped else scaled

    def _heard(self, channel: int, first: int, count: int, step_s: float) -> npt.NDArray[np.float64]:
        """Volts at the connector at ``count`` multiples of ``step_s`` after the window's begin."""
        own, sweep = self.sweep.inlets[channel], self.sweep
        times = np.arange(first, first + count, dtype=np.float64) * step_s + (
            sweep.start_s + self.origin_s - own.skew_s
        )
        return np.asarray(self.volts(channel, times), dtype=np.float64)

    def _limited(
        self, channel: int, first: int, count: int, step_s: float, bandwidth_hz: float
    ) -> npt.NDArray[np.float64]:
        """The same behind the bandwidth limit.

        Where samples lie closer than the limit can tell apart, it works on a grid of its own (the same for every
        slice), and what lies between is a straight line: the sum of its products stays bounded.
        """
        grid_s = max(step_s, 1.0 / (2 * np.pi * bandwidth_hz * POLE_SAMPLES))
        kernel = _one_pole(grid_s, bandwidth_hz)
        if kernel is None:
            return self._heard(channel, first, count, step_s)
        lead = len(kernel) - 1
        if grid_s == step_s:
            return np.convolve(self._heard(channel, first - lead, lead + count, step_s), kernel, mode="valid")
        wanted_s = np.arange(first, first + count, dtype=np.float64) * step_s
        low, high = int(wanted_s[0] // grid_s), int(wanted_s[-1] // grid_s) + 2
        rough = np.convolve(self._heard(channel, low - lead, lead + high - low, grid_s), kernel, mode="valid")
        return np.interp(wanted_s, np.arange(low, high, dtype=np.float64) * grid_s, rough)

    def _quantise(
        self, channel: int, signal: npt.NDArray[np.float64], generator: np.random.Generator, peak: bool
    ) -> npt.NDArray[np.float64]:
        """Add noise, round to the ADC's steps, mark what lies outside its range."""
        own, adc = self.sweep.inlets[channel], self.sweep.adc
        steps = (signal - own.centre_v) * (adc.span / adc.quantum / own.range_v)
        steps += generator.standard_normal(len(steps)) * (NOISE_OF_LSB * self.sweep.noise)
        if peak:
            groups = steps.reshape(-1, PEAK_SAMPLES)
            steps = np.column_stack((groups.min(axis=1), groups.max(axis=1))).ravel()
        codes: npt.NDArray[np.float64] = np.rint(steps) * adc.quantum + adc.centre
        codes[codes < adc.lowest] = adc.mark_low
        codes[codes > adc.highest] = adc.mark_high
        return codes


def _make_room(kept: dict[Any, Any]) -> None:
    """Drop the oldest entry of a full table."""
    if len(kept) >= KEPT_MAX:
        del kept[next(iter(kept))]


def source_index(source: str) -> int:
    """``CHAN3`` -> 2."""
    return int(source[-1]) - 1


def _one_pole(step_s: float, bandwidth_hz: float) -> npt.NDArray[np.float64] | None:
    """Impulse response of the bandwidth limit, cut below the ADC's step; None where sampling is slower than it."""
    decay = float(np.exp(-2 * np.pi * bandwidth_hz * step_s))
    if decay < 1e-4:
        return None
    length = int(np.ceil(np.log(1e-5) / np.log(decay)))
    kernel: npt.NDArray[np.float64] = np.power(decay, np.arange(length, dtype=np.float64))
    kernel /= kernel.sum()
    return kernel
