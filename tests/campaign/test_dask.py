"""The campaign on Dask: scheduler and workers are processes of their own on loopback, and one worker is killed."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.campaign import cluster
from controller.campaign.cluster import run_on_cluster
from controller.campaign.job import Job
from controller.rig.source import Refused
from tests.campaign import fake_cells
from tests.campaign.fake_cells import Release

ROOT = Path(__file__).parents[2]

READY_S = 40.0
"""A cold import of distributed on a busy machine."""


class Cluster:
    """One scheduler and its workers, ended at the end whatever happened."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
        port = self.address.rpartition(":")[2]
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", port, "--no-show")
        self.workers: list[subprocess.Popen[bytes]] = []

    def add_worker(self) -> None:
        number = len(self.workers)
        local = str(self._folder / f"worker-{number}")
        where = ("--host", "127.0.0.1", "--local-directory", local, "--death-timeout", "60", "--no-nanny")
        self.workers.append(self._start("worker", self.address, "--nthreads", "1", *where))

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", *words, "--no-dashboard"]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(self._folder)}
        with open(self._folder / f"{words[0]}.log", "ab") as log:
            return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=environment)

    def end(self) -> None:
        for process in (*self.workers, self.scheduler):
            if process.poll() is None:
                process.kill()
            process.wait(10)


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    found = Cluster(tmp_path_factory.mktemp("dask"))
    try:
        found.add_worker()
        found.add_worker()
        yield found
    finally:
        found.end()


def test_a_worker_is_killed_in_the_middle_and_every_task_comes_back_once(
    two_workers: Cluster, tmp_path: Path, figure: Callable[..., None]
) -> None:
    release = Release(tmp_path)
    tasks = [(n, str(tmp_path)) for n in range(40)]
    came: list[Any] = []
    killed: list[int] = []
    began: list[int] = []

    def kill_one_that_works() -> None:
        """Both workers hold a task by now; one of them dies with it, then the others may go on."""
        began.extend((release.next_begun(), release.next_begun()))
        victim = two_workers.workers[0]
        os.kill(victim.pid, signal.SIGKILL)
        killed.append(victim.wait(10))
        release.open()

    assassin = threading.Thread(target=kill_one_that_works)
    assassin.start()
    try:
        job = Job(fake_cells.waits_for_release, tasks, fake_cells.lost)
        complete = run_on_cluster(job, two_workers.address, came.append, lambda: False)
    finally:
        assassin.join(READY_S)
    assert complete
    assert killed == [-signal.SIGKILL]
    assert sorted(came) == sorted(n * n for n in range(40))
    began += release.close()
    assert len(began) == 41  # the killed worker's task was begun twice
    assert set(began) == set(range(40))
    figure("campaign.dask", workers=2, killed=1, tasks=40, came_back=len(came))


def test_a_task_that_raises_fails_alone(two_workers: Cluster) -> None:
    came: list[Any] = []
    assert run_on_cluster(
        Job(fake_cells.raises, [1, 2, 3], fake_cells.lost), two_workers.address, came.append, lambda: False
    )
    ((task, why),) = (word for word in came if isinstance(word, tuple))
    assert task == 2 and why.startswith("internal error: ValueError: two")
    assert sorted(word for word in came if isinstance(word, int)) == [1, 9]


def test_the_wish_to_stop_leaves_the_cluster_usable(two_workers: Cluster, tmp_path: Path) -> None:
    release = Release(tmp_path)
    job = Job(fake_cells.waits_for_release, [(n, str(tmp_path)) for n in range(5)], fake_cells.lost)
    assert not run_on_cluster(job, two_workers.address, lambda _: None, lambda: True)
    release.open()
    release.close()
    came: list[int] = []
    assert run_on_cluster(
        Job(fake_cells.square, [2, 3], fake_cells.lost), two_workers.address, came.append, lambda: False
    )
    assert sorted(came) == [4, 9]


def refusal(address: str) -> str:
    with pytest.raises(Refused) as caught:
        run_on_cluster(Job(fake_cells.square, [1], fake_cells.lost), address, lambda _: None, lambda: False)
    return str(caught.value)


def test_a_missing_package_is_refused_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "PACKAGE", "distributed_that_is_missing")
    assert "the package distributed is not installed; pip install 'sparkgap[campaign]'" in refusal("tcp://127.0.0.1:1")


def test_an_address_without_a_scheduler_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_S", 0.5)
    assert "no Dask scheduler answers there" in refusal("tcp://127.0.0.1:1")
    assert "no Dask scheduler answers there" in refusal("nonsense://x")


def test_a_worker_of_another_version_is_refused(two_workers: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster.importlib.metadata, "version", lambda _: "9.9.9")
    assert "a worker has sparkgap 0.1.0, this is 9.9.9" in refusal(two_workers.address)
