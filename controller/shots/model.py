"""What is kept of a shot: plain values that the runtime fills and the recorder, the report and the catalogue read.

Axes of time. ``t_ns`` is the core's loop time in nanoseconds. ``t_s`` of slow logs, and ``t0_s``, ``dump_s`` and
``safe_s`` of the record are seconds since ``ShotIdentity.started_ns``. A capture's own axis is seconds relative to T0.
UTC labels are text (ISO 8601): on virtual time they derive from the seed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

RECORD_VERSION = 2
"""Newest version of the shot record's layout; a newer file is refused.

A record states the lowest version that holds it: 1 without trains, 2 with them (decisions, 17).
"""

RECORD_VERSION_OLDEST = 1
"""Read as it is, because version 2 only adds to it; an older one would be migrated with a backup."""

VERDICTS = ("pass", "inconclusive", "fail", "aborted", "error")
"""In rising order of severity: the worst child wins (sequencing.md 3.4)."""

ENDINGS = ("completed", "stopped", "aborted", "tripped", "misfire", "unsafe-unconfirmed")
"""How a shot ended, a separate axis from its verdict. ``interrupted`` is added by recovery in the catalogue."""

Scalar = str | float | int | bool | None
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
RawArray = npt.NDArray[np.int16] | npt.NDArray[np.uint16] | npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class ShotIdentity:
    """Which shot this is. ``shot_id`` looks like a UUID and derives from the seed; ``number`` is never reused."""

    shot_id: str
    number: int
    rig: str
    started_ns: int
    started_utc: str


@dataclass(frozen=True, slots=True)
class PartUse:
    """A serial-numbered part that took part in the shot: load, switch, capacitor, probe."""

    role: str
    serial: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a role in this shot: operator, second, observer."""

    name: str
    role: str


@dataclass(frozen=True, slots=True)
class InstrumentUse:
    """An instrument as it identified itself, how much the shot depended on it and whether it was lost on the way."""

    name: str
    vendor: str
    model: str
    serial: str
    firmware: str
    importance: str = "required"
    lost: bool = False


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """One line of the checklist and who ticked it."""

    text: str
    done: bool
    by: str = ""


@dataclass(frozen=True, slots=True)
class Comment:
    """A remark; those made after sealing are appended in the catalogue, never in the sealed file."""

    at_utc: str
    author: str
    text: str


@dataclass(frozen=True, slots=True)
class SelfTestResult:
    """The outcome of one interlock path's test."""

    path: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ChannelCapture:
    """One recorded waveform, raw, with everything needed to read it.

    ``volts = (raw - y_reference) * y_increment_v + y_origin_v`` at the instrument's input;
    ``value = volts * scale`` in ``unit`` (the chain's sign is part of ``scale``);
    ``time = i * x_increment_s + x_origin_s - delay_s`` relative to T0 (an instrument's own x reference is folded
    into ``x_origin_s``). ``full_scale`` are the raw codes that mean "clipped". ``uncertainty`` is the chain's
    relative expanded uncertainty of ``scale`` (k = 2). ``chain`` lists the parts from sensor to input, each with
    ``part``, ``serial``, ``factor``, ``sign``, ``delay_s``, ``uncertainty``, ``due`` and ``overdue``.
    """

    channel: str
    instrument: str
    source: str
    raw: RawArray
    x_increment_s: float
    x_origin_s: float
    y_increment_v: float
    y_origin_v: float
    y_reference: float
    full_scale: tuple[int, int]
    settings: Mapping[str, str]
    scale: float
    unit: str
    delay_s: float = 0.0
    uncertainty: float = 0.0
    chain: tuple[Mapping[str, Scalar], ...] = ()
    calibration_overdue: bool = False
    delay_uncertainty_s: float = 0.0
    title: str = ""


@dataclass(frozen=True, slots=True)
class PulseTrain:
    """One channel of a train: a segment for every trigger, all with the same scale and the same time axis.

    ``capture.raw`` has the shape (segments, points); zero on the time axis is each segment's own trigger.
    ``trigger_ns`` (segments,) are nanoseconds after the first trigger. ``planned`` is how many were asked for.
    """

    capture: ChannelCapture
    trigger_ns: IntArray
    planned: int

    @property
    def channel(self) -> str:
        """The channel's name."""
        return self.capture.channel

    @property
    def segments(self) -> int:
        """Segments that were recorded."""
        return int(self.capture.raw.shape[0])

    @property
    def points(self) -> int:
        """Samples of one segment."""
        return int(self.capture.raw.shape[1])


@dataclass(frozen=True, slots=True)
class SlowLog:
    """A slow channel over the whole shot: ``t_s`` and ``value`` of shape (count,); NaN marks an invalid sample."""

    name: str
    unit: str
    t_s: FloatArray
    value: FloatArray
    title: str = ""


@dataclass(frozen=True, slots=True)
class EventRow:
    """One line of the shot's log: steps, states, refusals, losses."""

    t_ns: int
    source: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class PlcEventRow:
    """One event of the PLC's ring buffer, in its own numbering; ``t_ns`` is its scan placed on the loop's time."""

    number: int
    scan: int
    t_ns: int
    code: int
    detail: int
    value: float
    first_fault: bool
    text: str


@dataclass(frozen=True, slots=True)
class MeasuredValue:
    """A number with its limits, in ``unit``.

    ``value`` is None when nothing could be measured. ``uncertainty`` is u95 in ``unit``. ``margin`` is the distance
    to the nearer limit in ``unit``, negative outside, None without limits. ``reason`` says why a verdict is not
    ``pass``, or that a limit lies within the uncertainty.
    """

    name: str
    title: str
    channel: str
    value: float | None
    unit: str
    lower: float | None
    upper: float | None
    uncertainty: float | None
    verdict: str
    margin: float | None
    reason: str = ""
    function: str = ""


@dataclass(frozen=True, slots=True)
class SweepLevel:
    """One level of a sweep of the drive: means while it was measured, None for what nobody could tell.

    ``coupler_w`` is the mean forward power behind the coupler, ``calorimetric_w`` what the load's water took.
    """

    step: str
    drive_w: float
    pulses: int
    coupler_w: float | None
    calorimetric_w: float | None


@dataclass(frozen=True, slots=True)
class ShotRecord:
    """Everything that is kept of one shot.

    ``ledger`` holds energies in joules by name, in order. ``settings`` are the plan's parameters in readable form.
    ``journal`` holds the journal's bytes up to the moment of recording. ``t0_s``, ``dump_s`` and ``safe_s`` are
    None when the shot did not get there.
    """

    identity: ShotIdentity
    ended_utc: str
    kind: str
    profile: str
    title: str
    load: str
    verdict: str
    ended: str
    reason: str
    operator: Person
    purpose: str
    profile_text: bytes
    profile_sha256: str
    rig_text: bytes
    rig_sha256: str
    people: tuple[Person, ...] = ()
    parts: tuple[PartUse, ...] = ()
    instruments: tuple[InstrumentUse, ...] = ()
    checklist: tuple[ChecklistItem, ...] = ()
    comments: tuple[Comment, ...] = ()
    tags: tuple[str, ...] = ()
    self_test: tuple[SelfTestResult, ...] = ()
    bypasses: tuple[str, ...] = ()
    captures: tuple[ChannelCapture, ...] = ()
    slow_logs: tuple[SlowLog, ...] = ()
    events: tuple[EventRow, ...] = ()
    plc_events: tuple[PlcEventRow, ...] = ()
    measurements: tuple[MeasuredValue, ...] = ()
    ledger: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Scalar] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    journal: bytes = b""
    journal_head: str = ""
    t0_s: float | None = None
    dump_s: float | None = None
    safe_s: float | None = None
    simulated: bool = True
    trains: tuple[PulseTrain, ...] = ()
    levels: tuple[SweepLevel, ...] = ()

    @property
    def version(self) -> int:
        """The lowest version of the layout that holds this record."""
        return RECORD_VERSION if self.trains else RECORD_VERSION_OLDEST
