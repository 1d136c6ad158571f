"""``sparkgap shots export N DIR``: full resolution, never decimated, in several formats."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.cli.shots.store import file_of, find_shot, open_catalogue, place_options, shots_dir, writing

if TYPE_CHECKING:
    from controller.shots.model import ChannelCapture, FloatArray, PulseTrain, ShotRecord


@click.command("export")
@click.argument("number", type=int)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--channel", "channels", multiple=True, help="Only this channel. Repeatable.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "mat", "tdms", "parquet"]),
    default="csv",
    show_default=True,
    help="CSV and Parquet: one file per channel; MAT and TDMS: one per shot.",
)
@place_options
def command(number: int, folder: Path, channels: tuple[str, ...], form: str, out: str, catalogue: str) -> None:
    """Write every waveform, train and slow channel of shot NUMBER to FOLDER, in engineering units.

    A train as CSV is two files: every sample, and one row per pulse. Thousands of pulses are smaller as Parquet.

    TDMS and Parquet need the extras sparkgap[tdms] and sparkgap[parquet].
    """
    from controller.shots.reader import read_record

    with open_catalogue(out, catalogue) as opened:
        source, _ = file_of(find_shot(opened, number), "record", shots_dir(out))
    record = read_record(source)
    _refuse_unknown(record, channels, str(source))
    if form != "csv":
        from controller.shots.export_files import FORMATS, columns_of

        with writing(folder):
            paths = FORMATS[form](record, columns_of(record, channels), folder)
        for path in paths:
            click.echo(str(path))
        return
    captures = [capture for capture in record.captures if not channels or capture.channel in channels]
    trains = [train for train in record.trains if not channels or train.channel in channels]
    logs = [log for log in record.slow_logs if not channels or log.name in channels]
    with writing(folder):
        for capture in captures:
            _write_capture(capture, folder / f"{capture.channel}.csv")
        written = [path for train in trains for path in _write_train(train, folder)]
        for log in logs:
            notes = [f"{log.title or log.name}; time from the start"]
            _write_csv(folder / f"{log.name}.csv", notes, log.unit, log.t_s, log.value)
    for path in written:
        click.echo(str(path))
    for name in [*(capture.channel for capture in captures), *(log.name for log in logs)]:
        click.echo(str(folder / f"{name}.csv"))


def _refuse_unknown(record: "ShotRecord", channels: Iterable[str], where: str) -> None:
    from controller.rig.source import Problem, Refused

    known = [item.channel for item in record.captures] + [item.channel for item in record.trains]
    known += [log.name for log in record.slow_logs]
    problems = [
        Problem(where, 0, name, "the record has no such channel", f"channels: {', '.join(known)}")
        for name in channels
        if name not in known
    ]
    if problems:
        raise Refused(problems)


def _write_capture(capture: "ChannelCapture", path: Path) -> None:
    from controller.shots.signals import scale_values, time_axis

    notes = [
        f"{capture.title or capture.channel}; {capture.instrument} {capture.source}; time from T0, cable delay removed",
        f"scale {capture.scale!r} {capture.unit}/V, u95 {capture.uncertainty!r} of it",
    ]
    _write_csv(path, notes, capture.unit, time_axis(capture), scale_values(capture))


def _write_train(train: "PulseTrain", folder: Path) -> tuple[Path, ...]:
    from controller.shots.export_trains import write_train_csv

    return write_train_csv(train, folder / f"{train.channel}.csv", folder / f"{train.channel}_pulses.csv")


def _write_csv(path: Path, notes: list[str], unit: str, t_s: "FloatArray", values: "FloatArray") -> None:
    """Comment lines, a heading with units, then ``t,value`` with every digit that counts."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"# {note}\n" for note in notes)
        file.write(f"t_s,value_{unit}\n")
        file.writelines(f"{t!r},{value!r}\n" for t, value in zip(t_s.tolist(), values.tolist(), strict=True))
