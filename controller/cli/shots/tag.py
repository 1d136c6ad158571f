"""``sparkgap shots tag N TAG...``."""

import click

from controller.cli.shots.store import find_shot, open_catalogue, place_options


@click.command("tag")
@click.argument("number", type=int)
@click.argument("names", metavar="TAG...", nargs=-1, required=True)
@click.option("--remove", is_flag=True, help="Take the tags away instead.")
@place_options
def command(number: int, names: tuple[str, ...], remove: bool, out: str, catalogue: str) -> None:
    """Add each TAG to shot NUMBER in the catalogue; the sealed record keeps the tags it was sealed with."""
    from controller.app.remarks import tag_problems
    from controller.rig.source import Refused

    problems = tag_problems(names, "TAG")
    if problems:
        raise Refused(problems)
    with open_catalogue(out, catalogue) as opened:
        find_shot(opened, number)
        if remove:
            for name in names:
                opened.untag(number, name)
        else:
            opened.tag(number, *names)
        tags = opened.get(number).tags
    click.echo(f"shot {number}: {' '.join(tags) if tags else 'no tags'}")
