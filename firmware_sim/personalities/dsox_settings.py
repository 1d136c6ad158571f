"""PURE: what the knobs of a DSO-X 3014A are set to, with its power-on values (instruments.md 2.1, long dumps)."""

from copy import deepcopy
from dataclasses import dataclass, field, fields

from firmware_sim.personalities.scope_engine import Edge
from firmware_sim.personalities.scope_record import Adc, Inlet, Sweep

CHANNEL_COUNT = 4
SAMPLE_RATE_MAX_HZ = 4e9
MEMORY_POINTS = 4_000_000
"""Acquisition memory per channel; the sample rate drops until the window fits."""
SCREEN_POINTS = 62_500
"""Most points of the measurement record (``:WAVeform:POINts:MODE NORMal``)."""

REFERENCE_FRACTION = {"LEFT": 0.1, "CENT": 0.5, "RIGH": 0.9}
"""Where the time reference sits on the screen: one division from the edge, or in the middle."""

CODE_SPAN = 65_536
"""Codes of the screen's 8 divisions; code 0 is a hole in the record and never sent (instruments.md 2.1)."""
QUANTUM = {"NORM": 256, "PEAK": 256, "HRES": 16, "AVER": 16}
"""Codes per ADC step: 8 bits, or 12 bits in high resolution and averaged records."""
BANDWIDTH_LIMIT_HZ = 20e6
"""``:CHANnel<n>:BWLimit``: one pole at 20 MHz."""
SEGMENTS_MAX = 1000
"""Segments that the memory option holds [UNV]."""

_RATE_STEPS = (4.0, 2.0, 1.0, 0.5)


@dataclass(slots=True)
class ChannelSettings:
    """One input. Voltages are at the probe tip: ``probe`` times the voltage at the input connector."""

    label: str
    display: bool = True
    range_v: float = 40.0
    offset_v: float = 0.0
    coupling: str = "DC"
    impedance: str = "ONEM"
    bandwidth_limit: bool = False
    invert: bool = False
    units: str = "VOLT"
    probe: float = 10.0
    skew_s: float = 0.0


@dataclass(slots=True)
class TimebaseSettings:
    """Window (10 divisions) and where the trigger lies in it."""

    mode: str = "MAIN"
    range_s: float = 1e-3
    position_s: float = 0.0
    reference: str = "CENT"

    @property
    def start_s(self) -> float:
        """Time of the first sample relative to the trigger."""
        return self.position_s - REFERENCE_FRACTION[self.reference] * self.range_s


@dataclass(slots=True)
class AcquireSettings:
    """How samples become a record."""

    type: str = "NORM"
    mode: str = "RTIM"
    count: int = 8
    complete: int = 100
    segments: int = 25


@dataclass(slots=True)
class TriggerSettings:
    """Edge trigger."""

    mode: str = "EDGE"
    source: str = "CHAN1"
    level_v: float = 0.0
    slope: str = "POS"
    coupling: str = "DC"
    sweep: str = "AUTO"
    holdoff_s: float = 40e-9


@dataclass(slots=True)
class WaveformSettings:
    """How a record is read out; not part of a capture."""

    source: str = "CHAN1"
    format: str = "BYTE"
    byteorder: str = "MSBF"
    unsigned: bool = True
    points: int = 1000
    points_mode: str = "NORM"


@dataclass(slots=True)
class OtherSettings:
    """Measurement source, hardcopy colours, operation event enable."""

    measure_source: str = "CHAN1"
    inksaver: bool = True
    operation_enable: int = 0


def _channels() -> list[ChannelSettings]:
    return [ChannelSettings(str(number)) for number in range(1, CHANNEL_COUNT + 1)]


@dataclass(slots=True)
class Settings:
    """The whole panel. The parts keep their identity for the instrument's life: handlers hold on to them."""

    channels: list[ChannelSettings] = field(default_factory=_channels)
    timebase: TimebaseSettings = field(default_factory=TimebaseSettings)
    acquire: AcquireSettings = field(default_factory=AcquireSettings)
    trigger: TriggerSettings = field(default_factory=TriggerSettings)
    waveform: WaveformSettings = field(default_factory=WaveformSettings)
    other: OtherSettings = field(default_factory=OtherSettings)

    def copy(self) -> "Settings":
        """An independent snapshot."""
        return deepcopy(self)

    def assign(self, source: "Settings") -> None:
        """Take over every value of ``source``, in place."""
        pairs = list(zip(self.channels, source.channels, strict=True))
        parts = [(getattr(self, name), getattr(source, name)) for name in _PARTS]
        for target, origin in (*pairs, *parts):
            for item in fields(origin):
                setattr(target, item.name, getattr(origin, item.name))

    def sample_rate_hz(self) -> float:
        """Fastest 1-2-4-5 rate at which the window fits the memory."""
        ceiling = min(SAMPLE_RATE_MAX_HZ, MEMORY_POINTS / self.timebase.range_s)
        decade = 1e9
        while True:
            for step in _RATE_STEPS:
                if step * decade <= ceiling * (1 + 1e-9):
                    return step * decade
            decade /= 10

    def memory_points(self) -> int:
        """Samples of the window in acquisition memory."""
        return max(1, round(self.sample_rate_hz() * self.timebase.range_s))

    # -- what the engine reads (scope_engine.ScopePanel)

    def window(self) -> tuple[float, float]:
        """First sample relative to the trigger, and length, in s."""
        return self.timebase.start_s, self.timebase.range_s

    def auto(self) -> bool:
        """True in AUTO sweep."""
        return self.trigger.sweep == "AUTO"

    def segments(self) -> int:
        """Triggers of one single acquisition."""
        return self.acquire.segments if self.acquire.mode == "SEGM" else 1

    def edge(self) -> Edge:
        """The edge trigger."""
        return Edge(self.trigger.source, self.trigger.level_v, self.trigger.slope)

    def scale_channel_1(self, factor: float) -> None:
        """A fault: its range changes by itself."""
        self.channels[0].range_v *= factor

    def freeze(self) -> Sweep:
        """What shapes a record."""
        acquire, quantum = self.acquire, QUANTUM[self.acquire.type]
        inlets = tuple(
            Inlet(
                range_v=own.range_v,
                centre_v=own.offset_v,
                gain=-own.probe if own.invert else own.probe,
                ac=own.coupling == "AC",
                bandwidth_hz=BANDWIDTH_LIMIT_HZ if own.bandwidth_limit else None,
                skew_s=own.skew_s,
            )
            for own in self.channels
        )
        adc = Adc(CODE_SPAN, CODE_SPAN // 2, quantum, quantum, CODE_SPAN - quantum, 1, CODE_SPAN - 1)
        noise = float(acquire.count) ** -0.5 if acquire.type == "AVER" else 1.0
        return Sweep(inlets, *self.window(), adc, noise, acquire.type == "PEAK")


_PARTS = ("timebase", "acquire", "trigger", "waveform", "other")
