"""Any bytes at a stand-in's session: it never raises, and what it says, holds and takes in time is bounded.

An input is a script: ``F5 cc`` ends a piece and says what happens next (``cc``: which of three connections the next
piece goes to, how much time passes, whether the connection is made anew); all else are bytes for that connection.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from firmware_sim.sessions.base import Attached, Chunk, Session, SessionFactory
from tests.fuzz.bounds import STATE_MAX, Breach, held_bytes

_MARK = re.compile(rb"\xf5(.)", re.DOTALL)

STEPS_NS = (0, 1_000, 1_000_000, 100_000_000, 1_000_000_000, 60_000_000_000, 3_600_000_000_000, 1)
CONNECTIONS = 3
TICKS_MAX = 4
"""Ticks after each piece while a session is waiting."""

SAID_FLAT, SAID_PER_BYTE = 1 << 16, 1 << 13
"""Answer bytes that a piece may cause whatever its length, and per byte of it: ``?`` may be answered by a page."""

RECORD_SAID_MAX = 256 << 20
"""Answer bytes of an input where instruments send records and set-ups."""

STATE_EVERY = 61
"""Every how many inputs the memory is measured: it takes longer than the input."""


@dataclass
class Door:
    """One way into a stand-in. ``record``: it sends waveforms."""

    make: Callable[[], Mapping[str, SessionFactory]]
    transport: str
    record: bool = False
    runs: int = 0
    thorough: bool = False

    def __call__(self, data: bytes) -> None:
        """One input into fresh sessions of a fresh instrument."""
        self.runs += 1
        visit = Visit(self.make()[self.transport], self.record)
        visit.play(data)
        if self.thorough or self.runs % STATE_EVERY == 0:
            held = held_bytes(visit.connections)
            if held > STATE_MAX and not self.record:
                raise Breach(f"{held} bytes are held after an input of {len(data)}")
        visit.leave()


@dataclass
class Visit:
    """The connections of one input."""

    open: SessionFactory
    record: bool
    connections: dict[int, Session] = field(default_factory=dict)
    woken: set[int] = field(default_factory=set)
    now_ns: int = 0
    said: int = 0

    def play(self, data: bytes) -> None:
        """All pieces of an input."""
        for number, piece, step_ns, anew in pieces(data):
            self.now_ns += step_ns
            if anew:
                self._close(number)
            self._take(number, self._session(number).feed(piece, self.now_ns), len(piece))
            for _ in range(TICKS_MAX):
                if not self._tick():
                    break

    def leave(self) -> None:
        """Every connection is gone."""
        for number in tuple(self.connections):
            self._close(number)

    def _session(self, number: int) -> Session:
        session = self.connections.get(number)
        if session is None:
            session = self.connections[number] = self.open()
            if isinstance(session, Attached):
                session.attach(lambda: self.woken.add(number))
        return session

    def _tick(self) -> bool:
        """One tick of each waiting or woken session; False when there is none."""
        woken, self.woken = self.woken, set()
        due = [number for number, session in self.connections.items() if session.waiting or number in woken]
        self.now_ns += 1_000_000
        for number in due:
            if number in self.connections:
                self._take(number, self.connections[number].tick(self.now_ns), 1)
        return bool(due)

    def _take(self, number: int, chunks: list[Chunk], heard: int) -> None:
        said = sum(len(chunk.data) for chunk in chunks)
        self.said += said
        if any(chunk.duration_ns < 0 for chunk in chunks):
            raise Breach("a chunk lasts less than nothing")
        if self.said > RECORD_SAID_MAX or (not self.record and said > SAID_FLAT + SAID_PER_BYTE * heard):
            raise Breach(f"{said} bytes answer {heard}")
        if any(chunk.close for chunk in chunks):
            self._close(number)

    def _close(self, number: int) -> None:
        session = self.connections.pop(number, None)
        self.woken.discard(number)
        if isinstance(session, Attached):
            session.detach()


def pieces(data: bytes) -> Iterator[tuple[int, bytes, int, bool]]:
    """(connection, bytes, nanoseconds before it, whether the connection is made anew) of each piece."""
    start, control = 0, 0
    for mark in [*_MARK.finditer(data), None]:
        end = len(data) if mark is None else mark.start()
        yield control % 4 % CONNECTIONS, data[start:end], STEPS_NS[control >> 2 & 7], bool(control & 0x80)
        if mark is not None:
            start, control = mark.end(), mark[1][0]
