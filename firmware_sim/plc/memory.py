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

from drivers.wire.plc import PlcState
from firmware_sim.plc.machine import ControlState
from firmware_sim.plc.settings import Bands, Permit, Times

FLIP_BITS = 31
"""Bits of a whole number that :func:`flip` chooses from: an image holds 32 and the sign stays what it is."""

_DOUBLE = struct.Struct("<d")
_LONG = struct.Struct("<q")


def layout_of(fields: type[tuple[object, ...]]) -> str:
    """The image of a NamedTuple of numbers: 32 bits for whole numbers, enums and truth values, 64 for a float.

    A part that is a NamedTuple itself (the pulse inhibit's) is not in it: it has a block of its own.
    """
    return "".join("d" if kind is float else "i" for kind in fields.__annotations__.values() if not _is_part(kind))


def _is_part(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, tuple)


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

    def recall(self, at: int) -> float:
        """Value number ``at`` as the second copy has it: for who cannot trust the number in use."""
        second = (self._complement ^ self._ones).to_bytes(self._layout.size, "little")
        value: float = self._layout.unpack(second)[at]
        return value

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


class Retained:
    """The two blocks of one PLC: what a scan leaves to the next, and what the permit makes of the limits.

    What only a bench that runs has is in a third one (``running.py``), so that others do not pay for it.
    """

    __slots__ = ("settings", "state")

    def __init__(self) -> None:
        self.state = Block(layout_of(ControlState) + "qqqi")
        self.settings = Block(layout_of(Permit) + layout_of(Bands) + layout_of(Times))

    def sound(self, state: Sequence[float], settings: Sequence[float]) -> bool:
        """True when both blocks hold."""
        return self.state.holds(state) and self.settings.holds(settings)

    def worst_state(self, in_use: int) -> PlcState:
        """Where a PLC goes whose memory is lost: LOCKOUT when either copy says so or neither is a state, else TRIP."""
        copies = {int(in_use), int(self.state.recall(0))}
        lost = int(PlcState.LOCKOUT) in copies or copies.isdisjoint(PlcState)
        return PlcState.LOCKOUT if lost else PlcState.TRIP


def turn_over(stored: Mapping[str, Any], seed: int) -> tuple[str, Any]:
    """One bit of one field of what is ``stored`` (NamedTuples and numbers by name), the same for the same seed.

    Returns the name of the part that was hit, and its damaged value.
    """
    fields = [(name, at) for name, value in stored.items() for at in _places(value)]
    chance = int.from_bytes(hashlib.sha256(f"{seed}".encode()).digest()[:8], "big")
    name, at = fields[chance % len(fields)]
    bit, value = chance // len(fields) % 64, stored[name]
    if not _is_block(value):
        return name, flip(value, bit)
    return name, value._replace(**{value._fields[at]: flip(value[at], bit)})


def _is_block(value: object) -> bool:
    return isinstance(value, tuple)


def _places(value: Any) -> list[int]:
    """Numbers of a block, by index: parts of it are stored under names of their own. One that is none has one place."""
    return [at for at, one in enumerate(value) if not _is_block(one)] if _is_block(value) else [0]
