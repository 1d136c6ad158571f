"""``sparkgap profiles``: what can be run without writing a file."""

import click


@click.command("profiles")
@click.option("--rig", default="", metavar="RIG", help="Only the profiles of this bench.")
def command(rig: str) -> None:
    """List the shipped profiles: bench, name and file."""
    from controller.app.locate import find_profile, profile_names, rig_files, rig_names

    if rig:
        rig_files(rig)
    for bench in (rig,) if rig else rig_names():
        for name in profile_names(bench):
            click.echo(f"{bench}  {name:<16} {find_profile(name, bench)}")
