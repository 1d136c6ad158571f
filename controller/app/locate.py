"""Where the benches, profiles and shots are, in a checkout and in an installed wheel alike."""

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


@dataclass(frozen=True, slots=True)
class RigFiles:
    """The files that make a bench."""

    rig: Path
    plc: Path
    plant: Path
    lab: Path


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


def rig_files(name: str) -> RigFiles:
    """The files of bench ``name``. Raises Refused when there is no such bench."""
    if name not in rig_names():
        remedy = f"known rigs: {', '.join(rig_names())}"
        raise Refused([Problem("--rig", 0, "", f"there is no rig called {name!r}", remedy)])
    folder = _BENCHES / name
    return RigFiles(folder / "rig.yaml", folder / "plc.yaml", folder / "plant.yaml", folder / "lab.yaml")


def profile_names(rig: str) -> tuple[str, ...]:
    """Names of the shipped profiles of a bench, sorted."""
    return tuple(sorted(path.stem for path in (configs_dir() / "profiles" / rig).glob("*.yaml")))


def find_profile(name_or_path: str, rig: str) -> Path:
    """The file of a profile given by path or by shipped name. Raises Refused when there is none."""
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"} or path.exists():
        if path.is_file():
            return path
        raise Refused([Problem(name_or_path, 0, "", "there is no such file", "give a profile's path or shipped name")])
    shipped = configs_dir() / "profiles" / rig / f"{name_or_path}.yaml"
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
