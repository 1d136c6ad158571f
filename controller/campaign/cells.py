"""PURE: the cells of a campaign: every variant of every hazard before, during and after every step of every profile."""

from collections.abc import Iterator, Sequence

from controller.app.faultspec import Phase
from controller.campaign.hazard_types import Hazard, Variant
from controller.campaign.model import Cell, Venue
from controller.campaign.profiles import Moment, ProfileSteps

REAL_PROFILE = "full"
"""Real processes take ten seconds a cell: the middle of every step of the profile with every kind of step of a shot."""

REAL_SCOPE = (
    f"run with real processes in the middle of every step of {REAL_PROFILE}, the profile that has every kind of step "
    "of a shot; virtual variants of the same row run the same code at every moment of every step of every profile; "
    "a broker (row 31) is a process everywhere, and no step of any profile waits for one"
)
"""Why one profile and one phase are enough, for people."""

STRIDE = 67
"""Coprime to the numbers of moments that occur: the subset walks through profiles, steps and phases."""

EXCUSED_EVERY = 3
"""Of so many variants one is also run where the table excuses it: an excuse must stand up to a run."""


def list_cells(
    rig: str, profiles: Sequence[ProfileSteps], subset: bool, seed: int, hazards: Sequence[Hazard]
) -> tuple[Cell, ...]:
    """All cells of these profiles, in the order of the table; ``subset`` is the fixed choice that the tests run.

    The subset has every virtual variant where it must show, and every third also where the table excuses it.
    """
    moments = tuple(moment for profile in profiles for moment in profile.moments())
    cells = []
    missing = {moment.step_kind for moment in moments}
    for number, (hazard, variant) in enumerate(_variants(hazards)):
        chosen = _choose(moments, variant, number, missing) if subset else moments
        cells += [
            Cell(rig, moment.profile, hazard.row, variant.name, moment.step, moment.phase, seed, variant.venue)
            for moment in chosen
            if variant.venue is Venue.VIRTUAL or (not subset and _on_real(moment))
        ]
    return tuple(cells)


def _variants(hazards: Sequence[Hazard]) -> Iterator[tuple[Hazard, Variant]]:
    for hazard in hazards:
        for variant in hazard.variants:
            yield hazard, variant


def _choose(moments: Sequence[Moment], variant: Variant, number: int, missing: set[str]) -> Iterator[Moment]:
    """``missing``: the kinds of step that no cell of the subset has yet. Those that this variant shows in go first."""
    if variant.venue is not Venue.VIRTUAL:
        return
    showing = [moment for moment in moments if not variant.excuse(moment)]
    showing = [moment for moment in showing if moment.step_kind in missing] or showing
    missing -= {showing[number * STRIDE % len(showing)].step_kind} if showing else set()
    excused = [moment for moment in moments if variant.excuse(moment)]
    if showing:
        yield showing[number * STRIDE % len(showing)]
    if excused and (not showing or number % EXCUSED_EVERY == 0):
        yield excused[number * STRIDE % len(excused)]


def _on_real(moment: Moment) -> bool:
    return moment.profile == REAL_PROFILE and moment.phase is Phase.DURING
