"""Exit 4 outlives the process: nothing is permitted again before the PLC has proven the bench safe (bench.md 2)."""

from pathlib import Path

import pytest

from controller.app.unconfirmed import Mark, read_mark, set_mark
from controller.rig.source import Refused
from controller.shots.journal import scan_journal
from drivers.wire.plc import EventCode, PlcCommand, PlcState
from tests.virtual.virtual_bench import QUICK, Bench, Run

NO_DUMPS = ("plant.dump_a_stuck_open", "plant.dump_b_stuck_open")
BLIND = "plant.probe_a_nan"
"""From the start: a bench whose probe delivers no number proves nothing."""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path / "shots", monkeypatch)


def mark_of(bench: Bench) -> Path:
    return bench.out / "unsafe-unconfirmed-railgun_bench.jsonl"


def permits(run_or_rig: Bench) -> int:
    events = run_or_rig.rigs[-1].plc.events
    return sum(e.code == EventCode.COMMAND and e.detail >> 8 == PlcCommand.PERMIT for e in events)


def end_unproven(bench: Bench) -> Run:
    """A door opens beside a charged bank and both dumps stay open: LOCKOUT, and only the bleeders are left."""
    faults = (*NO_DUMPS, "plant.door_1_open")
    return bench.run(*(f"{fault}@float:during" for fault in faults), overrides={"voltage": "1 kV"})


def test_the_whole_story_of_an_unproven_end(bench: Bench) -> None:
    run = end_unproven(bench)
    assert run.rig.plc.control.state is PlcState.LOCKOUT
    assert (run.finished.exit, run.finished.ended) == (4, "unsafe-unconfirmed")
    for text in (run.finished.safe, next(t for t in run.texts if t.startswith("unsafe-unconfirmed"))):
        assert "NOT VERIFIED" in text and "treat the bench as charged" in text
        # 105 s (100 kohm, 1 mF + 5 %) * ln(1000 V / 50 V) = 315 s, a little less for what has bled away already
        assert "the bleeders alone need 5 min" in text and "ground it by hand" in text
    mark = read_mark(mark_of(bench))
    assert mark is not None and mark.shot == run.finished.shot and "without a proof" in mark.why

    with pytest.raises(Refused) as refused:  # another process, the same bench, still broken
        bench.run(BLIND)
    (problem,) = refused.value.problems
    assert problem.field == "unsafe-unconfirmed" and mark.utc in problem.problem and mark.why in problem.problem
    assert "PLC is in" in problem.problem and "clears by itself when the PLC proves it" in problem.remedy
    assert permits(bench) == 0 and read_mark(mark_of(bench)) == mark, "refused before anything, and it stands"

    healthy = bench.run()
    assert healthy.finished.ended == "completed"
    assert read_mark(mark_of(bench)) is None
    assert any("unsafe-unconfirmed since" in text for text in healthy.texts)
    assert any("unsafe-unconfirmed is cleared: PLC in SAFE" in text for text in healthy.texts)
    header = scan_journal(Path(healthy.finished.journal).read_bytes()).records[0]
    assert "both dumps proven closed" in str(header.payload["unconfirmed_cleared"])

    again = bench.run()
    assert not any("unsafe-unconfirmed" in text for text in again.texts)


def test_a_mark_that_cannot_be_read_counts(bench: Bench) -> None:
    bench.run()
    mark_of(bench).write_bytes(b"\xff torn")
    with pytest.raises(Refused, match=r"nobody|cannot be read"):
        bench.run(BLIND)
    assert bench.run().finished.ended == "completed"
    assert read_mark(mark_of(bench)) is None


def test_an_interrupted_shot_is_a_mark_by_itself(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from controller.runtime import core

    class Killed(BaseException):
        """As a SIGKILL: nothing of the run's own end is carried out."""

    def die(self: object) -> None:
        raise Killed

    bench.run()
    with monkeypatch.context() as patch, pytest.raises((Killed, BaseExceptionGroup)):
        patch.setattr(core.Core, "_read_ring", die)
        bench.run()
    assert read_mark(mark_of(bench)) is None, "nobody lived to write one"
    with pytest.raises(Refused) as refused:
        bench.run(BLIND)
    assert refused.value.problems[0].field == "unsafe-unconfirmed"
    assert "was interrupted" in refused.value.problems[0].problem
    assert read_mark(mark_of(bench)) is not None, "now it is written: booking the shot does not lift it"
    healthy = bench.run()
    assert healthy.finished.ended == "completed" and read_mark(mark_of(bench)) is None


def test_a_mark_that_cannot_be_written_is_said(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from controller.app import shot

    def full(path: Path, mark: Mark) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shot, "set_mark", full)
    finished = end_unproven(bench).finished
    assert finished.exit == 4 and "mark" in finished.reason and "No space left" in finished.reason


def test_a_healthy_bench_leaves_no_mark(bench: Bench) -> None:
    assert bench.run(overrides=QUICK).finished.safe.startswith("verified")
    assert not mark_of(bench).exists()


def test_an_old_mark_is_lifted_by_a_trigger_test_too(bench: Bench) -> None:
    bench.run("plant.no_emi", profile="noise", overrides={})
    set_mark(mark_of(bench), Mark("2026-11-20", 3, "the PLC did not answer"))
    bench.run(profile="noise", overrides={})
    assert read_mark(mark_of(bench)) is None
