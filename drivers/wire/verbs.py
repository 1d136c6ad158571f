"""PURE: a scope that nobody wrote a driver for, as six verbs (issue 5, item 4): requests, replies, blocks, scaling.

The tables here are filled from a verb file (configs/scopes/*.yaml; its shape is controller/rig/scope_file.py). Request
templates take ``{channel}`` (as the file names it), ``{number}`` (from 1), ``{value}``, ``{blob}`` and ``{block}``.
"""

import dataclasses
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from drivers.wire.block import HEADER_MAX, BadBlock, header, parse_header
from drivers.wire.formula import BadFormula, Formula

REPLY_MAX = 4096
"""Longest reply of a question about state."""

BLOB_MAX = 4 << 20
"""Longest stored set-up: a MAUI panel is about 200 kB, an MSO5's below 100 kB."""

RECORD_MAX = 256 << 20
"""Longest block of samples: 125 million points of 16 bit, what an MSO5 holds of one channel."""

BLOCK_DIGITS = 9
"""Length digits of a block that is sent."""

NUMBERS = {
    "int8": "b",
    "uint8": "B",
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "float32": "f",
    "float64": "d",
}
"""Number type -> struct's letter."""

SAMPLES = ("int8", "uint8", "int16", "uint16")
"""Types that samples may have: raw codes, never scaled numbers."""


class BadVerbReply(ValueError):
    """A reply that is not what the verb file promises."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number at a fixed place of a binary block."""

    at: int
    type: str


@dataclass(frozen=True, slots=True)
class Condition:
    """A question and when its answer means yes: one of ``expect``, or ``bit`` of a number is set.

    ``clears``: reading clears the register, so the driver keeps what it has seen since arming; ``also`` must hold too,
    now, because a register that is kept does not tell of an arm that was lost.
    """

    ask: str
    expect: tuple[str, ...] = ()
    bit: int | None = None
    clears: bool = False
    also: "Condition | None" = None

    def holds(self, reply: str, seen: int = 0) -> tuple[bool, int]:
        """Whether the answer means yes, and the register with ``seen``. Raises BadVerbReply for no number."""
        if self.bit is None:
            return reply.strip() in self.expect, 0
        try:
            register = int(reply.split()[-1]) | seen
        except (ValueError, IndexError):
            raise BadVerbReply(f"{reply[:40]!r} is no number") from None
        return bool(register >> self.bit & 1), register


@dataclass(frozen=True, slots=True)
class Restore:
    """How the panel is asked for and given back. ``block``: it travels as a block, behind ``prefix``.

    Parts (between ``separator``) that begin with one of ``ignore`` change by themselves and are not compared.
    """

    ask: str
    send: tuple[str, ...]
    check: Condition | None
    block: bool = False
    prefix: str = ""
    separator: str = ";"
    ignore: tuple[str, ...] = ()
    timeout_s: float = 10.0

    def comparable(self, blob: bytes) -> tuple[bytes, ...]:
        """What of a panel must not differ."""
        skip = tuple(text.encode("latin-1") for text in self.ignore)
        parts = (part.strip() for part in blob.split(self.separator.encode("latin-1")))
        return tuple(part for part in parts if part and not part.startswith(skip))


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of a set-up that the scope can tell, and perhaps be told. ``words`` are text values."""

    field: str
    ask: str
    value: Formula | None = None
    words: Mapping[str, str] = dataclasses.field(default_factory=dict)
    send: str = ""
    write: Formula | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """How a channel's record is read: preparation, named numbers, the block, and the two scalings."""

    send: tuple[str, ...]
    ask: str
    prefix: str
    sample: str
    big_endian: bool
    full_scale: tuple[int, int]
    volts: Formula
    time: Formula
    text_ask: str = ""
    text_separator: str = ","
    text_names: tuple[str, ...] = ()
    numbers: Mapping[str, Number] = dataclasses.field(default_factory=dict)
    start: Formula | None = None
    points: Formula | None = None
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Verbs:
    """One kind of scope."""

    name: str
    title: str
    channels: tuple[str, ...]
    bits: int
    identify: str
    expect: tuple[str, ...]
    prepare: tuple[str, ...]
    restore: Restore
    stop: tuple[str, ...]
    arm: tuple[str, ...]
    armed: Condition
    armed_timeout_s: float
    done: Condition
    done_timeout_s: float
    read: Read
    force: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()

    def accepts(self, answer: bytes) -> bool:
        """Whether an identification is that of such a scope."""
        text = answer.decode("latin-1").strip().upper()
        return any(text.startswith(start.upper()) for start in self.expect)


# ---------------------------------------------------------------------------------------- requests


def fill(template: str, **values: str | bytes) -> bytes:
    """A request line from a template, ended by LF; only the named fields are replaced, once each."""
    line = template.encode("latin-1")
    for name, value in values.items():
        data = value if isinstance(value, bytes) else value.encode("latin-1")
        before, mark, after = line.partition(b"{" + name.encode() + b"}")
        line = before + data + after if mark else line
    return line + b"\n"


def as_block(blob: bytes) -> bytes:
    """A stored blob as a definite block."""
    return header(len(blob), BLOCK_DIGITS) + blob


# ----------------------------------------------------------------------------------------- replies


def block_framer(prefix: str, limit: int) -> Callable[[bytearray], int]:
    """The length of a reply ``prefix#<n><length><data>LF`` once its header is there. Raises ValueError on nonsense."""
    start = prefix.encode("latin-1")

    def frame(held: bytearray) -> int:
        head = bytes(held[: len(start) + HEADER_MAX])
        if not start.startswith(head[: len(start)]):
            raise BadBlock(f"{head!r} where {prefix + '#'!r} must begin")
        found = parse_header(head[len(start) :])
        if found is None:
            return 0
        skip, size = found
        if size > limit:
            raise BadBlock(f"the block claims {size} bytes; at most {limit} are possible")
        return len(start) + skip + size + 1

    return frame


def block_data(reply: bytes, prefix: str) -> memoryview:
    """The data of a framed reply. Raises BadBlock when it does not end with LF."""
    start = len(prefix)
    found = parse_header(reply[start : start + HEADER_MAX])
    if found is None or reply[-1:] != b"\n":
        raise BadBlock(f"{bytes(reply[-20:])!r} where a newline must end the block")
    return memoryview(reply)[start + found[0] : start + found[0] + found[1]]


def text_numbers(read: Read, reply: str) -> dict[str, float]:
    """The named numbers of a text reply. Raises BadVerbReply."""
    parts = [part.strip() for part in reply.split(read.text_separator)]
    if len(parts) != len(read.text_names):
        raise BadVerbReply(f"{reply[:80]!r} has {len(parts)} values, not {len(read.text_names)}")
    try:
        return {name: float(part) for name, part in zip(read.text_names, parts, strict=True) if name != "_"}
    except ValueError:
        raise BadVerbReply(f"{reply[:80]!r} has a value that is no number") from None


def block_numbers(read: Read, data: memoryview) -> dict[str, float]:
    """The named numbers inside the block. Raises BadVerbReply when it is too short."""
    order = ">" if read.big_endian else "<"
    try:
        return {
            name: float(struct.unpack_from(order + NUMBERS[number.type], data, number.at)[0])
            for name, number in read.numbers.items()
        }
    except struct.error:
        raise BadVerbReply(f"the block has {len(data)} bytes, too few for its descriptor") from None


def sample_bytes(read: Read, data: memoryview, numbers: Mapping[str, float]) -> memoryview:
    """The samples' own bytes in the block. Raises BadVerbReply when they are not where the formulas say."""
    width = struct.calcsize(NUMBERS[read.sample])
    try:
        start = 0.0 if read.start is None else read.start.value(numbers)
        points = (len(data) - start) / width if read.points is None else read.points.value(numbers)
    except BadFormula as error:
        raise BadVerbReply(str(error)) from None
    first, count = round(start), round(points)
    if first != start or count != points or first < 0 or count < 1 or first + count * width > len(data):
        raise BadVerbReply(f"{points:g} points from byte {start:g} do not fit a block of {len(data)} bytes")
    return data[first : first + count * width]
