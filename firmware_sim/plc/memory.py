"""PURE: what the PLC remembers from scan to scan, kept twice and with a checksum (SWE-134 f, safety.md 4.6 f).

A block is stored as numbers in use, beside the complement of its image and the image's CRC-32. Every scan compares
the three before it uses anything: one wrong bit in any of them shows. The complement catches what hits one copy, the
CRC what hits both alike (a stuck bus, a page that reads zero).
"""

import hashlib
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

FLIP_BITS = 31
"""Bits of a whole number that :func:`flip` chooses from: an image holds 32 and the sign stays what it is."""

_DOUBLE = struct.Struct("<d")
_LONG = struct.Struct("<q")


def layout_of(fields: type[tuple[object, ...]]) -> str:
    """The image of a NamedTuple of numbers: 32 bits for whole numbers, enums and truth values, 64 for a float."""
    return "".join("d" if kind is float else "i" for kind in fields.__annotations__.values())


class Block:
    """The redundant half of one block of values; ``layout`` is its image, one struct code per value."""

    __slots__ = ("_complement", "_crc", "_layout", "_ones")

    def __init__(self, layout: str) -> None:
        self._layout = struct.Struct("<" + layout)
        self._ones = (1 << 8 * self._layout.size) - 1
        self._complement = 0
        self._crc = 0

    def store(self, values: Sequence[float]) -> None:
        """Remember ``values``. Raises struct.error for one that its place in the image cannot hold."""
        image = self._layout.pack(*values)
        self._complement = int.from_bytes(image, "little") ^ self._ones
        self._crc = zlib.crc32(image)

    def holds(self, values: Sequence[float]) -> bool:
        """True when ``values`` are what was stored, bit by bit, and the checksum says so too."""
        try:
            image = self._layout.pack(*values)
        except (struct.error, OverflowError):  # a number too large for its place, or none at all
            return False
        return int.from_bytes(image, "little") ^ self._complement == self._ones and zlib.crc32(image) == self._crc

    def flip_complement(self, bit: int) -> None:
        """Damage the second copy instead of the first: bit ``bit``, counted within the image."""
        self._complement ^= 1 << bit % (8 * self._layout.size)

    def flip_crc(self, bit: int) -> None:
        """Damage the checksum."""
        self._crc ^= 1 << bit % 32


def flip(value: float, bit: int) -> float:
    """``value`` with one bit of its image wrong: a truth value turns over, a float changes as its 64 bits do."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return int(value) ^ 1 << bit % FLIP_BITS
    (whole,) = _LONG.unpack(_DOUBLE.pack(value))
    turned = whole & (1 << 64) - 1 ^ 1 << bit % 64
    flipped: float = _DOUBLE.unpack(turned.to_bytes(8, "little"))[0]
    return flipped


def turn_over(stored: Mapping[str, Any], seed: int) -> tuple[str, Any]:
    """One bit of one field of what is ``stored`` (NamedTuples and numbers by name), the same for the same seed.

    Returns the name of the part that was hit, and its damaged value.
    """
    fields = [(name, at) for name, value in stored.items() for at in range(len(value) if _is_block(value) else 1)]
    chance = int.from_bytes(hashlib.sha256(f"{seed}".encode()).digest()[:8], "big")
    name, at = fields[chance % len(fields)]
    bit, value = chance // len(fields) % 64, stored[name]
    if not _is_block(value):
        return name, flip(value, bit)
    return name, value._replace(**{value._fields[at]: flip(value[at], bit)})


def _is_block(value: object) -> bool:
    return isinstance(value, tuple)
