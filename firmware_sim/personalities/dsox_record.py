"""PURE: one acquisition of a DSO-X: its analogue front end, ADC, and the record as it is read out.

Samples are computed when first asked for and kept, so that arming costs nothing and reading twice gives the same
bytes. Codes are 16 bit, left-aligned: the screen's 8 divisions span 65536 codes (instruments.md 2.1).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

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

PEAK_SAMPLES = 8
"""Samples searched for the minimum and maximum of one peak-detect pair."""

ENCODED_MAX = 16
"""Encoded records kept: four channels in two or three read-out forms."""


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
    _encoded: dict[tuple[object, ...], memoryview] = field(default_factory=dict)

    def points(self, wanted: int, mode: str) -> int:
        """Points a read-out gets when it asks for ``wanted`` in this points mode."""
        limit = self.settings.memory_points()
        if mode == "NORM":
            limit = min(limit, SCREEN_POINTS)
        count = max(1, min(wanted, limit))
        return count - count % 2 if self.settings.acquire.type == "PEAK" and count > 1 else count

    def codes(self, channel: int, points: int) -> npt.NDArray[np.uint16]:
        """16-bit codes of one channel (index from 0), shape (points,)."""
        found = self._codes.get((channel, points))
        if found is None:
            found = self._digitise(channel, points)
            self._codes[channel, points] = found
        return found

    def volts_of(self, channel: int, points: int) -> npt.NDArray[np.float64]:
        """The record in volts at the probe tip, as a client would compute it."""
        codes = self.codes(channel, points).astype(np.float64)
        own = self.settings.channels[channel]
        volts: npt.NDArray[np.float64] = (codes - CODE_SPAN / 2) * (own.range_v / CODE_SPAN) + own.offset_v
        return volts

    def encode(self, channel: int, points: int, form: str, byteorder: str, unsigned: bool) -> memoryview:
        """The record as it travels: BYTE, WORD or ASCii; a view that stays valid and unchanged."""
        key = (channel, points, form, byteorder, unsigned)
        found = self._encoded.get(key)
        if found is None:
            found = memoryview(self._encode(channel, points, form, byteorder, unsigned))
            if len(self._encoded) >= ENCODED_MAX:
                self._encoded.clear()
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

    def _times(self, points: int) -> npt.NDArray[np.float64]:
        timebase = self.settings.timebase
        index = np.arange(points, dtype=np.float64)
        return index * (timebase.range_s / points) + (timebase.start_s + self.origin_s)

    def _input_volts(self, channel: int, points: int) -> npt.NDArray[np.float64]:
        """What the ADC sees, in volts at the probe tip, before noise."""
        own = self.settings.channels[channel]
        times = self._times(points)
        signal = (
            np.zeros(points)
            if self.faults.dead_channel == channel
            else np.array(self.volts(channel, times - own.skew_s), dtype=np.float64)
        )
        if own.bandwidth_limit and points > 1:
            signal = _one_pole(signal, times[1] - times[0])
        if own.coupling == "AC":
            signal -= signal.mean()
        signal *= -own.probe if own.invert else own.probe
        if self.faults.clipped:
            signal += 10 * own.range_v
        return signal

    def _digitise(self, channel: int, points: int) -> npt.NDArray[np.uint16]:
        own, acquire = self.settings.channels[channel], self.settings.acquire
        peak = acquire.type == "PEAK" and points > 1
        fine = points // 2 * PEAK_SAMPLES if peak else points
        signal = self._input_volts(channel, fine)
        quantum = QUANTUM[acquire.type]
        generator = np.random.Generator(np.random.PCG64([*self.key, channel]))
        steps = (signal - own.offset_v) * (CODE_SPAN / quantum / own.range_v)
        steps += generator.standard_normal(fine) * (NOISE_OF_LSB * _noise_factor(acquire.type, acquire.count))
        if peak:
            groups = steps.reshape(-1, PEAK_SAMPLES)
            steps = np.column_stack((groups.min(axis=1), groups.max(axis=1))).ravel()
        codes = np.rint(steps) * quantum + CODE_SPAN // 2
        codes[codes < quantum] = CODE_CLIPPED_LOW
        codes[codes > CODE_SPAN - quantum] = CODE_CLIPPED_HIGH
        return codes.astype(np.uint16)

    def _encode(self, channel: int, points: int, form: str, byteorder: str, unsigned: bool) -> bytes:
        if form == "ASC":
            return ",".join([f"{value:+.5E}" for value in self.volts_of(channel, points).tolist()]).encode("ascii")
        codes = self.codes(channel, points)
        if form == "BYTE":
            octets: npt.NDArray[np.uint8] = np.maximum(codes >> 8, 1).astype(np.uint8)
            if not unsigned:
                octets ^= 0x80
            return octets.tobytes()
        words = codes if unsigned else codes ^ np.uint16(0x8000)
        return words.astype("<u2" if byteorder == "LSBF" else ">u2").tobytes()


def source_index(source: str) -> int:
    """``CHAN3`` -> 2."""
    return int(source[-1]) - 1


def _noise_factor(kind: str, count: int) -> float:
    return float(count) ** -0.5 if kind == "AVER" else 1.0


def _one_pole(signal: npt.NDArray[np.float64], step_s: float) -> npt.NDArray[np.float64]:
    """Single-pole low-pass by its exact impulse response, cut where it is below the ADC's step."""
    decay = float(np.exp(-2 * np.pi * BANDWIDTH_LIMIT_HZ * step_s))
    if decay < 1e-4:
        return signal
    length = min(len(signal), int(np.ceil(np.log(1e-5) / np.log(decay))))
    kernel = (1 - decay) * decay ** np.arange(length)
    padded = np.concatenate((np.full(length - 1, signal[0]), signal))
    filtered: npt.NDArray[np.float64] = np.convolve(padded, kernel / kernel.sum(), mode="valid")
    return filtered
