"""A record without its waveforms, and one waveform at a time: the same numbers as the whole record."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from controller.shots.reader import read_record
from controller.shots.record import RecordUnusable, write_record
from controller.shots.summary import read_capture, read_summary
from tests.unit.shots.samples import shot


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "shot.nxs"
    write_record(shot(), path)
    return path


def test_a_summary_is_the_record_without_waveforms(written: Path) -> None:
    whole, summary = read_record(written), read_summary(written)
    assert summary.samples == {item.channel: item.raw.size for item in whole.captures}
    assert [item.raw.size for item in summary.record.captures] == [0] * len(whole.captures)
    assert summary.record.measurements == whole.measurements
    assert summary.record.identity == whole.identity
    for log, full in zip(summary.record.slow_logs, whole.slow_logs, strict=True):
        assert np.array_equal(log.value, full.value, equal_nan=True)


def test_a_waveform_is_read_by_itself(written: Path) -> None:
    summary = read_summary(written)
    for capture, full in zip(summary.record.captures, read_record(written).captures, strict=True):
        read = read_capture(written, capture)
        assert np.array_equal(read.raw, full.raw) and read.raw.dtype == full.raw.dtype
        assert (read.channel, read.scale, read.delay_s) == (full.channel, full.scale, full.delay_s)


@pytest.mark.parametrize(("version", "problem"), [("99", "is newer than"), ("0", "is older than")])
def test_another_version_is_refused(version: str, problem: str, written: Path) -> None:
    with h5py.File(written, "r+") as file:
        file["/entry/definition"].attrs["version"] = version
    with pytest.raises(RecordUnusable, match=problem):
        read_summary(written)


def test_what_is_no_record_is_said(tmp_path: Path, written: Path) -> None:
    with pytest.raises(RecordUnusable, match="no such record"):
        read_summary(tmp_path / "nothing.nxs")
    other = tmp_path / "other.nxs"
    other.write_bytes(b"nonsense")
    with pytest.raises(RecordUnusable, match="cannot be read"):
        read_summary(other)
    with h5py.File(written, "r+") as file:
        del file["/entry/configuration/document"]
    with pytest.raises(RecordUnusable, match="cannot be read"):
        read_summary(written)
