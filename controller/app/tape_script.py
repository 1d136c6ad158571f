"""One taped connection as a script: what the driver says now is found in it, and what follows there is the answer.

The driver's tasks need not speak in the taped order: on another clock a command comes a poll earlier or later. So a
request that is not the next one is either a poll, which gets its last answer again while the tape waits for the
command, or a command, to which the tape is wound forward; the other connections' polls then catch up with it. Counters
are translated: a Modbus transaction's number, and the sequence that the PLC acknowledges.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from controller.app.tape_format import Closed, Received, Sent
from controller.app.tape_read import Event
from drivers.wire.plc import PlcCommand, PlcRequest
from drivers.wire.plc_map import decode_request, decode_status, encode_status

SEARCH_MAX = 200
"""Taped requests that are looked through for a command: some seconds of a poller."""

HOLDS_MAX = 5
"""Polls that get their last answer again while the tape waits for a command; after that it never comes, and is passed
over. A PLC that repeats itself for longer counts as frozen."""

LATE_NS = 60_000_000
"""A poll may be so much older than the tape's time: longer than the fastest poller's period."""

POLLS_MAX = 256
"""Different questions whose last answer is kept: a driver has some tens."""

PDU_AT = 7
"""Behind the header of a Modbus TCP frame."""

_READ_WRITE = 0x17
_BLOCK_AT = 17
_COMMAND_END = 19
"""Of a frame that writes and reads at once: header, function, two spans, byte count, and the first register written,
which is the PLC's command (docs/reference/plc-map.md)."""


@dataclass(frozen=True, slots=True)
class Line:
    """Bytes for the driver, ``after_ns`` from now; without bytes, hanging up."""

    after_ns: int
    data: bytes
    hangs_up: bool = False


class Clock:
    """The tape's time, shared by all its connections: a command that comes early winds everybody forward."""

    def __init__(self) -> None:
        self._ahead_ns = 0

    def at(self, now_ns: int) -> int:
        """The tape's time at ``now_ns`` of the replay."""
        return now_ns + self._ahead_ns

    def meet(self, taped_ns: int, now_ns: int) -> None:
        """What was taped at ``taped_ns`` happens now."""
        self._ahead_ns = taped_ns - now_ns


class Script:
    """The events of one connection that began at ``opened_ns``."""

    def __init__(self, opened_ns: int, events: Sequence[Event], clock: Clock) -> None:
        self._opened_ns = opened_ns
        self._events = events
        self._clock = clock
        self._at = 0
        self._holds = 0
        self._last: dict[bytes, tuple[Sent, list[Line]]] = {}
        self._sequences: dict[int, int] = {}

    def unasked(self) -> list[Line]:
        """What came before the driver said anything."""
        return self._until_next(self._opened_ns)

    def answer(self, sent: bytes, now_ns: int) -> tuple[bytes | None, list[Line]]:
        """What the instrument says to ``sent``; first, if the tape has something else there, what it has."""
        following = self._events[self._at] if self._at < len(self._events) else None
        taped = following.data if isinstance(following, Sent) else b""
        key = key_of(sent)
        known = self._last.get(key)
        if taped and key_of(taped) == key:
            at = self._at
            if known is not None:
                at = self._caught_up(key, self._clock.at(now_ns) - LATE_NS)
            return (taped if changed(taped, sent) else None), self._serve(at, sent, now_ns, known is None)
        found = self._find(key)
        if known is not None and (found is None or self._holds < HOLDS_MAX):
            self._holds += 1
            return taped, [Line(line.after_ns, self._renumbered(line.data, known[0], sent)) for line in known[1]]
        return taped, [] if found is None else self._serve(found, sent, now_ns, known is None)

    def _caught_up(self, key: bytes, until_ns: int) -> int:
        """The last poll of this kind that the tape's time has passed, up to the next command."""
        best = self._at
        for at in range(self._at + 1, len(self._events)):
            event = self._events[at]
            if event.t_ns > until_ns:
                break
            if isinstance(event, Sent):
                kind = key_of(event.data)
                if kind == key:
                    best = at
                elif kind not in self._last:
                    break
        return best

    def _find(self, key: bytes) -> int | None:
        seen = 0
        for at in range(self._at, len(self._events)):
            event = self._events[at]
            if isinstance(event, Sent):
                seen += 1
                if key_of(event.data) == key:
                    return at
                if seen == SEARCH_MAX:
                    break
        return None

    def _serve(self, at: int, sent: bytes, now_ns: int, command: bool) -> list[Line]:
        event = self._events[at]
        assert isinstance(event, Sent)
        if command:
            self._clock.meet(event.t_ns, now_ns)
        self._note_sequence(event.data, sent)
        self._at, self._holds = at + 1, 0
        taped = self._until_next(event.t_ns)
        key = key_of(sent)
        self._last.pop(key, None)
        self._last[key] = event, [line for line in taped if not line.hangs_up]
        if len(self._last) > POLLS_MAX:
            del self._last[next(iter(self._last))]
        return [Line(line.after_ns, self._renumbered(line.data, event, sent), line.hangs_up) for line in taped]

    def _note_sequence(self, taped: bytes, sent: bytes) -> None:
        ours, theirs = plc_request(sent), plc_request(taped)
        if ours is not None and theirs is not None and ours.command is not PlcCommand.NONE:
            self._sequences[theirs.sequence] = ours.sequence

    def _renumbered(self, data: bytes, taped: Sent, sent: bytes) -> bytes:
        """An answer with the numbers of what it answers now: the Modbus transaction, and the PLC's acknowledgement."""
        if not is_modbus(sent) or data[:2] != taped.data[:2]:
            return data
        if data[PDU_AT] == _READ_WRITE and self._sequences:
            try:
                status = decode_status(data[PDU_AT + 2 :])
            except ValueError:
                return sent[:2] + data[2:]
            known = self._sequences.get(status.ack_sequence, status.ack_sequence)
            data = data[: PDU_AT + 2] + encode_status(replace(status, ack_sequence=known))
        return sent[:2] + data[2:]

    def _until_next(self, since_ns: int) -> list[Line]:
        lines: list[Line] = []
        while self._at < len(self._events):
            event = self._events[self._at]
            if isinstance(event, Sent):
                break
            self._at += 1
            if isinstance(event, Received):
                lines.append(Line(event.t_ns - since_ns, event.data))
            elif isinstance(event, Closed) and event.by == "instrument":
                lines.append(Line(event.t_ns - since_ns, b"", hangs_up=True))
        return lines


def is_modbus(data: bytes) -> bool:
    """One whole Modbus TCP frame."""
    return len(data) > PDU_AT and data[2:4] == b"\0\0" and int.from_bytes(data[4:6], "big") == len(data) - 6


def key_of(request: bytes) -> bytes:
    """What makes a request the same request: of Modbus all but its number, of a heartbeat its command."""
    if not is_modbus(request):
        return request
    return request[PDU_AT:_COMMAND_END] if request[PDU_AT] == _READ_WRITE else request[PDU_AT:]


def changed(taped: bytes, sent: bytes) -> bool:
    """Whether two requests of one key differ in more than a transaction's number."""
    return taped[2:] != sent[2:] if is_modbus(sent) else taped != sent


def alike_bytes(one: bytes, other: bytes) -> int:
    """How many bytes both begin with."""
    size = min(len(one), len(other))
    return next((at for at in range(size) if one[at] != other[at]), size)


def plc_request(data: bytes) -> PlcRequest | None:
    """What a frame asks of a rig PLC, if that is what it is."""
    if not is_modbus(data) or data[PDU_AT] != _READ_WRITE:
        return None
    try:
        return decode_request(data[_BLOCK_AT:])
    except ValueError:
        return None
