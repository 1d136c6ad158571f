"""PURE: what the knobs of a DS1074Z mean to its acquisition, and a record as it is read out (instruments.md 2.3)."""

from dataclasses import dataclass

from drivers.wire.ds1000z import (
    CHANNELS,
    CODES_PER_DIVISION,
    DIVISIONS_X,
    DIVISIONS_Y,
    KNOBS,
    SCREEN_POINTS,
    Y_REFERENCE,
    depths,
)
from firmware_sim.personalities.scope_engine import Edge
from firmware_sim.personalities.scope_knobs import Knobs
from firmware_sim.personalities.scope_record import Adc, Codes, Inlet, ScopeRecord, Sweep

SAMPLE_RATE_MAX_HZ = 1e9
"""With one channel on; shared by those that are on."""
AUTO_DEPTH = 2
"""Which depth AUTO takes [UNV]."""
BANDWIDTH_LIMIT_HZ = 20e6
_CODE = 256
"""Codes are kept left-aligned in 16 bits."""
ADC = Adc(
    span=DIVISIONS_Y * CODES_PER_DIVISION * _CODE,
    centre=Y_REFERENCE * _CODE,
    quantum=_CODE,
    lowest=0,
    highest=255 * _CODE,
    mark_low=0,
    mark_high=255 * _CODE,
)


class RigolPanel:
    """The settings, as the engine asks for them."""

    def __init__(self) -> None:
        self.knobs = Knobs(KNOBS)
        self.knobs.put("channel.display", True)

    def copy(self) -> "RigolPanel":
        """An independent snapshot."""
        snapshot = RigolPanel()
        snapshot.assign(self)
        return snapshot

    def assign(self, source: "RigolPanel") -> None:
        """Take over every setting of ``source``."""
        self.knobs.assign(source.knobs)

    def window(self) -> tuple[float, float]:
        """First sample relative to the trigger, and length, in s: twelve divisions around the offset."""
        range_s = DIVISIONS_X * self.knobs.get("timebase.scale")
        return self.knobs.get("timebase.offset") - range_s / 2, range_s

    def auto(self) -> bool:
        """True when a running scope triggers by itself."""
        return bool(self.knobs.get("trigger.sweep") == "AUTO")

    def segments(self) -> int:
        """One: frames are recorded by another function."""
        return 1

    def edge(self) -> Edge:
        """The edge trigger."""
        knobs = self.knobs
        return Edge(knobs.get("trigger.source"), knobs.get("trigger.level"), knobs.get("trigger.slope"))

    def scale_channel_1(self, factor: float) -> None:
        """A fault: its range changes by itself."""
        self.knobs.put("channel.range", self.knobs.get("channel.range") * factor)

    def channels_on(self) -> int:
        """Channels that share memory and sample rate."""
        return sum(bool(self.knobs.get("channel.display", index)) for index in range(len(CHANNELS)))

    def memory_points(self) -> int:
        """Samples of the window in memory: the depth, or fewer where the sample rate is at its end."""
        on = self.channels_on()
        chosen = self.knobs.get("acquire.depth")
        depth: int = depths(on)[AUTO_DEPTH] if chosen == "AUTO" else int(chosen)
        divisor = 1 if on <= 1 else 2 if on == 2 else 4
        fastest: float = SAMPLE_RATE_MAX_HZ / divisor * self.window()[1]
        return max(1, min(depth, round(fastest)))

    def sample_rate_hz(self) -> float:
        """Samples over the window."""
        return self.memory_points() / self.window()[1]

    def y_increment_v(self, index: int) -> float:
        """Volts per code."""
        return float(self.knobs.get("channel.range", index) / (DIVISIONS_Y * CODES_PER_DIVISION))

    def y_origin(self, index: int) -> int:
        """Offset in whole codes."""
        offset_v = float(self.knobs.get("channel.offset", index))
        return round(offset_v / self.y_increment_v(index))

    def freeze(self) -> Sweep:
        """What shapes a record."""
        kind = self.knobs.get("acquire.type")
        averages = self.knobs.get("acquire.averages") if kind == "AVER" else 4 if kind == "HRES" else 1
        inlets = tuple(self._inlet(index) for index in range(len(CHANNELS)))
        return Sweep(inlets, *self.window(), ADC, float(averages) ** -0.5, kind == "PEAK")

    def _inlet(self, index: int) -> Inlet:
        knobs = self.knobs
        gain = knobs.get("channel.probe", index)
        return Inlet(
            range_v=knobs.get("channel.range", index),
            centre_v=-self.y_origin(index) * self.y_increment_v(index),
            gain=-gain if knobs.get("channel.invert", index) else gain,
            ac=knobs.get("channel.coupling", index) == "AC",
            grounded=knobs.get("channel.coupling", index) == "GND",
            bandwidth_hz=BANDWIDTH_LIMIT_HZ if knobs.get("channel.bandwidth", index) == "20M" else None,
            skew_s=knobs.get("channel.skew", index),
        )


@dataclass(frozen=True, slots=True)
class RigolRecord:
    """A triggered capture with the panel it was taken with."""

    record: ScopeRecord
    panel: RigolPanel

    def points(self, whole_memory: bool) -> int:
        """Points of the record: the memory's, or the screen's."""
        points = self.panel.memory_points() if whole_memory else SCREEN_POINTS
        return points - points % 2 if self.record.sweep.pairs and points > 1 else points

    def encode(self, channel: int, points: int, form: str, first: int, last: int) -> memoryview | None:
        """Points ``first`` to ``last``, counted from 1, as they travel; None while they are not ready."""
        key = (form, first, last)
        if form == "ASC":
            return self.record.encode_text(channel, points, key, "{:.6e}".format, first - 1, last)

        def convert(codes: Codes) -> memoryview:
            octets = codes[first - 1 : last] >> 8
            return (octets.astype("u1") if form == "BYTE" else octets.astype("<u2").view("u1")).data

        return self.record.encode(channel, points, key, convert)
