"""``sparkgap scope learn``: from a scope on the bench to a model that a rig can name."""

import re

import click

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@click.command("learn")
@click.argument("resource")
@click.option(
    "--name", default="", metavar="NAME", help="Its name in a rig: `model: scope NAME`  [default: the verbs']"
)
@click.option(
    "--verbs", default="", metavar="FILE", help="Its verb file, or a shipped one  [default: by what it answers]"
)
def command(resource: str, name: str, verbs: str) -> None:
    """Ask the scope at RESOURCE for its front panel and store it with its verbs.

    Set the front panel first, as a shot needs it, and stop the scope. RESOURCE as for `sparkgap identify`.
    """
    import asyncio

    from controller.app.identification import ask_identification
    from controller.app.learned_scopes import find_verbs, guess_verbs, learn, shipped_verbs
    from controller.app.resources import parse_resource
    from controller.app.wall_clock import utc_label
    from controller.rig.source import Problem, Refused

    place = parse_resource(resource)
    if not verbs:
        answer = asyncio.run(ask_identification(resource))
        verbs = guess_verbs(answer)
        if not verbs:
            problem = f"no shipped verb file knows {answer[:60]!r}"
            remedy = f"write one and give it with --verbs; shipped: {', '.join(shipped_verbs())}"
            raise Refused([Problem(resource, 0, "", problem, remedy)])
    name = name or find_verbs(verbs)[0].name
    if NAME.fullmatch(name) is None:
        remedy = "write lower-case letters, digits and underscores, starting with a letter"
        raise Refused([Problem("--name", 0, "", f"'{name}' is no name", remedy)])
    found = asyncio.run(learn(place.route, resource, name, verbs, utc_label()))
    who = found.identity
    click.echo(f"{who.vendor}, {who.model}, serial {who.serial or '-'}, firmware {who.firmware or '-'}")
    click.echo(f"panel of {found.panel_bytes} bytes, {found.panel_settings} settings compared")
    click.echo(f"stored {found.folder}")
    click.echo(f"in rig.yaml: {{model: scope {name}, port: Oscilloscope, identity: {who.serial or who.model}}}")
