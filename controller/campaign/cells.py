"""PURE: the cells of a campaign: every variant of every hazard before, during and after every step of every profile."""

from collections.abc import Sequence

from controller.campaign.hazards import TABLE, Hazard
from controller.campaign.model import Cell
from controller.campaign.profiles import ProfileSteps


def list_cells(
    rig: str, profiles: Sequence[ProfileSteps], subset: bool, seed: int, hazards: Sequence[Hazard] = TABLE
) -> tuple[Cell, ...]:
    """All cells of these profiles, in the order of the table; ``subset`` is the fixed choice that the tests run."""
    cells = tuple(
        Cell(rig, profile.name, hazard.row, variant.name, moment.step, moment.phase, seed, variant.venue)
        for profile in profiles
        for hazard in hazards
        for variant in hazard.variants
        for moment in profile.moments()
    )
    return cells[::7] if subset else cells
