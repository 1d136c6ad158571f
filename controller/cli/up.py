"""``sparkgap up``: a bench and its page, until somebody ends them."""

import os

import click

from controller.cli.options import (
    add_options,
    json_option,
    out_option,
    port_option,
    seed_option,
    site_option,
    tape_option,
)


@click.command("up")
@click.argument("rig")
@click.option("--sim", is_flag=True, help="The simulated stand-ins (the default).")
@click.option("--lab", metavar="FILE", default="", help="Real hardware at the addresses in FILE.")
@add_options(port_option, site_option, out_option, seed_option, tape_option, json_option)
def command(rig: str, sim: bool, lab: str, port: int, site: str, out: str, seed: int, tape: str, as_json: bool) -> int:
    """Keep bench RIG up and show it on a page until Ctrl-C. Nothing is charged; a bench found armed is dumped."""
    if lab and sim:
        raise click.UsageError("--lab and --sim exclude each other; give one")
    from controller import messages
    from controller.app.locate import data_dir, rig_reference
    from controller.app.wall_clock import utc_label
    from controller.cli.execution import execute
    from controller.cli.show import Request

    config = messages.RunConfig(
        rig=rig_reference(rig),
        profile_path="",
        out=os.path.abspath(out or data_dir()),
        seed=seed,
        lab=lab,
        started_utc=utc_label(),
        tape=os.path.abspath(tape) if tape else "",
        mode="watch",
    )
    return execute(Request(config, as_json=as_json, page=True, port=port, site=site, stay=True))
