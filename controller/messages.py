"""PURE: what travels on the bus (core -> everybody) and on the children's control pipes.

One frame on the wire is a 4-byte big-endian length and a msgpack body (msgspec, tagged union). The bus is one
way. What the supervisor orders travels on the children's standard input (``Control``, ``Attach``), what people ask for
at the panel on a connection of its own to the core (``Request``, ``Reply``): one JSON object per line each.
"""

import struct

import msgspec

FRAME_BYTES_MAX = 1 << 20
"""Largest frame a reader accepts: a Hello with a thousand channels is about 100 kB."""

_LENGTH = struct.Struct(">I")


class ChannelInfo(msgspec.Struct, frozen=True):
    """One value of the telemetry frame.

    ``source`` is the instrument that measures it (one of Hello.sources), ``group`` what it is shown and published
    with, ``low`` and ``high`` the limits a person judges it by, in ``unit``, in those states of the PLC (none: in all).
    """

    name: str
    title: str
    unit: str
    source: str = ""
    group: str = ""
    low: float | None = None
    high: float | None = None
    states: tuple[str, ...] = ()


class SourceInfo(msgspec.Struct, frozen=True):
    """An instrument that feeds the frame; its values are stale when they are older than ``stale_after_s``."""

    name: str
    title: str
    stale_after_s: float


class WordInfo(msgspec.Struct, frozen=True):
    """One word of digital points: the names of its bits, bit 0 first (empty name: unused)."""

    name: str
    bits: tuple[str, ...]


class StepInfo(msgspec.Struct, frozen=True):
    """One step of the plan, as a viewer shows it."""

    id: str
    kind: str
    timeout_s: float


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """First message to every subscriber: what runs, and the order of the values in each Frame.

    ``mode`` is run, recover or watch (nothing runs, the bench is only looked at); ``session`` names this core's life.
    """

    rig: str
    profile: str
    title: str
    shot: int
    shot_id: str
    channels: tuple[ChannelInfo, ...]
    steps: tuple[StepInfo, ...]
    target_v: float
    virtual: bool
    mode: str = "run"
    session: str = ""
    rig_title: str = ""
    started_utc: str = ""
    sources: tuple[SourceInfo, ...] = ()
    words: tuple[WordInfo, ...] = ()
    states: tuple[str, ...] = ()


class Frame(msgspec.Struct, frozen=True, tag="frame"):
    """One telemetry frame, every 20 ms: values in the order of Hello.channels (NaN: not valid now).

    ``plc_state`` is the PLC's state name; ``countdown_s`` counts to fire (None outside a countdown);
    ``age_s`` is the age of the PLC status that the frame was made from, ``ages_s`` the age of each of Hello.sources,
    ``words`` the digital points of Hello.words, ``late_s`` how late this frame is against its schedule.
    """

    seq: int
    t_ns: int
    values: tuple[float, ...]
    plc_state: str
    step: int
    countdown_s: float | None
    age_s: float
    words: tuple[int, ...] = ()
    ages_s: tuple[float, ...] = ()
    late_s: float = 0.0


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


class AlarmChanged(msgspec.Struct, frozen=True, tag="alarm"):
    """One alarm's present standing, sent at every change and replayed to late subscribers.

    ``state`` is the name of an ISA-18.2 state (controller/telemetry/alarms.py); ``active`` says whether the cause
    holds now. ``order`` is 1 for the first fault of the present disturbance, 2 for the next, 0 when it is over.
    ``raised_utc`` labels the last raise, ``count`` how often it was raised since it was last normal; ``value`` is the
    worst value since then, in ``unit``.
    """

    id: str
    title: str
    priority: str
    state: str
    active: bool
    t_ns: int
    raised_utc: str = ""
    order: int = 0
    count: int = 0
    value: float | None = None
    unit: str = ""
    text: str = ""
    guidance: str = ""


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
    trips: tuple[str, ...] = ()
    """Causes of the PLC's trips during the run, in the order in which they came."""
    faults: tuple[str, ...] = ()
    """Faults that were injected on purpose, as ``run --fault`` takes them."""

    @property
    def spurious_trips(self) -> int:
        """How many trips have no cause on record: nothing was injected."""
        return 0 if self.faults else len(self.trips)


Message = Hello | Frame | StepEntered | Event | AlarmChanged | Finished

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
    fresh: bool = False
    """A conditioning begins anew; what was reached is put aside."""
    endpoints: dict[str, dict[str, str]] = {}
    """instrument name -> {transport: address} as `sim --json` prints it; empty on virtual time."""
    started_utc: str = ""
    """Wall-clock label of the start, made once by the shell; virtual runs derive it from the seed."""
    tape: str = ""
    """File that gets every byte between drivers and instruments; empty: none."""
    mode: str = "run"
    """run | recover | watch: recover connects, dumps, verifies and marks the interrupted shot; watch runs nothing,
    publishes what the bench says until its input closes, and dumps a bench that it finds armed."""


class Control(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line on a child's standard input: abort a core, inject or clear a fault, press a button on a stand-in."""

    abort: str = ""
    inject: str = ""
    clear: str = ""
    press: str = ""


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line to the core's request port (JSON): what somebody at the panel wants. Today only an abort."""

    id: int
    abort: str = ""


class Reply(msgspec.Struct, frozen=True):
    """The core's answer to a Request, one JSON line: whether it was taken, and a sentence for the person."""

    id: int
    accepted: bool
    text: str


class PanelConfig(msgspec.Struct, frozen=True):
    """The first line on the panel's standard input (JSON): everything it needs beside the cores it is shown."""

    rig: str
    out: str
    catalogue: str = ""
    site: str = ""
    """Path of site.yaml; empty: no site file, no broker."""
    port: int = 0
    simulated: bool = True


class Attach(msgspec.Struct, frozen=True):
    """A later line on the panel's standard input (JSON): the core to listen to from now on, and to send requests to."""

    bus: str
    requests: str


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
