"""Where the benches, profiles and shots are, in a checkout and in an installed wheel alike."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import hil_rigs
from controller.rig.source import Problem, Refused

_BENCHES = Path(hil_rigs.__file__).parent
_PACKED_CONFIGS = Path(__file__).parents[1] / "_configs"
_CHECKOUT_CONFIGS = Path(__file__).parents[2] / "configs"

DEFAULT_PROFILE = "full"

SITE_VARIABLE = "SPARKGAP_SITE"
"""The environment variable that names this place's site file."""

SITE_FILE = "site.yaml"


BENCH_FILES = ("rig.yaml", "plc.yaml", "plant.yaml", "plant.py", "lab.yaml")
"""What the folder of a bench holds; ``profiles/`` may lie beside them."""


@dataclass(frozen=True, slots=True)
class RigFiles:
    """The files that make a bench. ``profiles`` is the folder of its shipped profiles, which need not exist."""

    rig: Path
    plc: Path
    plant: Path
    lab: Path
    profiles: Path

    @property
    def folder(self) -> Path:
        """The bench."""
        return self.rig.parent


def configs_dir() -> Path:
    """The folder of shipped configuration: inside the wheel, else the checkout's ``configs``."""
    return _PACKED_CONFIGS if _PACKED_CONFIGS.is_dir() else _CHECKOUT_CONFIGS


def data_dir() -> Path:
    """Where shots go unless ``--out`` says otherwise: ``$SPARKGAP_HOME``, else ``shots`` in the working directory."""
    home = os.environ.get("SPARKGAP_HOME")
    return Path(home) if home else Path.cwd() / "shots"


def rig_names() -> tuple[str, ...]:
    """Names of the benches, sorted."""
    return tuple(sorted(path.parent.name for path in _BENCHES.glob("*/rig.yaml")))


def default_rig() -> str:
    """The bench that is meant where none is named; the shipped benches say which."""
    return hil_rigs.DEFAULT


def rig_reference(text: str) -> str:
    """``text`` as child processes take it: the name of a shipped bench, or the absolute path of a bench's folder.

    Raises Refused when it is neither.
    """
    folder = rig_files(text).folder
    return folder.name if folder.parent == _BENCHES else str(folder)


def rig_files(rig: str) -> RigFiles:
    """The files of a bench: of a shipped one by its name, of any other by the path of its folder.

    Raises Refused when there is no such bench, or files of it are missing.
    """
    if rig in rig_names():
        return _files_in(_BENCHES / rig, configs_dir() / "profiles" / rig)
    folder = Path(os.path.abspath(rig))
    if folder.parent == _BENCHES and folder.name in rig_names():
        return rig_files(folder.name)
    if not rig or not folder.is_dir():
        remedy = f"known rigs: {', '.join(rig_names())}; or give the path of a bench's folder"
        raise Refused([Problem("--rig", 0, "", f"there is no rig called {rig!r}", remedy)])
    missing = [name for name in BENCH_FILES if not (folder / name).is_file()]
    if missing:
        remedy = f"a bench is a folder with {', '.join(BENCH_FILES)}"
        raise Refused([Problem("--rig", 0, rig, f"is no bench: it has no {', '.join(missing)}", remedy)])
    return _files_in(folder, folder / "profiles")


def _files_in(folder: Path, profiles: Path) -> RigFiles:
    return RigFiles(folder / "rig.yaml", folder / "plc.yaml", folder / "plant.yaml", folder / "lab.yaml", profiles)


def plant_package(rig: str) -> tuple[str, Path]:
    """The package that a bench's plant.py belongs to, and its folder. Raises Refused for an unknown bench."""
    folder = rig_files(rig).folder
    if folder.parent == _BENCHES:
        return f"{hil_rigs.__name__}.{folder.name}", folder
    return f"bench_{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}", folder


def profile_names(rig: str) -> tuple[str, ...]:
    """Names of the shipped profiles of a bench, sorted."""
    return tuple(sorted(path.stem for path in rig_files(rig).profiles.glob("*.yaml")))


def find_profile(name_or_path: str, rig: str) -> Path:
    """The file of a profile given by path or by shipped name. Raises Refused when there is none."""
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"} or path.exists():
        if path.is_file():
            return path
        raise Refused([Problem(name_or_path, 0, "", "there is no such file", "give a profile's path or shipped name")])
    shipped = rig_files(rig).profiles / f"{name_or_path}.yaml"
    if shipped.is_file():
        return shipped
    remedy = f"shipped profiles of {rig}: {', '.join(profile_names(rig)) or 'none'}"
    raise Refused([Problem(name_or_path, 0, "", "there is no such profile", remedy)])


def find_site(given: str = "") -> Path:
    """The site file: ``given``, else ``$SPARKGAP_SITE``, else ``configs/site.yaml`` here, else the shipped one.

    Raises Refused when a file that was named does not exist.
    """
    for name, origin in ((given, "--site"), (os.environ.get(SITE_VARIABLE, ""), f"${SITE_VARIABLE}")):
        if name:
            path = Path(os.path.abspath(name))
            if path.is_file():
                return path
            raise Refused([Problem(origin, 0, name, "there is no such file", "name a site.yaml, or leave it out")])
    here = Path.cwd() / "configs" / SITE_FILE
    return here if here.is_file() else configs_dir() / SITE_FILE
