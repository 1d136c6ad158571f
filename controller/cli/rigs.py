"""``sparkgap rigs``: the benches there are."""

import click


@click.command("rigs")
def command() -> None:
    """List the benches."""
    from controller.app.locate import rig_names

    for name in rig_names():
        click.echo(name)
