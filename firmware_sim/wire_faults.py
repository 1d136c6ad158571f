"""PURE: what the wire itself does to an instrument's answers: loses, delays, cuts, joins, repeats and breaks them.

One :class:`Disorder` per connection. Everything random follows from a seed and the answers' order, so that equal runs
are equal. What an instrument says wrongly by itself (NAN, an old answer) is :mod:`firmware_sim.link_faults`'s.
"""

import hashlib
import itertools
from collections.abc import Callable, Mapping

from firmware_sim.sessions.base import Chunk

WIRE_FAULTS: Mapping[str, str] = {
    "drop": "loses every second answer, beginning with the next; what was asked is carried out",
    "delay": "every answer comes 0.4 s late",
    "jitter": "every answer comes up to 50 ms late, and in two halves that are late each for itself",
    "split": "every answer comes in up to sixteen pieces, 2 ms apart",
    "merge": "holds every second answer back and sends it together with the next one",
    "duplicate": "every answer comes twice in one piece",
    "truncated": "every answer stops somewhere in the middle",
    "wrong_end": "every answer ends with another character (Modbus: announces one byte more) than it should",
    "half_open": "the connections that stand are dead for ever without a word; new ones are silent while it lasts",
    "reset": "breaks the connection in the middle of every answer (a serial line loses what was left)",
    "slow": "sends one byte per second",
}

DELAY_NS = 400_000_000
"""Longer than a charger's or the PLC's deadline, shorter than a scope's: some drivers give up, some wait."""

JITTER_NS = 50_000_000
"""A busy switch or a terminal server's timer."""

PIECES_MAX = 16
"""Pieces of a split answer: a short one byte by byte, a waveform still within its deadline."""

PIECE_GAP_NS = 2_000_000
"""Between two pieces: longer than one turn of any loop, so that they arrive apart."""

SLOW_BYTE_NS = 1_000_000_000
"""One byte per second: alive for every per-read timeout, dead for a total deadline."""

SLOW_MAX = 1024
"""Bytes sent one by one before the rest of a slow reply is dropped: a quarter of an hour, no deadline is longer."""

HELD_MAX = 1 << 20
"""Bytes of an answer that ``merge`` holds back; a larger one goes at once."""

HARMLESS_NS: Mapping[str, int] = {
    "delay": DELAY_NS,
    "jitter": 2 * JITTER_NS,
    "split": PIECES_MAX * PIECE_GAP_NS,
}
"""Faults that lose and change nothing, and the most that each adds to an answer: a client with more patience than that
has the right one. All others cost answers, ``merge`` too where a client asks one thing at a time."""

MBAP_BYTES = 7
"""Transaction, protocol, length and unit in front of every Modbus TCP frame."""

_OTHER_END = {b"\n": b"\r", b"\r": b"\n"}


def is_modbus(reply: bytes) -> bool:
    """One Modbus TCP frame: protocol id 0 and a length that fits; text holds no NUL."""
    return reply[2:4] == b"\0\0" and int.from_bytes(reply[4:6], "big") == len(reply) - MBAP_BYTES + 1


class Noise:
    """Numbers that follow from a seed."""

    __slots__ = ("_count", "_seed")

    def __init__(self, seed: int) -> None:
        self._seed = (seed & (1 << 64) - 1).to_bytes(8, "big")
        self._count = 0

    def below(self, limit: int) -> int:
        """The next number in ``0..limit - 1``."""
        self._count += 1
        digest = hashlib.blake2b(self._seed + self._count.to_bytes(8, "big"), digest_size=8).digest()
        return int.from_bytes(digest, "big") % max(limit, 1)


class Disorder:
    """What one connection's wire does to whole answers. ``serial``: a line, which nobody can reset or leave half open.

    ``note(fault)`` hears of every fault that acts.
    """

    __slots__ = ("_dead", "_held", "_lose", "_noise", "_note", "_serial", "_used")

    def __init__(self, noise: Noise, note: Callable[[str], None], *, serial: bool) -> None:
        self._noise = noise
        self._note = note
        self._serial = serial
        self._used = False
        self._dead = False
        self._lose = True
        self._held = b""

    @property
    def dead(self) -> bool:
        """This connection was left half open."""
        return self._dead

    def deaf(self, active: Mapping[str, None]) -> bool:
        """Whether what arrives now is lost: half open. Called once for everything that arrives."""
        if "half_open" in active:
            self._dead = self._dead or (self._used and not self._serial)
            self._note("half_open")
            return True
        self._used = True
        return self._dead

    def healthy(self) -> None:
        """No fault was active when something arrived: what was held is too old to come now."""
        self._used, self._lose, self._held = True, True, b""

    def spoil(self, active: Mapping[str, None], reply: bytes, busy_ns: int) -> list[Chunk]:
        """``reply``, after which the instrument would have been silent, as it arrives. ``busy_ns``: when it is due."""
        acting = [fault for fault in WIRE_FAULTS if fault in active and fault != "half_open"]
        lost = self._lose
        for fault in acting:
            if fault not in ("drop", "merge"):
                self._note(fault)
        if "drop" in active or "merge" in active:
            self._lose = not lost
        if "drop" in active and lost:
            self._note("drop")
            return [Chunk(b"", busy_ns)]
        if "merge" in active:
            self._note("merge")
            if lost and len(reply) <= HELD_MAX:
                self._held = reply
                return [Chunk(b"", busy_ns)]
            reply, self._held = self._held + reply, b""
        reply = self._deform(active, reply)
        late_ns = busy_ns + (DELAY_NS if "delay" in active else 0)
        return [Chunk(b"", late_ns), *self._pieces(active, reply)]

    def _deform(self, active: Mapping[str, None], reply: bytes) -> bytes:
        if "wrong_end" in active:
            reply = _wrong_end(reply)
        if "duplicate" in active:
            reply += reply
        if "truncated" in active or "reset" in active:
            reply = reply[: self._noise.below(len(reply))]
        return reply

    def _pieces(self, active: Mapping[str, None], reply: bytes) -> list[Chunk]:
        if "slow" in active:
            chunks = [Chunk(reply[i : i + 1], SLOW_BYTE_NS) for i in range(min(len(reply), SLOW_MAX))]
        elif "split" in active:
            count = min(len(reply), PIECES_MAX)
            inner = sorted({1 + self._noise.below(len(reply)) for _ in range(count - 1)})
            cuts = list(range(len(reply) + 1)) if len(reply) <= PIECES_MAX else [0, *inner, len(reply)]
            chunks = [Chunk(reply[a:b], PIECE_GAP_NS) for a, b in itertools.pairwise(cuts)]
        elif "jitter" in active:
            cut = self._noise.below(len(reply) + 1)
            first, second = (self._noise.below(JITTER_NS) for _ in range(2))
            chunks = [Chunk(b"", first), Chunk(reply[:cut], second), Chunk(reply[cut:])]
        else:
            chunks = [Chunk(reply)]
        if "reset" in active and not self._serial:
            chunks.append(Chunk(close=True, reset=True))
        return chunks


def _wrong_end(reply: bytes) -> bytes:
    """Same length, so that the frames of a binary protocol around a text still fit; Modbus announces one byte more."""
    if is_modbus(reply):
        return reply[:4] + (int.from_bytes(reply[4:6], "big") + 1).to_bytes(2, "big") + reply[6:]
    return reply[:-1] + _OTHER_END.get(reply[-1:], reply[-1:])
