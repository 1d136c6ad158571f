"""PURE: the random numbers of the process: points that lie where they lie, whoever looks and whenever.

A breakdown happens at pulse k when a random point with a mark below the hazard of that pulse lies on it. The points are
a unit Poisson measure over (pulse, mark): fixed by the seed alone, so any start finds the same future, and a small
change of the field changes only the breakdowns near the edge. Points are drawn in cells of (level of the mark, block of
pulses), each from its own counter of Philox4x64 (Salmon and others, SC11), a generator without memory. Only raw 64-bit
words are used: numpy keeps those the same between versions, and not its distributions.
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import Any

import numpy as np

LEVELS = 18
"""Level 0 holds the marks below COMMON, level j those from COMMON 2^(j-1) to COMMON 2^j."""

COMMON = 2.0**-13
"""The hazard of a pulse soon after a breakdown: below it one level answers everything."""

HAZARD_MAX = COMMON * 2.0 ** (LEVELS - 1)
"""The highest mark there is, 16: a pulse with that hazard breaks down but once in nine million times."""

_BITS = 20
"""Blocks have 2^20 pulses on levels 0 and 1, then half as many per level: a cell holds 128 points on average."""

_KEY_POINTS, _KEY_DRAWS = 0x706F696E7473, 0x6472617773
"""Second word of the key: points and single draws never share a number."""

_MASK = 2**64 - 1

Cell = tuple[int, list[int], list[float]]


class RandomPoints:
    """The points of one ``seed``. Remembers the last cell of each level, which changes the speed and nothing else."""

    __slots__ = ("_cells", "_generator", "_state", "seed")

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._generator = np.random.Philox(counter=[0, 0, 0, 0], key=[seed & _MASK, _KEY_POINTS])
        self._state: Any = self._generator.state
        self._cells: list[Cell | None] = [None] * LEVELS

    def first_below(self, start: int, stop: int, hazard: Callable[[int], float]) -> int | None:
        """The first pulse of [start, stop) with a point below ``hazard(pulse)``, which must not rise on the way."""
        found, height = stop, hazard(start)
        for level in range(LEVELS):
            if _low(level) > height:
                break
            found = self._first_of_level(level, start, found, hazard)
        return found if found < stop else None

    def uniforms(self, pulse: int, count: int) -> list[float]:
        """``count`` uniform numbers in [0, 1) that belong to ``pulse`` alone."""
        return _uniform(self._words(0, pulse, _KEY_DRAWS, count))

    def _first_of_level(self, level: int, start: int, stop: int, hazard: Callable[[int], float]) -> int:
        bits, height = _BITS - max(level - 1, 0), hazard(start)
        for block in range(start >> bits, ((stop - 1) >> bits) + 1):
            _, pulses, marks = self._cell(level, block, bits)
            for index in range(bisect_left(pulses, start), len(pulses)):
                mark, pulse = marks[index], pulses[index]
                if pulse >= stop:
                    return stop
                if mark < height and mark < hazard(pulse):
                    return pulse
        return stop

    def _cell(self, level: int, block: int, bits: int) -> Cell:
        known = self._cells[level]
        if known is not None and known[0] == block:
            return known
        low, width, length = _low(level), _low(level) or COMMON, 1 << bits
        # distances between points are exponential; mean count plus ten of its deviations, and more in the rare rest
        count = int(width * length + 10.0 * (width * length) ** 0.5) + 4
        while True:
            # the order of distance and mark does not depend on how many are drawn
            drawn = np.array(_uniform(self._words(level, block, _KEY_POINTS, 2 * count)))
            at = np.cumsum(-np.log1p(-drawn[0::2])) / width
            if at[-1] >= length:
                break
            count *= 2
        size = int(np.searchsorted(at, length))
        pulses = (at[:size].astype(np.int64) + block * length).tolist()
        cell = (block, pulses, (low + width * drawn[1 : 2 * size : 2]).tolist())
        self._cells[level] = cell
        return cell

    def _words(self, level: int, block: int, key: int, count: int) -> Any:
        """Raw words from the counter (level, block); the low half of the counter is free to run."""
        inner = self._state["state"]
        inner["counter"][:] = (0, 0, block, level)
        inner["key"][1] = key
        self._generator.state = self._state
        return self._generator.random_raw(count)


def _uniform(words: Any) -> list[float]:
    return ((words >> np.uint64(11)) * 2.0**-53).tolist()  # type: ignore[no-any-return]


def _low(level: int) -> float:
    """Lowest mark of a level; from level 1 on also its width."""
    return COMMON * 2.0 ** (level - 1) if level else 0.0
