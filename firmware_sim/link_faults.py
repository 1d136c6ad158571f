"""PURE: what can go wrong on any instrument's link, as a filter around its session.

What an instrument says wrongly is here, what the wire does to it in :mod:`firmware_sim.wire_faults`. One
:class:`LinkFaults` per instrument, shared by all its connections, so that a fault survives a reconnect.
"""

import hashlib
import math
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar

from firmware_sim.old_answers import OldAnswers
from firmware_sim.sessions.base import Attached, Chunk, Session
from firmware_sim.signals import Acts, switch, unheard
from firmware_sim.wire_faults import MBAP_BYTES, WIRE_FAULTS, Disorder, Noise, is_modbus

FAULTS: Mapping[str, str] = {
    "silent": "stops answering; what is sent to it is lost",
    "garbage": "answers with bytes that mean nothing",
    "close": "hangs up when it is asked something",
    "nan": "every number in a reply reads NAN",
    "overflow": "every number in a reply reads 9.9E37",
    "huge_block": "announces a block of a gigabyte instead of the reply",
    "no_end": "never ends a line: the terminator is missing",
    "unsolicited": "says something nobody asked for before every answer",
    "stale": "repeats its last answer to each question, with whatever stamps it had",
    **WIRE_FAULTS,
}

_UNASKED = b"0\n"
"""What an instrument says unasked: a short line that looks like an answer."""

_PURPOSE = {
    "silent": "a request is lost",
    "close": "it hangs up",
    "stale": "it repeats an old answer",
}

_EMI = "emi"
"""Among the active ones while a pulse disturbs the link; nobody can inject it."""

_NUMBER = re.compile(rb"(?<![A-Za-z0-9_.#])[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![A-Za-z0-9_.])")
_GARBAGE = bytes(range(0x80, 0x100)).replace(b"\x8a", b"")

Rewrite = Callable[[str, bytes], bytes]
"""(``nan`` or ``overflow``, reply) -> the reply with its numbers replaced; binary protocols bring their own."""


def rewrite_text(fault: str, reply: bytes) -> bytes:
    """Replace every number of a text reply; a binary block is left alone."""
    if reply[:1] == b"#":
        return reply
    return _NUMBER.sub(b"NAN" if fault == "nan" else b"9.9E37", reply)


def rewrite_registers(fault: str, reply: bytes) -> bytes:
    """Replace the data of a Modbus TCP read reply (functions 3, 4, 23) by big-endian 32-bit floats."""
    if len(reply) < MBAP_BYTES + 2 or reply[MBAP_BYTES] not in (3, 4, 23):
        return reply
    head, data = reply[: MBAP_BYTES + 2], reply[MBAP_BYTES + 2 :]
    value = struct.pack(">f", math.nan if fault == "nan" else 9.9e37)
    return head + (value * (len(data) // len(value) + 1))[: len(data)]


def rewrite_reply(fault: str, reply: bytes) -> bytes:
    """Tell Modbus TCP from text by its header (protocol id 0, matching length: text holds no NUL), then replace."""
    return rewrite_registers(fault, reply) if is_modbus(reply) else rewrite_text(fault, reply)


class Emi(Enum):
    """What a pulse's interference does to a link (bench.md 1, "EMI")."""

    LOST = "lost"
    """What is sent to the instrument never arrives whole."""
    GARBAGE = "garbage"
    """So does a serial line, and the edges on it look like bytes."""
    LATE = "late"
    """A safety link repeats its frames until one gets through: its answers are late, and right."""


EMI_BYTES_MAX = 8
"""Bytes that a disturbed serial line invents per request."""

EMI_LATE_NS = 20_000_000
"""A safety link's answer comes this much later: two PLC scans, far inside the 300 ms that a status may be old."""


@dataclass(slots=True)
class LinkFaults:
    """The faults injected into one instrument's link. ``active`` is empty on a healthy one; ``seed`` is its noise's."""

    FAULTS: ClassVar[Mapping[str, str]] = FAULTS

    rewrite: Rewrite = rewrite_reply
    active: dict[str, None] = field(default_factory=dict)
    emi: Emi = Emi.LOST
    emi_until_ns: int = 0
    on_act: Acts = unheard
    heard_bytes: int = 0
    """Bytes received since the stand-in was switched on, lost ones included."""
    seed: int = 0
    sessions: int = 0
    """Connections made so far: each has noise of its own."""

    def inject(self, fault_id: str, on: bool = True) -> None:
        """Switch a fault of :data:`FAULTS` on or off; raises KeyError for an unknown one."""
        switch(FAULTS, self.active, fault_id, on)

    def disturb(self, until_ns: int) -> None:
        """Interference on the link until ``until_ns`` on the sessions' clock; then it is healthy by itself."""
        if until_ns > 0:
            self.emi_until_ns = until_ns
            self.active[_EMI] = None

    def wrap(self, session: Session, *, serial: bool = False) -> "FaultySession":
        """``session`` as seen through this link; a ``serial`` one is a line, which has no connections to lose."""
        self.sessions += 1
        return FaultySession(session, self, serial)

    def note(self, fault: str) -> None:
        """``fault`` has done something."""
        self.on_act(fault, FAULTS[fault])


class FaultySession:
    """A session behind a link that may be faulty; costs one truth test while it is not."""

    __slots__ = ("_disorder", "_faults", "_inner", "_old")

    def __init__(self, inner: Session, faults: LinkFaults, serial: bool) -> None:
        self._inner = inner
        self._faults = faults
        self._old = OldAnswers()
        self._disorder = Disorder(Noise(faults.seed * 65537 + faults.sessions), faults.note, serial=serial)

    @property
    def waiting(self) -> bool:
        """As the session behind."""
        return self._inner.waiting

    @property
    def due_ns(self) -> int | None:
        """As the session behind."""
        return getattr(self._inner, "due_ns", None)

    def attach(self, wake: Callable[[], None]) -> None:
        """As the session behind."""
        if isinstance(self._inner, Attached):
            self._inner.attach(wake)

    def detach(self) -> None:
        """As the session behind."""
        if isinstance(self._inner, Attached):
            self._inner.detach()

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        """As the session behind, unless a fault is active."""
        faults = self._faults
        faults.heard_bytes += len(data)
        active = faults.active
        disorder = self._disorder
        if not active and not disorder.dead:
            disorder.healthy()
            return self._inner.feed(data, now_ns)
        if _EMI in active:
            if now_ns < faults.emi_until_ns:
                return self._interfere(data, now_ns)
            del active[_EMI]
        if disorder.deaf(active):
            return []
        for fault in ("close", "silent"):
            if fault in active:
                faults.on_act(fault, _PURPOSE[fault])
                return [Chunk(close=True)] if fault == "close" else []
        chunks = self._inner.feed(data, now_ns)
        if "stale" in active:
            chunks = self._repeat(data, chunks)
        return self._spoil(chunks) if active else chunks

    def _repeat(self, question: bytes, chunks: list[Chunk]) -> list[Chunk]:
        """The first answer to this question for ever; it has the present one's stamps."""
        reply = b"".join(bytes(chunk.data) for chunk in chunks)
        kept = self._old.instead(question, reply)
        if kept == reply:
            return chunks
        self._faults.on_act("stale", _PURPOSE["stale"])
        return [Chunk(b"", sum(chunk.duration_ns for chunk in chunks)), Chunk(kept)]

    def _interfere(self, data: bytes, now_ns: int) -> list[Chunk]:
        """The noise follows from the time alone, so that equal runs are equal."""
        effect = self._faults.emi
        if effect is Emi.LATE:
            return [Chunk(b"", EMI_LATE_NS), *self._inner.feed(data, now_ns)]
        if effect is Emi.GARBAGE:
            noise = hashlib.blake2b(now_ns.to_bytes(8, "big"), digest_size=EMI_BYTES_MAX).digest()
            return [Chunk(noise[: 1 + noise[0] % EMI_BYTES_MAX])]
        return []

    def tick(self, now_ns: int) -> list[Chunk]:
        """As the session behind, unless a fault is active."""
        chunks = self._inner.tick(now_ns)
        active = self._faults.active
        if self._disorder.dead or "half_open" in active:
            return []
        if not active or not chunks or active.keys() == {_EMI}:
            return chunks
        return [] if "silent" in active else self._spoil(chunks)

    def _spoil(self, chunks: list[Chunk]) -> list[Chunk]:
        """Rewrite a whole answer: its pieces are joined, because a number may be cut by line pacing."""
        reply = b"".join(bytes(chunk.data) for chunk in chunks)
        if not reply:
            return chunks
        active, true = self._faults.active, reply
        for fault in ("nan", "overflow"):
            if fault in active:
                reply = self._faults.rewrite(fault, reply)
                self._note(fault, reply != true)
        if "huge_block" in active:
            reply = b"#9999999999" + reply
        if "garbage" in active:
            reply = (_GARBAGE * (len(reply) // len(_GARBAGE) + 1))[: len(reply)] + reply[-1:]
        if "no_end" in active:
            reply = reply[:-1] if is_modbus(reply) else reply.rstrip(b"\r\n")
        if "unsolicited" in active:
            reply = _UNASKED + reply
        for fault in ("huge_block", "garbage", "no_end", "unsolicited"):
            self._note(fault, fault in active)
        return self._disorder.spoil(active, reply, sum(chunk.duration_ns for chunk in chunks))

    def _note(self, fault: str, acts: bool) -> None:
        if acts:
            self._faults.note(fault)
