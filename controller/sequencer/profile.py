"""PURE: the shape of a profile (version 1), and reading one. ``compile.py`` makes a plan of it.

A profile names its rig, declares parameters with ranges, then steps; every step has a timeout. A quantity may be
``$name`` of a parameter; ``campaign:`` is the short set of values that ``sparkgap campaign`` gives them. Exported to
configs/schema/profile.json for editors.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from controller.rig.fields import (
    ActionIn,
    AmperesIn,
    AnyQuantity,
    CountIn,
    FieldIn,
    HertzIn,
    Quantity,
    RateIn,
    SecondsIn,
    StrictModel,
    Volts,
    VoltsIn,
    WattsIn,
    require_version,
    sha256,
    validate,
)
from controller.rig.schema import Name, Role, Text
from controller.rig.source import Document, load

VERSION = 1
"""The newest profile this code reads."""

LEVELS_MAX = 32
"""Of one sweep: each is a run of its own."""

STEPS_MAX = 64
"""The longest shipped profile has 22 steps."""

Kind = Literal[
    "noise",
    "trigger-only",
    "dump-proof",
    "polarity",
    "dummy-load",
    "full",
    "single-pulse",
    "pulse-train",
    "power-sweep",
    "trip-check",
    "low-voltage",
    "no-drive",
    "conditioning",
]
StepName = Literal[
    "self_test",
    "configure",
    "arm",
    "warn",
    "permit",
    "charge",
    "float",
    "countdown",
    "isolate",
    "fire",
    "dump",
    "verify",
    "transfer",
    "enter_test",
    "rehearse",
    "leave_test",
    "force_trigger",
    "warm_up",
    "run",
    "sweep",
    "trip_check",
    "condition",
    "run_down",
]
Function = Literal[
    "peak",
    "minimum",
    "time_of_peak",
    "integral",
    "action_integral",
    "value_at_fire",
    "dump_tau",
    "end_voltage",
    "noise_rms",
    "sign",
    "calorimetric_deviation",
    "peak_min",
    "peak_mean",
    "peak_max",
    "peak_std",
    "flat_top_min",
    "flat_top_mean",
    "flat_top_max",
    "flat_top_std",
    "width_min",
    "width_mean",
    "width_max",
    "width_std",
    "missing_pulses",
    "highest",
]


class ParameterFile(StrictModel):
    """One entry of ``parameters:``; what ``--set name=value`` may change, and within which range."""

    title: str = ""
    default: AnyQuantity
    min: AnyQuantity
    max: AnyQuantity


class ChargeFile(StrictModel):
    """``charge:`` how far and how fast the bank is charged."""

    voltage: VoltsIn
    rate: RateIn | None = None
    tolerance: VoltsIn | None = None


class ScopeFile(StrictModel):
    """One entry of ``scopes:``; ``channels`` gives the largest magnitude expected, which sets the range.

    With more than one of ``segments`` one arm takes that many triggers, each with its own window: a train.
    """

    window: SecondsIn
    pretrigger: SecondsIn
    points: Annotated[int, Field(ge=100, le=2_000_000)]
    bits: Literal[8, 16] = 16
    segments: CountIn = Quantity("1", 1.0)
    trigger: Name | Literal["T0"] = "T0"
    level: Volts = 1.5
    channels: dict[Name, AnyQuantity]


class StepFile(StrictModel):
    """One step. ``voltage`` belongs to charge, ``path`` to dump.

    ``duration`` belongs to warn, float, countdown, force_trigger and to the steps with pulses, where a run may have
    ``pulses`` instead. ``drive`` and ``width`` (of ``run:`` unless a step says otherwise) are of run and trip_check,
    ``levels`` and ``settle`` of sweep, ``latch`` of trip_check.
    """

    step: StepName
    timeout: SecondsIn
    id: Name | None = None
    duration: SecondsIn | None = None
    path: Literal["both", "a", "b"] | None = None
    pulses: CountIn | None = None
    drive: WattsIn | None = None
    width: SecondsIn | None = None
    levels: Annotated[list[WattsIn], Field(min_length=1, max_length=LEVELS_MAX)] | None = None
    settle: SecondsIn | None = None
    latch: Literal["ARC", "VSWR", "OVER_CURRENT", "VACUUM"] | None = None


class PulsesFile(StrictModel):
    """``run:`` how often pulses come, and how long the drive's are."""

    rate: HertzIn
    width: SecondsIn


class ReferenceFile(StrictModel):
    """``reference:`` which drive makes which field; the field goes with the root of the power."""

    field: FieldIn
    drive: WattsIn


class ConditioningFile(StrictModel):
    """``conditioning:`` of which of ``parts``, from which field to which, with which pulses.

    ``recipe`` are other numbers of the recipe, in SI units, by their names in docs/explanation/conditioning.md.
    """

    part: Name
    reference: ReferenceFile
    start_field: FieldIn
    normal_field: FieldIn
    nominal_field: FieldIn
    start_pulse: SecondsIn
    pulse_step: SecondsIn
    nominal_pulse: SecondsIn
    recipe: dict[Name, int | float] = Field(default_factory=dict)


class ExpectFile(StrictModel):
    """``expect:`` what the shot should do to the bench; compared with the rig's ratings before energy."""

    peak_current: AmperesIn
    action_integral: ActionIn


class MeasureFile(StrictModel):
    """One entry of ``measure:``."""

    title: str = ""
    channel: Name
    function: Function
    min: AnyQuantity | None = None
    max: AnyQuantity | None = None


class ProfileFile(StrictModel):
    """A profile."""

    profile: Literal[1]
    rig: Name
    title: Text
    kind: Kind
    purpose: Text
    load: Name
    modules: Annotated[list[Annotated[int, Field(ge=1, le=8)]], Field(min_length=1, max_length=8)]
    parameters: dict[Name, ParameterFile] = Field(default_factory=dict)
    campaign: dict[Name, AnyQuantity] = Field(default_factory=dict)
    charge: ChargeFile | None = None
    run: PulsesFile | None = None
    conditioning: ConditioningFile | None = None
    trigger_delays: dict[str, SecondsIn] = Field(default_factory=dict)
    expect: ExpectFile | None = None
    scopes: dict[Name, ScopeFile] = Field(default_factory=dict)
    instruments: dict[Name, Role] = Field(default_factory=dict)
    parts: dict[Name, Text] = Field(default_factory=dict)
    checklist: Annotated[list[Text], Field(max_length=20)] = Field(default_factory=list)
    steps: Annotated[list[StepFile], Field(min_length=1, max_length=STEPS_MAX)]
    measure: dict[Name, MeasureFile] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProfileDocument:
    """A profile that has the right shape; ``name`` is its file's name without folder and suffix."""

    name: str
    document: Document
    file: ProfileFile
    text: bytes
    sha256: str


MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""From version n to n + 1, applied in turn; empty while version 1 is the only one there is."""


def load_profile(data: bytes, filename: str) -> ProfileDocument:
    """Read a profile. Raises :class:`controller.rig.source.Refused` with every problem of shape and unit."""
    document = load(data, filename)
    require_version(document, "profile", VERSION)
    content = document.data
    for version in range(content["profile"], VERSION):
        content = MIGRATIONS[version](content)
    document = Document(document.file, content, document.lines)
    name = filename.replace("\\", "/").rsplit("/", 1)[-1]
    name = name.removesuffix(".yaml").removesuffix(".yml")
    return ProfileDocument(name, document, validate(document, ProfileFile), data, sha256(data))
