"""``sparkgap shots comment N TEXT``."""

import click

from controller.cli.shots.store import find_shot, open_catalogue, place_options


@click.command("comment")
@click.argument("number", type=int)
@click.argument("text")
@click.option("--by", "author", metavar="NAME", default="unnamed", show_default=True, help="Who says so.")
@place_options
def command(number: int, text: str, author: str, out: str, catalogue: str) -> None:
    """Append TEXT to shot NUMBER. The sealed record and earlier comments are never changed."""
    from controller.app.wall_clock import utc_label
    from controller.rig.source import Problem, Refused

    if not text.strip():
        raise Refused([Problem("TEXT", 0, "", "is empty", "say what is to be kept")])
    with open_catalogue(out, catalogue) as opened:
        find_shot(opened, number)
        opened.comment(number, utc_label(), author, text.strip())
        count = len(opened.get(number).comments)
    click.echo(f"shot {number}: {count} comment{'' if count == 1 else 's'}")
