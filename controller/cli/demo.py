"""``sparkgap demo``: the newcomer's first shot, and its page."""

import os

import click

from controller.cli.options import (
    add_options,
    json_option,
    out_option,
    port_option,
    seed_option,
    site_option,
)


@click.command("demo")
@click.option("--once", is_flag=True, help="End after the shot instead of keeping the bench and its page up.")
@click.option("--no-panel", is_flag=True, help="No page; ends after the shot.")
@add_options(port_option, site_option, out_option, seed_option, json_option)
def command(once: bool, no_panel: bool, port: int, site: str, out: str, seed: int, as_json: bool) -> int:
    """Run the default profile on a simulated bench, over real sockets and a real pty, and show its page.

    The page stays up after the shot until Ctrl-C; the exit code is the shot's.
    """
    if no_panel and (port or site):
        raise click.UsageError("--port and --site describe the page; leave --no-panel or them out")
    from controller import messages
    from controller.app.locate import DEFAULT_PROFILE, data_dir, default_rig, find_profile
    from controller.app.wall_clock import utc_label
    from controller.cli.execution import execute
    from controller.cli.show import Request

    rig = default_rig()
    config = messages.RunConfig(
        rig=rig,
        profile_path=str(find_profile(DEFAULT_PROFILE, rig)),
        out=os.path.abspath(out or data_dir()),
        seed=seed,
        operator="demo",
        purpose="demonstration",
        started_utc=utc_label(),
    )
    page = not no_panel
    stay = page and not once
    return execute(Request(config, as_json=as_json, page=page, port=port, site=site, stay=stay, browser=stay))
