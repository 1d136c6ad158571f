"""PURE: the last pulses, as whoever asks later needs them: a scope's segments are read long after they happened."""

from collections import deque
from dataclasses import dataclass
from itertools import islice

from firmware_sim.plant.tube_bench.shapes import Shape

PULSES_MAX = 20_000
"""Pulses remembered: more than an RTO's segments, 400 s at 50 Hz."""

HELD_MAX, AROUND = 64, 500
"""Faults that are remembered longer, the last so many, each with so many pulses before and behind it: what a scope that
was stopped by one is asked for hours later."""

DISTINCT_MAX = 512
"""Different shapes among them, 130 kB each: the oldest pulses go when there are more."""


@dataclass(frozen=True, slots=True)
class PulseMark:
    """One trigger. Times: ``t0_ns`` absolute, ``trigger_s`` from T0 to the thyratron's trigger, jitter included.

    ``shape`` None: nothing fired. ``share`` scales the shape to the true line voltage.
    """

    t0_ns: int
    index: int
    trigger_s: float
    share: float
    line_v: float
    ion_pump_a: float
    shape: Shape | None
    spontaneous: bool = False
    stray: bool = True


class PulseTrain:
    """The marks by T0."""

    def __init__(self) -> None:
        self._marks: deque[PulseMark] = deque()
        self._by_t0: dict[int, PulseMark] = {}
        self._uses: dict[Shape, int] = {}
        self._held: deque[dict[int, PulseMark]] = deque(maxlen=HELD_MAX)
        self._behind = 0

    def __len__(self) -> int:
        return len(self._marks)

    @property
    def last(self) -> PulseMark | None:
        """The newest."""
        return self._marks[-1] if self._marks else None

    def add(self, mark: PulseMark) -> None:
        """Remember one more; the oldest go when there is no room."""
        self._marks.append(mark)
        self._by_t0[mark.t0_ns] = mark
        self._hold(mark)
        if mark.shape is not None:
            self._uses[mark.shape] = self._uses.get(mark.shape, 0) + 1
        while len(self._marks) > PULSES_MAX or len(self._uses) > DISTINCT_MAX:
            self._forget(self._marks.popleft())

    def _hold(self, mark: PulseMark) -> None:
        """A pulse that latched, and those around it."""
        if mark.shape is not None and mark.shape.latches.first is not None:
            self._held.append({near.t0_ns: near for near in islice(reversed(self._marks), AROUND)})
            self._behind = AROUND
        elif self._behind:
            self._held[-1][mark.t0_ns] = mark
            self._behind -= 1

    def _forget(self, mark: PulseMark) -> None:
        if self._by_t0.get(mark.t0_ns) is mark:
            del self._by_t0[mark.t0_ns]
        if mark.shape is not None:
            self._uses[mark.shape] -= 1
            if not self._uses[mark.shape]:
                del self._uses[mark.shape]

    @property
    def marks(self) -> tuple[PulseMark, ...]:
        """All that are remembered, oldest first."""
        return tuple(self._marks)

    def at(self, t0_ns: int) -> PulseMark | None:
        """The trigger whose T0 was at ``t0_ns``; None for one that is forgotten or never was."""
        found = self._by_t0.get(t0_ns)
        return found or next((held[t0_ns] for held in self._held if t0_ns in held), None)
