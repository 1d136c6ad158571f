"""``sparkgap shots report N``: where the report is, or a new rendering of it from the record."""

from pathlib import Path

import click

from controller.cli.shots.store import file_of, find_shot, open_catalogue, place_options, shots_dir, writing


@click.command("report")
@click.argument("number", type=int)
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), help="Render both anew into FOLDER.")
@place_options
def command(number: int, folder: Path | None, out: str, catalogue: str) -> None:
    """Say where the report and the shot sheet of shot NUMBER are; the originals are never overwritten."""
    with open_catalogue(out, catalogue) as opened:
        entry = find_shot(opened, number)
    if folder is None:
        for role in ("report", "sheet"):
            click.echo(str(file_of(entry, role, shots_dir(out))[0]))
        return
    from controller.shots.reader import read_record
    from controller.shots.report import write_report
    from controller.shots.sheet import write_sheet

    path, sha256 = file_of(entry, "record", shots_dir(out))
    record = read_record(path)
    with writing(folder):
        write_report(record, folder / "report.html", sha256)
        write_sheet(record, folder / "sheet.html")
    for name in ("report.html", "sheet.html"):
        click.echo(str(folder / name))
