"""``sparkgap sim``: the stand-ins alone."""

import os

import click

from controller.cli.options import json_option, out_option, seed_option, tape_option


@click.command("sim")
@click.argument("rig", required=False, default="")
@click.option("--instrument", metavar="MODEL", default="", help="One stand-in alone, on a free port or pty.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="ID",
    help="A fault from the start: TARGET.ID of a bench, ID of an instrument. Repeatable. See `sparkgap faults`.",
)
@tape_option
@seed_option
@out_option
@json_option
def command(rig: str, instrument: str, faults: tuple[str, ...], tape: str, seed: int, out: str, as_json: bool) -> int:
    """Start the stand-ins of RIG on free ports, print where they are, and run until Ctrl-C."""
    if bool(rig) == bool(instrument):
        raise click.UsageError("name a bench or an --instrument, not both; `sparkgap rigs` and `instruments` list them")
    from controller.app.locate import rig_reference
    from controller.cli.simulation import Order, simulate

    bench = rig_reference(rig) if rig else ""
    return simulate(Order(bench, seed, instrument, out, as_json, faults, os.path.abspath(tape) if tape else ""))
