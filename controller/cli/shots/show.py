"""``sparkgap shots show N``."""

from collections.abc import Mapping
from pathlib import Path
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
        record_path = (entry.files or {}).get("record", ("", ""))[0]
        record = _read(locate_file(shots_dir(out), record_path)) if record_path else None
        unstored = [note.instrument for note in opened.unstored(number=number)]
        wear = {part.serial: opened.wear(part.serial) for part in record.parts} if record is not None else {}
    for line in _entry_lines(entry):
        click.echo(line)
    if unstored:
        click.echo(f"{'not stored':12} {' '.join(unstored)}: fetch the record before the scope is armed again")
    if record is not None:
        for line in [*_record_lines(record), *_part_lines(record, wear)]:
            click.echo(line)


def _read(path: Path) -> "ShotRecord":
    from controller.shots.reader import read_record

    return read_record(path)


def _entry_lines(entry: "ShotEntry") -> list[str]:
    lines = [f"{name:12} {getattr(entry, name)}" for name in FIELDS if getattr(entry, name)]
    if entry.trips:
        lines.append(f"{'trips':12} {' '.join(entry.trips)} ({entry.spurious_trips} without a cause on record)")
    if entry.faults:
        lines.append(f"{'injected':12} {' '.join(entry.faults)}")
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
    passed = sum(item.passed for item in record.self_test)
    lines += ["", f"self-test: {passed} of {len(record.self_test)} interlock paths passed"]
    lines += ["", "waveforms"]
    for capture in record.captures:
        lines.append(f"  {capture.channel:20} {capture.raw.size:8} points  {capture.instrument} {capture.source}")
    return lines


def _part_lines(record: "ShotRecord", wear: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The parts in use and what they have taken so far, all shots together."""
    lines = ["", "parts and their wear so far"] if record.parts else []
    for part in record.parts:
        counters = ", ".join(f"{name.replace('_', ' ')} {total:.6g}" for name, total in wear[part.serial].items())
        lines.append(f"  {part.role:16} {part.serial:16} {counters or 'none'}")
    return lines
