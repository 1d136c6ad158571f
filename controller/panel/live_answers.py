"""PURE: from what is known now (LiveState, Rig) to what the routes answer. ``now_s`` is the loop's time."""

from dataclasses import fields
from math import isfinite
from typing import cast

import msgspec

from controller.messages import Finished, Frame, Hello
from controller.panel import schemas
from controller.panel.live import LiveState
from controller.panel.schemas import Link, Mark
from controller.rig.model import Rig
from controller.telemetry.channels import FRAME_STALE_AFTER_S


def finite(value: float | None) -> float | None:
    """The number, or None when it is not valid."""
    return value if value is not None and isfinite(value) else None


def frame_age_s(live: LiveState, now_s: float) -> float | None:
    """Age of the newest frame (both clocks are CLOCK_MONOTONIC of this machine), None without one.

    In whole milliseconds, as every age that is answered: the clock behind it has no more digits.
    """
    return None if live.frame is None else round(max(now_s - live.frame.t_ns * 1e-9, 0.0), 3)


def is_stale(live: LiveState, now_s: float) -> bool:
    """Whether nobody should take the picture for the present: no core, an old frame, or an old status of the PLC."""
    age_s = frame_age_s(live, now_s)
    if live.frame is None or age_s is None or live.link != "connected":
        return True
    return not (age_s <= FRAME_STALE_AFTER_S and age_s + live.frame.age_s <= FRAME_STALE_AFTER_S)


def state_answer(live: LiveState, rig: Rig, simulated: bool, now_s: float) -> schemas.StateAnswer:
    """The bench now, after one look."""
    hello, frame = live.hello, live.frame
    return schemas.StateAnswer(
        rig=rig.name,
        title=rig.title,
        simulated=simulated,
        link=cast(Link, live.link),
        stale=is_stale(live, now_s),
        age_s=frame_age_s(live, now_s),
        mode=hello.mode if hello else "",
        plc_state=frame.plc_state if frame else "",
        step=_step(hello, frame),
        countdown_s=finite(frame.countdown_s) if frame else None,
        shot=(hello.shot or None) if hello else None,
        profile=hello.profile if hello else "",
        values=_values(live, now_s),
        points=_points(hello, frame),
        seq=frame.seq if frame else None,
    )


def channels_answer(live: LiveState) -> schemas.ChannelsAnswer:
    """The telemetry's channels; none before the first core has said hello."""
    hello = live.hello
    channels = [
        schemas.ChannelAnswer(
            name=item.name,
            title=item.title,
            unit=item.unit,
            source=item.source,
            group=item.group,
            low=finite(item.low),
            high=finite(item.high),
            states=list(item.states),
        )
        for item in (hello.channels if hello else ())
    ]
    sources = [
        schemas.SourceAnswer(name=item.name, title=item.title, stale_after_s=finite(item.stale_after_s))
        for item in (hello.sources if hello else ())
    ]
    return schemas.ChannelsAnswer(channels=channels, sources=sources)


def alarms_answer(live: LiveState) -> schemas.AlarmsAnswer:
    """Alarms in first-fault order, then those of no disturbance, the newest first."""
    ordered = sorted(live.alarms.values(), key=lambda alarm: (alarm.order == 0, alarm.order, -alarm.t_ns))
    return schemas.AlarmsAnswer(
        alarms=[
            schemas.AlarmAnswer(
                id=alarm.id,
                title=alarm.title,
                priority=alarm.priority,
                state=alarm.state,
                active=alarm.active,
                raised_utc=alarm.raised_utc,
                order=alarm.order,
                count=alarm.count,
                value=finite(alarm.value),
                unit=alarm.unit,
                text=alarm.text,
                guidance=alarm.guidance,
            )
            for alarm in ordered
        ]
    )


def rig_answer(rig: Rig) -> schemas.RigAnswer:
    """The bench as rig.yaml describes it."""
    return schemas.RigAnswer(
        name=rig.name,
        title=rig.title,
        sha256=rig.sha256,
        instruments=[
            schemas.InstrumentAnswer(
                name=item.name,
                title=item.title,
                model=item.model,
                port=item.port,
                transport=item.transport,
                role=item.role,
            )
            for item in rig.instruments
        ],
        channels=[
            schemas.RigChannelAnswer(
                name=item.name,
                title=item.title,
                unit=item.unit,
                instrument=item.instrument,
                input=item.input,
                full_scale=finite(item.full_scale),
                module=item.module,
                relative_u95=finite(item.uncertainty),
                delay_s=item.delay_s,
                delay_u95_s=item.delay_uncertainty_s,
            )
            for item in rig.channels
        ],
        interlocks=[
            schemas.InterlockAnswer(id=item.id, title=item.title, plc_trip=item.plc_trip, guidance=item.guidance)
            for item in rig.interlocks
        ],
        limits={item.name: finite(getattr(rig.limits, item.name)) for item in fields(rig.limits)},
        loads=dict(rig.loads),
        mimic=msgspec.json.decode(msgspec.json.encode(rig.mimic.as_json())),  # null for what is not finite
    )


def run_answer(live: LiveState, now_s: float) -> schemas.RunAnswer:
    """The present run, its steps and how far they are, and the event log, oldest first."""
    hello = live.hello
    return schemas.RunAnswer(
        mode=hello.mode if hello else "",
        profile=hello.profile if hello else "",
        title=hello.title if hello else "",
        shot=(hello.shot or None) if hello else None,
        shot_id=hello.shot_id if hello else "",
        started_utc=hello.started_utc if hello else "",
        target_v=finite(hello.target_v) if hello else None,
        steps=[
            schemas.RunStepAnswer(id=step.id, kind=step.kind, timeout_s=finite(step.timeout_s), mark=cast(Mark, mark))
            for step, mark in zip(hello.steps if hello else (), live.marks, strict=False)
        ],
        finished=_finished(live.finished) if live.finished else None,
        events=[
            schemas.RunEventAnswer(
                source=event.source,
                kind=event.kind,
                text=event.text,
                age_s=round(max(now_s - event.t_ns * 1e-9, 0.0), 3),
            )
            for event in live.events
        ],
    )


def _step(hello: Hello | None, frame: Frame | None) -> schemas.StepAnswer | None:
    if hello is None or frame is None or not 0 <= frame.step < len(hello.steps):
        return None
    step = hello.steps[frame.step]
    return schemas.StepAnswer(index=frame.step, id=step.id, kind=step.kind)


def _values(live: LiveState, now_s: float) -> dict[str, schemas.ValueAnswer]:
    hello, frame = live.hello, live.frame
    if hello is None:
        return {}
    frame_age = frame_age_s(live, now_s)
    sources = {item.name: (index, item.stale_after_s) for index, item in enumerate(hello.sources)}
    answers = {}
    for index, channel in enumerate(hello.channels):
        value = finite(frame.values[index]) if frame is not None and index < len(frame.values) else None
        age_s, limit_s = None, FRAME_STALE_AFTER_S
        if frame is not None and frame_age is not None:
            place, limit_s = sources.get(channel.source, (-1, FRAME_STALE_AFTER_S))
            known = 0 <= place < len(frame.ages_s)
            age_s = finite(round((frame.ages_s[place] if known else frame.age_s) + frame_age, 3))
        stale = value is None or age_s is None or age_s > limit_s or live.link != "connected"
        answers[channel.name] = schemas.ValueAnswer(value=value, unit=channel.unit, age_s=age_s, stale=stale)
    return answers


def _points(hello: Hello | None, frame: Frame | None) -> dict[str, dict[str, bool]]:
    if hello is None or frame is None:
        return {}
    return {
        info.name: {bit: bool(word >> place & 1) for place, bit in enumerate(info.bits) if bit}
        for info, word in zip(hello.words, frame.words, strict=False)
    }


def _finished(finished: Finished) -> schemas.FinishedAnswer:
    return schemas.FinishedAnswer(
        shot=finished.shot,
        shot_id=finished.shot_id,
        verdict=finished.verdict,
        ended=finished.ended,
        reason=finished.reason,
        exit=finished.exit,
        safe=finished.safe,
        measurements=[
            schemas.MeasurementAnswer(
                title=item.title,
                value=finite(item.value),
                unit=item.unit,
                lower=finite(item.lower),
                upper=finite(item.upper),
                margin=finite(item.margin),
                verdict=item.verdict,
            )
            for item in finished.measurements
        ],
    )
