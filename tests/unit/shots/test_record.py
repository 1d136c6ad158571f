"""The record: complete, readable by tools nobody here wrote, and nothing missing or changed goes unnoticed."""

import errno
import os
import subprocess
import sys
from dataclasses import fields, replace
from importlib.resources import files
from pathlib import Path

import h5py
import numpy as np
import pytest
from nexusformat.nexus.validate import validate_application, validate_file

from controller.shots import record as record_module
from controller.shots.checks import required_paths
from controller.shots.hashing import hash_file
from controller.shots.model import ShotRecord
from controller.shots.reader import migrate_record, read_record, record_version, reevaluate, verify
from controller.shots.record import RecordUnusable, check_file, write_record
from controller.shots.signals import scale_values, time_axis
from tests.unit.shots.samples import bare_shot, capture, shot

ROOT = Path(__file__).parents[3]
NXDL = str(files("controller.shots") / "NXpulsed_shot.nxdl.xml")


def same(left: object, right: object) -> bool:
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        return left.dtype == right.dtype and np.array_equal(left, right, equal_nan=left.dtype.kind == "f")
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    if hasattr(left, "__dataclass_fields__"):
        return all(same(getattr(left, item.name), getattr(right, item.name)) for item in fields(left))  # type: ignore[arg-type]
    return left == right


@pytest.mark.parametrize("record", [shot(), bare_shot()], ids=["full", "bare"])
def test_the_record_reads_back_equal(record: ShotRecord, tmp_path: Path) -> None:
    digest = write_record(record, tmp_path / "shot.nxs")
    assert digest == hash_file(tmp_path / "shot.nxs")
    verify(tmp_path / "shot.nxs", digest)
    again = read_record(tmp_path / "shot.nxs")
    assert [
        item.name for item in fields(record) if not same(getattr(record, item.name), getattr(again, item.name))
    ] == []
    assert [path.name for path in tmp_path.iterdir()] == ["shot.nxs"]


def test_nan_in_slow_logs_and_plc_events_survives(tmp_path: Path) -> None:
    record = shot()
    value = record.slow_logs[0].value.copy()
    value[5] = np.nan
    odd = replace(
        record,
        slow_logs=(replace(record.slow_logs[0], value=value),),
        plc_events=(replace(record.plc_events[0], value=float("nan")),),
    )
    write_record(odd, tmp_path / "shot.nxs")
    again = read_record(tmp_path / "shot.nxs")
    assert np.isnan(again.slow_logs[0].value[5])
    assert np.isnan(again.plc_events[0].value)


@pytest.mark.parametrize("record", [shot(), bare_shot()], ids=["full", "bare"])
def test_nexusformat_finds_nothing_wrong(
    record: ShotRecord, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "shot.nxs")
    write_record(record, Path(path))
    assert validate_file(path) == (0, 0)
    assert validate_application(path, path="/entry", application=NXDL) == (0, 0)


def test_nexusformat_catches_a_deleted_field_too(tmp_path: Path) -> None:
    path = str(tmp_path / "shot.nxs")
    write_record(shot(), Path(path))
    with h5py.File(path, "r+") as file:
        del file["/entry/instrument/total_current/data/raw_offset"]
    assert validate_application(path, path="/entry", application=NXDL)[1] > 0


def small_record() -> ShotRecord:
    record = shot()
    return replace(record, captures=(capture(points=200),), slow_logs=record.slow_logs[:1])


def test_every_required_field_is_missed_when_deleted(tmp_path: Path) -> None:
    path = tmp_path / "shot.nxs"
    write_record(small_record(), path)
    whole = path.read_bytes()
    with h5py.File(path, "r") as file:
        required = list(required_paths(file))
    unnoticed = []
    for name in required:
        path.write_bytes(whole)
        with h5py.File(path, "r+") as file:
            del file[name]
        try:
            check_file(path)
            unnoticed.append(name)
        except RecordUnusable as error:
            if f"{name} is missing" not in error.problem:
                unnoticed.append(name)
    assert len(required) > 60
    assert unnoticed == []


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("/entry/configuration/rig/data", np.zeros(20, np.uint8), "does not match its sha256"),
        ("/entry/instrument/total_current/data/raw_scaling_factor", 2.0, "differs from its parts"),
        ("/entry/instrument/total_current/data/time", np.zeros(3), "differ in shape"),
        ("/entry/instrument/total_current/data/time", np.arange(200.0), "not attached"),
        ("/entry/instrument/total_current/data/raw", np.zeros(200), "not an array of integers"),
        ("/entry/definition", "NXother", "not NXpulsed_shot"),
    ],
)
def test_wrong_contents_are_noticed(path: str, value: object, problem: str, tmp_path: Path) -> None:
    write_record(small_record(), tmp_path / "shot.nxs")
    with h5py.File(tmp_path / "shot.nxs", "r+") as file:
        del file[path]
        file[path] = value
    with pytest.raises(RecordUnusable, match=problem):
        check_file(tmp_path / "shot.nxs")


def test_values_rebuilt_from_raw_by_the_nexus_rule_match(tmp_path: Path) -> None:
    record = shot()
    write_record(record, tmp_path / "shot.nxs")
    with h5py.File(tmp_path / "shot.nxs") as file:
        for item in record.captures:
            data = file[f"/entry/instrument/{item.channel}/data"]
            rebuilt = (data["raw"][()].astype(float) + data["raw_offset"][()]) * data["raw_scaling_factor"][()]
            np.testing.assert_allclose(rebuilt, scale_values(item), rtol=0, atol=1e-9 * np.max(np.abs(rebuilt)))
            np.testing.assert_array_equal(data["time"][()], time_axis(item))
            assert data["raw"].dtype == np.uint16


def test_xarray_sees_a_real_time_coordinate(tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    write_record(shot(), tmp_path / "shot.nxs")
    with xarray.open_dataset(
        tmp_path / "shot.nxs", group="entry/instrument/total_current/data", engine="h5netcdf", decode_timedelta=False
    ) as data:
        assert data["raw"].dims == ("time",)
        assert data["raw"].attrs["units"] == "counts"
        assert data["raw"].dtype == np.uint16
        assert float(data["time"][-1]) == pytest.approx(9e-3, rel=1e-3)


def test_a_record_is_never_written_over(tmp_path: Path) -> None:
    write_record(bare_shot(), tmp_path / "shot.nxs")
    with pytest.raises(RecordUnusable, match="exists already"):
        write_record(bare_shot(), tmp_path / "shot.nxs")


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(record_module.os, "fsync", refuse)
    with pytest.raises(RecordUnusable, match="the disk is full"):
        write_record(bare_shot(), tmp_path / "shot.nxs")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_visible_before_it_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync, rename = os.fsync, os.rename
    monkeypatch.setattr(record_module.os, "fsync", lambda fd: (steps.append("fsync"), fsync(fd))[1])
    monkeypatch.setattr(record_module.os, "rename", lambda a, b: (steps.append("rename"), rename(a, b))[1])
    write_record(bare_shot(), tmp_path / "shot.nxs")
    assert steps == ["fsync", "rename", "fsync"]


def test_damaged_truncated_and_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "shot.nxs"
    digest = write_record(small_record(), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    for damaged in (whole[: len(whole) // 2], b"", b"no HDF5 at all"):
        path.write_bytes(damaged)
        with pytest.raises(RecordUnusable, match="restore it from a backup"):
            read_record(path)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    path.write_bytes(bytes(flipped))
    with pytest.raises(RecordUnusable, match="the catalogue says"):
        verify(path, digest)
    with pytest.raises(RecordUnusable, match="no such record"):
        read_record(tmp_path / "gone.nxs")


def test_a_newer_record_is_refused_an_older_one_migrated_with_a_backup(tmp_path: Path) -> None:
    path = tmp_path / "shot.nxs"
    write_record(small_record(), path)
    original = path.read_bytes()

    def rename_title(file: h5py.File) -> None:
        file["/entry/title"][()] = "migrated"

    backup = migrate_record(path, {1: rename_title, 2: lambda file: None}, target=3)
    assert (backup.name, backup.read_bytes() == original) == ("shot.nxs.v1", True)
    assert record_version(path) == 3
    with pytest.raises(RecordUnusable, match="newer than 2"):
        read_record(path)
    with pytest.raises(RecordUnusable, match="no way from record version 1"):
        migrate_record(backup, {}, target=2)


def test_corrected_factors_change_the_numbers_not_the_file(tmp_path: Path) -> None:
    path = tmp_path / "shot.nxs"
    digest = write_record(shot(), path)
    before = {item.name: item for item in read_record(path).measurements}
    after = {item.name: item for item in reevaluate(path, {"total_current": 1.1})}
    assert after["peak_current"].value == pytest.approx((before["peak_current"].value or 0) * 1.1)
    assert (before["peak_current"].verdict, after["peak_current"].verdict) == ("pass", "fail")
    assert after["fire_voltage"] == before["fire_voltage"]
    verify(path, digest)
    with pytest.raises(KeyError, match="no channel typo"):
        reevaluate(path, {"typo": 1.0})


def test_equal_shots_give_equal_raw_data(tmp_path: Path) -> None:
    digests = [write_record(small_record(), tmp_path / name) for name in ("a.nxs", "b.nxs")]
    assert digests[0] == digests[1]


FILE_SIZE_LIMIT = """
import os, resource, sys
from pathlib import Path
from controller.shots.record import RecordUnusable, write_record
from tests.unit.shots.samples import shot
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    write_record(shot(), Path(sys.argv[1]) / "shot.nxs")
except RecordUnusable as error:
    print(error.problem)
print(os.listdir(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_disk_that_refuses_in_the_middle_does_not_take_the_process_along(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FILE_SIZE_LIMIT, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["cannot be written: [Errno 27] File too large", "[]"]
