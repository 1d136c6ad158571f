"""Trains in other formats: every sample and every pulse, to the last digit."""

import csv
from pathlib import Path

import numpy as np
import pytest
from nptdms import TdmsFile
from pyarrow import parquet
from scipy.io import loadmat

from controller.shots.export import export_csv
from controller.shots.export_files import columns_of, export_mat, export_parquet, export_tdms
from controller.shots.model import ShotRecord
from controller.shots.pulses import pulse_table
from controller.shots.signals import scale_values, time_axis
from tests.unit.shots.trains import train, train_shot


@pytest.fixture(scope="module")
def record() -> ShotRecord:
    return train_shot(trains=(train(6, points=40, missing=(2,), broken=(), planned=7),))


def rows(path: Path) -> tuple[list[str], list[list[str]]]:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    head, *body = csv.reader(lines)
    return head, body


def test_csv_has_a_file_of_samples_and_one_of_pulses(record: ShotRecord, tmp_path: Path) -> None:
    paths = {path.name: path for path in export_csv(record, tmp_path)}
    (held,) = record.trains
    head, body = rows(paths["shot_00009_cathode_voltage.csv"])
    assert head == ["pulse", "t_s", "value_V"] and len(body) == 6 * 40
    found = np.array(body, dtype=float)
    assert np.array_equal(found[:, 0], np.repeat(np.arange(1, 7), 40))
    assert np.array_equal(found[:, 1].reshape(6, 40)[5], time_axis(held.capture))
    assert np.array_equal(found[:, 2].reshape(6, 40), scale_values(held.capture))
    head, body = rows(paths["shot_00009_cathode_voltage_pulses.csv"])
    assert head == ["pulse", "trigger_s", "peak_V", "flat_top_V", "width_s", "missing"]
    assert body[2][3:] == ["", "", "1"] and body[1][1] == "0.005"
    assert float(body[0][2]) == pulse_table(held).peak[0]
    first = paths["shot_00009_cathode_voltage_pulses.csv"].read_text(encoding="utf-8").splitlines()[0]
    assert first == "# Cathode voltage; 6 of 7 pulses of 40 samples"


def test_mat_tdms_and_parquet_keep_the_segments_apart(record: ShotRecord, tmp_path: Path) -> None:
    (held,) = record.trains
    values, columns = scale_values(held.capture), columns_of(record, ("cathode_voltage",))
    (mat,) = export_mat(record, columns, tmp_path)
    found = loadmat(mat, simplify_cells=True)["cathode_voltage"]
    assert np.array_equal(found["value"], values) and np.allclose(found["trigger_s"], np.arange(6) * 0.005)
    (tdms,) = export_tdms(record, columns, tmp_path)
    group = TdmsFile.read(tdms)["trains_cathode_voltage"]
    channel = group["cathode_voltage"]
    assert (channel.properties["segments"], channel.properties["segment_samples"]) == (6, 40)
    assert np.array_equal(channel[:].reshape(6, 40), values) and group["Trigger"][1] == 0.005
    (written,) = export_parquet(record, columns, tmp_path)
    table = parquet.read_table(written).to_pydict()
    assert list(table) == ["pulse", "trigger_s", "t_s", "value"] and len(table["pulse"]) == 240
    assert table["value"][-1] == values[5, 39] and table["pulse"][40] == 2
