"""PURE: one acquisition of a DSO-X: its analogue front end, ADC, and the record as it is read out.

Samples are computed when first asked for and kept, so that arming costs nothing and reading twice gives the same
bytes. Codes are 16 bit, left-aligned: the screen's 8 divisions span 65536 codes (instruments.md 2.1).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.wire.dsox import FORMAT_CODES, TYPE_CODES
from firmware_sim.personalities.dsox_settings import SCREEN_POINTS, Settings

Volts = Callable[[int, npt.NDArray[np.float64]], npt.NDArray[np.float64]]
"""Voltage at an input connector: (channel index from 0, times in s) -> volts, same shape."""

CODE_SPAN = 65_536
CODE_CLIPPED_LOW = 1
CODE_CLIPPED_HIGH = 65_535
"""Code 0 is a hole in the record and never sent (instruments.md 2.1)."""

NOISE_OF_LSB = 0.25
"""ADC noise, rms, in steps of the ADC in the acquisition type at hand."""

QUANTUM = {"NORM": 256, "PEAK": 256, "HRES": 16, "AVER": 16}
"""Codes per ADC step: 8 bits, or 12 bits in high resolution and averaged records."""

BANDWIDTH_LIMIT_HZ = 20e6
"""``:CHANnel<n>:BWLimit``: one pole at 20 MHz."""

SLICE_POINTS = 16_384
"""Points computed at a stretch, 2 ms of work: whoever asks for millions must not keep the rig's PLC from its scan."""

COARSE_POINTS = 4_096
"""Samples whose mean AC coupling takes away."""

PEAK_SAMPLES = 8
"""Samples searched for the minimum and maximum of one peak-detect pair."""

KEPT_MAX = 16
"""Records kept in each form: four channels at a few lengths. An older one is computed again, to the same bytes."""


@dataclass(frozen=True, slots=True)
class FrontEndFaults:
    """What is broken in the analogue part at capture."""

    clipped: bool = False
    dead_channel: int | None = None


@dataclass
class Acquisition:
    """A triggered capture. ``key`` seeds its noise; ``origin_s`` is the trigger's time on the source's time axis."""

    settings: Settings
    volts: Volts
    key: tuple[int, ...]
    origin_s: float
    faults: FrontEndFaults = field(default_factory=FrontEndFaults)
    _codes: dict[tuple[int, int], npt.NDArray[np.uint16]] = field(default_factory=dict)
    _work: dict[tuple[int, int], Iterator[bool]] = field(default_factory=dict)
    _texts: dict[tuple[int, int], list[str]] = field(default_factory=dict)
    _encoded: dict[tuple[object, ...], memoryview] = field(default_factory=dict)

    def points(self, wanted: int, mode: str) -> int:
        """Points a read-out gets when it asks for ``wanted`` in this points mode."""
        limit = self.settings.memory_points()
        if mode == "NORM":
            limit = min(limit, SCREEN_POINTS)
        count = max(1, min(wanted, limit))
        return count - count % 2 if self.settings.acquire.type == "PEAK" and count > 1 else count

    def codes(self, channel: int, points: int) -> npt.NDArray[np.uint16]:
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
        own = self.settings.channels[channel]
        volts: npt.NDArray[np.float64] = (codes - CODE_SPAN / 2) * (own.range_v / CODE_SPAN) + own.offset_v
        return volts

    def encode(self, channel: int, points: int, form: str, byteorder: str, unsigned: bool) -> memoryview | None:
        """The record as it travels (BYTE, WORD or ASCii), a view that stays valid and unchanged.

        None while it is not ready: each call does one slice of the work.
        """
        key = (channel, points, form, byteorder, unsigned)
        found = self._encoded.get(key)
        if found is None:
            if not self.prepare(channel, points):
                return None
            if form == "ASC":
                found = self._encode_text(channel, points)
            else:
                found = self._encode(channel, points, form, byteorder, unsigned)
            if found is None:
                return None
            _make_room(self._encoded)
            self._encoded[key] = found
        return found

    def preamble(self, channel: int, points: int, form: str, unsigned: bool) -> dict[str, float]:
        """The ten fields of ``:WAVeform:PREamble?`` (instruments.md 2.1)."""
        own, timebase, acquire = self.settings.channels[channel], self.settings.timebase, self.settings.acquire
        span = 256 if form == "BYTE" else CODE_SPAN
        return {
            "format": FORMAT_CODES[form],
            "type": TYPE_CODES[acquire.type],
            "points": points,
            "count": acquire.count if acquire.type == "AVER" else 1,
            "x_increment": timebase.range_s / points,
            "x_origin": timebase.start_s,
            "x_reference": 0,
            "y_increment": own.range_v / span,
            "y_origin": own.offset_v,
            "y_reference": span // 2 if unsigned else 0,
        }

    def _digitise(self, channel: int, points: int) -> Iterator[bool]:
        """Fill the record slice by slice; yields False after each but the last."""
        acquire = self.settings.acquire
        generator = np.random.Generator(np.random.PCG64([*self.key, channel]))
        fine = PEAK_SAMPLES // 2 if acquire.type == "PEAK" and points > 1 else 1
        mean_v = self._signal(channel, 0, COARSE_POINTS, COARSE_POINTS).mean() if self._is_ac(channel) else 0.0
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

    def _is_ac(self, channel: int) -> bool:
        return self.settings.channels[channel].coupling == "AC"

    def _signal(self, channel: int, first: int, count: int, total: int) -> npt.NDArray[np.float64]:
        """What the ADC sees before noise: ``count`` samples of ``total`` over the window, in volts at the probe tip."""
        own, timebase = self.settings.channels[channel], self.settings.timebase
        step_s = timebase.range_s / total
        kernel = _one_pole(step_s) if own.bandwidth_limit else None
        lead = 0 if kernel is None else len(kernel) - 1
        times = np.arange(first - lead, first + count, dtype=np.float64) * step_s + (
            timebase.start_s + self.origin_s - own.skew_s
        )
        if self.faults.dead_channel == channel:
            return np.zeros(count)
        signal = np.asarray(self.volts(channel, times), dtype=np.float64)
        if kernel is not None:
            signal = np.convolve(signal, kernel, mode="valid")
        scaled: npt.NDArray[np.float64] = signal * (-own.probe if own.invert else own.probe)
        return scaled + 10 * own.range_v if self.faults.clipped else scaled

    def _quantise(
        self, channel: int, signal: npt.NDArray[np.float64], generator: np.random.Generator, peak: bool
    ) -> npt.NDArray[np.float64]:
        """Add noise, round to the ADC's steps, mark what lies outside the screen."""
        own, acquire = self.settings.channels[channel], self.settings.acquire
        quantum = QUANTUM[acquire.type]
        steps = (signal - own.offset_v) * (CODE_SPAN / quantum / own.range_v)
        steps += generator.standard_normal(len(steps)) * (NOISE_OF_LSB * _noise_factor(acquire.type, acquire.count))
        if peak:
            groups = steps.reshape(-1, PEAK_SAMPLES)
            steps = np.column_stack((groups.min(axis=1), groups.max(axis=1))).ravel()
        codes: npt.NDArray[np.float64] = np.rint(steps) * quantum + CODE_SPAN // 2
        codes[codes < quantum] = CODE_CLIPPED_LOW
        codes[codes > CODE_SPAN - quantum] = CODE_CLIPPED_HIGH
        return codes

    def _encode_text(self, channel: int, points: int) -> memoryview | None:
        """ASCii: the next slice of numbers; the whole text once the last is done."""
        if (channel, points) not in self._texts:
            _make_room(self._texts)
            self._texts[channel, points] = []
        texts = self._texts[channel, points]
        first = len(texts) * SLICE_POINTS
        volts = self.volts_of(channel, points, first, first + SLICE_POINTS)
        texts.append(",".join([f"{value:+.5E}" for value in volts.tolist()]))
        if first + SLICE_POINTS < points:
            return None
        return memoryview(",".join(self._texts.pop((channel, points))).encode("ascii"))

    def _encode(self, channel: int, points: int, form: str, byteorder: str, unsigned: bool) -> memoryview:
        codes = self.codes(channel, points)
        if form == "BYTE":
            octets: npt.NDArray[np.uint8] = np.maximum(codes >> 8, 1).astype(np.uint8)
            if not unsigned:
                octets ^= 0x80
            return octets.data
        words = codes if unsigned else codes ^ np.uint16(0x8000)
        return words.astype("<u2" if byteorder == "LSBF" else ">u2", copy=False).view(np.uint8).data


def _make_room(kept: dict[Any, Any]) -> None:
    """Drop the oldest entry of a full table."""
    if len(kept) >= KEPT_MAX:
        del kept[next(iter(kept))]


def source_index(source: str) -> int:
    """``CHAN3`` -> 2."""
    return int(source[-1]) - 1


def _noise_factor(kind: str, count: int) -> float:
    return float(count) ** -0.5 if kind == "AVER" else 1.0


def _one_pole(step_s: float) -> npt.NDArray[np.float64] | None:
    """Impulse response of the bandwidth limit, cut below the ADC's step; None where sampling is slower than it."""
    decay = float(np.exp(-2 * np.pi * BANDWIDTH_LIMIT_HZ * step_s))
    if decay < 1e-4:
        return None
    length = int(np.ceil(np.log(1e-5) / np.log(decay)))
    kernel: npt.NDArray[np.float64] = np.power(decay, np.arange(length, dtype=np.float64))
    kernel /= kernel.sum()
    return kernel
