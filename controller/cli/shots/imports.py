"""``sparkgap shots import FILE...``: traces of scopes and data loggers as a shot."""

from pathlib import Path

import click

from controller.cli.shots.store import place_options, shots_dir


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--title", default="", help="What the traces are.")
@click.option("--operator", default="unnamed", show_default=True, help="Who imports them.")
@click.option("--tag", "tags", multiple=True, help="A tag to find the shot by. Repeatable.")
@place_options
def command(
    files: tuple[Path, ...], title: str, operator: str, tags: tuple[str, ...], out: str, catalogue: str
) -> None:
    """Record the traces of FILES (.csv .txt .isf .trc .tdms) as one new shot, which is not judged.

    CSV needs a column of even times, in seconds, and one column per trace. TDMS needs the extra sparkgap[tdms].
    """
    from controller.app.import_traces import About, import_traces
    from controller.app.wall_clock import utc_label

    found = import_traces(files, shots_dir(out), catalogue, About(title, operator, tags), utc_label())
    click.echo(f"shot {found.number}: {found.path}")
    for item in found.captures:
        click.echo(f"  {item.channel:<24} {item.raw.size} points, {item.unit}, {item.settings['file']}")
