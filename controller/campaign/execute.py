"""Runs one cell: the trial on virtual time (or real processes), the control beside it, and the judgement."""

from collections.abc import Sequence
from functools import lru_cache
from tempfile import TemporaryDirectory

from controller.app.faultspec import Phase, during_s
from controller.app.inventory import fault_catalogue
from controller.app.locate import find_profile, profile_names
from controller.app.preflight import read_bounded, read_rig
from controller.app.trial import Disruption, Rehearsed, Trial, rehearse, run_trial
from controller.campaign.hazards import Hazard, find_variant, table_of
from controller.campaign.judge import judge
from controller.campaign.model import Cell, CellResult, Status, Venue
from controller.campaign.parts import Parts
from controller.campaign.profiles import ProfileSteps
from controller.campaign.real import run_real_cell
from controller.campaign.workplace import keep_log, run_folder
from controller.messages import RunConfig
from controller.rig.source import Refused
from controller.runtime.virtual_loop import CallbackFailed
from controller.sequencer.compile import compile_profile
from controller.sequencer.parameters import campaign_overrides
from controller.sequencer.profile import load_profile

PROFILES_KEPT = 32
"""Profiles of one seed whose runs and controls are kept in a process: a bench has eight."""

NO_LENGTH = "on virtual time the step is over as it begins: what comes during it comes before it"
"""Why a step without length has no ``during``: its other two moments are run."""


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


@lru_cache(PROFILES_KEPT)
def table_for(rig: str) -> tuple[Hazard, ...]:
    """The hazard table of one bench: from its rig.yaml and the faults of its stand-ins. Raises Refused."""
    model, _ = read_rig(rig)
    instruments = tuple((spec.name, spec.port) for spec in model.instruments)
    return table_of(Parts(instruments, model.run is not None, frozenset(fault_catalogue(rig))))


@lru_cache(PROFILES_KEPT)
def _profile(rig: str, name: str) -> ProfileSteps:
    return load_profiles(rig, (name,))[0]


@lru_cache(PROFILES_KEPT)
def _rehearsed(rig: str, name: str, seed: int) -> Rehearsed:
    """The run of a profile, checked and predicted once per process."""
    with TemporaryDirectory(prefix="sparkgap-cell-") as folder:
        return rehearse(RunConfig(rig, name, f"{folder}/shots", seed, dict(_profile(rig, name).overrides)))


@lru_cache(PROFILES_KEPT)
def control_of(rig: str, name: str, seed: int) -> Trial:
    """The undisturbed run beside which every cell of a profile and seed is judged, once per process."""
    return _try(rig, name, seed, None)


def _try(rig: str, name: str, seed: int, disruption: Disruption | None) -> Trial:
    with run_folder() as folder:
        trial = run_trial(_rehearsed(rig, name, seed).in_folder(folder / "shots"), disruption)
        keep_log(folder, trial.log)
        return trial


def run_cell(cell: Cell) -> CellResult:
    """Run one cell to its judgement. Raises nothing for what the cell's run does: that is a FAILED result."""
    if cell.venue is Venue.REAL:
        return run_real_cell(cell, _profile(cell.rig, cell.profile).overrides)
    variant = find_variant(cell.row, cell.variant, table=table_for(cell.rig))
    try:
        control = control_of(cell.rig, cell.profile, cell.seed)
        length_s = control.steps_s[cell.step]
        if cell.phase is Phase.DURING and length_s == 0.0:
            return CellResult(cell, Status.NOT_APPLICABLE, NO_LENGTH, 0, "", "", (), "", None, None, 0.0)
        what = variant.injection
        disruption = Disruption(
            what.faults, what.disturbance, cell.step, cell.phase, during_s(length_s), what.then, what.after_s
        )
        trial = _try(cell.rig, cell.profile, cell.seed, disruption)
    except (Refused, CallbackFailed, Exception) as defect:  # a defect of the product must cost one cell, not all
        why = f"the program failed: {type(defect).__name__}: {defect} ({defect.__cause__!r})"
        return CellResult(cell, Status.FAILED, why, 5, "", "", (), "", None, None, 0.0)
    moment = _profile(cell.rig, cell.profile).moment(cell.step, cell.phase)
    return judge(cell, variant, moment, trial, control)
