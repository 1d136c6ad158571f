"""A virtual run follows from its seed alone: not from hash seed, time zone, folder or day (design.md 2)."""

import sqlite3
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.support import sparkgap

ROOT = Path(__file__).parents[2]
RUN_TIMEOUT_S = 300
SHOT = "000001-full"
CAPTURES = 8


def run(folder: Path, out: str, seed: int, **environment: str) -> Path:
    """Fire one shot in a process of its own; returns the shot's folder."""
    command = ("run", "full", "--rig", "railgun_bench", "--virtual", "--seed", str(seed), "--out", out)
    done = sparkgap(*command, cwd=folder, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / out / SHOT


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Seed 7 twice, with everything around it different, and seed 8."""
    folder = tmp_path_factory.mktemp("determinism")
    return (
        run(folder, "a", 7, PYTHONHASHSEED="1", TZ="UTC", LC_ALL="C"),
        run(folder, "another/folder", 7, PYTHONHASHSEED="4242", TZ="Asia/Tokyo", LC_ALL="C.UTF-8"),
        run(folder, "c", 8, PYTHONHASHSEED="1", TZ="UTC", LC_ALL="C"),
    )


def files_of(shot: Path) -> dict[str, bytes]:
    return {str(path.relative_to(shot)): path.read_bytes() for path in sorted(shot.rglob("*")) if path.is_file()}


def test_one_seed_gives_the_same_bytes_in_every_file_of_the_shot(shots: tuple[Path, Path, Path]) -> None:
    first, second = files_of(shots[0]), files_of(shots[1])
    assert {"journal.sgj", "shot.nxs", "report.html"} <= set(first)
    assert len([name for name in first if name.endswith(".raw")]) == CAPTURES
    assert list(first) == list(second)
    assert [name for name in first if first[name] != second[name]] == []


def datasets_of(record: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    with h5py.File(record) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def test_one_seed_gives_the_same_record(shots: tuple[Path, Path, Path]) -> None:
    first, second = (datasets_of(shot / "shot.nxs") for shot in shots[:2])
    assert len(first) > CAPTURES
    assert list(first) == list(second)
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)  # NaN equals NaN here


def test_another_seed_gives_other_noise_and_another_shot(shots: tuple[Path, Path, Path]) -> None:
    first, other = files_of(shots[0]), files_of(shots[2])
    raw = [name for name in first if name.endswith(".raw")]
    assert [name for name in raw if first[name] == other[name]] == []
    assert [len(first[name]) for name in raw] == [len(other[name]) for name in raw]
    assert first["journal.sgj"] != other["journal.sgj"]


def test_the_catalogue_differs_in_its_folder_only(shots: tuple[Path, Path, Path]) -> None:
    def rows(shot: Path) -> list[str]:
        with sqlite3.connect(shot.parent / "catalogue.db") as database:
            lines = [line.replace(str(shot.parent), "OUT") for line in database.iterdump()]
        database.close()
        return lines

    assert rows(shots[0]) == rows(shots[1])
