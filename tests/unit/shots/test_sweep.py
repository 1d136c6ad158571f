"""A sweep of the drive in the record: read back equal, judged, shown in the report, seen by tools that know NeXus."""

import math
from dataclasses import replace
from pathlib import Path

import h5py
import pytest
from nexusformat.nexus.validate import validate_file

from controller.shots.model import SweepLevel
from controller.shots.quantities import FUNCTIONS, MeasureContext
from controller.shots.reader import context_of, read_record
from controller.shots.record import write_record
from controller.shots.report import render_report
from tests.unit.shots.samples import shot, slow_log

LEVELS = (
    SweepLevel("sweep_level_1", 0.01, 1500, 268.0, 259.1),
    SweepLevel("sweep_level_2", 0.1, 1500, 834.6, 796.7),
    SweepLevel("sweep_level_3", 0.4, 1499, None, 719.4),
)


def deviation(*levels: SweepLevel) -> tuple[float | None, str]:
    reading = FUNCTIONS["calorimetric_deviation"](slow_log("a"), MeasureContext(levels=levels))
    return reading.value, reading.reason


def test_the_levels_read_back_and_stand_in_the_file_as_a_curve(tmp_path: Path) -> None:
    record = replace(shot(), levels=LEVELS)
    path = tmp_path / "shot.nxs"
    write_record(record, path)
    back = read_record(path)
    assert validate_file(str(path)) == (0, 0)
    assert back.levels == LEVELS and context_of(back).levels == LEVELS
    with h5py.File(path) as file:
        sweep = file["/entry/derived/sweep"]
        assert sweep.attrs["signal"] == "calorimetric_power" and sweep["drive"][:].tolist() == [0.01, 0.1, 0.4]
        assert math.isnan(sweep["coupler_power"][2])


def test_a_record_without_a_sweep_says_nothing_of_one(tmp_path: Path) -> None:
    path = tmp_path / "shot.nxs"
    write_record(shot(), path)
    assert read_record(path).levels == ()
    with h5py.File(path) as file:
        assert "sweep" not in file["/entry/derived"]
    assert "Mean power over drive" not in render_report(shot())


def test_coupler_and_water_are_compared_at_the_worst_level() -> None:
    assert deviation(*LEVELS[:2]) == (pytest.approx(834.6 / 796.7 - 1.0), "")
    low = replace(LEVELS[0], coupler_w=200.0)
    assert deviation(low, LEVELS[1])[0] == pytest.approx(1.0 - 200.0 / 259.1)


@pytest.mark.parametrize("levels", [(), LEVELS, (replace(LEVELS[0], calorimetric_w=0.0),)])
def test_what_nobody_could_tell_is_no_agreement(levels: tuple[SweepLevel, ...]) -> None:
    value, reason = deviation(*levels)
    assert value is None and reason


def test_the_report_shows_curve_and_numbers() -> None:
    html = render_report(replace(shot(), levels=LEVELS))
    assert "Mean power over drive" in html and "drive (mW)" in html
    assert "834.6" in html and "+4.8 %" in html
