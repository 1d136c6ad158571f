"""``sparkgap paths``: where everything is."""

import json

import click

from controller.cli.options import add_options, json_option, site_option


@click.command("paths")
@add_options(site_option, json_option)
def command(site: str, as_json: bool) -> None:
    """Say where files are read from and written to."""
    from controller.app.locate import configs_dir, data_dir, find_site, rig_files, rig_names
    from controller.app.logs import LOGS

    paths = {
        "shots": str(data_dir()),
        "logs": str(data_dir() / LOGS),
        "configs": str(configs_dir()),
        "site": str(find_site(site)),
        **{f"rig {name}": str(rig_files(name).rig.parent) for name in rig_names()},
    }
    if as_json:
        click.echo(json.dumps(paths))
        return
    for name, path in paths.items():
        click.echo(f"{name:<20} {path}")
