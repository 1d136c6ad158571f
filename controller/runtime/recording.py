"""From what a run learned to the shot record: plain assembly, no I/O."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from importlib import metadata

import numpy as np

from controller.messages import RunConfig
from controller.rig.model import Channel, Rig
from controller.runtime.core import Outcome
from controller.runtime.orders import ShotTicket
from controller.runtime.situation import mean_v
from controller.sequencer.engine import Ending
from controller.sequencer.plan import Plan
from controller.shots.model import (
    ChannelCapture,
    ChecklistItem,
    EventRow,
    InstrumentUse,
    MeasuredValue,
    PartUse,
    Person,
    PlcEventRow,
    PulseTrain,
    SelfTestResult,
    ShotIdentity,
    ShotRecord,
    SlowLog,
)
from drivers.ports import Identity, SegmentedWaveform, Waveform
from drivers.wire.plc import EventCode, PlcCommand, PlcEvent, PlcState, Refusal, Trip
from drivers.wire.plc_run import InhibitCause

SCAN_NS = 10_000_000
"""One PLC scan (design.md 2)."""

_COMMAND = EventCode.COMMAND

FIRE_S = 0.1
"""The stored energy is that of the last two or three statuses before fire: isolated, the bank droops 1 % a second."""

STORED, MEASURED = "stored", "stored before fire (measured)"
"""The ledger's lines of stored energy: the twin's, and ours from the module readbacks."""


@dataclass(frozen=True, slots=True)
class Background:
    """What the record needs beside the run itself. ``today`` decides overdue calibrations."""

    plan: Plan
    rig: Rig
    config: RunConfig
    ticket: ShotTicket
    identities: Mapping[str, Identity]
    ended_utc: str
    today: date
    self_test_paths: tuple[str, ...]
    simulated: bool
    predicted: Mapping[str, float]


def captures_of(outcome: Outcome, rig: Rig, today: date) -> tuple[ChannelCapture | PulseTrain, ...]:
    """Every transferred waveform and train with its calibration chain."""
    return tuple(
        capture_of(rig.channel(name), instrument, recorded, today)
        for name, (instrument, recorded) in outcome.captured.waveforms.items()
    )


def capture_of(
    channel: Channel, instrument: str, recorded: Waveform | SegmentedWaveform, today: date
) -> ChannelCapture | PulseTrain:
    """One waveform or train with everything needed to read it."""
    if isinstance(recorded, SegmentedWaveform):
        return PulseTrain(_capture(channel, instrument, recorded.wave, today), recorded.trigger_ns, recorded.planned)
    return _capture(channel, instrument, recorded, today)


def _capture(channel: Channel, instrument: str, waveform: Waveform, today: date) -> ChannelCapture:
    overdue = channel.overdue(today)
    return ChannelCapture(
        channel=channel.name,
        instrument=instrument,
        source=waveform.source,
        raw=waveform.raw,
        x_increment_s=waveform.x_increment_s,
        x_origin_s=waveform.x_origin_s - waveform.x_reference * waveform.x_increment_s,
        y_increment_v=waveform.y_increment_v,
        y_origin_v=waveform.y_origin_v,
        y_reference=waveform.y_reference,
        full_scale=waveform.full_scale,
        settings=waveform.settings,
        scale=channel.scale,
        unit=channel.unit,
        delay_s=channel.delay_s,
        uncertainty=channel.uncertainty,
        chain=tuple(
            {
                "part": part.kind,
                "serial": part.serial,
                "factor": part.factor,
                "sign": part.sign,
                "delay_s": part.delay_s,
                "uncertainty": part.uncertainty,
                "due": part.due.isoformat() if part.due is not None else "",
                "overdue": part in overdue,
            }
            for part in channel.chain
        ),
        calibration_overdue=bool(overdue),
        delay_uncertainty_s=channel.delay_uncertainty_s,
        title=channel.title,
    )


def slow_logs_of(outcome: Outcome) -> tuple[SlowLog, ...]:
    """Every slow channel that got at least one sample."""
    return tuple(
        SlowLog(name, history.unit, np.array(history.t_s), np.array(history.value), history.title)
        for name, history in outcome.situation.history.items()
        if len(history.t_s)
    )


def seconds(outcome: Outcome, t_ns: int | None) -> float | None:
    """Loop nanoseconds as seconds since the start of the run."""
    return None if t_ns is None else (t_ns - outcome.start_ns) * 1e-9


def describe_event(event: PlcEvent) -> str:
    """One line for a person about an event of the PLC's ring."""
    try:
        code = EventCode(event.code)
    except ValueError:
        return f"unknown event {event.code}"
    if code is EventCode.STATE:
        old, new = PlcState(event.detail >> 8), PlcState(event.detail & 0xFF)
        return f"{old.name} -> {new.name} at {event.value:.0f} V"
    if code is EventCode.TRIP:
        names = [str(trip.name) for trip in Trip if trip.value & event.detail]
        return f"trip {', '.join(names)} at {event.value:.0f} V"
    if code is EventCode.COMMAND:
        return f"{_name(PlcCommand, event.detail >> 8)}: {_name(Refusal, event.detail & 0xFF).lower()}"
    if code is EventCode.CONTROLLER:
        return f"controller of epoch {event.detail} takes over"
    if code is EventCode.BOOT:
        return f"PLC started, boot id {event.detail}"
    if code is EventCode.LIMITS:
        return f"limits file {event.detail:08x}..."
    if code is EventCode.SELF_TEST:
        return f"self-test: {event.detail >> 8 & 0xFF} of {event.detail & 0xFF} paths passed"
    if code is EventCode.FIRE:
        return f"fire pulse of shot {event.detail} at {event.value:.0f} V"
    if code is EventCode.LATCHES:
        return f"current latches {event.detail:#06b}"
    if code is EventCode.PROOF:
        return f"proof of safe {'holds' if event.detail == 1 else 'failed'}, worst tau ratio {event.value:.3f}"
    if code in _OF_PULSES:
        return _OF_PULSES[code](event)
    return f"{code.name.lower().replace('_', ' ')} {event.detail} {event.value:g}"


def _inhibit(event: PlcEvent) -> str:
    causes, left = InhibitCause(event.detail >> 16), event.detail & 0xFFFF
    names = ", ".join(str(cause.name) for cause in InhibitCause if cause in causes)
    return f"pulses inhibited by {names} after {event.value:.0f} pulses, {left} retries left"


def _pulses(event: PlcEvent) -> str:
    asked = f" of {event.value:.0f}" if event.value else ""
    return f"{event.detail}{asked} pulses came"


def _windows(event: PlcEvent) -> str:
    lost, dead = (
        ", ".join(str(at + 1) for at in range(16) if bits >> at & 1)
        for bits in (event.detail & 0xFFFF, event.detail >> 16)
    )
    says = f"window {lost or dead} out of bounds" if lost or dead else "every window holds"
    return f"{says}{f', input {dead} dead' if dead else ''}, the first reads {event.value:g}"


_OF_PULSES = {EventCode.INHIBIT: _inhibit, EventCode.PULSES: _pulses, EventCode.WINDOWS: _windows}
"""How events of a bench that runs are told (firmware_sim/plc/running.py writes them)."""


def _name(kind: type[IntEnum], value: int) -> str:
    return next((member.name for member in kind if member == value), str(value))


def plc_rows(outcome: Outcome) -> tuple[PlcEventRow, ...]:
    """The ring's events of this run, placed on the loop's time by the last status (its scan and arrival)."""
    status = outcome.situation.status
    if status is None:
        return ()
    zero_ns = outcome.situation.status_ns - status.scan * SCAN_NS
    return tuple(
        PlcEventRow(
            number=event.number,
            scan=event.scan,
            t_ns=zero_ns + event.scan * SCAN_NS,
            code=event.code,
            detail=event.detail,
            value=event.value,
            first_fault=event.first_fault,
            text=describe_event(event),
        )
        for event in outcome.plc_events
    )


def ledger_of(outcome: Outcome, plan: Plan, rig: Rig, predicted: Mapping[str, float]) -> dict[str, float]:
    """Energies in joules: stored at fire (from the module readbacks), and the twin's account of where it goes."""
    fire_s = seconds(outcome, outcome.situation.fire_ns)
    ledger: dict[str, float] = {}
    if fire_s is not None:
        stored = 0.0
        for index in range(rig.bank.modules):
            history = outcome.situation.history.get(f"module_{index + 1}_voltage")
            if history is not None and plan.module_mask >> index & 1:
                before = [v for t, v in zip(history.t_s, history.value, strict=True) if fire_s - FIRE_S <= t <= fire_s]
                voltage_v = mean_v(tuple(before))
                stored += 0.5 * rig.bank.module_capacitance_f * voltage_v * voltage_v
        if math.isfinite(stored):
            ledger[MEASURED] = stored
    if predicted:
        ledger |= {f"{name} (twin)": value for name, value in predicted.items()}
        account_j = sum(value for name, value in predicted.items() if name != STORED)
        ledger["residual of the twin's account"] = predicted[STORED] - account_j
        if MEASURED in ledger:
            ledger["measured minus twin"] = ledger[MEASURED] - predicted[STORED]
    return ledger


def self_test_of(outcome: Outcome, paths: tuple[str, ...]) -> tuple[SelfTestResult, ...]:
    """Each interlock path's result of the last self-test in the PLC's ring; ``paths`` in the order of plc.yaml."""
    tests = [event for event in outcome.plc_events if event.code == EventCode.SELF_TEST]
    if not tests:
        return ()
    failed, total = tests[-1].detail >> 16, tests[-1].detail & 0xFF
    permitted = PlcCommand.PERMIT << 8 | Refusal.ACCEPTED
    permits = [event.scan for event in outcome.plc_events if (event.code, event.detail) == (_COMMAND, permitted)]
    ages_s = [(scan - tests[-1].scan) * SCAN_NS * 1e-9 for scan in permits[-1:] if scan >= tests[-1].scan]
    detail = f"{ages_s[0]:.1f} s before the permit" if ages_s else ""
    return tuple(SelfTestResult(path, not failed >> index & 1, detail) for index, path in enumerate(paths[:total]))


def parts_of(plan: Plan, config: RunConfig) -> dict[str, str]:
    """Role -> serial number, sorted by role: the profile's parts, and those named for this run in their place."""
    return dict(sorted({**(plan.parts or {}), **config.parts}.items()))


def build_record(
    background: Background,
    outcome: Outcome,
    captures: Sequence[ChannelCapture | PulseTrain],
    slow_logs: Sequence[SlowLog],
    measurements: Sequence[MeasuredValue],
    events: Sequence[EventRow],
    verdict: str,
    journal: bytes,
    journal_head: str,
) -> ShotRecord:
    """Everything that is kept of the shot."""
    plan, config, situation = background.plan, background.config, outcome.situation
    return ShotRecord(
        identity=ShotIdentity(
            background.ticket.shot_id,
            background.ticket.number,
            background.rig.name,
            outcome.start_ns,
            config.started_utc,
        ),
        ended_utc=background.ended_utc,
        kind=plan.kind.value,
        profile=plan.profile,
        title=plan.title,
        load=config.load or plan.load,
        verdict=verdict,
        ended=outcome.state.ending.value,
        reason=outcome.state.reason,
        operator=Person(config.operator, "operator"),
        purpose=config.purpose or plan.purpose,
        profile_text=plan.profile_text,
        profile_sha256=plan.profile_sha256,
        rig_text=plan.rig_text,
        rig_sha256=plan.rig_sha256,
        parts=tuple(PartUse(role, serial) for role, serial in parts_of(plan, config).items()),
        instruments=_instruments(background, situation.lost_optional, situation.lost_required),
        checklist=tuple(ChecklistItem(text, True, config.operator) for text in plan.checklist),
        tags=config.tags,
        self_test=self_test_of(outcome, background.self_test_paths),
        bypasses=plan.bypasses,
        captures=tuple(item for item in captures if isinstance(item, ChannelCapture)),
        slow_logs=tuple(slow_logs),
        events=tuple(events),
        plc_events=plc_rows(outcome),
        measurements=tuple(measurements),
        ledger=ledger_of(outcome, plan, background.rig, background.predicted),
        settings=dict(sorted(plan.parameters.items())),
        versions={name: metadata.version(name) for name in ("sparkgap", "numpy", "h5py")},
        journal=journal,
        journal_head=journal_head,
        t0_s=seconds(outcome, situation.fire_ns),
        dump_s=seconds(outcome, situation.dump_ns),
        safe_s=seconds(outcome, situation.safe_ns),
        simulated=background.simulated,
        trains=tuple(item for item in captures if isinstance(item, PulseTrain)),
        levels=outcome.levels,
    )


def _instruments(
    background: Background, lost_optional: Mapping[str, str], lost_required: str
) -> tuple[InstrumentUse, ...]:
    return tuple(
        InstrumentUse(
            name,
            identity.vendor,
            identity.model,
            identity.serial,
            identity.firmware,
            background.plan.instruments[name].value if name in background.plan.instruments else "required",
            name in lost_optional or name == lost_required,
        )
        for name, identity in background.identities.items()
    )


def verdict_of(outcome: Outcome, measurements: Sequence[MeasuredValue]) -> str:
    """The worst child wins; a run that did not complete is aborted whatever it measured (design.md 4)."""
    if outcome.state.ending is not Ending.COMPLETED:
        return "aborted"
    ranking = ("pass", "inconclusive", "fail", "aborted", "error")
    return max((value.verdict for value in measurements), key=ranking.index, default="pass")
