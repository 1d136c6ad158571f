"""PURE: what goes to the broker: one message of the bus -> topic, payload (JSON), QoS, retained or not (design.md 4).

Topics are ``sparkgap/v1/<site>/<rig>/...``; names that come from files or from the bus become levels only through
:func:`level`, so nothing a name contains can make another topic of it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import msgspec

from controller.messages import AlarmChanged, Event, Finished, Frame, Hello, StepEntered
from controller.rig.model import Rig

ROOT = "sparkgap/v1"
"""Version 1 of the convention: a change that would break a reader gets another number, and both are published."""

LEVEL_BYTES_MAX = 200
"""The names of the project have 40 characters; a topic of MQTT ends at 65 535 bytes."""

ONLINE, OFF, LOST = b"online", b"off", b"lost"
"""The payloads of $state: publishing; ended on purpose; not heard of any more (the last will)."""

_RESERVED = frozenset("+#/%")
_encode = msgspec.json.Encoder(order=None).encode


@dataclass(frozen=True, slots=True)
class Publication:
    """One message to the broker. ``record``: path of a shot's file whose sha256 belongs into the payload."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    record: str = ""


def level(name: str) -> str:
    """``name`` as exactly one level of a topic: wildcards, separators and control characters as ``%XX``.

    MQTT 3.1.1 section 4.7: ``+`` and ``#`` are wildcards, ``/`` separates, U+0000 is forbidden. Different names stay
    different unless they are longer than LEVEL_BYTES_MAX.
    """
    kept = (
        "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "replace"))
        if letter in _RESERVED or not letter.isprintable()
        else letter
        for letter in name
    )
    return "".join(kept).encode("utf-8")[:LEVEL_BYTES_MAX].decode("utf-8", "ignore") or "%"


@dataclass(frozen=True, slots=True)
class Place:
    """The bench's place in the tree of topics."""

    site: str
    rig: str

    def topic(self, *levels: str) -> str:
        """The topic below this bench; every argument is one level."""
        return "/".join((ROOT, level(self.site), level(self.rig), *(level(name) for name in levels)))

    @property
    def state(self) -> str:
        """The topic of online, off and lost."""
        return self.topic("$state")


@dataclass(frozen=True, slots=True)
class Standing:
    """What /state says beside the hello: ``link`` to the core, whether what is known is ``stale``, the last frame."""

    link: str
    stale: bool
    frame: Frame | None
    finished: Finished | None


def meta(place: Place, rig: Rig, hello: Hello, version: str) -> Publication:
    """$meta: how to read everything else. Channels with units and limits, the rig's limits, the file they came from."""
    body = {
        "convention": 1,
        "version": version,
        "site": place.site,
        "rig": rig.name,
        "title": rig.title,
        "config_sha256": rig.sha256,
        "virtual": hello.virtual,
        "channels": [_channel(channel) for channel in hello.channels],
        "sources": [_plain(source) for source in hello.sources],
        "points": {word.name: [bit for bit in word.bits if bit] for word in hello.words},
        "states": hello.states,
        "limits": asdict(rig.limits),
    }
    return Publication(place.topic("$meta"), _encode(body), qos=1, retain=True)


def telemetry(place: Place, hello: Hello, frame: Frame, stale: bool) -> list[Publication]:
    """tlm/<group>, one per group: values (null: not valid) and their quality. ``stale``: the core is not heard."""
    ages_s = zip(hello.sources, frame.ages_s, strict=False)
    old = {source.name for source, age_s in ages_s if not age_s <= source.stale_after_s}
    groups: dict[str, tuple[dict[str, float | None], dict[str, str]]] = {}
    for index, channel in enumerate(hello.channels):
        value = frame.values[index] if index < len(frame.values) else math.nan
        values, quality = groups.setdefault(channel.group or "other", ({}, {}))
        valid = math.isfinite(value)
        values[channel.name] = value if valid else None
        quality[channel.name] = "invalid" if not valid else "stale" if stale or channel.source in old else "good"
    head = {"t_ns": frame.t_ns, "seq": frame.seq, "session": hello.session}
    return [
        Publication(place.topic("tlm", group), _encode({**head, "v": values, "q": quality}))
        for group, (values, quality) in groups.items()
    ]


def state(place: Place, hello: Hello | None, standing: Standing) -> Publication:
    """/state: what the sequencer and the interlocks say, and whether it may be believed."""
    frame = standing.frame
    body: dict[str, Any] = {
        "link": standing.link,
        "stale": standing.stale,
        "t_ns": frame.t_ns if frame else None,
        "plc_state": frame.plc_state if frame else None,
    }
    if hello is not None:
        body |= {
            "session": hello.session,
            "mode": hello.mode,
            "profile": hello.profile,
            "shot": hello.shot,
            "shot_id": hello.shot_id,
            "step": _step(hello, frame),
            "points": _points(hello, frame),
        }
    if standing.finished is not None:
        body["finished"] = {"verdict": standing.finished.verdict, "ended": standing.finished.ended}
    return Publication(place.topic("state"), _encode(body), qos=1, retain=True)


def alarm(place: Place, message: AlarmChanged) -> Publication:
    """alarm/<id>: the alarm's present standing, normal ones too, so that a late subscriber is not misled."""
    return Publication(place.topic("alarm", message.id), _encode(_plain(message)), qos=1, retain=True)


def event(place: Place, session: str, message: Event | StepEntered) -> Publication:
    """event: what a person may want to read, and every step as it begins and ends."""
    body = {"type": "step" if isinstance(message, StepEntered) else "event", "session": session, **_plain(message)}
    return Publication(place.topic("event"), _encode(body), qos=1)


def shot(place: Place, hello: Hello | None, message: Finished) -> Publication:
    """shot/<id>: how it ended, the measurements with units and limits, and where the record lies. No waveform."""
    body = {
        "shot": message.shot,
        "shot_id": message.shot_id,
        "profile": hello.profile if hello else "",
        "session": hello.session if hello else "",
        "verdict": message.verdict,
        "ended": message.ended,
        "reason": message.reason,
        "safe": message.safe,
        "exit": message.exit,
        "trips": message.trips,
        "faults": message.faults,
        "spurious_trips": message.spurious_trips,
        "record": {"path": message.record, "sha256": None},
        "journal": message.journal,
        "report": message.report,
        "scalars": [_plain(scalar) for scalar in message.measurements],
    }
    topic = place.topic("shot", message.shot_id or str(message.shot))
    return Publication(topic, _encode(body), qos=1, record=message.record)


def with_sha256(publication: Publication, sha256: str | None) -> Publication:
    """A shot's message with the fingerprint of its record; None: the file could not be read."""
    body = msgspec.json.decode(publication.payload)
    body["record"]["sha256"] = sha256
    return replace(publication, payload=_encode(body), record="")


def _channel(channel: msgspec.Struct) -> Mapping[str, Any]:
    return {key: value for key, value in _plain(channel).items() if value is not None and value != ()}


def _plain(struct: msgspec.Struct) -> dict[str, Any]:
    return msgspec.structs.asdict(struct)


def _step(hello: Hello, frame: Frame | None) -> dict[str, Any] | None:
    if frame is None or not 0 <= frame.step < len(hello.steps):
        return None
    step = hello.steps[frame.step]
    return {"index": frame.step, "id": step.id, "kind": step.kind}


def _points(hello: Hello, frame: Frame | None) -> dict[str, dict[str, bool]]:
    words: Sequence[int] = frame.words if frame else ()
    return {
        info.name: {bit: bool(word >> index & 1) for index, bit in enumerate(info.bits) if bit}
        for info, word in zip(hello.words, words, strict=False)
    }
