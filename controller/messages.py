"""PURE: what travels on the bus (core -> everybody) and on the children's control pipes.

One frame on the wire is a 4-byte big-endian length and a msgpack body (msgspec, tagged union). The bus is one
way; requests travel on the children's standard input as one JSON object per line (``Control``).
"""

import struct

import msgspec

FRAME_BYTES_MAX = 1 << 20
"""Largest frame a reader accepts: a Hello with a thousand channels is about 100 kB."""

_LENGTH = struct.Struct(">I")


class ChannelInfo(msgspec.Struct, frozen=True):
    """One value of the telemetry frame."""

    name: str
    title: str
    unit: str


class StepInfo(msgspec.Struct, frozen=True):
    """One step of the plan, as a viewer shows it."""

    id: str
    kind: str
    timeout_s: float


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """First message to every subscriber: what runs, and the order of the values in each Frame."""

    rig: str
    profile: str
    title: str
    shot: int
    shot_id: str
    channels: tuple[ChannelInfo, ...]
    steps: tuple[StepInfo, ...]
    target_v: float
    virtual: bool


class Frame(msgspec.Struct, frozen=True, tag="frame"):
    """One telemetry frame, every 20 ms: values in the order of Hello.channels (NaN: not valid now).

    ``plc_state`` is the PLC's state name; ``countdown_s`` counts to fire (None outside a countdown);
    ``age_s`` is the age of the PLC status that the frame was made from.
    """

    seq: int
    t_ns: int
    values: tuple[float, ...]
    plc_state: str
    step: int
    countdown_s: float | None
    age_s: float


class StepEntered(msgspec.Struct, frozen=True, tag="step"):
    """The engine entered step ``index`` (phase "enter") or left it (phase "done")."""

    t_ns: int
    index: int
    id: str
    phase: str


class Event(msgspec.Struct, frozen=True, tag="event"):
    """Something a person may want to read later. ``kind`` is info, warning, trip, fault, operator."""

    t_ns: int
    source: str
    kind: str
    text: str


class Verdict(msgspec.Struct, frozen=True):
    """One measurement as the terminal's verdict table shows it."""

    title: str
    value: float | None
    unit: str
    lower: float | None
    upper: float | None
    margin: float | None
    verdict: str


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """The end of a run: also the last line of ``run --json``."""

    shot: int
    shot_id: str
    verdict: str
    ended: str
    reason: str
    record: str
    journal: str
    report: str
    sheet: str
    exit: int
    measurements: tuple[Verdict, ...] = ()
    safe: str = ""
    """How safety was proven, in one sentence."""


Message = Hello | Frame | StepEntered | Event | Finished

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Message)


class RunConfig(msgspec.Struct, frozen=True):
    """Everything a core needs for one run; the first line on its standard input (JSON)."""

    rig: str
    profile_path: str
    out: str
    seed: int = 0
    overrides: dict[str, str] = {}
    operator: str = "unnamed"
    purpose: str = ""
    load: str = ""
    parts: dict[str, str] = {}
    tags: tuple[str, ...] = ()
    comment: str = ""
    catalogue: str = ""
    faults: tuple[str, ...] = ()
    lab: str = ""
    waive: tuple[str, ...] = ()
    """Scopes whose unstored records of earlier shots are given up."""
    endpoints: dict[str, dict[str, str]] = {}
    """instrument name -> {transport: address} as `sim --json` prints it; empty on virtual time."""
    started_utc: str = ""
    """Wall-clock label of the start, made once by the shell; virtual runs derive it from the seed."""
    mode: str = "run"
    """run | recover: recover connects, dumps, verifies and marks the interrupted shot."""


class Control(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line on a child's standard input: abort a core, inject or clear a fault, press a button on a stand-in."""

    abort: str = ""
    inject: str = ""
    clear: str = ""
    press: str = ""


def encode(message: Message) -> bytes:
    """Length-prefixed frame of one message."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


class Decoder:
    """Incremental reader of frames. Raises ValueError on a length above FRAME_BYTES_MAX or an unknown message."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """Append received bytes and return every complete message."""
        self._buffer += data
        messages: list[Message] = []
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > FRAME_BYTES_MAX:
                raise ValueError(f"bus frame of {length} bytes; at most {FRAME_BYTES_MAX} are allowed")
            if len(self._buffer) < _LENGTH.size + length:
                break
            body = bytes(self._buffer[_LENGTH.size : _LENGTH.size + length])
            del self._buffer[: _LENGTH.size + length]
            messages.append(_decoder.decode(body))
        return messages
