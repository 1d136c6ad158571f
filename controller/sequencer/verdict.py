"""PURE: verdicts, how a run ended, and the exit code of both (design.md section 4; sequencing.md 3.4, 3.5).

Two axes that never mix: the verdict is about the measurements, the ending about the run.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Protocol

from controller.sequencer.engine import Ending


class Verdict(IntEnum):
    """In rising order of severity; the worst child wins."""

    PASS = 0
    INCONCLUSIVE = 1
    FAIL = 2
    ABORTED = 3
    ERROR = 4

    @property
    def label(self) -> str:
        """As written in records and reports."""
        return self.name.lower()


class Exit(IntEnum):
    """The command line's exit codes."""

    PASS = 0
    FAILED = 1
    REFUSED = 2
    ABORTED = 3
    UNSAFE = 4
    INTERNAL = 5


class Side(Enum):
    """Which limit a value is closest to, or beyond."""

    NONE = ""
    LOWER = "lower"
    UPPER = "upper"


@dataclass(frozen=True, slots=True)
class Judged:
    """A measured value against its limits, in the measurement's unit.

    ``margin`` is the distance to the nearest limit (negative beyond it, None without limits); ``marginal`` is True
    when the value passes but its uncertainty reaches over a limit.
    """

    name: str
    value: float | None
    uncertainty: float
    lower: float | None
    upper: float | None
    margin: float | None
    side: Side
    verdict: Verdict
    marginal: bool


class Limited(Protocol):
    """What :func:`judge` needs of a measurement."""

    @property
    def name(self) -> str:
        """Key of the value."""
        ...

    @property
    def lower(self) -> float | None:
        """Smallest value that passes, None: no limit."""
        ...

    @property
    def upper(self) -> float | None:
        """Largest value that passes, None: no limit."""
        ...


def judge(measurement: Limited, value: float | None, uncertainty: float = 0.0) -> Judged:
    """Compare ``value`` (None: not measured) with the limits; ``uncertainty`` is k=2, in the same unit.

    No value, NaN or infinity is inconclusive: it says nothing about the bench. The limits belong to the pass side.
    """
    lower, upper = measurement.lower, measurement.upper
    if value is None or not math.isfinite(value):
        return Judged(measurement.name, None, uncertainty, lower, upper, None, Side.NONE, Verdict.INCONCLUSIVE, False)
    distances = []
    if lower is not None:
        distances.append((value - lower, Side.LOWER))
    if upper is not None:
        distances.append((upper - value, Side.UPPER))
    if not distances:
        return Judged(measurement.name, value, uncertainty, lower, upper, None, Side.NONE, Verdict.PASS, False)
    margin, side = min(distances, key=lambda pair: pair[0])
    verdict = Verdict.PASS if margin >= 0.0 else Verdict.FAIL
    marginal = verdict is Verdict.PASS and margin < abs(uncertainty)
    return Judged(measurement.name, value, uncertainty, lower, upper, margin, side, verdict, marginal)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of the children; nothing to judge is a pass."""
    return max(verdicts, default=Verdict.PASS)


def overall(ending: Ending, children: Iterable[Verdict]) -> Verdict:
    """The run's verdict: what was measured, but never better than how the run ended allows."""
    found = worst(children)
    return found if ending is Ending.COMPLETED else max(found, Verdict.ABORTED)


def exit_code(ending: Ending, verdict: Verdict) -> Exit:
    """The exit code of a run; of several reasons 4 wins over 5 over 3 over 1."""
    if ending is Ending.UNSAFE:
        return Exit.UNSAFE
    if verdict is Verdict.ERROR:
        return Exit.INTERNAL
    if ending is not Ending.COMPLETED or verdict is Verdict.ABORTED:
        return Exit.ABORTED
    return Exit.PASS if verdict is Verdict.PASS else Exit.FAILED


_SEVERITY = (Exit.UNSAFE, Exit.INTERNAL, Exit.ABORTED, Exit.REFUSED, Exit.FAILED, Exit.PASS)


def worst_exit(codes: Iterable[Exit]) -> Exit:
    """The exit code of several runs together."""
    found = set(codes)
    return next((code for code in _SEVERITY if code in found), Exit.PASS)
