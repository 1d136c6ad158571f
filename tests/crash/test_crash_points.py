"""A shot killed or refused by the disk at its writes and fsyncs, and a recovery killed at its own (safety.md 6).

A choice of the points here, the journal's above all; ``python -m tests.crash`` runs every one.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.shots.journal import scan_journal
from drivers.wire.plc import EventCode
from tests.crash.bench import End, Forge, Point
from tests.crash.campaign import (
    CONDITIONING,
    JOURNAL,
    Control,
    order_of,
    points_of,
    run_control,
    run_points,
    run_recoveries,
)
from tests.crash.oracle import journal_of, judge_recovery, judge_shot
from tests.support import require_tool

SPREAD_KILLS, SPREAD_JOURNAL, SPREAD_OTHERS = 2, 11, 89
"""Of the kills at the journal every 2nd is tried here, of its errors every 11th, of all harm at other files every 89th:
a point takes four seconds of a processor, and ``python -m tests.crash`` runs them all. Primes, so that every kind of
harm comes."""

RECOVERIES = 3
"""Calls of a recovery at which it is killed here."""


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crash")


@pytest.fixture(scope="module")
def forge(scratch: Path) -> Iterator[Forge]:
    with Forge(require_tool("strace"), scratch) as process:
        yield process


@pytest.fixture(scope="module")
def control(forge: Forge, scratch: Path) -> Control:
    return run_control(forge, scratch / "control")


@pytest.fixture(scope="module")
def killed(forge: Forge, scratch: Path, control: Control) -> tuple[End, Path]:
    """A shot killed between its fire_intent and its fire_result: the fire pulse went out, the journal cannot know."""
    left = scratch / "shot"
    kinds = scan_journal(control.journal).kinds()
    end = forge.harm(order_of(left), Point("write", kinds.index("fire_result") + 1, "KILL"))
    return end, left.rename(scratch / "left")


@pytest.mark.timeout(600)
def test_no_crash_point_fires_twice_loses_an_intent_or_leaves_a_charge(
    forge: Forge, control: Control, scratch: Path, figure: Callable[..., None]
) -> None:
    journal, every = list(points_of(control, JOURNAL)), list(points_of(control))
    chosen = [p for p in journal if p.harm == "KILL"][::SPREAD_KILLS]
    chosen += [p for p in journal if p.harm != "KILL"][::SPREAD_JOURNAL]
    chosen += [p for p in every if p not in journal][::SPREAD_OTHERS]
    tally = run_points(forge, control, chosen, scratch)
    assert not tally.wrong, "\n".join(tally.wrong)
    assert set(tally.harms) == {"KILL", "EIO", "ENOSPC", "SHORT"}
    figure("crash.points", calls=len(control.calls), points=len(every), run=tally.shots, recoveries=tally.recoveries)


@pytest.mark.timeout(300)
def test_a_recovery_may_be_killed_anywhere_and_run_again(
    forge: Forge, killed: tuple[End, Path], scratch: Path, figure: Callable[..., None]
) -> None:
    end, left = killed
    kinds = scan_journal(journal_of(left)).kinds()
    assert "fire_intent" in kinds
    assert "fire_result" not in kinds
    assert any(event[2] == EventCode.FIRE for event in end.events), "the pulse had gone out"
    tally = run_recoveries(forge, end, left, scratch, RECOVERIES)
    assert not tally.wrong, "\n".join(tally.wrong)
    figure("crash.recoveries", killed_and_repeated=tally.recoveries // 2)


KEPT = ("STRUCT-0001.new", "conditioning")
"""Files of what a conditioning has reached: the new one, and its folder (its barrier)."""
SPREAD_RUN = 23
"""Of the points at the journal of a run with pulses every 23rd, of those at what it keeps every 3rd."""


@pytest.mark.timeout(600)
def test_no_crash_point_of_a_conditioning_runs_without_its_intent_or_leaves_a_charge(
    forge: Forge, scratch: Path, figure: Callable[..., None]
) -> None:
    control = run_control(forge, scratch / "conditioning", CONDITIONING)
    kept = [point for name in KEPT for point in points_of(control, name) if point.harm != "SHORT"]
    assert kept, "a conditioning writes what it has reached"
    chosen = [*list(points_of(control, JOURNAL))[::SPREAD_RUN], *kept[::3]]
    apart = scratch / "conditioning-points"  # a point's folder is called after it, and shots have the same ones
    apart.mkdir()
    tally = run_points(forge, control, chosen, apart)
    assert not tally.wrong, "\n".join(tally.wrong)
    figure("crash.conditioning", calls=len(control.calls), run=tally.shots, recoveries=tally.recoveries)


# --- the oracle can say no -------------------------------------------------------------------------------------------

KILL = Point("write", 1, "KILL")
EIO = Point("write", 1, "EIO")


def test_the_oracle_notices_a_second_pulse_and_a_pulse_without_intent(
    control: Control, killed: tuple[End, Path]
) -> None:
    end, left = killed
    assert judge_shot(control.journal, KILL, end, left) == []
    pulse = next(event for event in end.events if event[2] == EventCode.FIRE)
    assert judge_shot(control.journal, KILL, replace(end, events=[*end.events, pulse]), left) == ["2 fire pulses"]
    nothing = left / "nothing"
    assert "a fire pulse without a fire_intent in the journal" in judge_shot(control.journal, KILL, end, nothing)


def test_the_oracle_notices_a_journal_that_is_no_prefix(control: Control, killed: tuple[End, Path]) -> None:
    end, left = killed
    other = control.journal[:-1] + b"x"
    assert judge_shot(other[100:], KILL, end, left) != []


def test_the_oracle_notices_a_charge_that_is_left_and_a_wrong_exit(control: Control, killed: tuple[End, Path]) -> None:
    end, left = killed
    told = {"exit": 4, "ended": "aborted", "reason": "", "safe": "NOT VERIFIED"}
    lived = replace(end, status=0, voltage_v=900.0, finished=told)
    assert {"900 V are left", "exit 4"} <= set(judge_shot(control.journal, EIO, lived, left))


def test_the_oracle_notices_a_recovery_that_fires_again(killed: tuple[End, Path], forge: Forge, scratch: Path) -> None:
    end, left = killed
    kinds = scan_journal(journal_of(left)).kinds()
    pulse = next(event for event in end.events if event[2] == EventCode.FIRE)
    told = {"exit": 3, "ended": "interrupted", "reason": "", "safe": "verified by recovery"}
    again = End(0, [*end.events, pulse], 0.0, "TRIP", told)
    assert "the recovery sent []" in judge_recovery(end, again, kinds, left)
    assert "the shot is still open in the catalogue" in judge_recovery(end, again, kinds, left)
