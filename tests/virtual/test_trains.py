"""A shot with a train, from the profile to the report, on virtual time.

No bench here pulses by itself, so the test's generator triggers the scope again after the rehearsal's edge.
"""

from pathlib import Path
from typing import Any

import pytest

from controller.app.rig_sim import SimulatedRig
from controller.shots.reader import read_record, record_version
from controller.shots.record import check_file
from tests.virtual.virtual_bench import Bench, Run

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "configs/profiles/railgun_bench/trigger-only.yaml"
SEGMENTS, COMES = 4, 3


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("train")
    text = SHIPPED.read_text(encoding="utf-8")
    one, two, rest = text.partition("  scope_2:")
    for old, new in (
        ("10 ms", "2 ms"),
        ("1 ms", "200 us"),
        ("points: 50000", f"points: 2000\n    segments: {SEGMENTS}"),
    ):
        assert old in one
        one = one.replace(old, new, 1)
    lines = [line for line in rest.splitlines() if "noise of the current of module" not in line]
    gone = f"  gone: {{title: missing, channel: module_1_current, function: missing_pulses, max: {SEGMENTS}}}"
    path = folder / "train.yaml"
    path.write_text("\n".join((one + two, *lines[1:], gone, "")), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        bench = Bench(folder / "shots", patch)
        bench.each_scan = again
        return bench.run(profile=str(path), overrides={}, seed=3)


def again(rig: SimulatedRig) -> None:
    """With every scan after the first trigger one more, until as many as come have come."""
    panel: Any = rig.standins["scope_1"].scope
    if 0 < panel.run.taken < COMES and panel.settings.acquire.mode == "SEGM":
        panel.run.trigger(rig.now_ns())


def test_the_train_is_recorded_as_far_as_it_came(run: Run) -> None:
    record = read_record(Path(run.finished.record))
    assert run.finished.verdict == "pass", run.finished.reason
    assert [train.channel for train in record.trains] == [f"module_{number}_current" for number in range(1, 5)]
    for train in record.trains:
        assert (train.segments, train.planned, train.points) == (COMES, SEGMENTS, 2000)
        assert train.trigger_ns[0] == 0 and (train.trigger_ns[1:] > 0).all()
        assert train.capture.settings["acquire.segments"] == str(SEGMENTS)
    assert f"{COMES} of {SEGMENTS} segments came, the train is recorded as it is" in run.texts
    assert {capture.instrument for capture in record.captures} == {"scope_2"}


def test_its_measurement_counts_what_is_missing(run: Run) -> None:
    (gone,) = [value for value in read_record(Path(run.finished.record)).measurements if value.name == "gone"]
    assert (gone.value, gone.verdict) == (SEGMENTS, "pass"), "at zero volts no segment has a pulse"


def test_record_report_and_raw_files_are_there(run: Run) -> None:
    path = Path(run.finished.record)
    check_file(path)
    assert record_version(path) == 2
    text = (path.parent / "report.html").read_text(encoding="utf-8")
    assert f"{COMES} segments of 2000 points" in text and "Trains</h2>" in text
    assert (path.parent / "raw" / "module_1_current.raw").is_file()
