"""``sparkgap instruments``: which models there are, and what the benches are made of."""

import click


@click.command("instruments")
@click.option("--rig", default="", metavar="RIG", help="Only the instruments of this bench.")
@click.option("--json", "as_json", is_flag=True, help="Print the models as JSON for programs.")
def command(rig: str, as_json: bool) -> None:
    """List the models (kind, transports, options, whose clients drove the stand-in), then the benches' instruments."""
    from controller.app.locate import rig_names
    from controller.app.preflight import read_rig

    if not rig:
        _print_models(as_json)
    if as_json and not rig:
        return
    for name in (rig,) if rig else rig_names():
        bench, _ = read_rig(name)
        click.echo(f"{bench.name}: {bench.title}")
        for spec in bench.instruments:
            click.echo(
                f"  {spec.name:<16} {spec.model:<22} {spec.port:<18} {spec.transport:<8} {spec.role:<9} {spec.title}"
            )


def _print_models(as_json: bool) -> None:
    import json
    from dataclasses import asdict

    from controller.app.model_table import model_rows

    rows = list(model_rows())
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    click.echo(f"{'model':<28} {'kind':<16} {'transports':<24} {'options':<48} checked against")
    for row in rows:
        clients = ", ".join(f"{check.client} ({check.transport})" for check in row.notes.checks)
        transports = " ".join(row.transports)
        click.echo(f"{row.model:<28} {row.kind:<16} {transports:<24} {row.notes.options:<48} {clients or '-'}")
    click.echo("")
