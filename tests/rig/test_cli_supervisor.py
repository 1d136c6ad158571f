"""The supervisor against children that keep the pipe contract: order of start and stop, aborts, deaths, faults."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from controller import messages
from controller.app.faultspec import FaultSpec, Phase
from controller.app.supervisor import Job, Onlooker, Outcome, Started, Supervisor

FAKE = str(Path(__file__).with_name("fake_children.py"))


def make_job(tmp_path: Path, core: str, rig: str = "serve", faults: tuple[FaultSpec, ...] = ()) -> Job:
    told = str(tmp_path / "told")
    config = messages.RunConfig(rig="fake", profile_path="full.yaml", out=str(tmp_path))
    return Job(
        config,
        tmp_path,
        faults=faults,
        rig_command=(sys.executable, FAKE, "rig", rig, told),
        core_command=(sys.executable, FAKE, "core", core, told),
    )


class Recorder:
    """Keeps what the supervisor passes on, and may abort at a chosen message."""

    def __init__(self, job: Job, abort_at_frame: int = -1) -> None:
        self.messages: list[messages.Message] = []
        self.pids: dict[str, int] = {}
        self.instruments: dict[str, object] = {}
        self._abort_at_frame = abort_at_frame
        self.supervisor = Supervisor(job, Onlooker(message=self.message, started=self.started))

    def started(self, started: Started) -> None:
        self.pids = dict(started.pids)
        self.instruments = dict(started.instruments)

    def message(self, message: messages.Message) -> None:
        self.messages.append(message)
        if isinstance(message, messages.Frame) and message.seq == self._abort_at_frame:
            self.supervisor.abort("SIGINT")
            self.supervisor.abort("SIGTERM")

    def run(self) -> Outcome:
        return asyncio.run(self.supervisor.run())


def told(tmp_path: Path) -> list[str]:
    return (tmp_path / "told").read_text(encoding="utf-8").splitlines()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_passing_run_ends_in_order_and_leaves_nobody(tmp_path: Path) -> None:
    recorder = Recorder(make_job(tmp_path, "pass"))
    outcome = recorder.run()
    assert outcome.exit == 0
    assert outcome.finished is not None and outcome.finished.shot == 7
    assert recorder.instruments["plc"] == {"model": "fake", "endpoints": {"modbus": "127.0.0.1:1"}}
    assert isinstance(recorder.messages[0], messages.Hello)
    assert isinstance(recorder.messages[-1], messages.Finished)
    assert told(tmp_path)[-1] == "rig end"
    assert not any(alive(pid) for pid in recorder.pids.values())


def test_core_gets_the_endpoints_that_the_rig_published(tmp_path: Path) -> None:
    Recorder(make_job(tmp_path, "pass")).run()
    core_line = next(line for line in told(tmp_path) if line.startswith("core "))
    assert '"endpoints":{"plc":{"modbus":"127.0.0.1:1"}}' in core_line


def test_abort_reaches_the_core_once_and_its_exit_code_counts(tmp_path: Path) -> None:
    recorder = Recorder(make_job(tmp_path, "wait"), abort_at_frame=3)
    outcome = recorder.run()
    assert outcome.exit == 3
    assert [line for line in told(tmp_path) if 'core {"abort"' in line] == ['core {"abort":"SIGINT"}']
    assert told(tmp_path)[-1] == "rig end"


def test_abort_before_the_core_started_energises_nothing(tmp_path: Path) -> None:
    recorder = Recorder(make_job(tmp_path, "pass"))
    recorder.supervisor.abort("SIGTERM")
    outcome = recorder.run()
    assert outcome.exit == 3
    assert outcome.finished is not None and outcome.finished.safe == "nothing was energised"
    assert not any(line.startswith("core ") for line in told(tmp_path))


def test_refusal_of_the_core_is_exit_2(tmp_path: Path) -> None:
    outcome = Recorder(make_job(tmp_path, "refuse")).run()
    assert outcome == Outcome(2, None, ("profile.yaml:3: steps: empty; give at least one step",))


def test_a_dead_core_is_recovered_and_the_run_counts_as_aborted(tmp_path: Path) -> None:
    recorder = Recorder(make_job(tmp_path, "die"))
    outcome = recorder.run()
    assert outcome.exit == 3
    assert outcome.finished is not None and outcome.finished.ended == "recovered"
    modes = ["recover" if '"mode":"recover"' in line else "run" for line in told(tmp_path) if line.startswith("core {")]
    assert modes == ["run", "recover"]
    assert any(isinstance(m, messages.Event) and "core died" in m.text for m in recorder.messages)


def test_a_rig_that_says_nothing_is_an_internal_error(tmp_path: Path) -> None:
    outcome = Recorder(make_job(tmp_path, "pass", rig="mute")).run()
    assert outcome.exit == 5
    assert outcome.problems == ("the rig process ended before it was ready",)


@pytest.mark.parametrize(
    ("spec", "count"),
    [
        (FaultSpec("plant.x"), 1),
        (FaultSpec("plant.x", "charge", Phase.BEFORE), 1),
        (FaultSpec("plant.x", "charge", Phase.DURING), 1),
        (FaultSpec("plant.x", "charge", Phase.AFTER), 0),
    ],
    ids=["start", "before", "during", "after"],
)
def test_faults_reach_the_rig_at_their_moment(tmp_path: Path, spec: FaultSpec, count: int) -> None:
    Recorder(make_job(tmp_path, "pass", faults=(spec,))).run()
    assert told(tmp_path).count('rig {"inject":"plant.x"}') == count
