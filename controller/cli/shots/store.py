"""Opening the catalogue for the ``shots`` commands, and finding a shot's files. Read-only: nothing is created here."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from controller.shots.places import locate_file as locate_file

if TYPE_CHECKING:
    from controller.shots.catalogue import Catalogue, ShotEntry

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

NUMBER_END = 1 << 31
"""No database gives out a shot number from here on."""


def place_options(command: Decorated) -> Decorated:
    """--out and --catalogue: which catalogue to read."""
    command = click.option(
        "--catalogue", metavar="URL", default="", help="Catalogue database, if not beside the shots."
    )(command)
    return click.option("--out", metavar="DIR", default="", help="Folder of shots  [default: see `sparkgap paths`]")(
        command
    )


def shots_dir(out: str) -> Path:
    """The folder of shots that ``--out`` names, or the default one."""
    from controller.app.locate import data_dir

    return Path(out) if out else data_dir()


@contextmanager
def open_catalogue(out: str, catalogue: str) -> "Iterator[Catalogue]":
    """The catalogue, closed at the end. Raises Refused when there is none, CatalogueUnusable when it is damaged."""
    from controller.rig.source import Problem, Refused
    from controller.shots.catalogue import CATALOGUE_NAME, Catalogue

    folder = shots_dir(out)
    if not catalogue and not (folder / CATALOGUE_NAME).is_file():
        remedy = "run a shot first, or name the folder with --out"
        raise Refused([Problem(str(folder), 0, "", "there is no catalogue of shots here", remedy)])
    opened = Catalogue.open(catalogue or folder)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Make ``folder`` for what is written into it inside the block. Raises Refused when the disk does not take it."""
    from controller.rig.source import Problem, Refused

    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        problem = f"cannot be written: {error.strerror or error}"
        raise Refused([Problem(str(folder), 0, "", problem, "name another folder")]) from None


def find_shot(catalogue: "Catalogue", number: int) -> "ShotEntry":
    """One shot. Raises Refused for a number that was never given out."""
    from controller.rig.source import Problem, Refused
    from controller.shots.catalogue import UnknownShot

    try:
        if not 0 < number < NUMBER_END:
            raise UnknownShot(f"no shot {number}")
        return catalogue.get(number)
    except UnknownShot:
        remedy = "`sparkgap shots list` shows the numbers"
        raise Refused([Problem(catalogue.place, 0, f"shot {number}", "there is no such shot", remedy)]) from None


def file_of(entry: "ShotEntry", role: str, folder: Path) -> tuple[Path, str]:
    """Path and sha256 of one of a shot's files. Raises Refused when the shot has none of that role."""
    from controller.rig.source import Problem, Refused

    path, sha256 = (entry.files or {}).get(role, ("", ""))
    if not path:
        how = f"it ended {entry.ended or 'without a word'}"
        raise Refused([Problem(f"shot {entry.number}", 0, role, f"the shot has none; {how}", "choose another shot")])
    return locate_file(folder, path), sha256
