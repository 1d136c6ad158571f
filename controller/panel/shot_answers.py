"""PURE: from what the catalogue and a record say to what the routes answer."""

from typing import Any

from controller.panel import schemas
from controller.panel.live_answers import finite
from controller.panel.shot_reader import ChannelStretch, ShotDetail
from controller.panel.waveforms import capture_extent, log_stretch
from controller.shots.catalogue import ShotEntry
from controller.shots.model import ChannelCapture, MeasuredValue, ShotRecord, SlowLog
from controller.shots.summary import Summary

NS = 1e-9

SERVED = {"record": "file", "report": "report"}
"""Roles of files that the panel serves -> the last part of their address."""

EVERYTHING_S = float("inf")


def shot_answer(entry: ShotEntry) -> schemas.ShotAnswer:
    """One row of the list."""
    return schemas.ShotAnswer.model_validate(_catalogued(entry))


def shots_answer(entries: tuple[ShotEntry, ...], limit: int) -> schemas.ShotsAnswer:
    """The list; a full page may have a next one."""
    following = entries[-1].number if entries and len(entries) == limit and entries[-1].number > 1 else None
    return schemas.ShotsAnswer(shots=[shot_answer(entry) for entry in entries], next_before=following)


def detail_answer(detail: ShotDetail) -> schemas.ShotDetailAnswer:
    """One shot without its samples."""
    entry, record = detail.entry, detail.summary.record if detail.summary else None
    return schemas.ShotDetailAnswer(
        **_catalogued(entry),
        comments=[
            schemas.RemarkAnswer(at_utc=item.at_utc, author=item.author, text=item.text) for item in entry.comments
        ],
        files=[
            schemas.ShotFileAnswer(role=role, sha256=sha256, url=_url(entry.number, role))
            for role, (_, sha256) in sorted((entry.files or {}).items())
        ],
        problem=detail.problem,
        simulated=record.simulated if record else None,
        t0_s=finite(record.t0_s) if record else None,
        dump_s=finite(record.dump_s) if record else None,
        safe_s=finite(record.safe_s) if record else None,
        channels=_channels(detail.summary) if detail.summary else [],
        measurements=[_measurement(item) for item in record.measurements] if record else [],
        events=_events(record) if record else [],
        energy_j={name: finite(energy_j) for name, energy_j in record.ledger.items()} if record else {},
    )


def waveform_answer(number: int, found: ChannelStretch) -> schemas.WaveformAnswer:
    """A stretch of one channel."""
    channel, stretch = found.channel, found.stretch
    is_capture = isinstance(channel, ChannelCapture)
    first_s, last_s = stretch.extent or (None, None)
    return schemas.WaveformAnswer(
        shot=number,
        channel=channel.channel if isinstance(channel, ChannelCapture) else channel.name,
        title=channel.title,
        unit=channel.unit,
        reference="t0" if is_capture or found.t0_s is not None else "start",
        t0_s=finite(found.t0_s),
        from_s=first_s,
        to_s=last_s,
        samples=stretch.samples,
        decimated=stretch.decimated,
        delay_s=channel.delay_s if isinstance(channel, ChannelCapture) else 0.0,
        delay_u95_s=channel.delay_uncertainty_s if isinstance(channel, ChannelCapture) else 0.0,
        relative_u95=channel.uncertainty if isinstance(channel, ChannelCapture) else 0.0,
        t=stretch.t_s.tolist(),
        values=None if stretch.decimated else stretch.low.tolist(),
        low=stretch.low.tolist() if stretch.decimated else None,
        high=stretch.high.tolist() if stretch.decimated else None,
    )


def _catalogued(entry: ShotEntry) -> dict[str, Any]:
    names = schemas.ShotAnswer.model_fields
    values = {name: getattr(entry, name) for name in names}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _url(number: int, role: str) -> str:
    return f"/api/v1/shots/{number}/{SERVED[role]}" if role in SERVED else ""


def _channels(summary: Summary) -> list[schemas.ShotChannelAnswer]:
    record = summary.record
    captures = [_capture(item, summary.samples.get(item.channel, 0)) for item in record.captures]
    trains = [_capture(item.capture, summary.samples.get(item.channel, 0), item.segments) for item in record.trains]
    return captures + trains + [_slow(item, record.t0_s) for item in record.slow_logs]


def _capture(capture: ChannelCapture, samples: int, segments: int | None = None) -> schemas.ShotChannelAnswer:
    first_s, last_s = capture_extent(capture, samples) or (None, None)
    return schemas.ShotChannelAnswer(
        name=capture.channel,
        title=capture.title,
        unit=capture.unit,
        kind="waveform" if segments is None else "train",
        instrument=capture.instrument,
        samples=samples,
        segments=1 if segments is None else segments,
        rate_hz=1.0 / capture.x_increment_s if capture.x_increment_s > 0.0 else None,
        reference="t0",
        from_s=first_s,
        to_s=last_s,
        delay_s=capture.delay_s,
        delay_u95_s=capture.delay_uncertainty_s,
        relative_u95=capture.uncertainty,
        calibration_overdue=capture.calibration_overdue,
    )


def _slow(log: SlowLog, t0_s: float | None) -> schemas.ShotChannelAnswer:
    stretch = log_stretch(log, t0_s or 0.0, -EVERYTHING_S, EVERYTHING_S, 1)
    first_s, last_s = stretch.extent or (None, None)
    return schemas.ShotChannelAnswer(
        name=log.name,
        title=log.title,
        unit=log.unit,
        kind="slow",
        instrument="",
        samples=stretch.samples,
        segments=1,
        rate_hz=None,
        reference="start" if t0_s is None else "t0",
        from_s=first_s,
        to_s=last_s,
        delay_s=0.0,
        delay_u95_s=0.0,
        relative_u95=0.0,
        calibration_overdue=False,
    )


def _measurement(item: MeasuredValue) -> schemas.ShotMeasurementAnswer:
    return schemas.ShotMeasurementAnswer(
        name=item.name,
        title=item.title,
        channel=item.channel,
        value=finite(item.value),
        unit=item.unit,
        lower=finite(item.lower),
        upper=finite(item.upper),
        margin=finite(item.margin),
        verdict=item.verdict,
        u95=finite(item.uncertainty),
        reason=item.reason,
    )


def _events(record: ShotRecord) -> list[schemas.ShotEventAnswer]:
    """The sequencer's and the PLC's events in one order."""
    rows = [(row.t_ns, row.source, row.kind, row.text) for row in record.events]
    rows += [(row.t_ns, "plc", "first fault" if row.first_fault else "event", row.text) for row in record.plc_events]
    origin_s = record.identity.started_ns * NS + (record.t0_s or 0.0)
    return [
        schemas.ShotEventAnswer(t_s=t_ns * NS - origin_s, source=source, kind=kind, text=text)
        for t_ns, source, kind, text in sorted(rows, key=lambda row: row[0])
    ]
