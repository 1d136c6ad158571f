"""Healthy benches: complete shots one after another on one bench, hours of rest, and trips that nobody caused.

The campaign itself: ``sparkgap campaign railgun_bench --healthy`` (100 virtual hours, 6,000 complete shots, 20 seeds).
"""

import asyncio
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.app import stint
from controller.app.locate import profile_names
from controller.app.stint import Happening, Order, Stint, run_stint
from controller.campaign.healthy import Account, Amount, Unit, UnitResult, account_object, lines, run_unit, share

RIG = "railgun_bench"
ISSUE = Amount(hours=100.0, shots=6000, seed=0, seeds=20)


def test_one_bench_fires_again_and_again_and_rests_in_between(tmp_path: Path, figure: Callable[..., None]) -> None:
    profiles = ("polarity", "full")
    found = run_stint(Order(RIG, 11, profiles, 60.0, str(tmp_path)))
    assert found.happenings == ()
    assert found.complete == dict.fromkeys(profiles, 1)
    assert found.virtual_s >= 60.0
    assert found.rested_s > 5.0
    assert found.scans == pytest.approx(found.virtual_s * 100, abs=10)
    figure("campaign.healthy.sample", shots=2, virtual_s=round(found.virtual_s, 1), spurious_trips=0)


def test_a_trip_that_nobody_caused_is_counted_and_the_bench_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = stint._LatchedRig.start

    def with_a_glitch(rig: stint._LatchedRig) -> None:
        start(rig)
        for at_s, on in ((6.0, True), (7.0, False)):
            asyncio.get_running_loop().call_later(at_s, rig.board.switch, "plant.estop", on)

    monkeypatch.setattr(stint._LatchedRig, "start", with_a_glitch)
    found = run_stint(Order(RIG, 11, ("dump-proof-a", "dump-proof-b"), 10.0, str(tmp_path)))
    trips = [happening for happening in found.happenings if happening.kind == "trip"]
    assert [trip.during for trip in trips] == ["dump-proof-a"]
    assert 6.0 < trips[0].t_s < 6.1
    assert "ESTOP" in trips[0].text
    assert any(happening.kind == "abort" for happening in found.happenings)
    assert found.complete == {"dump-proof-b": 1}


def test_the_work_of_the_issue_is_cut_so_that_nothing_falls_short() -> None:
    units = share(RIG, (), ISSUE)
    profiles = profile_names(RIG)
    assert len(units) * len(profiles) >= ISSUE.shots
    assert sum(unit.virtual_s for unit in units) >= ISSUE.hours * 3600.0 - 1e-6
    assert {unit.seed for unit in units} == set(range(20))
    assert all(sorted(unit.profiles) == sorted(profiles) for unit in units)
    assert {unit.profiles[0] for unit in units} == set(profiles)
    assert len({unit.id for unit in units}) == len({unit.bench_seed for unit in units}) == len(units)


def test_a_replay_line_names_the_very_same_stint() -> None:
    unit = share(RIG, (), ISSUE)[123]
    assert unit.replay == (
        "sparkgap campaign railgun_bench --healthy --only healthy/3/006 --hours 100 --shots 6000 --seed 0 --seeds 20"
    )
    assert share(RIG, (), ISSUE, ("healthy/3/006",)) == (unit,)


def account(*results: UnitResult) -> Account:
    found = Account(RIG, ISSUE, 3, "abc", workers=2)
    for result in results:
        found.take(result)
    return found


UNIT = Unit(RIG, 3, 6, ("full", "noise"), 60.0, ISSUE, ())
CALM = Stint({"full": 1, "noise": 1}, {"pass": 2}, {}, 90.0, 30.0, 9000, ())


def test_the_account_of_calm_benches() -> None:
    found = account(*(UnitResult(dataclasses.replace(UNIT, seed=seed), CALM) for seed in (1, 2, 2)))
    assert not found.failed and found.whole
    text = list(lines(found))
    assert text[-1] == "PASSED  0 spurious trips in 6 complete shots"
    assert "  virtual hours           0.1  (0.0 of them at rest under watch, 27000 PLC scans)" in text
    said = json.loads(json.dumps(account_object(found)))
    assert (said["complete_shots"], said["seeds"], said["spurious_trips"], said["happenings"]) == (6, 2, 0, [])


def test_the_account_names_cause_seed_time_and_replay_line_of_a_trip() -> None:
    trip = Happening("trip", 41.25, "full", "PROBE_MISMATCH")
    found = account(UnitResult(UNIT, dataclasses.replace(CALM, happenings=(trip,))), UnitResult(UNIT, None, "it hung"))
    assert found.failed and not found.whole and found.spurious_trips == 1
    text = list(lines(found))
    at = text.index("healthy/3/006: trip during full at 41.250 s of virtual time: PROBE_MISMATCH")
    assert text[at + 1] == f"    {UNIT.replay}"
    assert "healthy/3/006: error during start at 0.000 s of virtual time: it hung" in text
    assert text[-1] == "FAILED  1 spurious trips in 2 complete shots"
    (first, second) = account_object(found)["happenings"]
    assert (first["kind"], first["virtual_s"], first["bench_seed"]) == ("trip", 41.25, UNIT.bench_seed)
    assert first["replay"] == second["replay"] == UNIT.replay


def test_a_stint_follows_from_its_seed_and_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orders: list[Order] = []

    def fake(order: Order) -> Stint:
        orders.append(order)
        assert list(Path(order.out).iterdir()) == []
        return CALM

    monkeypatch.setattr("controller.campaign.healthy.run_stint", fake)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert run_unit(UNIT) == run_unit(UNIT) == UnitResult(UNIT, CALM)
    assert orders[0].seed == orders[1].seed == UNIT.bench_seed
    assert list(tmp_path.iterdir()) == []
