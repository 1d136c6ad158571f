"""What the panel's HTTP routes answer, as pydantic models: the contract that /api/v1/openapi.json shows.

Strict on purpose: lax pydantic takes ``false`` for 0.0 and lets NaN through (dependencies.md section 4). A number that
is not valid is null. Quantities carry their unit in the name (``_s`` seconds) or in a ``unit`` beside them.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Link = Literal["none", "connected", "lost"]
Mark = Literal["pending", "running", "done", "broken"]


class Answer(BaseModel):
    """The base of all answers: no coercion, no field that is not declared, no NaN or infinity."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)


class Refusal(Answer):
    """Every answer that is no success: what is wrong, and what would be right."""

    detail: str = Field(examples=["there is no shot 4711; GET /api/v1/shots lists them"])


class StepAnswer(Answer):
    """The step of the plan that runs now; ``index`` counts from 0."""

    index: int
    id: str
    kind: str


class ValueAnswer(Answer):
    """One channel's latest value; null while it is not valid. ``stale`` is true when nobody should rely on it."""

    value: float | None
    unit: str
    age_s: float | None
    stale: bool


class StateAnswer(Answer):
    """The bench now.

    ``link`` says whether a core is heard, ``stale`` whether the whole picture is old, ``mode`` is run, recover or
    watch, ``seq`` the number of the frame that the values come from (null while there is none).
    """

    rig: str
    title: str
    simulated: bool
    link: Link
    stale: bool
    age_s: float | None
    mode: str
    plc_state: str
    step: StepAnswer | None
    countdown_s: float | None
    shot: int | None
    profile: str
    values: dict[str, ValueAnswer]
    points: dict[str, dict[str, bool]]
    seq: int | None


class ChannelAnswer(Answer):
    """One channel of the telemetry: what it is, who measures it, and the limits a person judges it by.

    ``states`` are the PLC states in which they are limits; none: in all.
    """

    name: str
    title: str
    unit: str
    source: str
    group: str
    low: float | None
    high: float | None
    states: list[str] = []


class SourceAnswer(Answer):
    """One instrument that feeds the telemetry; ``stale_after_s`` is null when its values never grow stale."""

    name: str
    title: str
    stale_after_s: float | None


class ChannelsAnswer(Answer):
    """The channels in the order of a telemetry row, and the instruments behind them."""

    channels: list[ChannelAnswer]
    sources: list[SourceAnswer]


class AlarmAnswer(Answer):
    """One alarm's standing (ISA-18.2). ``order`` is 1 for the first fault of the present disturbance, 0 for none."""

    id: str
    title: str
    priority: str
    state: str
    active: bool
    raised_utc: str
    order: int
    count: int
    value: float | None
    unit: str
    text: str
    guidance: str


class AlarmsAnswer(Answer):
    """Alarms, those of the present disturbance first in the order in which they came, then the newest first."""

    alarms: list[AlarmAnswer]


class InstrumentAnswer(Answer):
    """One instrument of the bench. ``role`` is safety, required or optional."""

    name: str
    title: str
    model: str
    port: str
    transport: str
    role: str


class RigChannelAnswer(Answer):
    """One measured quantity of the bench, and how well its calibration chain is known (k = 2)."""

    name: str
    title: str
    unit: str
    instrument: str
    input: str
    full_scale: float | None
    module: int
    relative_u95: float | None
    delay_s: float
    delay_u95_s: float


class InterlockAnswer(Answer):
    """One row of the interlock table: ``guidance`` says what a person does about it."""

    id: str
    title: str
    plc_trip: str
    guidance: str


class RigAnswer(Answer):
    """The bench as rig.yaml describes it. ``mimic`` is the drawing, as data (controller/rig/mimic.py)."""

    name: str
    title: str
    sha256: str
    instruments: list[InstrumentAnswer]
    channels: list[RigChannelAnswer]
    interlocks: list[InterlockAnswer]
    limits: dict[str, float | None]
    loads: dict[str, str]
    mimic: dict[str, Any]


class RunStepAnswer(Answer):
    """One step of the plan and how far it is; ``timeout_s`` is null when it has none."""

    id: str
    kind: str
    timeout_s: float | None
    mark: Mark


class MeasurementAnswer(Answer):
    """One measurement with its limits and verdict, in ``unit``. ``margin`` is negative outside the limits."""

    title: str
    value: float | None
    unit: str
    lower: float | None
    upper: float | None
    margin: float | None
    verdict: str


class FinishedAnswer(Answer):
    """How the run ended."""

    shot: int
    shot_id: str
    verdict: str
    ended: str
    reason: str
    exit: int
    safe: str
    measurements: list[MeasurementAnswer]


class EventAnswer(Answer):
    """One line of the event log. ``kind`` is info, warning, trip, fault or operator."""

    source: str
    kind: str
    text: str


class RunEventAnswer(EventAnswer):
    """One line of the present event log, and how long ago that was."""

    age_s: float


class RunAnswer(Answer):
    """The present run, or the last one while nothing runs; empty texts and no steps when there was none."""

    mode: str
    profile: str
    title: str
    shot: int | None
    shot_id: str
    started_utc: str
    target_v: float | None
    steps: list[RunStepAnswer]
    finished: FinishedAnswer | None
    events: list[RunEventAnswer]


class ShotAnswer(Answer):
    """One shot as the catalogue knows it. ``ended`` is empty while it runs.

    ``trips`` are the causes of the PLC's trips in order; ``spurious_trips`` counts those without a cause on record.
    """

    number: int
    shot_id: str
    rig: str
    kind: str
    profile: str
    load: str
    operator: str
    purpose: str
    started_utc: str
    ended_utc: str
    verdict: str
    ended: str
    reason: str
    trips: list[str]
    faults: list[str]
    spurious_trips: int
    tags: list[str]


class ShotsAnswer(Answer):
    """Shots, newest first. ``next_before`` is what ``before`` has to be for the next page; null on the last."""

    shots: list[ShotAnswer]
    next_before: int | None


class RemarkAnswer(Answer):
    """A comment on a shot."""

    at_utc: str
    author: str
    text: str


class ShotChannelAnswer(Answer):
    """One recorded channel. Times are seconds relative to T0, or to the shot's start where ``reference`` says so.

    ``rate_hz`` is null for a slow channel (its samples are not equally spaced), ``from_s`` and ``to_s`` are null for
    one without samples. A train has many ``segments``; its samples and times are those of one.
    """

    name: str
    title: str
    unit: str
    kind: Literal["waveform", "slow", "train"]
    instrument: str
    samples: int
    segments: int
    rate_hz: float | None
    reference: Literal["t0", "start"]
    from_s: float | None
    to_s: float | None
    delay_s: float
    delay_u95_s: float
    relative_u95: float
    calibration_overdue: bool


class ShotMeasurementAnswer(MeasurementAnswer):
    """A measurement as the record holds it. ``reason`` says why its verdict is not pass; ``u95`` is in ``unit``."""

    name: str
    channel: str
    u95: float | None
    reason: str


class ShotEventAnswer(EventAnswer):
    """One line of the shot's log; ``t_s`` counts from T0, or from the shot's start when it has no T0."""

    t_s: float


class ShotFileAnswer(Answer):
    """One file of a shot; ``url`` is where this panel serves it, empty when it does not."""

    role: str
    sha256: str
    url: str


class ShotDetailAnswer(ShotAnswer):
    """Everything the catalogue and the record say about a shot, without its samples.

    ``problem`` says why the record's part is missing (not recorded, damaged...); it is empty when all is there.
    ``t0_s``, ``dump_s`` and ``safe_s`` count from the shot's start.
    """

    comments: list[RemarkAnswer]
    files: list[ShotFileAnswer]
    problem: str
    simulated: bool | None
    t0_s: float | None
    dump_s: float | None
    safe_s: float | None
    channels: list[ShotChannelAnswer]
    measurements: list[ShotMeasurementAnswer]
    events: list[ShotEventAnswer]
    energy_j: dict[str, float | None]


class WaveformAnswer(Answer):
    """One channel of one shot between two instants, in engineering units, aligned at T0 (its delay is taken off).

    With few samples in the range these are ``values`` at ``t``. With more than ``points`` each of ``t`` stands for a
    stretch of samples whose extremes are ``low`` and ``high``: no spike is lost. ``samples`` is how many samples lie
    in the range; ``from_s`` and ``to_s`` are the first and the last instant of the whole record.
    """

    shot: int
    channel: str
    title: str
    unit: str
    reference: Literal["t0", "start"]
    t0_s: float | None
    from_s: float | None
    to_s: float | None
    samples: int
    decimated: bool
    delay_s: float
    delay_u95_s: float
    relative_u95: float
    t: list[float]
    values: list[float] | None
    low: list[float] | None
    high: list[float] | None


class AbortAnswer(Answer):
    """What the core said to the abort."""

    accepted: bool
    text: str


class CheckAnswer(Answer):
    """One thing that /healthz looked at."""

    name: str
    ok: bool
    detail: str


class HealthAnswer(Answer):
    """Whether the panel can show people the bench: ``ok``, or ``degraded`` with the reasons in ``checks``."""

    status: Literal["ok", "degraded"]
    version: str
    frame_age_s: float | None
    checks: list[CheckAnswer]
