"""Kill, stop and flood the panel during a shot: the core's loop is as punctual as without, the journal says the same.

Lateness is measured in the core and travels in its frames, so neither this test's own delays nor the panel's count.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from controller import messages
from controller.app.attendant import scene_of
from controller.app.panel_child import PanelJob
from controller.app.preflight import prepare
from controller.app.supervisor import Job, Onlooker, Outcome, Started, Supervisor
from controller.app.wall_clock import utc_label
from controller.shots.journal import scan_journal

PUNCTUAL_S = 0.020
"""A frame that is later than this is the next one's time: one period. The p99 may not pass it, whatever the panel goes
through; beside a panel that is left alone it is a tenth of it on an idle machine."""

RATIO_MAX = 3.0
"""...nor may it be more than this times the p99 beside a panel that is left alone: machines of two cores scatter by
half as much."""

RESOLUTION_S = 0.006
"""...where that says anything: uvloop's clock has whole milliseconds, and p99 of a few hundred frames is the third
worst of them. A third of a period is no loss of punctuality."""


CHARGED = ("CHARGE", "FLOAT")
COUNTDOWN = "5 s"
"""Long enough for a panel that takes its time to start beside everything else."""


@dataclass
class Watched:
    """Acts once, when the bank starts to charge or, on a busy machine, soon after, and notes lateness from then on."""

    act: Callable[["Watched"], None]
    late_s: list[float] = field(default_factory=list)
    said: Started | None = None
    pages: list[str] = field(default_factory=list)
    acted: bool = False

    def message(self, message: messages.Message) -> None:
        if isinstance(message, messages.Frame):
            if self.acted:
                self.late_s.append(message.late_s)
            elif message.plc_state in CHARGED and self.said is not None and self.said.panel:
                self.acted = True
                self.act(self)

    def started(self, started: Started) -> None:
        self.said = started


@dataclass(frozen=True)
class Shot:
    """What a shot left: its end, the p99 of the core's lateness, the kinds in its journal, where its page was."""

    outcome: Outcome
    late_p99_s: float
    journal: tuple[str, ...]
    pages: tuple[str, ...]


def shoot(folder: Path, act: Callable[[Watched], None]) -> Shot:
    """One full shot beside a panel; ``act`` is called when the bank starts to charge, or the panel comes up."""
    config = messages.RunConfig(
        rig="railgun_bench",
        profile_path="polarity",
        overrides={"countdown": COUNTDOWN},
        out=str(folder),
        operator="test",
        started_utc=utc_label(),
    )
    prepared = prepare(config)
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    panel = PanelJob(messages.PanelConfig(rig=config.rig, out=config.out), logs)
    scene = scene_of(prepared.plan, prepared.rig.bank.modules)
    watched = Watched(act)
    outcome = asyncio.run(
        Supervisor(
            Job(config, logs, scene=scene, panel=panel),
            Onlooker(watched.message, watched.started, watched.pages.append),
        ).run()
    )
    assert watched.acted, "the panel was not up before the countdown ended"
    assert watched.said is not None and outcome.finished is not None
    assert not any(Path(f"/proc/{pid}").exists() for pid in watched.said.pids.values())
    scan = scan_journal(Path(outcome.finished.journal).read_bytes())
    kinds = tuple(record.kind for record in scan.records)
    return Shot(outcome, float(np.quantile(watched.late_s, 0.99)), kinds, tuple(watched.pages))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Shot:
    return shoot(tmp_path_factory.mktemp("undisturbed"), lambda watched: None)


def _signal(number: int) -> Callable[[Watched], None]:
    def act(watched: Watched) -> None:
        assert watched.said is not None
        os.kill(watched.said.pids["panel"], number)

    return act


@contextmanager
def flood() -> Iterator[Callable[[Watched], None]]:
    floods: list[subprocess.Popen[bytes]] = []

    def act(watched: Watched) -> None:
        assert watched.said is not None
        command = [sys.executable, str(Path(__file__).with_name("flood.py")), watched.said.panel]
        floods.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))

    try:
        yield act
    finally:
        for process in floods:
            process.kill()
            process.wait()


def require_unchanged(disturbed: Shot, undisturbed: Shot) -> None:
    assert undisturbed.outcome.exit == disturbed.outcome.exit == 0
    assert disturbed.outcome.finished is not None and disturbed.outcome.finished.safe.startswith("verified")
    assert disturbed.journal == undisturbed.journal
    print(f"lateness p99: {1e3 * undisturbed.late_p99_s:.2f} ms alone, {1e3 * disturbed.late_p99_s:.2f} ms disturbed")
    assert disturbed.late_p99_s <= max(RATIO_MAX * undisturbed.late_p99_s, RESOLUTION_S)
    assert disturbed.late_p99_s <= PUNCTUAL_S


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_a_dead_or_hung_panel_changes_nothing(number: int, undisturbed: Shot, tmp_path: Path) -> None:
    shot = shoot(tmp_path, _signal(number))
    require_unchanged(shot, undisturbed)
    assert len(shot.pages) == (2 if number == signal.SIGKILL else 1), "a killed panel is followed by another"
    assert len(set(shot.pages)) == 1, "an open page finds it where it was"


def test_a_flooded_panel_changes_nothing(undisturbed: Shot, tmp_path: Path) -> None:
    with flood() as act:
        require_unchanged(shoot(tmp_path, act), undisturbed)
