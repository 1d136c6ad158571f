"""``sparkgap shots verify``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.cli.shots.store import find_shot, locate_file, open_catalogue, place_options, shots_dir
from controller.sequencer.verdict import Exit

if TYPE_CHECKING:
    from controller.shots.catalogue import ShotEntry

LIMIT = 1_000_000
"""All shots: more than a bench fires in its life."""


@click.command("verify")
@click.argument("numbers", type=int, nargs=-1)
@place_options
def command(numbers: tuple[int, ...], out: str, catalogue: str) -> int:
    """Check the files of shots NUMBERS (none: all shots) against the catalogue, and records against their rules."""
    with open_catalogue(out, catalogue) as opened:
        chosen = [find_shot(opened, number) for number in numbers] or list(reversed(opened.list(limit=LIMIT)))
    problems = 0
    for entry in chosen:
        for role, (path, sha256) in sorted((entry.files or {}).items()):
            problem = _check(role, locate_file(shots_dir(out), path), sha256)
            problems += bool(problem)
            if problem:
                click.echo(problem, err=True)
        click.echo(f"shot {entry.number}: {len(entry.files or {})} files checked{_note(entry)}")
    return Exit.REFUSED if problems else Exit.PASS


def _check(role: str, path: Path, sha256: str) -> str:
    """What is wrong with one file, in one line; empty when nothing is."""
    from controller.shots.hashing import hash_file
    from controller.shots.reader import verify
    from controller.shots.record import RecordUnusable

    if role == "record":
        try:
            verify(path, sha256)
        except RecordUnusable as error:
            return str(error)
        return ""
    if not path.is_file():
        return f"{path}: {role}: is missing; restore it from a backup"
    if sha256 and hash_file(path) != sha256:
        return f"{path}: {role}: was changed after the shot; restore it from a backup"
    return ""


def _note(entry: "ShotEntry") -> str:
    return f" ({entry.ended})" if entry.ended not in ("", "completed") else ""
