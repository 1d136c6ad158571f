"""Everything that can be refused before anything opens: files, units, limits, faults, the output folder."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from controller.app.alarm_file import PREFIX as ALARMS
from controller.app.faultspec import FaultSpec, check_faults
from controller.app.folder_lock import LOCK
from controller.app.locate import RigFiles, find_profile, rig_files
from controller.app.logs import LOGS
from controller.app.published_names import require_known_names
from controller.messages import RunConfig
from controller.rig import load_rig
from controller.rig.model import Rig
from controller.rig.source import Problem, Refused
from controller.runtime.conditioning_file import ConditioningFile
from controller.sequencer.compile import compile_profile
from controller.sequencer.conditioning_state import StateRefused
from controller.sequencer.plan import Plan
from controller.sequencer.profile import load_profile
from controller.shots.catalogue import CATALOGUE_NAME

FILE_BYTES_MAX = 1 << 20
"""Configuration files are read no further than this; ``controller.rig.source`` refuses a longer one."""

FREE_BYTES_MIN = 256 << 20
"""Free space demanded before arming: twice a shot's record and its journal (safety.md 3.4)."""

LOADED_MAX = 16
"""Rigs and profiles kept as loaded, by their bytes: a campaign's worker runs thousands of shots of a few profiles, and
reading one takes longer than a shot. A file is read anew for every run, so that a changed one counts at once."""

UNCONFIRMED = "unsafe-unconfirmed"
"""First part of the name of the file with the marks of unproven ends (controller/app/unconfirmed.py)."""

CATALOGUE = CATALOGUE_NAME
"""The catalogue's file in the output folder; its presence is what makes a folder a Sparkgap shot folder."""

_load_rig = lru_cache(LOADED_MAX)(load_rig)
_load_profile = lru_cache(LOADED_MAX)(load_profile)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run that passed every check that needs no instrument."""

    config: RunConfig
    plan: Plan
    rig: Rig
    files: RigFiles
    out: Path
    faults: tuple[FaultSpec, ...]


def read_bounded(path: Path) -> bytes:
    """The file's bytes, at most one more than the limit so that the loader can refuse it. Raises Refused."""
    try:
        with open(path, "rb") as file:
            return file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise Refused(
            [Problem(str(path), 0, "", f"cannot be read: {error.strerror}", "check path and rights")]
        ) from None


def read_rig(name: str) -> tuple[Rig, RigFiles]:
    """Load and cross-check a bench's rig.yaml and plc.yaml. Raises Refused."""
    files = rig_files(name)
    rig = _load_rig(read_bounded(files.rig), str(files.rig), read_bounded(files.plc), str(files.plc))
    require_known_names(rig, str(files.rig))
    return rig, files


def prepare(config: RunConfig, known_faults: Mapping[str, str] | None = None) -> Prepared:
    """Check a run as far as possible without opening anything. Raises Refused with every problem found."""
    rig, files = read_rig(config.rig)
    path = find_profile(config.profile_path, config.rig)
    plan = compile_profile(_load_profile(read_bounded(path), str(path)), rig, config.overrides)
    steps = tuple(step.id for step in plan.steps)
    if config.faults and config.lab:
        remedy = "leave --fault out: faults are injected into stand-ins, never into hardware"
        raise Refused([Problem("--fault", 0, config.faults[0], "cannot be used with --lab", remedy)])
    faults = check_faults(config.faults, known_faults or {}, steps) if config.faults else ()
    _require_waivable(config, rig)
    _require_resumable(config, rig, plan)
    if config.lab:
        lab_endpoints(Path(config.lab), rig)
    return Prepared(config, plan, rig, files, prepare_out(Path(config.out)), faults)


def _require_waivable(config: RunConfig, rig: Rig) -> None:
    """Raise Refused for a waiver that names no scope of the rig, or that has nothing to waive on stand-ins."""
    scopes = [spec.name for spec in rig.instruments if spec.port == "Oscilloscope"]
    problems = [
        Problem("--waive", 0, name, "is no scope of this rig", f"scopes: {', '.join(scopes)}")
        for name in config.waive
        if name not in scopes
    ]
    if config.waive and not config.lab:
        remedy = "leave --waive out: stand-ins lose their records when a run ends"
        problems.append(Problem("--waive", 0, config.waive[0], "works with --lab only", remedy))
    if problems:
        raise Refused(problems)


def conditioning_folder(out: Path) -> Path:
    """Where what conditionings have reached is kept, per part: with the shots, for longer than any of them."""
    return out / "conditioning"


def _require_resumable(config: RunConfig, rig: Rig, plan: Plan) -> None:
    """Raise Refused, before any energy, for a conditioning whose kept state cannot be gone on with."""
    conditioning = plan.run.conditioning if plan.run is not None else None
    if conditioning is None:
        if config.fresh:
            problem = f"{plan.profile} conditions nothing"
            raise Refused(
                [Problem("--fresh", 0, "", problem, "leave it out, or take a profile that conditions a part")]
            )
        return
    file = ConditioningFile(conditioning_folder(Path(config.out)), rig.name, conditioning.serial)
    try:
        file.read(conditioning.recipe, config.fresh)
    except StateRefused as refused:
        raise Refused([Problem("conditioning", 0, conditioning.serial, str(refused), "see --fresh")]) from None


def prepare_out(out: Path) -> Path:
    """Create the output folder if need be. Raises Refused when it cannot be written or belongs to something else."""
    field, where = "", f"--out {out}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        listing = sorted(path.name for path in out.iterdir() if not _is_ours(path.name))
        probe = out / ".sparkgap-write-test"
        probe.write_bytes(b"")
        probe.unlink()
        free = _free_bytes(out)
    except FileExistsError:
        raise Refused([Problem(where, 0, field, "is a file", "name a folder")]) from None
    except OSError as error:
        raise Refused(
            [Problem(where, 0, field, f"cannot be written: {error.strerror}", "name another folder")]
        ) from None
    if listing and CATALOGUE not in listing and LOCK not in listing:
        problem = f"is used for something else ({listing[0]!r} is in it)"
        raise Refused([Problem(where, 0, field, problem, "name an empty or new folder, or one with earlier shots")])
    if free < FREE_BYTES_MIN:
        remedy = f"free at least {FREE_BYTES_MIN >> 20} MB"
        raise Refused([Problem(where, 0, field, f"has only {free >> 20} MB free", remedy)])
    return out


def _is_ours(name: str) -> bool:
    """Logs, alarms and the mark of an unproven end: what a bench that was only watched leaves behind."""
    return name == LOGS or name.startswith((ALARMS, f".{ALARMS}", UNCONFIRMED))


def _free_bytes(path: Path) -> int:
    return shutil.disk_usage(path).free


def lab_endpoints(path: Path, rig: Rig) -> dict[str, dict[str, str]]:
    """Addresses of a rig's instruments from a lab.yaml: instrument -> {transport: address}. Raises Refused."""
    from controller.rig.lab import load_lab

    return load_lab(read_bounded(path), str(path), rig)
