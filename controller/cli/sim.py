"""``sparkgap sim``: the stand-ins alone."""

import click

from controller.cli.options import DEFAULT_RIG, json_option, out_option, seed_option


@click.command("sim")
@click.argument("rig", required=False, default="")
@click.option("--instrument", metavar="MODEL", default="", help="One stand-in alone, on a free port or pty.")
@seed_option
@out_option
@json_option
def command(rig: str, instrument: str, seed: int, out: str, as_json: bool) -> int:
    """Start the stand-ins of RIG on free ports, print where they are, and run until Ctrl-C."""
    if bool(rig) == bool(instrument):
        raise click.UsageError("name a bench or an --instrument, not both; `sparkgap rigs` and `instruments` list them")
    from controller.cli.simulation import Order, simulate

    return simulate(Order(rig or DEFAULT_RIG, seed, instrument, out, as_json))
