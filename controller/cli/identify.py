"""``sparkgap identify``: who answers at an address?"""

import click


@click.command("identify")
@click.argument("resource")
@click.option(
    "--model", default="", metavar="MODEL", help="Use this model's protocol, as `sparkgap instruments` shows it."
)
def command(resource: str, model: str) -> None:
    """Ask what answers at RESOURCE (HOST:PORT, TCPIP::HOST::PORT::SOCKET, or a serial port with --model)."""
    import asyncio

    from controller.app.identification import identify

    found = asyncio.run(identify(resource, model))
    click.echo(f"{found.vendor}, {found.model}, serial {found.serial or '-'}, firmware {found.firmware or '-'}")
