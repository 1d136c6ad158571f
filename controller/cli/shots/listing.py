"""``sparkgap shots list``."""

import json

import click

from controller.cli.options import json_option
from controller.cli.shots.store import open_catalogue, place_options

KEYS = (
    *("number", "started_utc", "rig", "kind", "profile", "verdict", "ended", "operator"),
    *("trips", "faults", "spurious_trips"),
)
"""What ``--json`` says of a shot."""


@click.command("list")
@click.option("--rig", default=None, metavar="RIG", help="Only shots of this bench.")
@click.option("--kind", default=None, help="Only this kind of shot: noise, trigger-only, dump-proof, ..., full.")
@click.option("--load", default=None, help="Only shots on this load.")
@click.option("--verdict", default=None, help="Only shots with this verdict.")
@click.option("--tag", default=None, help="Only shots with this tag.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many.")
@place_options
@json_option
def command(
    rig: str | None,
    kind: str | None,
    load: str | None,
    verdict: str | None,
    tag: str | None,
    limit: int,
    out: str,
    catalogue: str,
    as_json: bool,
) -> None:
    """List shots, newest first."""
    with open_catalogue(out, catalogue) as opened:
        entries = opened.list(rig=rig, kind=kind, load=load, verdict=verdict, tag=tag, limit=limit)
    if as_json:
        click.echo(json.dumps([{key: getattr(entry, key) for key in KEYS} for entry in entries]))
        return
    for entry in entries:
        ended = entry.ended or "unfinished"
        click.echo(
            f"{entry.number:5}  {entry.started_utc[:19]:19}  {entry.kind:12}  {entry.verdict or '-':12}  {ended:18}"
            f"  {entry.profile}  {' '.join(entry.tags)}".rstrip()
        )
