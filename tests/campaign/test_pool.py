"""The pool of a campaign: workers are killed, hang and raise, and every task comes back exactly once."""

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from controller.campaign import pool
from controller.campaign.job import Job, WorkersUnusable
from controller.campaign.pool import run_pool
from tests.campaign import fake_cells


@pytest.fixture(autouse=True)
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pools put their folders: empty again when they are done."""
    place = tmp_path / "roots"
    place.mkdir()
    monkeypatch.setattr(pool, "MEMORY_FOLDER", tmp_path / "none")
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def run(function: Callable[[Any], Any], tasks: Sequence[Any], workers: int = 2, limit_s: float = 60.0) -> list[Any]:
    came: list[Any] = []
    assert run_pool(Job(function, tasks, fake_cells.lost, limit_s), workers, came.append, lambda: False)
    return came


def gone(pid: int) -> bool:
    """True when the process is no more, or only waits to be buried by its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_every_task_comes_back_once_and_nothing_is_left(roots: Path) -> None:
    assert sorted(run(fake_cells.square, range(200))) == [n * n for n in range(200)]
    assert list(roots.iterdir()) == []


def test_no_tasks_start_no_worker() -> None:
    assert run(fake_cells.square, []) == []


def test_a_killed_worker_loses_nothing(tmp_path: Path) -> None:
    mark = str(tmp_path / "mark")
    assert sorted(run(fake_cells.dies_once, [(n, mark) for n in range(20)])) == [n * n for n in range(20)]


def test_a_task_that_ends_its_worker_twice_is_lost_and_the_others_are_not() -> None:
    came = run(fake_cells.dies_always, range(10))
    assert (3, "ended its worker 2 times (signal 9)") in came
    assert sorted(n for n in came if isinstance(n, int)) == [n * n for n in range(10) if n != 3]


def test_a_task_that_raises_says_what_and_where() -> None:
    came = run(fake_cells.raises, range(4))
    ((task, why),) = (word for word in came if isinstance(word, tuple))
    assert task == 2
    assert why.startswith("internal error: ValueError: two (fake_cells.py:")
    assert len(came) == 4


def test_a_task_that_hangs_is_ended_with_all_it_started(tmp_path: Path, roots: Path) -> None:
    mark = tmp_path / "pid"
    came = run(fake_cells.starts_a_sleeper, [(n, str(mark)) for n in range(4)], limit_s=3.0)
    assert ((1, str(mark)), "was not over after 3 s of wall time; its worker was ended") in came
    assert len(came) == 4
    assert gone(int(mark.read_text()))
    assert list(roots.iterdir()) == []


def test_the_wish_to_stop_ends_it_with_what_came_so_far(roots: Path) -> None:
    came: list[int] = []
    job = Job(fake_cells.hangs, [0, 1, 2, 3], fake_cells.lost)
    assert not run_pool(job, 2, came.append, lambda: len(came) == 3)
    assert sorted(came) == [0, 4, 9]
    assert list(roots.iterdir()) == []


def test_every_worker_has_a_folder_of_its_own(roots: Path) -> None:
    folders = set(run(fake_cells.says_where, range(40), workers=2))
    assert 1 <= len(folders) <= 2
    assert all(Path(folder).parent.parent == roots for folder in folders)


def test_workers_that_cannot_start_are_said_to_be_unusable(roots: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "serve", os.abort)
    with pytest.raises(WorkersUnusable, match="workers end before they are ready"):
        run(fake_cells.square, range(3))
    assert list(roots.iterdir()) == []
