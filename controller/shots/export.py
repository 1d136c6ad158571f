"""Export for other tools: CSV of every capture (raw and in engineering units), CSV of slow logs, a JSON summary."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from controller.shots.document import describe
from controller.shots.export_trains import write_train_csv
from controller.shots.model import ChannelCapture, ShotRecord, SlowLog
from controller.shots.signals import scale_values, time_axis

FORMULA_STARTS = ("=", "+", "-", "@")
"""A spreadsheet runs a text that starts so; such a title gets an apostrophe in front."""


def export_csv(record: ShotRecord, folder: Path) -> tuple[Path, ...]:
    """One CSV file per capture and slow log (RFC 4180, UTF-8, decimal points), two per train; returns the paths.

    Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for capture in record.captures:
        path = folder / f"shot_{record.identity.number:05d}_{capture.channel}.csv"
        _write_rows(path, _capture_head(capture), _capture_rows(capture))
        paths.append(path)
    for train in record.trains:
        stem = f"shot_{record.identity.number:05d}_{train.channel}"
        paths += write_train_csv(train, folder / f"{stem}.csv", folder / f"{stem}_pulses.csv")
    for log in record.slow_logs:
        path = folder / f"shot_{record.identity.number:05d}_slow_{log.name}.csv"
        head = ("time since the start (s)", _safe(f"{log.title or log.name} ({log.unit})"))
        _write_rows(path, head, _log_rows(log))
        paths.append(path)
    return tuple(paths)


def export_json(record: ShotRecord, path: Path) -> Path:
    """Everything but samples and texts as indented JSON; non-finite numbers become null. Raises OSError."""
    text = json.dumps(describe(record), ensure_ascii=False, allow_nan=False, indent=2)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")
    return path


def _capture_head(capture: ChannelCapture) -> tuple[str, str, str]:
    return "time after T0 (s)", "raw (counts)", _safe(f"{capture.title or capture.channel} ({capture.unit})")


def _capture_rows(capture: ChannelCapture) -> Iterable[Sequence[str]]:
    columns = (time_axis(capture).tolist(), capture.raw.tolist(), scale_values(capture).tolist())
    return ((repr(t_s), str(raw), repr(value)) for t_s, raw, value in zip(*columns, strict=True))


def _log_rows(log: SlowLog) -> Iterable[Sequence[str]]:
    return ((repr(t_s), repr(value)) for t_s, value in zip(log.t_s.tolist(), log.value.tolist(), strict=True))


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _write_rows(path: Path, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)
