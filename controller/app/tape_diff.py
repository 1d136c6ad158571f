"""The first byte in which two tapes differ, on each connection in each direction, and what it is part of."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from controller.app.tape_format import Received, Sent
from controller.app.tape_read import Connection, Recording
from drivers.registry import MODELS
from drivers.wire import hislip
from drivers.wire.modbus import ModbusError, decode_request

EXCERPT = 24
"""Bytes shown around a difference."""


@dataclass(frozen=True, slots=True)
class Difference:
    """``offset`` counts the bytes of one direction of one connection; ``t_ns`` is the first tape's time.

    ``row`` is what the byte belongs to, as the instrument's dialect knows it: the request, or what is answered.
    A value of None: one tape has no more bytes there.
    """

    recording: int
    instrument: str
    connection: int
    direction: str
    offset: int
    t_ns: int
    one: int | None
    other: int | None
    row: str
    before: bytes


def differences(one: tuple[Recording, ...], other: tuple[Recording, ...]) -> list[Difference]:
    """The first difference of each connection and direction, earliest first; connections that only one has included."""
    found: list[Difference] = []
    for number, (left, right) in enumerate(itertools.zip_longest(one, other), start=1):
        found += _in_recording(number, left, right)
    return sorted(found, key=lambda difference: (difference.recording, difference.t_ns))


def _in_recording(number: int, left: Recording | None, right: Recording | None) -> Iterator[Difference]:
    lefts = {(c.instrument, c.index): c for c in left.connections} if left is not None else {}
    rights = {(c.instrument, c.index): c for c in right.connections} if right is not None else {}
    known = left or right
    assert known is not None
    for key in dict.fromkeys([*lefts, *rights]):
        model = known.begin.instruments.get(key[0], ("", ""))[0]
        for direction, kind in (("to", Sent), ("from", Received)):
            found = _in_direction(lefts.get(key), rights.get(key), direction, kind)
            if found is None:
                continue
            offset, t_ns, a, b, before, request = found
            row = describe(model, request)
            yield Difference(number, key[0], key[1], direction, offset, t_ns, a, b, row, before)


Found = tuple[int, int, int | None, int | None, bytes, bytes]


def _in_direction(
    left: Connection | None, right: Connection | None, direction: str, kind: type[Sent] | type[Received]
) -> Found | None:
    a, b = _bytes_of(left, kind), _bytes_of(right, kind)
    if a == b:
        return None
    size = min(len(a), len(b))
    at = next((block for block in range(0, size, 4096) if a[block : block + 4096] != b[block : block + 4096]), size)
    while at < size and a[at] == b[at]:
        at += 1
    shown = left if left is not None and at < len(a) else right or left
    assert shown is not None
    t_ns, request = _place(shown, kind, at)
    return (
        at,
        t_ns,
        a[at] if at < len(a) else None,
        b[at] if at < len(b) else None,
        (a if len(a) >= at else b)[max(0, at - EXCERPT) : at],
        request,
    )


def _bytes_of(connection: Connection | None, kind: type[Sent] | type[Received]) -> bytes:
    if connection is None:
        return b""
    return b"".join(event.data for event in connection.events if isinstance(event, kind))


def _place(connection: Connection, kind: type[Sent] | type[Received], offset: int) -> tuple[int, bytes]:
    """When the byte travelled, and the request that it is part of or answers."""
    seen, request, t_ns = 0, b"", connection.opened_ns
    for event in connection.events:
        if isinstance(event, Sent):
            request = event.data
        if isinstance(event, kind):
            seen, t_ns = seen + len(event.data), event.t_ns
            if seen > offset:
                break
    return t_ns, request


def describe(model: str, request: bytes) -> str:
    """What ``request`` is: its dialect row and text, or its Modbus function and address; empty if nobody knows."""
    text = request
    if text[:2] == b"HS" and len(text) >= hislip.HEADER_BYTES:
        text = text[hislip.HEADER_BYTES :]
    if len(request) > 7 and request[2:4] == b"\0\0":
        try:
            decoded = decode_request(request[7:])
        except ModbusError:
            return ""
        return f"{decoded.function.name} {decoded.address}"
    known = MODELS.get(model)
    shown = text[:60].decode("latin-1").strip()
    if known is None or known.dialect is None or not shown:
        return shown
    pieces = [piece for piece in (text, *reversed(text.strip().split(b";"))) if piece.strip()]
    for piece in pieces:
        for name, row in known.dialect.rows.items():
            if row.parse_request(piece) is not None:
                return f"{name} ({shown})"
    return shown
