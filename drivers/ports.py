"""What the controller may ask of an instrument: one small Protocol per kind.

All voltages in volts, currents in amperes, times in seconds. Every method has a deadline of its own inside
the driver and raises only the tree of :mod:`drivers.errors`. Nothing here retries a write.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
import numpy.typing as npt

from drivers.wire.plc import PlcEvent, PlcRequest, PlcStatus
from drivers.wire.plc_run import PlcRunStatus


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answered: as parsed from ``*IDN?`` or the model's own identification."""

    vendor: str
    model: str
    serial: str
    firmware: str


class Instrument(Protocol):
    """What every port also is."""

    name: str

    async def identify(self) -> Identity:
        """Ask who is there; the driver has already refused a wrong one at connect."""
        ...

    async def close(self) -> None:
        """Release the link. Never raises for a link that is already gone."""
        ...


@dataclass(frozen=True, slots=True)
class ChargerReading:
    """Measured output of a capacitor charger and whether it regulates voltage (CV) or current."""

    voltage_v: float
    current_a: float
    output_on: bool
    constant_voltage: bool


class CapacitorCharger(Instrument, Protocol):
    """A capacitor charger. Its hard-wired inhibit is the PLC's; these are the set-points and the output switch."""

    async def configure(self, voltage_v: float, current_a: float) -> None:
        """Write both set-points and read them back; raises InstrumentRefused when the read-back differs."""
        ...

    async def output(self, on: bool) -> None:
        """Switch the output stage on or off and confirm it."""
        ...

    async def read(self) -> ChargerReading:
        """Measured voltage, current and regulation mode."""
        ...


@dataclass(frozen=True, slots=True)
class DelayPlan:
    """Delays of the four output pairs AB, CD, EF, GH relative to T0, their widths, and the re-trigger hold-off."""

    delays_s: tuple[float, float, float, float]
    width_s: float
    holdoff_s: float
    level_v: float = 5.0
    trigger_level_v: float = 1.5


class DelayGenerator(Instrument, Protocol):
    """A delay generator in external single-shot mode."""

    async def configure(self, plan: DelayPlan) -> None:
        """Program delays, levels, external single-shot trigger and hold-off; check the error queue."""
        ...

    async def read_back(self) -> DelayPlan:
        """The plan as the instrument holds it now."""
        ...

    async def arm(self) -> None:
        """Arm once for the next external edge."""
        ...

    async def triggered(self) -> bool:
        """True when a trigger was accepted since :meth:`arm` (reading clears the instrument's latch)."""
        ...


class PulseGenerator(DelayGenerator, Protocol):
    """A delay generator that can also trigger itself, over and over; the rig's gate decides which pulses pass."""

    async def run_at(self, rate_hz: float) -> None:
        """Trigger by itself at this rate from now on; raises InstrumentRefused when the read-back differs."""
        ...

    async def halt(self) -> None:
        """No trigger any more, of its own or from outside."""
        ...


@dataclass(frozen=True, slots=True)
class ScopeChannel:
    """One input: full vertical range (8 divisions) and offset in volts at the input, 1:1 probe, 1 MOhm or 50 Ohm."""

    source: str
    range_v: float
    offset_v: float
    coupling: str = "DC"
    impedance: str = "ONEM"
    label: str = ""


@dataclass(frozen=True, slots=True)
class ScopeSetup:
    """A single-shot acquisition: time window, pre-trigger part, trigger and record length.

    ``window_s`` is the full record; ``pretrigger_s`` of it lies before the trigger. ``trigger_source`` is
    ``EXT`` or a channel; ``bits`` is 8 (BYTE) or 16 (WORD, 12-bit high resolution). With more than one of
    ``segments`` one arm takes that many triggers, each with a window of its own: a train.
    """

    channels: tuple[ScopeChannel, ...]
    window_s: float
    pretrigger_s: float
    trigger_source: str
    trigger_level_v: float
    points: int
    bits: int = 16
    segments: int = 1


class ScopeState(Enum):
    """Where an acquisition stands. A train is TRIGGERED from its first trigger on, also while it waits for the next."""

    STOPPED = "stopped"
    ARMING = "arming"
    ARMED = "armed"
    TRIGGERED = "triggered"


@dataclass(frozen=True, slots=True)
class Waveform:
    """Raw samples of one channel and how to read them.

    ``volts = (raw - y_reference) * y_increment_v + y_origin_v`` at the scope's input;
    ``time = (i - x_reference) * x_increment_s + x_origin_s`` with the trigger at zero.
    ``raw`` is int16 (or uint16 widened), shape (points,). ``settings`` is the instrument's state at capture.
    """

    source: str
    raw: npt.NDArray[np.int32] | npt.NDArray[np.uint16] | npt.NDArray[np.int16]
    x_increment_s: float
    x_origin_s: float
    x_reference: int
    y_increment_v: float
    y_origin_v: float
    y_reference: float
    full_scale: tuple[int, int]
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SegmentedWaveform:
    """One channel of a train.

    ``wave.raw`` has the shape (segments, points); all segments share its scale and its time axis, on which zero is the
    segment's own trigger. ``trigger_ns`` (segments,) are the triggers after the first one, which is 0. ``planned`` is
    how many segments were asked for: fewer came when the train ended early.
    """

    wave: Waveform
    trigger_ns: npt.NDArray[np.int64]
    planned: int


class Oscilloscope(Instrument, Protocol):
    """A single-shot oscilloscope."""

    async def configure(self, setup: ScopeSetup) -> None:
        """Stop, write the setup, force 1:1 probes, and check the error queue."""
        ...

    async def read_back(self) -> ScopeSetup:
        """The setup as the instrument holds it now: compared at arming and again before fire."""
        ...

    async def arm(self) -> None:
        """Start one acquisition; returns once the instrument reports that it waits for the trigger."""
        ...

    async def state(self) -> ScopeState:
        """Poll the acquisition without disturbing it."""
        ...

    async def force_trigger(self) -> None:
        """Trigger by command: for noise records only."""
        ...

    async def read_waveform(self, source: str, out: bytearray | memoryview | None = None) -> Waveform:
        """Transfer one channel's record; ``out`` receives the raw block when given (no copy)."""
        ...

    async def segments_done(self) -> int:
        """Segments stored since :meth:`arm`; raises InstrumentRefused when it has no segmented memory."""
        ...

    async def read_train(self, source: str) -> SegmentedWaveform:
        """Transfer every stored segment of one channel; a train that still waits for triggers is ended by it.

        Raises InstrumentRefused when nothing is stored or the scope has no segmented memory.
        """
        ...


class Daq(Instrument, Protocol):
    """A slow multi-channel data acquisition unit."""

    async def configure(self, ranges_v: Mapping[str, float]) -> None:
        """Set the range of each named analogue input and read it back."""
        ...

    async def read(self) -> Mapping[str, float]:
        """All configured analogue inputs, in volts at the input, by name (``AIN0`` ...)."""
        ...


@dataclass(frozen=True, slots=True)
class SupplyReading:
    """Measured output of a power supply; ``faults`` by the names of the sheet, empty if none."""

    voltage_v: float
    current_a: float
    output_on: bool
    constant_voltage: bool
    faults: tuple[str, ...] = ()


class PowerSupply(Instrument, Protocol):
    """A programmable supply: solenoid, heater, bias."""

    async def configure(self, voltage_v: float, current_a: float, *, over_voltage_v: float | None = None) -> None:
        """Write set-points and protection, read them back; raises InstrumentRefused when the read-back differs."""
        ...

    async def output(self, on: bool) -> None:
        """Switch the output on or off and confirm it."""
        ...

    async def read(self) -> SupplyReading:
        """Measured voltage and current, regulation mode, faults."""
        ...


class GaugeStatus(Enum):
    """What a gauge says about one reading; only ``OK`` is a pressure."""

    OK = "ok"
    UNDER_RANGE = "under range"
    OVER_RANGE = "over range"
    SENSOR_ERROR = "sensor error"
    OFF = "off"
    NO_SENSOR = "no sensor"
    IDENTIFICATION_ERROR = "identification error"


@dataclass(frozen=True, slots=True)
class PressureReading:
    """One gauge's reading in pascals; ``pressure_pa`` means something only when ``status`` is OK."""

    status: GaugeStatus
    pressure_pa: float


class VacuumGauge(Instrument, Protocol):
    """A gauge controller with one or more gauges, counted from 1."""

    async def read(self) -> Mapping[int, PressureReading]:
        """All gauges."""
        ...

    async def switch(self, gauge: int, on: bool) -> None:
        """Switch a gauge on or off, where it can be; raises InstrumentRefused where it cannot."""
        ...


@dataclass(frozen=True, slots=True)
class RfPlan:
    """A carrier and how it is pulsed.

    ``pulse_width_s`` None: an external gate makes the pulses. ``pulse_period_s`` None: each edge at the trigger input
    starts one pulse; with a period the source pulses by its own clock, in step with nothing else.
    """

    frequency_hz: float
    power_dbm: float
    pulse_modulation: bool = True
    pulse_width_s: float | None = None
    pulse_period_s: float | None = None


@dataclass(frozen=True, slots=True)
class RfReading:
    """What a source delivers: its level, and whether the output is on."""

    power_dbm: float
    output_on: bool


class RfSource(Instrument, Protocol):
    """A signal generator with pulse modulation."""

    async def configure(self, plan: RfPlan) -> None:
        """Write the plan, check the error queue, read it back; raises InstrumentRefused when it differs."""
        ...

    async def read_back(self) -> RfPlan:
        """The plan as the instrument holds it now."""
        ...

    async def read(self) -> RfReading:
        """Level and output, without disturbing anything."""
        ...

    async def output(self, on: bool) -> None:
        """Switch the RF output on or off and confirm it."""
        ...


@dataclass(frozen=True, slots=True)
class ChillerReading:
    """Bath temperature, its set-point, the external sensor's temperature if one is there, and whether it runs."""

    bath_c: float
    set_point_c: float
    external_c: float | None
    running: bool


class Chiller(Instrument, Protocol):
    """A circulating chiller in degrees Celsius."""

    async def configure(self, set_point_c: float, *, pump: int | None = None) -> None:
        """Write the set-point (and pump step) and read it back; raises InstrumentRefused when it differs."""
        ...

    async def run(self, on: bool) -> None:
        """Start or stop cooling and pump. Nothing here stops it by itself: closing the port leaves it running."""
        ...

    async def read(self) -> ChillerReading:
        """Temperatures and whether it runs."""
        ...


class RigPlc(Instrument, Protocol):
    """The rig PLC: one FC23 exchange per heartbeat, events by number."""

    async def exchange(self, request: PlcRequest) -> PlcStatus:
        """Send one request and return the status block; a late reply is never returned for a later request."""
        ...

    async def read_events(self, first: int, count: int) -> tuple[PlcEvent, ...]:
        """Events ``first`` .. ``first + count - 1`` that the ring still holds."""
        ...


class RunPlc(RigPlc, Protocol):
    """The rig PLC of a bench that runs."""

    async def read_run(self) -> PlcRunStatus:
        """The run block: windows, pulse inhibit, pulses, what cools and heats. Feeds no watchdog."""
        ...
