"""PURE: the rows of the stream, as every viewer gets them (docs/reference/stream.md; version 1, little endian).

A message is a header of 16 bytes and rows of one size; a row is one telemetry frame. Absent values are NaN. The page's
codec reads the same golden vectors (tests/vectors/stream.txt).
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from controller.messages import Frame, Hello

KIND_ROWS = 1
"""First byte of a message that carries rows; other kinds are for viewers to ignore."""

VERSION = 1
"""Second byte: version of the header and of the rows' fixed part."""

HEADER = struct.Struct("<BBHIII")
"""kind, version, row_bytes, n_rows, first_seq, reserved."""

FIXED = "dIhBBff"
"""t_s, seq, step, state, flags, countdown_s, late_s: what every row begins with."""

FIXED_BYTES = struct.calcsize("<" + FIXED)

STATE_UNKNOWN = 255
"""State index of a name that is not in Hello.states."""

COUNTDOWN_VALID, VALUES_VALID = 1, 2
"""Bits of a row's flags."""

U32_MAX = (1 << 32) - 1
ROW_BYTES_MAX = (1 << 16) - 8
"""A row's size travels as u16; about 16,000 channels."""


@dataclass(frozen=True, slots=True)
class RowLayout:
    """Where everything stands in a row: so many sources, words and channels, and the names of the states.

    ``row_bytes`` is the size of a row, a multiple of 8.
    Raises ValueError when a row would be larger than ROW_BYTES_MAX.
    """

    sources: int
    words: int
    channels: int
    states: tuple[str, ...] = ()
    row_bytes: int = field(init=False, repr=False, compare=False)
    codec: struct.Struct = field(init=False, repr=False, compare=False)
    indices: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        packed = f"<{FIXED}{self.sources}f{self.words}I{self.channels}f"
        padded = f"{packed}{-struct.calcsize(packed) % 8}x"
        if struct.calcsize(padded) > ROW_BYTES_MAX:
            raise ValueError(f"a row of {struct.calcsize(padded)} bytes; at most {ROW_BYTES_MAX} are possible")
        object.__setattr__(self, "row_bytes", struct.calcsize(padded))
        object.__setattr__(self, "codec", struct.Struct(padded))
        object.__setattr__(self, "indices", {name: i for i, name in enumerate(self.states[:STATE_UNKNOWN])})

    @classmethod
    def of(cls, hello: Hello) -> "RowLayout":
        """The layout of the frames that follow ``hello``."""
        return cls(len(hello.sources), len(hello.words), len(hello.channels), hello.states)

    @property
    def ages_at(self) -> int:
        """Offset of the sources' ages, f32 each."""
        return FIXED_BYTES

    @property
    def words_at(self) -> int:
        """Offset of the words of digital points, u32 each."""
        return FIXED_BYTES + 4 * self.sources

    @property
    def values_at(self) -> int:
        """Offset of the channels' values, f32 each."""
        return FIXED_BYTES + 4 * (self.sources + self.words)


@dataclass(frozen=True, slots=True)
class Row:
    """One decoded row. ``state`` is None for a state without a name, ``countdown_s`` outside a countdown."""

    t_s: float
    seq: int
    step: int
    state: str | None
    countdown_s: float | None
    valid: bool
    late_s: float
    ages_s: tuple[float, ...]
    words: tuple[int, ...]
    values: tuple[float, ...]


def encode_row(layout: RowLayout, frame: Frame, seq: int) -> bytes:
    """``frame`` as a row numbered ``seq``.

    Whatever does not fit is not there: with values, words or ages of another count than the layout's the values are
    NaN and not valid, the words 0, and missing ages infinite, so that nothing looks fresh. A number beyond f32 is
    infinite. ``seq`` is modulo 2^32 (2.7 years at 50 Hz).
    """
    values, ages_s, words = frame.values, frame.ages_s, frame.words
    flags = VALUES_VALID
    if len(values) != layout.channels or len(words) != layout.words or len(ages_s) != layout.sources:
        flags, values, ages_s, words = 0, *_absent(layout, frame)
    if frame.countdown_s is not None:
        flags |= COUNTDOWN_VALID
    countdown_s = math.nan if frame.countdown_s is None else frame.countdown_s
    state = layout.indices.get(frame.plc_state, STATE_UNKNOWN)
    fixed = (frame.t_ns * 1e-9, seq & U32_MAX, frame.step, state, flags, countdown_s, frame.late_s)
    try:
        return layout.codec.pack(*fixed, *ages_s, *words, *values)
    except (struct.error, OverflowError):
        return layout.codec.pack(*_fitted(fixed), *map(_f32, ages_s), *(w & U32_MAX for w in words), *map(_f32, values))


def _absent(layout: RowLayout, frame: Frame) -> tuple[tuple[float, ...], tuple[float, ...], tuple[int, ...]]:
    ages_s = frame.ages_s if len(frame.ages_s) == layout.sources else (math.inf,) * layout.sources
    return (math.nan,) * layout.channels, ages_s, (0,) * layout.words


def _fitted(
    fixed: tuple[float, int, int, int, int, float, float],
) -> tuple[float, int, int, int, int, float, float]:
    t_s, seq, step, state, flags, countdown_s, late_s = fixed
    return t_s, seq, max(-32768, min(32767, step)), state, flags, _f32(countdown_s), _f32(late_s)


_F32 = struct.Struct("<f")


def _f32(value: float) -> float:
    try:
        _F32.pack(value)
    except OverflowError:
        return math.copysign(math.inf, value)
    return value


def message(rows: Sequence[bytes], first_seq: int, layout: RowLayout) -> bytes:
    """A binary message of consecutive rows; the first is numbered ``first_seq``."""
    return b"".join((header(len(rows), first_seq, layout), *rows))


def header(count: int, first_seq: int, layout: RowLayout) -> bytes:
    """The first 16 bytes of a message of ``count`` rows."""
    return HEADER.pack(KIND_ROWS, VERSION, layout.row_bytes, count, first_seq & U32_MAX, 0)


def decode_message(layout: RowLayout, data: bytes) -> list[Row]:
    """The rows of a binary message.

    Raises ValueError when ``data`` is no message of rows, has another version, or does not match the layout.
    """
    if len(data) < HEADER.size:
        raise ValueError(f"a message of {len(data)} bytes; the header alone has {HEADER.size}")
    kind, version, row_bytes, count, _, _ = HEADER.unpack_from(data)
    if (kind, version) != (KIND_ROWS, VERSION):
        raise ValueError(f"message kind {kind} version {version}; expected {KIND_ROWS} and {VERSION}")
    if row_bytes != layout.row_bytes or len(data) != HEADER.size + count * row_bytes:
        raise ValueError(
            f"{count} rows of {row_bytes} in {len(data)} bytes; this layout's rows have {layout.row_bytes}"
        )
    return [_row(layout, data, HEADER.size + n * row_bytes) for n in range(count)]


def _row(layout: RowLayout, data: bytes, offset: int) -> Row:
    t_s, seq, step, state, flags, countdown_s, late_s, *rest = layout.codec.unpack_from(data, offset)
    words_at, values_at = layout.sources, layout.sources + layout.words
    return Row(
        t_s=t_s,
        seq=seq,
        step=step,
        state=layout.states[state] if state < len(layout.states) and state != STATE_UNKNOWN else None,
        countdown_s=countdown_s if flags & COUNTDOWN_VALID else None,
        valid=bool(flags & VALUES_VALID),
        late_s=late_s,
        ages_s=tuple(rest[:words_at]),
        words=tuple(rest[words_at:values_at]),
        values=tuple(rest[values_at:]),
    )
