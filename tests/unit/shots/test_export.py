"""Exports hold the numbers of the record, to the last digit."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from controller.shots.export import export_csv, export_json
from controller.shots.signals import scale_values, time_axis
from tests.unit.shots.samples import capture, shot


def read(path: Path) -> tuple[list[str], np.ndarray]:
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    return rows[0], np.array(rows[1:], dtype=float)


def test_csv_round_trips(tmp_path: Path) -> None:
    item = capture(points=300)
    record = replace(shot(), captures=(item,))
    paths = export_csv(record, tmp_path / "csv")
    assert [path.name for path in paths] == [
        "shot_00007_total_current.csv", "shot_00007_slow_bank_voltage_a.csv", "shot_00007_slow_bank_voltage_b.csv",
    ]  # fmt: skip
    head, rows = read(paths[0])
    assert head == ["time after T0 (s)", "raw (counts)", "Total current (A)"]
    np.testing.assert_array_equal(rows, np.column_stack((time_axis(item), item.raw, scale_values(item))))
    head, rows = read(paths[1])
    np.testing.assert_array_equal(rows, np.column_stack((record.slow_logs[0].t_s, record.slow_logs[0].value)))


def test_a_title_cannot_become_a_formula(tmp_path: Path) -> None:
    record = replace(shot(), captures=(replace(capture(points=4), title="=cmd()"),), slow_logs=())
    assert read(export_csv(record, tmp_path)[0])[0][2] == "'=cmd() (A)"


def test_json_is_strict_and_complete(tmp_path: Path) -> None:
    record = replace(shot(), plc_events=(replace(shot().plc_events[0], value=float("nan")),))
    document = json.loads(export_json(record, tmp_path / "shot.json").read_text(encoding="utf-8"))
    assert document["identity"]["number"] == 7
    assert document["plc_events"][0]["value"] is None
    assert document["measurements"][0]["unit"] == "kA"
    assert "raw" not in document["captures"][0]
    assert document["captures"][0]["settings"][":CHAN1:RANGe"] == "8"
