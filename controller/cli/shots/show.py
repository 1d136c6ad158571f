"""``sparkgap shots show N``."""

from typing import TYPE_CHECKING

import click

from controller.cli.shots.store import find_shot, locate_file, open_catalogue, place_options, shots_dir

if TYPE_CHECKING:
    from controller.shots.catalogue import ShotEntry
    from controller.shots.model import ShotRecord

FIELDS = (
    "number",
    "shot_id",
    "rig",
    "kind",
    "profile",
    "load",
    "operator",
    "purpose",
    "started_utc",
    "ended_utc",
    "verdict",
    "ended",
    "reason",
)


@click.command("show")
@click.argument("number", type=int)
@place_options
def command(number: int, out: str, catalogue: str) -> None:
    """Show everything the catalogue and the record say about shot NUMBER."""
    with open_catalogue(out, catalogue) as opened:
        entry = find_shot(opened, number)
    for line in _entry_lines(entry):
        click.echo(line)
    record_path = (entry.files or {}).get("record", ("", ""))[0]
    if record_path:
        from controller.shots.reader import read_record

        for line in _record_lines(read_record(locate_file(shots_dir(out), record_path))):
            click.echo(line)


def _entry_lines(entry: "ShotEntry") -> list[str]:
    lines = [f"{name:12} {getattr(entry, name)}" for name in FIELDS if getattr(entry, name)]
    if entry.tags:
        lines.append(f"{'tags':12} {' '.join(entry.tags)}")
    lines += [f"{'comment':12} {remark.at_utc} {remark.author}: {remark.text}" for remark in entry.comments]
    lines += [f"{role:12} {path}" for role, (path, _) in sorted((entry.files or {}).items())]
    return lines


def _record_lines(record: "ShotRecord") -> list[str]:
    from controller.cli.result import format_quantity

    lines = ["", "measurements"]
    for row in record.measurements:
        limits = f"{format_quantity(row.lower, row.unit)} .. {format_quantity(row.upper, row.unit)}"
        note = f"  {row.reason}" if row.reason else ""
        lines.append(f"  {row.title:40} {format_quantity(row.value, row.unit):>14}  [{limits}]  {row.verdict}{note}")
    lines += ["", "energy ledger"]
    lines += [f"  {name:40} {format_quantity(energy_j, 'J'):>14}" for name, energy_j in record.ledger.items()]
    lines += ["", "instruments"]
    lines += [f"  {use.name:16} {use.vendor} {use.model} {use.serial} {use.firmware}" for use in record.instruments]
    lines += ["", "waveforms"]
    for capture in record.captures:
        lines.append(f"  {capture.channel:20} {capture.raw.size:8} points  {capture.instrument} {capture.source}")
    return lines
