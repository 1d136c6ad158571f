"""The grammar of ``--fault ID[@STEP[:before|during|after]]``, read by the command line and by both ways of running."""

from dataclasses import dataclass
from enum import Enum


class Phase(Enum):
    """When, relative to a step, a fault goes in: as the step is entered, in the middle of it, or as it is left."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """One fault to inject. An empty ``step`` means: from the start, before the controller connects."""

    fault: str
    step: str
    phase: Phase


def parse_fault(text: str) -> FaultSpec:
    """Read one ``--fault`` value. Raises ValueError with what would be right."""
    fault, at, place = text.partition("@")
    step, colon, phase = place.partition(":")
    if not fault or (at and not step) or (colon and not phase):
        raise ValueError(f"{text!r} is not a fault; write ID, ID@STEP or ID@STEP:before|during|after")
    try:
        return FaultSpec(fault, step, Phase(phase) if phase else Phase.DURING)
    except ValueError:
        raise ValueError(f"{phase!r} is not a phase; use before, during or after") from None
