"""``sparkgap shots fetch N --lab FILE``: what a scope still holds of a shot, after the bench is safe."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.cli.options import RIG_HELP
from controller.cli.shots.store import find_shot, locate_file, open_catalogue, place_options, shots_dir
from controller.sequencer.verdict import Exit

if TYPE_CHECKING:
    from controller.app.fetch import Fetched
    from controller.shots.catalogue import Catalogue


@click.command("fetch")
@click.argument("number", type=int)
@click.option("--lab", metavar="FILE", required=True, help="Addresses of the hardware.")
@click.option("--rig", default="", metavar="RIG", help=f"{RIG_HELP}  [default: the shot's, if it is shipped]")
@place_options
def command(number: int, lab: str, rig: str, out: str, catalogue: str) -> int:
    """Read the channels of shot NUMBER that are in a scope only and store them beside the sealed record.

    The PLC must be in SAFE. No instrument is written to or armed.
    """
    from controller.app.folder_lock import FolderLock

    with open_catalogue(out, catalogue) as opened:
        lock = FolderLock(shots_dir(out))
        try:
            fetched = _fetch(opened, number, lab, rig, shots_dir(out).absolute())
        finally:
            lock.release()
    for path in fetched.paths:
        click.echo(str(path))
    for problem in fetched.problems:
        click.echo(str(problem), err=True)
    return Exit.REFUSED if fetched.problems else Exit.PASS


def _fetch(catalogue: "Catalogue", number: int, lab: str, rig: str, folder: Path) -> "Fetched":
    from controller.app.fetch import fetch, look_up
    from controller.app.instruments import connects_from
    from controller.app.preflight import lab_endpoints, read_rig
    from controller.app.wall_clock import utc_label
    from controller.runtime.offload import to_thread

    entry = find_shot(catalogue, number)
    present, _ = read_rig(rig or entry.rig)
    files = entry.files or {}
    record = locate_file(folder, files["record"][0]) if "record" in files else None
    shot = locate_file(folder, f"{number:06d}-{entry.profile}")
    wanted = look_up(catalogue, entry, record, shot, present)
    connects = connects_from(present, lab_endpoints(Path(lab), present), lab)
    return asyncio.run(fetch(wanted, present, connects, catalogue, to_thread, utc_label()))
