"""Runs one cell: the trial on virtual time (or real processes), the control beside it, and the judgement."""

from collections.abc import Sequence

from controller.app.locate import find_profile, profile_names
from controller.app.preflight import read_bounded, read_rig
from controller.campaign.hazards import find_variant
from controller.campaign.model import Cell, CellResult, Status
from controller.campaign.profiles import ProfileSteps
from controller.sequencer.compile import compile_profile
from controller.sequencer.parameters import campaign_overrides
from controller.sequencer.profile import load_profile


def load_profiles(rig: str, names: Sequence[str] = ()) -> tuple[ProfileSteps, ...]:
    """The shipped profiles of ``rig`` (or those named) with their campaign parameters. Raises Refused."""
    model, _ = read_rig(rig)
    found = []
    for name in names or profile_names(rig):
        path = find_profile(name, rig)
        profile = load_profile(read_bounded(path), str(path))
        overrides = campaign_overrides(profile)
        plan = compile_profile(profile, model, overrides)
        steps = tuple((step.id, step.kind.value) for step in plan.steps)
        found.append(ProfileSteps(name, plan.kind.value, steps, overrides))
    return tuple(found)


def run_cell(cell: Cell) -> CellResult:
    """Run one cell to its judgement. Raises nothing for what the cell's run does: that is a FAILED result."""
    variant = find_variant(cell.row, cell.variant)
    return CellResult(cell, Status.NOT_APPLICABLE, f"{variant.name} is not run yet", 0, "", "", (), "", None, None, 0.0)
