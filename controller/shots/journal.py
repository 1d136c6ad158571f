"""The write-ahead journal of a shot: one segment file, one record per fact, every record chained to the one before.

Layout of a record (safety.md section 6)::

    magic u32 | len u32 | seq u64 | payload: canonical JSON | hash16 = blake2b(previous hash || header || payload)

This half is the pure codec: bytes in, values out, no file, no clock. ``journal_file.py`` keeps the file.
Time stamps come inside the payload, from the caller, so that equal seeds give equal bytes.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b
from struct import Struct
from typing import Any

JOURNAL_VERSION = 1
"""Stands in the first record; a newer one is refused."""

MAGIC = 0xA74A4753
"""On disk ``SGJ`` and a byte that never stands in a payload, which is ASCII: damage is found by looking for it."""

HEADER = Struct("<IIQ")
HASH_BYTES = 16
GENESIS = bytes(HASH_BYTES)

PAYLOAD_MAX_BYTES = 1 << 20
"""A record is a fact, not data: waveforms live in files of their own. A longer ``len`` can only be damage."""

SCAN_MAX_BYTES = 1 << 26
"""A segment holds one shot, some hundred records; 64 MB can only be a wrong file."""

BARRIERS = frozenset(
    {
        *("permit", "charge_intent", "scope_arm_intent", "fire_token", "fire_intent"),
        *("services_intent", "run_intent", "raise_intent"),
    }
)
"""Kinds that must be on the disk before the controller acts on them (safety.md section 6)."""

KINDS = frozenset(
    {
        "opened",
        "intent",
        "precheck",
        "permit",
        "dump_opened",
        "charge_intent",
        "charge_start",
        "progress",
        "charge_done",
        "hold",
        "scope_arm_intent",
        "scope_armed",
        "fire_request_A",
        "fire_request_B",
        "fire_token",
        "fire_intent",
        "fire_sent",
        "fire_result",
        "services_intent",
        "run_intent",
        "run_start",
        "raise_intent",
        "level_done",
        "run_done",
        "capture_start",
        "capture_done",
        "dump_intent",
        "dump_done",
        "safe_verified",
        "unsafe_unconfirmed",
        "event",
        "verdict",
        "recovered",
        "sealed",
    }
)
"""Everything a journal may say. ``opened`` is the first record, ``sealed`` the last one."""


class JournalError(Exception):
    """Base of what can be wrong with a journal; ``problem`` is one line, ``remedy`` what to do about it."""

    def __init__(self, path: str, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}; {remedy}")
        self.path = path
        self.problem = problem
        self.remedy = remedy


class JournalCorrupt(JournalError):
    """A damaged record with valid ones behind it, or no journal at all: not the trace of a crash, so never repaired."""


class JournalNewer(JournalError):
    """Written by a newer version of this program."""


class JournalDead(JournalError):
    """A write or fsync failed. The pages may be marked clean, so nothing is retried: abort, and do not arm again."""


class JournalSealed(JournalError):
    """The shot is over; its journal takes no further record."""


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """One fact: its number, kind and payload, where it starts in the file, and its chained hash."""

    seq: int
    kind: str
    payload: Mapping[str, Any]
    offset: int
    digest: bytes


class Damage(Enum):
    """What stands behind the last good record."""

    NONE = "none"
    TORN = "torn"
    CORRUPT = "corrupt"


@dataclass(frozen=True, slots=True)
class JournalScan:
    """What a segment holds. ``good_bytes`` is where the valid chain ends; ``problem`` says what follows it."""

    records: tuple[JournalRecord, ...]
    good_bytes: int
    total_bytes: int
    damage: Damage
    problem: str

    @property
    def sealed(self) -> bool:
        """True when the shot was closed properly and nothing follows."""
        return bool(self.records) and self.records[-1].kind == "sealed" and self.damage is Damage.NONE

    @property
    def head(self) -> bytes:
        """Hash of the last good record: what the next segment's first record and the shot file refer to."""
        return self.records[-1].digest if self.records else GENESIS

    @property
    def header(self) -> Mapping[str, Any]:
        """Payload of the first record (boot id, rig, hashes of profile and rig), empty when there is none."""
        return self.records[0].payload if self.records else {}

    def kinds(self) -> tuple[str, ...]:
        """The kinds of all records, in order."""
        return tuple(record.kind for record in self.records)


def chain_hash(previous: bytes, header: bytes, payload: bytes) -> bytes:
    """The 16-byte hash that ties a record to the one before it."""
    return blake2b(previous + header + payload, digest_size=HASH_BYTES).digest()


def canonical_json(value: Mapping[str, Any]) -> bytes:
    """JSON with sorted keys and no spaces; raises ValueError for NaN and infinities, which JSON does not have."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def encode_record(previous: bytes, seq: int, kind: str, payload: Mapping[str, Any]) -> bytes:
    """The bytes of one record. Raises ValueError for an unknown kind, a number JSON cannot hold, or too long a text."""
    if kind not in KINDS:
        raise ValueError(f"unknown journal record {kind!r}")
    body = canonical_json({"kind": kind, "data": payload})
    if len(body) > PAYLOAD_MAX_BYTES:
        raise ValueError(f"journal record {kind!r} has {len(body)} bytes, at most {PAYLOAD_MAX_BYTES} fit")
    header = HEADER.pack(MAGIC, len(body), seq)
    return header + body + chain_hash(previous, header, body)


def scan_journal(data: bytes) -> JournalScan:
    """Read a segment: all records up to the first bad one, and what that one means.

    A bad record with nothing valid behind it is the torn tail of a crash: cut there. A bad record followed by a
    valid chain cannot come from a crash: corruption.
    """
    if len(data) > SCAN_MAX_BYTES:
        return JournalScan((), 0, len(data), Damage.CORRUPT, f"{len(data)} bytes are too many for one shot")
    records: list[JournalRecord] = []
    offset, previous = 0, GENESIS
    while offset < len(data):
        record = _decode_at(data, offset, previous, len(records))
        if record is None:
            return _judge_tail(data, offset, previous, tuple(records))
        records.append(record)
        previous = record.digest
        offset = _end_of(data, offset)
    return JournalScan(tuple(records), offset, len(data), Damage.NONE, "")


def _end_of(data: bytes, offset: int) -> int:
    _magic, length, _seq = HEADER.unpack_from(data, offset)
    return int(offset + HEADER.size + length + HASH_BYTES)


def _frame_at(data: bytes, offset: int) -> tuple[bytes, bytes, bytes, int] | None:
    """Header, payload, stored hash and sequence number, when something shaped like a record stands here."""
    if offset + HEADER.size + HASH_BYTES > len(data):
        return None
    magic, length, seq = HEADER.unpack_from(data, offset)
    if magic != MAGIC or length > PAYLOAD_MAX_BYTES:
        return None
    start = offset + HEADER.size
    end = start + length
    if end + HASH_BYTES > len(data):
        return None
    return data[offset:start], data[start:end], data[end : end + HASH_BYTES], int(seq)


def _decode_at(data: bytes, offset: int, previous: bytes, seq: int) -> JournalRecord | None:
    frame = _frame_at(data, offset)
    if frame is None:
        return None
    header, body, digest, found = frame
    if found != seq or chain_hash(previous, header, body) != digest:
        return None
    try:
        value = json.loads(body)
        kind, payload = str(value["kind"]), value["data"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return JournalRecord(seq, kind, payload, offset, digest) if isinstance(payload, dict) else None


def _judge_tail(data: bytes, offset: int, previous: bytes, records: tuple[JournalRecord, ...]) -> JournalScan:
    frame = _frame_at(data, offset)
    if frame is not None and chain_hash(previous, frame[0], frame[1]) == frame[2]:
        problem = f"record {len(records)} at byte {offset} is whole, but says nothing that a journal says"
        return JournalScan(records, offset, len(data), Damage.CORRUPT, problem)
    survivor = next(_survivors(data, offset, previous), None)
    if survivor is None:
        problem = f"torn tail: {len(data) - offset} bytes after record {len(records)} belong to no record"
        return JournalScan(records, offset, len(data), Damage.TORN, problem)
    problem = f"record {len(records)} at byte {offset} is damaged, but the one at byte {survivor} is valid"
    return JournalScan(records, offset, len(data), Damage.CORRUPT, problem)


def _survivors(data: bytes, bad: int, previous: bytes) -> Iterator[int]:
    """Offsets behind ``bad`` where a record's hash fits the hash in front of it, stored or computed anew.

    Every single damaged field is covered: payload or header of the bad record leave its stored hash intact, which
    the next record refers to; a damaged stored hash is computed anew from the intact rest.
    """
    frame = _frame_at(data, bad)
    recomputed = chain_hash(previous, frame[0], frame[1]) if frame is not None else None
    follower = _end_of(data, bad) if frame is not None else -1
    magic = MAGIC.to_bytes(4, "little")
    at = data.find(magic, bad + 1)
    while at >= 0:
        candidate = _frame_at(data, at)
        if candidate is not None:
            header, body, digest, _seq = candidate
            stored = chain_hash(data[at - HASH_BYTES : at], header, body)
            renewed = chain_hash(recomputed, header, body) if recomputed is not None and at == follower else None
            if digest in (stored, renewed):
                yield at
        at = data.find(magic, at + 1)
