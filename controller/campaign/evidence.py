"""PURE: what the plant's log says of the faults of a cell, and the shape of every check of a judge."""

from collections.abc import Callable
from dataclasses import dataclass

from controller.app.trial import Trial
from controller.campaign.hazard_types import Variant


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the plant's log says of the injected faults: whether each was switched on, and when one first acted."""

    missing: tuple[str, ...]
    acts_ns: int | None
    what: str
    fully_ns: int | None = None
    """When a fault that grows has grown to what a detector must see."""
    idle: tuple[str, ...] = ()
    """Those of the injected faults that never acted."""


Check = Callable[[Variant, Trial, Evidence], str]
"""What is wrong, as a sentence; empty when nothing is."""
