"""Whole shots in which somebody meddles with a scope or it gets slow, between arming and fire."""

from collections.abc import Callable
from pathlib import Path

import pytest

from controller.app.rig_sim import SimulatedRig
from controller.messages import Message, StepEntered
from controller.runtime.scope_records import CHANGED
from controller.shots.reader import read_record
from firmware_sim.personalities.dsox import Dsox
from tests.virtual.virtual_bench import QUICK, Bench, Run

COUNTDOWN = QUICK | {"countdown": "2 s"}
SECOND_NS = 1_000_000_000


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path / "shots", monkeypatch)


class Meddler:
    """Does something once, so many seconds after the countdown began, and listens to what scope_1 is told."""

    def __init__(self, bench: Bench, after_s: float, act: Callable[[SimulatedRig], None]) -> None:
        self._bench, self._after_ns, self._act = bench, round(after_s * SECOND_NS), act
        self.began_ns: int | None = None
        self.done = False
        self.heard: list[tuple[int, int]] = []
        bench.each_scan = self._scan

    def on_message(self, message: Message) -> None:
        if isinstance(message, StepEntered) and (message.id, message.phase) == ("countdown", "enter"):
            self.began_ns = self._bench.rigs[-1].now_ns()

    def _scan(self, rig: SimulatedRig) -> None:
        now_ns = rig.now_ns()
        self.heard.append((now_ns, rig.standins["scope_1"].link.heard_bytes))
        if self.began_ns is not None and not self.done and now_ns >= self.began_ns + self._after_ns:
            self.done = True
            self._act(rig)

    def bytes_between(self, from_s: float, to_s: float) -> int:
        """What scope_1 was told in these seconds of the countdown."""
        assert self.began_ns is not None
        heard = [count for t_ns, count in self.heard if from_s <= (t_ns - self.began_ns) / SECOND_NS <= to_s]
        return heard[-1] - heard[0]


def widen(rig: SimulatedRig) -> None:
    panel = rig.standins["scope_1"].panel
    assert isinstance(panel, Dsox)
    panel.inject("wrong_setup")


def shoot(bench: Bench, after_s: float, act: Callable[[SimulatedRig], None]) -> tuple[Run, Meddler]:
    meddler = Meddler(bench, after_s, act)
    run = bench.run(overrides=COUNTDOWN, on_message=meddler.on_message)
    assert meddler.done
    run.assert_plant_is_safe()
    return run, meddler


def test_a_knob_turned_before_the_last_look_is_never_fired_on(bench: Bench) -> None:
    run, _ = shoot(bench, 0.5, widen)
    assert (run.finished.exit, run.finished.ended, run.fire_pulses) == (3, "aborted", 0)
    assert "scope_1: changed at its front panel since arming" in run.finished.reason


def test_a_knob_turned_after_it_is_in_the_record_with_a_warning(bench: Bench) -> None:
    run, _ = shoot(bench, 1.3, widen)
    assert (run.finished.ended, run.fire_pulses) == ("completed", 1)
    record = read_record(Path(run.finished.record))
    marked = {capture.channel: capture.settings[CHANGED] for capture in record.captures if CHANGED in capture.settings}
    assert 0 < len(marked) < len(record.captures), "the channels of scope_1, and of no other"
    assert all("range_v" in text for text in marked.values())
    assert any(
        event.source == "scope_1" and "since arming, the record is marked" in event.text for event in record.events
    )


def test_a_scope_that_gets_slow_ends_the_shot_and_nobody_speaks_to_it_in_the_quiet_time(bench: Bench) -> None:
    """One byte per second is no deadline missed yet when the links must fall quiet."""
    run, meddler = shoot(bench, 0.5, lambda rig: rig.board.switch("scope_1.slow", True))
    assert (run.finished.exit, run.finished.ended, run.fire_pulses) == (3, "aborted", 0)
    assert "scope_1: not looked at in time before the links fall quiet" in run.finished.reason
    assert meddler.bytes_between(0.9, 1.3) > 0
    assert meddler.bytes_between(1.5, 2.5) == 0
