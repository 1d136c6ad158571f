"""PURE: what the knobs of an RTO mean to its acquisition, and a record as it is read out (instruments.md 2.2)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from drivers.wire.rto import CHANNELS, CODE_SPAN, EXTERNAL_LEVEL, KNOBS, SEGMENTS_MAX
from firmware_sim.personalities.scope_engine import Edge
from firmware_sim.personalities.scope_knobs import Knobs
from firmware_sim.personalities.scope_record import Adc, Codes, Inlet, ScopeRecord, Sweep

QUANTUM = {"SAMP": 256, "PDET": 256, "HRES": 16}
"""16-bit codes per ADC step: 8 bits, or 12 in high resolution [UNV]."""
CENTRE = 32_768
BANDWIDTHS_HZ = {"FULL": None, "B800": 800e6, "B200": 200e6, "B20": 20e6}
MEMORY_POINTS = 40_000_000
"""Acquisition memory that segments share [UNV]."""


class RtoPanel:
    """The settings, as the engine asks for them."""

    def __init__(self) -> None:
        self.knobs = Knobs(KNOBS)
        self.form: tuple[str, int] = ("ASC", 0)

    def copy(self) -> "RtoPanel":
        """An independent snapshot."""
        snapshot = RtoPanel()
        snapshot.assign(self)
        return snapshot

    def assign(self, source: "RtoPanel") -> None:
        """Take over every setting of ``source``."""
        self.knobs.assign(source.knobs)
        self.form = source.form

    def window(self) -> tuple[float, float]:
        """First sample relative to the trigger, and length, in s."""
        range_s = self.knobs.get("timebase.range")
        before_s = self.knobs.get("timebase.reference") / 100 * range_s
        return self.knobs.get("timebase.position") - before_s, range_s

    def auto(self) -> bool:
        """True when a running scope triggers by itself."""
        return bool(self.knobs.get("trigger.mode") != "NORM")

    def segments(self) -> int:
        """Acquisitions of one SINGle: ``ACQuire:COUNt``, or what fits the memory with segmentation and MAX."""
        points = self.knobs.get("acquire.points")
        if self.knobs.get("acquire.segmented") and self.knobs.get("acquire.segmented_max"):
            return max(1, min(SEGMENTS_MAX, MEMORY_POINTS // int(points)))
        return int(min(SEGMENTS_MAX, self.knobs.get("acquire.count")))

    def edge(self) -> Edge:
        """The edge trigger; each source has a level of its own."""
        source = self.knobs.get("trigger.source")
        level = CHANNELS.index(source) if source in CHANNELS else EXTERNAL_LEVEL - 1
        return Edge(source, self.knobs.get("trigger.level", level), self.knobs.get("trigger.slope"))

    def scale_channel_1(self, factor: float) -> None:
        """A fault: its range changes by itself."""
        self.knobs.put("channel.range", self.knobs.get("channel.range") * factor)

    def freeze(self) -> Sweep:
        """What shapes a record; the decimation of channel 1 counts for all [UNV]."""
        knobs = self.knobs
        kind = knobs.get("channel.type")
        quantum = QUANTUM[kind]
        inlets = tuple(self._inlet(index) for index in range(len(CHANNELS)))
        lowest, highest = CENTRE - 127 * 256, CENTRE + 127 * 256
        adc = Adc(CODE_SPAN * 256, CENTRE, quantum, lowest, highest, lowest, highest)
        averages = knobs.get("acquire.count") if knobs.get("channel.arithmetics") == "AVER" else 1
        return Sweep(inlets, *self.window(), adc, float(averages) ** -0.5, kind == "PDET")

    def _inlet(self, index: int) -> Inlet:
        knobs = self.knobs
        range_v = knobs.get("channel.range", index)
        gain = knobs.get("channel.probe", index)
        return Inlet(
            range_v=range_v,
            centre_v=knobs.get("channel.offset", index) - knobs.get("channel.position", index) * range_v / 10,
            gain=-gain if knobs.get("channel.invert", index) else gain,
            ac=knobs.get("channel.coupling", index) == "AC",
            grounded=knobs.get("channel.ground", index),
            bandwidth_hz=BANDWIDTHS_HZ[knobs.get("channel.bandwidth", index)],
            skew_s=knobs.get("channel.skew", index),
        )


@dataclass(frozen=True, slots=True)
class RtoRecord:
    """A triggered capture: ``points`` samples of ``values`` values each (2 in peak detect)."""

    record: ScopeRecord
    points: int
    values: int

    @property
    def count(self) -> int:
        """Values in the record."""
        return self.points * self.values

    def header(self) -> dict[str, float]:
        """``CHANnel:DATA:HEADER?``: start and stop relative to the trigger, in s, points, values per sample."""
        sweep = self.record.sweep
        stop_s = sweep.start_s + sweep.range_s
        return {
            "x_start": sweep.start_s,
            "x_stop": stop_s,
            "points": self.points,
            "values_per_sample": self.values,
        }

    def volts_of(self, channel: int) -> npt.NDArray[np.float64]:
        """The record in volts at the probe tip."""
        return self.record.volts_of(channel, self.count)

    def times(self) -> npt.NDArray[np.float64]:
        """Time of each value relative to the trigger, in s."""
        sweep = self.record.sweep
        steps = np.arange(self.count) // self.values * (sweep.range_s / self.points)
        return np.asarray(steps + sweep.start_s, dtype=np.float64)

    def encode(self, channel: int, form: tuple[str, int], border: str, with_x: bool) -> memoryview | None:
        """The record as it travels, a view that stays valid; None while it is not ready (one slice per call)."""
        kind, bits = form
        if kind == "ASC":
            return self.record.encode_text(channel, self.count, form, "{:.8G}".format)
        order = "<" if border == "LSBF" else ">"

        def convert(codes: Codes) -> memoryview:
            if kind == "REAL":
                volts = self.volts_of(channel)
                values = np.column_stack((self.times(), volts)).ravel() if with_x else volts
                return values.astype(f"{order}f4").view(np.uint8).data
            if bits == 8:
                return ((codes >> 8).astype(np.uint8) ^ np.uint8(0x80)).data
            words = codes ^ np.uint16(0x8000)
            return words.astype(f"{order}u2", copy=False).view(np.uint8).data

        return self.record.encode(channel, self.count, (form, border, with_x), convert)
