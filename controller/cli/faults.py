"""``sparkgap faults``: what ``--fault`` takes."""

import json

import click

from controller.cli.options import DEFAULT_RIG, json_option


@click.command("faults")
@click.option("--rig", default=DEFAULT_RIG, show_default=True, metavar="RIG", help="The bench.")
@json_option
def command(rig: str, as_json: bool) -> None:
    """List the ids that --fault takes, with what each does."""
    from controller.app.inventory import fault_catalogue
    from controller.app.locate import rig_files

    rig_files(rig)
    catalogue = fault_catalogue(rig)
    if as_json:
        click.echo(json.dumps(dict(catalogue)))
        return
    width = max((len(fault) for fault in catalogue), default=0)
    for fault, description in catalogue.items():
        click.echo(f"{fault:<{width}}  {description}")
