"""``sparkgap instruments``: what the benches are made of."""

import click


@click.command("instruments")
@click.option("--rig", default="", metavar="RIG", help="Only the instruments of this bench.")
def command(rig: str) -> None:
    """List the instruments of the benches: name, model, port, transport, importance."""
    from controller.app.locate import rig_names
    from controller.app.preflight import read_rig

    for name in (rig,) if rig else rig_names():
        bench, _ = read_rig(name)
        click.echo(f"{bench.name}: {bench.title}")
        for spec in bench.instruments:
            click.echo(
                f"  {spec.name:<16} {spec.model:<22} {spec.port:<18} {spec.transport:<8} {spec.role:<9} {spec.title}"
            )
