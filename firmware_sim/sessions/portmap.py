"""PURE: the port mapper of one instrument: program 100000 version 2 (RFC 1833), over TCP and UDP.

Clients that know an address only ask it for the port of VXI-11's core channel. Nobody may register anything here.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from firmware_sim.sessions import rpc
from firmware_sim.sessions.base import Chunk
from firmware_sim.sessions.rpc import BadRecord, RecordReader, Refusal, Unpacker

PROGRAM, VERSION, PORT = 100_000, 2, 111
SET, UNSET, GETPORT, DUMP = 1, 2, 3, 4
TCP, UDP = 6, 17

RECORD_MAX = 2048
"""Bytes of a call: the longest, with full credentials, has 860."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """One program's port; ``protocol`` is 6 for TCP or 17 for UDP."""

    program: int
    version: int
    protocol: int
    port: int


class PortMapper:
    """What is known of one address."""

    def __init__(self, mappings: Iterable[Mapping] = ()) -> None:
        self._mappings = [Mapping(PROGRAM, VERSION, protocol, PORT) for protocol in (TCP, UDP)]
        self.publish(mappings)
        self._procedures = {SET: _refuse, UNSET: _refuse, GETPORT: self._get_port, DUMP: self._dump}

    def publish(self, mappings: Iterable[Mapping]) -> None:
        """These have a port now."""
        self._mappings += mappings

    def answer(self, call: bytes) -> bytes | None:
        """The reply to one call; None for what is no call."""
        try:
            return rpc.answer_at_once(rpc.parse_call(call), PROGRAM, VERSION, self._procedures)
        except Refusal as refusal:
            return refusal.reply
        except BadRecord:
            return None

    def open_session(self) -> "PortMapSession":
        """The session of one TCP connection."""
        return PortMapSession(self)

    def _get_port(self, arguments: Unpacker) -> bytes:
        """The port, or 0. An unknown version gets the one there is (RFC 1833 section 3.2)."""
        program, version, protocol = arguments.u32(), arguments.u32(), arguments.u32()
        arguments.u32()
        found = [known for known in self._mappings if (known.program, known.protocol) == (program, protocol)]
        best = next((known for known in found if known.version == version), found[0] if found else None)
        return rpc.u32(best.port if best is not None else 0)

    def _dump(self, arguments: Unpacker) -> bytes:
        rows = (rpc.u32(1, known.program, known.version, known.protocol, known.port) for known in self._mappings)
        return b"".join(rows) + rpc.u32(0)


def _refuse(arguments: Unpacker) -> bytes:
    """SET and UNSET: false."""
    for _ in range(4):
        arguments.u32()
    return rpc.u32(0)


class PortMapSession:
    """One TCP connection to the port mapper."""

    waiting = False

    def __init__(self, mapper: PortMapper) -> None:
        self._mapper = mapper
        self._reader = RecordReader(RECORD_MAX)

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        """Calls, cut anywhere; what cannot be a call ends the connection."""
        chunks: list[Chunk] = []
        try:
            for call in self._reader.feed(data):
                reply = self._mapper.answer(call)
                if reply is None:
                    raise BadRecord("no call")
                chunks += rpc.record(reply)
        except BadRecord:
            chunks.append(Chunk(close=True))
        return chunks

    def tick(self, now_ns: int) -> list[Chunk]:
        """Nothing here depends on time."""
        return []
