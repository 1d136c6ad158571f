"""``sparkgap identify``: who answers at an address?"""

import click


@click.command("identify")
@click.argument("resource")
@click.option(
    "--model", default="", metavar="MODEL", help="Use this model's protocol, as `sparkgap instruments` shows it."
)
def command(resource: str, model: str) -> None:
    """Ask what answers at RESOURCE, and say what Sparkgap has for it.

    RESOURCE is HOST:PORT, a serial device, any VISA resource string, or TRANSPORT:ADDRESS as `sparkgap sim --json`
    prints them (hislip:HOST:PORT, vxi11:HOST:PORT, serial:DEVICE, modbus:HOST:PORT).
    """
    import asyncio

    from controller.app.identification import identify

    found = asyncio.run(identify(resource, model))
    who = found.identity
    click.echo(f"{who.vendor}, {who.model}, serial {who.serial or '-'}, firmware {who.firmware or '-'}")
    click.echo(f"transport {found.transport}: {found.address}")
    for name in found.models:
        click.echo(f"model {name}")
    if found.verbs:
        click.echo(f"verbs {found.verbs}: sparkgap scope learn {resource} --name NAME")
    if not (found.models or found.verbs):
        click.echo("no driver; a scope can be learned, see `sparkgap scope learn --help`")
