"""``sparkgap faults``: what ``--fault`` takes."""

import json
from collections.abc import Mapping

import click

from controller.cli.options import RIG_HELP, json_option


@click.command("faults")
@click.option("--rig", default="", metavar="RIG", help=f"{RIG_HELP}  [default: the one of `demo`]")
@click.option("--instrument", metavar="MODEL", default="", help="One stand-in alone, as `sparkgap sim` starts it.")
@json_option
def command(rig: str, instrument: str, as_json: bool) -> None:
    """List the ids that --fault takes, with what each does."""
    catalogue = _alone(instrument) if instrument else _of_bench(rig)
    if as_json:
        click.echo(json.dumps(dict(catalogue)))
        return
    width = max((len(fault) for fault in catalogue), default=0)
    for fault, description in catalogue.items():
        click.echo(f"{fault:<{width}}  {description}")


def _of_bench(rig: str) -> Mapping[str, str]:
    from controller.app.inventory import fault_catalogue
    from controller.app.locate import default_rig, rig_reference

    return fault_catalogue(rig_reference(rig) if rig else default_rig())


def _alone(instrument: str) -> Mapping[str, str]:
    from controller.app.single import WIRE_FAULTS, require_standalone

    require_standalone(instrument)
    return WIRE_FAULTS
