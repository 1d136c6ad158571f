"""Every interlock path is tested before anything is energised, and a dead one is named; every trip has its proof."""

import re
from pathlib import Path

import pytest

from controller.shots.journal import scan_journal
from drivers.wire.plc import RUN_SELF_TEST_PATHS, SELF_TEST_PATHS, EventCode, PlcCommand, Trip
from firmware_sim.plc.self_test import PATHS
from tests.virtual.virtual_bench import Bench

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "self-test.md"


def table() -> dict[str, tuple[set[str], str]]:
    rows = re.findall(r"^\| ([A-Z_0-9]+) \|([^|]*)\|([^|]*)\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {
        cause: ({path.strip() for path in paths.split(",") if path.strip()}, how.strip()) for cause, paths, how in rows
    }


def test_every_trip_has_a_relay_path_or_something_else_that_proves_it() -> None:
    assert set(table()) == {str(trip.name) for trip in Trip}
    for cause, (paths, how) in table().items():
        assert paths or how, cause
        assert paths <= set(RUN_SELF_TEST_PATHS)


def test_every_relay_path_is_for_a_trip_of_the_page_and_raises_it() -> None:
    listed = table()
    assert set(PATHS) == set(RUN_SELF_TEST_PATHS) == set().union(*(paths for paths, _ in listed.values()))
    for path, (bits, _) in PATHS.items():
        for trip in Trip:
            if trip & bits:
                assert path in listed[str(trip.name)][0] or listed[str(trip.name)][1], (path, trip)


@pytest.mark.parametrize("path", SELF_TEST_PATHS)
def test_a_dead_path_is_named_and_nothing_is_energised(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Bench(tmp_path / "shots", monkeypatch).run(f"plant.selftest_{path}_dead")
    assert run.finished.exit == 3
    assert f"12 of 13 interlock paths passed; dead: {path}" in run.finished.reason
    commands = {e.detail >> 8 for e in run.rig.plc.events if e.code == EventCode.COMMAND}
    assert PlcCommand.SELF_TEST in commands and not commands & {PlcCommand.PERMIT, PlcCommand.CHARGE}
    assert max(run.rig.plant.bank.voltage_v) == 0.0


def test_the_permit_is_journaled_with_the_self_test_and_trips_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Bench(tmp_path / "shots", monkeypatch).run("plant.door_1_open@charge:during")
    assert run.finished.trips[:1] == ("DOOR_1",)
    assert next(text for text in run.texts if text.startswith("trip ")) == "trip DOOR_1"
    records = scan_journal(Path(run.finished.journal).read_bytes()).records
    (permit,) = [record.payload for record in records if record.kind == "permit"]
    tested = permit["self_test"]
    assert (tested["passed"], tested["of"], tested["failed"]) == (13, 13, [])
    assert 0.0 < tested["age_s"] < 60.0
