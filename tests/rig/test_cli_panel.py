"""The supervisor with a panel and with cores that watch, against children that keep the pipe contract."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from controller import messages
from controller.app import panel_child, restarts
from controller.app.children import Child
from controller.app.panel_child import PanelJob
from controller.app.supervisor import Job, Onlooker, Outcome, Started, Supervisor

FAKE = str(Path(__file__).with_name("fake_children.py"))


def make_job(tmp_path: Path, core: str, panel: str = "serve", stay: bool = False, mode: str = "run") -> Job:
    told = str(tmp_path / "told")
    config = messages.RunConfig(rig="fake", profile_path="full.yaml", out=str(tmp_path), mode=mode)
    return Job(
        config,
        tmp_path,
        rig_command=(sys.executable, FAKE, "rig", "serve", told),
        core_command=(sys.executable, FAKE, "core", core, told),
        panel=PanelJob(
            messages.PanelConfig("fake", str(tmp_path)), tmp_path, (sys.executable, FAKE, "panel", panel, told)
        ),
        stay=stay,
    )


class Looker:
    """Keeps what the supervisor says, and calls ``when`` with every new word: a test may abort there."""

    def __init__(self, job: Job, when: Callable[["Looker", object], None] = lambda looker, word: None) -> None:
        self.supervisor = Supervisor(job, Onlooker(self._take, self._take, self._take, self._ended))
        self._when = when
        self.words: list[object] = []

    def _take(self, word: object) -> None:
        self.words.append(word)
        self._when(self, word)

    def _ended(self, outcome: Outcome, stays: bool) -> None:
        self._take((outcome, stays))

    def run(self) -> Outcome:
        return asyncio.run(self.supervisor.run())

    def events(self) -> list[str]:
        return [word.text for word in self.words if isinstance(word, messages.Event)]

    def started_with(self) -> Started:
        (started,) = [word for word in self.words if isinstance(word, Started)]
        return started


def told(tmp_path: Path) -> list[str]:
    return (tmp_path / "told").read_text(encoding="utf-8").splitlines()


def abort_at_watch_frame(number: int) -> Callable[[Looker, object], None]:
    def when(looker: Looker, word: object) -> None:
        if isinstance(word, messages.Frame) and word.seq == number and word.step == -1:
            looker.supervisor.abort("SIGINT")

    return when


def abort_once_settled(looker: Looker, word: object) -> None:
    """When everything was announced and a frame came after it."""
    if isinstance(word, messages.Frame) and any(isinstance(other, Started) for other in looker.words):
        looker.supervisor.abort("SIGINT")


@pytest.fixture
def quick_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restarts, "BACKOFF_FIRST_S", 0.001)


def test_a_panel_is_shown_the_core_and_ends_before_the_rig(tmp_path: Path) -> None:
    looker = Looker(make_job(tmp_path, "wait"), abort_once_settled)
    assert looker.run().exit == 3
    started = looker.started_with()
    assert started.panel == "http://127.0.0.1:4321" and set(started.pids) == {"rig", "core", "panel"}
    lines = told(tmp_path)
    (attach,) = [line for line in lines if line.startswith('panel {"bus":"127.0.0.1:')]
    assert '"requests":"127.0.0.1:9"' in attach
    assert lines[-2:] == ["panel end", "rig end"]


@pytest.mark.parametrize("panel", ["die", "die-late", "refuse", "mute", "deaf"])
@pytest.mark.usefixtures("quick_restarts")
def test_no_panel_whatever_it_does_changes_a_run(panel: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panel_child, "STOP_TIMEOUT_S", 0.2)
    looker = Looker(make_job(tmp_path, "pass", panel))
    outcome = looker.run()
    assert outcome.exit == 0 and outcome.finished is not None and outcome.finished.shot == 7
    assert told(tmp_path)[-1] == "rig end"
    assert not alive(looker.started_with().pids.get("panel", 0))


@pytest.mark.usefixtures("quick_restarts")
def test_a_panel_that_dies_is_started_again_a_few_times_and_people_are_told(tmp_path: Path) -> None:
    def when(looker: Looker, word: object) -> None:
        if isinstance(word, messages.Event) and "not started again" in word.text:
            looker.supervisor.abort("SIGINT")

    looker = Looker(make_job(tmp_path, "wait", "die-late"), when)
    assert looker.run().exit == 3
    texts = [text for text in looker.events() if "the panel" in text]
    restarts = [f"the panel ended by itself with -9; restart {n} of 5, the run goes on" for n in range(1, 6)]
    assert texts == [*restarts, "the panel ended by itself with -9; it is not started again, the run goes on"]
    assert looker.words.count("http://127.0.0.1:4321") == 6, "every one got the first one's port"


def test_a_panel_that_is_refused_is_not_started_again(tmp_path: Path) -> None:
    looker = Looker(make_job(tmp_path, "wait", "refuse"), abort_once_settled)
    assert looker.run().exit == 3
    assert [text for text in looker.events() if "--port" in text] == [
        "--port: 80: cannot be listened to; give another --port"
    ]
    assert looker.started_with().panel == ""


async def test_a_full_pipe_to_a_stopped_panel_holds_nobody_up(tmp_path: Path) -> None:
    job = make_job(tmp_path, "pass").panel
    assert job is not None
    keeper = panel_child.PanelKeeper(job, lambda address: None, lambda text: None)
    async with asyncio.TaskGroup() as group:
        group.create_task(keeper.run(), name="panel")
        await keeper.settled.wait()
        os.kill(keeper.pid, signal.SIGSTOP)
        for number in range(5000):
            keeper.attach(f"127.0.0.1:{1024 + number}", "127.0.0.1:9")
        os.kill(keeper.pid, signal.SIGCONT)
        keeper.end()
    assert 0 < len(told(tmp_path)) < 5000


@pytest.mark.parametrize(("core", "code"), [("pass", 0), ("dumped", 3), ("unsafe", 4)])
def test_watching_ends_with_what_the_core_says_of_the_bench(core: str, code: int, tmp_path: Path) -> None:
    looker = Looker(make_job(tmp_path, core, stay=True, mode="watch"), abort_at_watch_frame(3))
    assert looker.run() == Outcome(code)
    ends = [line for line in told(tmp_path) if line.endswith(" end")]
    assert sorted(ends[:2]) == ["core end", "panel end"] and ends[2:] == ["rig end"]
    assert not any(isinstance(word, tuple) for word in looker.words), "there was no run"


def test_after_a_run_the_bench_is_watched_and_the_page_shown_it(tmp_path: Path) -> None:
    looker = Looker(make_job(tmp_path, "pass", stay=True), abort_at_watch_frame(3))
    outcome = looker.run()
    assert outcome.exit == 0 and outcome.finished is not None and outcome.finished.shot == 7
    assert (outcome, True) in looker.words
    modes = ["watch" if '"mode":"watch"' in line else "run" for line in told(tmp_path) if line.startswith("core {")]
    assert modes == ["run", "watch"]
    assert sum(line.startswith('panel {"bus"') for line in told(tmp_path)) == 2


def test_a_run_that_was_stopped_is_not_watched_afterwards(tmp_path: Path) -> None:
    looker = Looker(make_job(tmp_path, "wait", stay=True), abort_once_settled)
    outcome = looker.run()
    assert outcome.exit == 3
    assert (outcome, False) in looker.words


@pytest.mark.usefixtures("quick_restarts")
def test_a_watching_core_that_dies_is_started_again_a_few_times(tmp_path: Path) -> None:
    def when(looker: Looker, word: object) -> None:
        if isinstance(word, messages.Event) and "not watched any more" in word.text:
            looker.supervisor.abort("SIGINT")

    looker = Looker(make_job(tmp_path, "die", stay=True, mode="watch"), when)
    assert looker.run().exit == 4
    assert [text for text in looker.events() if "watch" in text][-2:] == [
        "the watching core ended by itself with -9; restart 5 of 5",
        "the watching core ended by itself with -9; the bench is not watched any more",
    ]
    assert sum(line.startswith('panel {"bus"') for line in told(tmp_path)) == 6


def test_a_watch_that_is_refused_at_once_is_exit_2(tmp_path: Path) -> None:
    outcome = Looker(make_job(tmp_path, "refuse", stay=True, mode="watch")).run()
    assert outcome == Outcome(2, None, ("profile.yaml:3: steps: empty; give at least one step",))


def test_a_rig_that_dies_ends_the_watch_unverified(tmp_path: Path) -> None:
    def when(looker: Looker, word: object) -> None:
        if isinstance(word, messages.Frame) and word.seq == 3:
            os.kill(looker.started_with().pids["rig"], signal.SIGKILL)

    looker = Looker(make_job(tmp_path, "pass", stay=True, mode="watch"), when_started(when))
    assert looker.run() == Outcome(4, None, ("the rig process ended by itself",))


@pytest.mark.parametrize("mode", ["run", "watch"])
def test_stopped_before_there_was_a_core(mode: str, tmp_path: Path) -> None:
    looker = Looker(make_job(tmp_path, "pass", stay=True, mode=mode))
    looker.supervisor.abort("SIGTERM")
    assert looker.run().exit == (3 if mode == "run" else 0)
    assert not any(line.startswith("core ") for line in told(tmp_path))


def test_a_core_that_was_started_ahead_in_vain_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is stopped during its last step, when the watching core is being started."""
    started: list[Child] = []
    spawn = Supervisor._spawn_core

    async def noted(supervisor: Supervisor) -> Child:
        started.append(core := await spawn(supervisor))
        return core

    def when(looker: Looker, word: object) -> None:
        if isinstance(word, messages.StepEntered) and word.id == "verify":
            looker.supervisor.abort("SIGINT")

    monkeypatch.setattr(Supervisor, "_spawn_core", noted)
    Looker(make_job(tmp_path, "wait", stay=True), when).run()
    assert len(started) == 2 and all(child.returncode is not None for child in started)


def when_started(when: Callable[[Looker, object], None]) -> Callable[[Looker, object], None]:
    """``when``, but only once everything was announced: the rig's process id is known then."""

    def only_then(looker: Looker, word: object) -> None:
        if any(isinstance(other, Started) for other in looker.words):
            when(looker, word)

    return only_then


def alive(pid: int) -> bool:
    return pid > 0 and Path(f"/proc/{pid}").exists()
