"""PURE: the compiled profile. Everything the engine, the recorder and the report need, in plain SI values.

``compile.py`` makes a :class:`Plan` from a profile and a rig; after that nobody reads YAML again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum

from controller.sequencer.run_plan import RunPlan


class ShotKind(Enum):
    """Six kinds that fire once and seven that run (bench.md 4, issue 6); envelopes and trends never mix kinds."""

    NOISE = "noise"
    TRIGGER_ONLY = "trigger-only"
    DUMP_PROOF = "dump-proof"
    POLARITY = "polarity"
    DUMMY_LOAD = "dummy-load"
    FULL = "full"
    SINGLE_PULSE = "single-pulse"
    PULSE_TRAIN = "pulse-train"
    POWER_SWEEP = "power-sweep"
    TRIP_CHECK = "trip-check"
    LOW_VOLTAGE = "low-voltage"
    NO_DRIVE = "no-drive"
    CONDITIONING = "conditioning"


class StepKind(Enum):
    """What a step does; the legal order is the step graph in ``compile.py``."""

    SELF_TEST = "self_test"
    CONFIGURE = "configure"
    ARM = "arm"
    WARN = "warn"
    PERMIT = "permit"
    CHARGE = "charge"
    FLOAT = "float"
    COUNTDOWN = "countdown"
    ISOLATE = "isolate"
    FIRE = "fire"
    DUMP = "dump"
    VERIFY = "verify"
    TRANSFER = "transfer"
    ENTER_TEST = "enter_test"
    REHEARSE = "rehearse"
    LEAVE_TEST = "leave_test"
    FORCE_TRIGGER = "force_trigger"
    WARM_UP = "warm_up"
    RUN = "run"
    SWEEP = "sweep"
    TRIP_CHECK = "trip_check"
    CONDITION = "condition"
    RUN_DOWN = "run_down"


RUN_KINDS = frozenset(
    {
        *(ShotKind.SINGLE_PULSE, ShotKind.PULSE_TRAIN, ShotKind.POWER_SWEEP, ShotKind.TRIP_CHECK),
        *(ShotKind.LOW_VOLTAGE, ShotKind.NO_DRIVE, ShotKind.CONDITIONING),
    }
)
"""Kinds of a bench that runs; the others are of one that fires once."""

RUNNING = frozenset({StepKind.RUN, StepKind.SWEEP, StepKind.TRIP_CHECK, StepKind.CONDITION})
"""Steps in which pulses come."""


class Energy(IntEnum):
    """The energy class a step may leave behind (sequencing.md 5a)."""

    DEAD = 0
    CHARGING = 1
    CHARGED = 2
    FIRING = 3
    DISCHARGING = 4


class InstrumentClass(Enum):
    """What losing an instrument means: safety and required abort the shot, optional only marks it."""

    SAFETY = "safety"
    REQUIRED = "required"
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: ``voltage_v`` for CHARGE, ``dump_path`` (both, a, b) for DUMP, ``duration_s`` for the timed ones.

    ``ramp_v_per_s``: CHARGE moves the charger's set-point at this rate; 0: the charger's current makes the ramp.

    Steps with pulses: ``pulses`` of a run that ends with their number (0: after ``duration_s``), the drive and its
    pulse length, the time a level of a sweep settles, and for a trip check the name of the latch that has to come.
    """

    id: str
    kind: StepKind
    timeout_s: float
    energy: Energy
    voltage_v: float = 0.0
    duration_s: float = 0.0
    dump_path: str = "both"
    pulses: int = 0
    drive_w: float = 0.0
    width_s: float = 0.0
    settle_s: float = 0.0
    latch: str = ""
    ramp_v_per_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ScopeChannelPlan:
    """One oscilloscope input: the rig channel it records, with range and offset in volts at the input."""

    channel: str
    source: str
    range_v: float
    offset_v: float
    impedance: str


@dataclass(frozen=True, slots=True)
class ScopePlan:
    """The acquisition of one oscilloscope: a single shot, or a train of ``segments`` triggers."""

    instrument: str
    window_s: float
    pretrigger_s: float
    points: int
    bits: int
    trigger_source: str
    trigger_level_v: float
    channels: tuple[ScopeChannelPlan, ...]
    segments: int = 1


@dataclass(frozen=True, slots=True)
class Measurement:
    """A number taken from the record, with limits in ``unit`` (None: no limit on that side).

    ``function`` is one of ``controller/shots/measure.py``: peak, minimum, time_of_peak, integral,
    action_integral, value_at_fire, dump_tau, end_voltage, noise_rms, sign; of a train those of
    ``controller/shots/pulses.py``.
    """

    name: str
    channel: str
    function: str
    unit: str
    lower: float | None
    upper: float | None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A profile, compiled for one rig. Delays are relative to T0, one per module (None: module not fired)."""

    profile: str
    title: str
    rig: str
    kind: ShotKind
    load: str
    steps: tuple[Step, ...]
    module_mask: int
    charge_voltage_v: float
    charge_current_a: float
    tolerance_v: float
    trigger_delays_s: tuple[float | None, ...]
    scopes: tuple[ScopePlan, ...]
    daq_ranges_v: Mapping[str, float]
    instruments: Mapping[str, InstrumentClass]
    measurements: tuple[Measurement, ...]
    parameters: Mapping[str, float]
    checklist: tuple[str, ...]
    purpose: str
    bank_capacitance_f: float
    v_safe_v: float
    dump_tau_s: float
    stored_energy_j: float
    profile_text: bytes
    profile_sha256: str
    rig_text: bytes
    rig_sha256: str
    bypasses: tuple[str, ...] = ()
    parts: Mapping[str, str] | None = None
    charge_rate_v_per_s: float = 0.0
    expected_current_a: float = 0.0
    expected_action_a2s: float = 0.0
    run: RunPlan | None = None
    """What a plan with pulses needs beside its steps; None for every other."""

    @property
    def energises(self) -> bool:
        """True when any step may leave energy in the bank."""
        return any(step.energy is not Energy.DEAD for step in self.steps)

    @property
    def runs(self) -> bool:
        """True when pulses come in any step."""
        return any(step.kind in RUNNING for step in self.steps)

    @property
    def fires(self) -> bool:
        """True when the plan contains a FIRE step."""
        return any(step.kind is StepKind.FIRE for step in self.steps)
