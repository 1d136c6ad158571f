"""``sparkgap demo``: the newcomer's first shot."""

import os

import click

from controller.cli.options import DEFAULT_RIG, json_option, out_option, seed_option


@click.command("demo")
@click.option("--once", is_flag=True, help="Run one shot and end (without the panel, demo always does).")
@click.option("--no-panel", is_flag=True, help="Do not start the panel (it is not built yet).")
@out_option
@seed_option
@json_option
def command(once: bool, no_panel: bool, out: str, seed: int, as_json: bool) -> int:
    """Run the default profile on the simulated railgun bench, over real sockets and a real pty."""
    from controller import messages
    from controller.app.locate import DEFAULT_PROFILE, data_dir, find_profile
    from controller.app.wall_clock import utc_label
    from controller.cli.execution import Request, execute

    config = messages.RunConfig(
        rig=DEFAULT_RIG,
        profile_path=str(find_profile(DEFAULT_PROFILE, DEFAULT_RIG)),
        out=os.path.abspath(out or data_dir()),
        seed=seed,
        operator="demo",
        purpose="demonstration",
        started_utc=utc_label(),
    )
    return execute(Request(config, as_json=as_json))
