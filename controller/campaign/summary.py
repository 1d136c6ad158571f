"""PURE: a whole campaign as every report needs it: counts, blocks of rows and columns, reasons, objects for JSON."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller.app.faultspec import Phase
from controller.campaign.hazards import Hazard
from controller.campaign.model import CellResult, Status, Venue
from controller.campaign.profiles import ProfileSteps

Place = tuple[str, Phase]
"""A column: step id and phase."""

WORST_FIRST = (Status.FAILED, Status.PASSED, Status.NOT_APPLICABLE)
"""What a cell shows that stands for several."""


@dataclass(frozen=True, slots=True)
class Row:
    """One variant of a hazard in one profile; ``results`` by column, missing where a cell was not run."""

    hazard: Hazard
    variant: str
    venue: Venue
    results: Mapping[Place, CellResult]

    @property
    def name(self) -> str:
        """``36.estop``; ``22.core_killed@real`` with real processes."""
        return f"{self.hazard.row}.{self.label}"

    @property
    def label(self) -> str:
        """The variant, and how it is run."""
        return self.variant if self.venue is Venue.VIRTUAL else f"{self.variant}@{self.venue.value}"

    @property
    def failed(self) -> int:
        """Cells of this row that failed."""
        return sum(result.status is Status.FAILED for result in self.results.values())


@dataclass(frozen=True, slots=True)
class Block:
    """One profile: its steps are the columns, each with three phases."""

    profile: ProfileSteps
    rows: tuple[Row, ...]

    @property
    def steps(self) -> tuple[str, ...]:
        """Step ids in order."""
        return tuple(step for step, _ in self.profile.steps)


@dataclass(frozen=True, slots=True)
class Campaign:
    """What was to be run, and what came of it. ``planned`` counts cells; fewer results: it was interrupted.

    ``workers`` is 0 with Dask. ``revision`` is the commit of the sources, empty where there is none; ``why_short``
    says why results are missing.
    """

    rig: str
    seed: int
    revision: str
    wall_s: float
    workers: int
    planned: int
    profiles: tuple[ProfileSteps, ...]
    hazards: tuple[Hazard, ...]
    results: tuple[CellResult, ...]
    why_short: str = ""

    def count(self, status: Status) -> int:
        """Results of this status."""
        return sum(result.status is status for result in self.results)

    @property
    def failures(self) -> tuple[CellResult, ...]:
        """What failed, in the order of the table, the profiles and the steps."""
        return tuple(result for result in self.ordered() if result.status is Status.FAILED)

    @property
    def complete(self) -> bool:
        """True when every planned cell has a result."""
        return len(self.results) == self.planned

    def ordered(self) -> Iterator[CellResult]:
        """Every result, by profile, row, variant, step and phase, whatever the order they came in."""
        for block in self.blocks():
            for row in block.rows:
                for step in block.steps:
                    for phase in Phase:
                        if (step, phase) in row.results:
                            yield row.results[step, phase]

    def blocks(self) -> Iterator[Block]:
        """One block per profile that has results; rows in the order of the hazard table."""
        found: dict[tuple[str, str, str, Venue], dict[Place, CellResult]] = {}
        for result in self.results:
            cell = result.cell
            found.setdefault((cell.profile, cell.row, cell.variant, cell.venue), {})[cell.step, cell.phase] = result
        for profile in self.profiles:
            rows = tuple(
                Row(hazard, variant.name, variant.venue, found[key])
                for hazard in self.hazards
                for variant in hazard.variants
                if (key := (profile.name, hazard.row, variant.name, variant.venue)) in found
            )
            if rows:
                yield Block(profile, rows)

    def excuses(self) -> list[tuple[str, int]]:
        """Why cells were not applicable, the most frequent reason first."""
        reasons = Counter(r.why for r in self.results if r.status is Status.NOT_APPLICABLE)
        return sorted(reasons.items(), key=lambda item: (-item[1], item[0]))

    def due_later(self) -> tuple[Hazard, ...]:
        """Rows that wait for what is not built yet."""
        return tuple(hazard for hazard in self.hazards if hazard.due_later)


def worst(statuses: Sequence[Status]) -> Status | None:
    """What stands for several cells; None for no cell."""
    return next((status for status in WORST_FIRST if status in statuses), None)


def slowest(results: Sequence[CellResult]) -> CellResult | None:
    """The result that passed with the least time to spare, of those whose safe command was measured against a limit."""
    timed = [r for r in results if r.status is Status.PASSED and r.command_after_s is not None and r.limit_s]
    return max(timed, key=share_of_time, default=None)


def share_of_time(result: CellResult) -> float:
    """The time to the safe command as a part of what the row allows; 1.0 is all of it."""
    return (result.command_after_s or 0.0) / (result.limit_s or 1.0)


def timing(result: CellResult) -> str:
    """``safe command after 12 of 40 ms``; empty where nothing was measured against a limit."""
    if result.command_after_s is None or not result.limit_s:
        return ""
    return f"safe command after {result.command_after_s * 1e3:.0f} of {result.limit_s * 1e3:.0f} ms"


def result_object(result: CellResult) -> dict[str, Any]:
    """One cell for JSON."""
    return {
        "id": result.cell.id,
        "status": result.status.value,
        "why": result.why,
        "exit": result.exit,
        "ended": result.ended,
        "reason": result.reason,
        "trips": list(result.trips),
        "bench": result.bench,
        "command_after_s": result.command_after_s,
        "safe_after_s": result.safe_after_s,
        "limit_s": result.limit_s,
        "wall_s": round(result.wall_s, 3),
        "venue": result.cell.venue.value,
        "replay": result.cell.replay,
    }


def campaign_object(campaign: Campaign) -> dict[str, Any]:
    """The whole campaign for JSON."""
    return {
        "rig": campaign.rig,
        "seed": campaign.seed,
        "revision": campaign.revision or None,
        "profiles": [profile.name for profile in campaign.profiles],
        "planned": campaign.planned,
        "n": len(campaign.results),
        "passed": campaign.count(Status.PASSED),
        "failures": campaign.count(Status.FAILED),
        "n/a": campaign.count(Status.NOT_APPLICABLE),
        "interrupted": campaign.why_short or None,
        "wall_s": round(campaign.wall_s, 3),
        "workers": campaign.workers,
        "not_applicable_because": dict(campaign.excuses()),
        "due_later": {hazard.row: hazard.due_later for hazard in campaign.due_later()},
        "cells": [result_object(result) for result in campaign.ordered()],
    }
