"""Crash points: which there are, and one after the other through harm, oracle, recovery and oracle again."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.shots.journal import scan_journal
from tests.crash.bench import End, Forge, Point, count_calls
from tests.crash.oracle import journal_of, judge_recovery, judge_shot

SEED = 1
ERRORS = ("EIO", "ENOSPC")
JOURNAL = "journal.sgj"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is run and harmed: a profile of a bench, as short as it goes; ``killed_at`` are records of its journal."""

    rig: str
    profile: str
    overrides: Mapping[str, str]
    killed_at: tuple[str, ...]
    """Records after which a run is killed for its recovery to be killed in turn."""


SHOT = Subject("railgun_bench", "full", {"voltage": "1 kV", "hold": "0 s"}, ("charge_start", "fire_intent"))
CONDITIONING = Subject(
    "microwave_bench", "conditioning", {"voltage": "4 kV", "session": "5 s"}, ("charge_start", "run_intent")
)
"""A run with pulses that keeps what it reached in a file of its own beside the journals."""
SUBJECTS: Mapping[str, Subject] = {"shot": SHOT, "conditioning": CONDITIONING}


@dataclass(frozen=True, slots=True)
class Control:
    """The unharmed run: its journal, and its calls as (call, number, file) in order."""

    journal: bytes
    calls: tuple[tuple[str, int, str], ...]
    subject: Subject = SHOT


@dataclass(slots=True)
class Tally:
    """What was done and what went wrong."""

    shots: int = 0
    recoveries: int = 0
    harms: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


def order_of(out: Path, subject: Subject = SHOT) -> dict[str, Any]:
    """The order of one run into ``out``."""
    what = {"rig": subject.rig, "profile": subject.profile, "overrides": dict(subject.overrides)}
    return {"job": "shot", "out": str(out), "seed": SEED, **what}


def run_control(forge: Forge, folder: Path, subject: Subject = SHOT) -> Control:
    """The run that nobody harms, counted by strace."""
    end, lines = forge.trace(order_of(folder, subject))
    assert end.status == 0, end
    _, calls = count_calls(lines, folder)
    return Control(journal_of(folder), tuple(calls), subject)


def points_of(control: Control, only: str = "") -> Iterator[Point]:
    """KILL, EIO and ENOSPC at every call (into ``only``), and a short write at every write of the journal."""
    for call, number, name in control.calls:
        if only in ("", name):
            for harm in ("KILL", *ERRORS):
                yield Point(call, number, harm)
    for number in range(1, sum(name == JOURNAL and call == "write" for call, _, name in control.calls) + 1):
        yield Point("write", number, "SHORT")


def run_points(
    forge: Forge, control: Control, points: Iterable[Point], scratch: Path, say: Callable[[str], None] = print
) -> Tally:
    """Harm one shot per point; recover the killed ones, twice."""
    tally = Tally()
    for point in points:
        out = scratch / "shot"
        order = order_of(out, control.subject)
        end = forge.harm(order, point)
        tally.shots += 1
        tally.harms[point.harm] = tally.harms.get(point.harm, 0) + 1
        found = judge_shot(control.journal, point, end, out)
        if point.harm == "KILL" and not found:
            kinds = scan_journal(journal_of(out)).kinds()
            for _ in range(2):
                again = forge.run({**order, "job": "recover", "before": end.before})
                tally.recoveries += 1
                found += judge_recovery(end, again, kinds, out)
        for text in found:
            tally.wrong.append(f"{point.harm} at {point.call} {point.number}: {text}")
            say(tally.wrong[-1])
        shutil.rmtree(out, ignore_errors=True)
    return tally


def run_recoveries(
    forge: Forge,
    killed: End,
    left: Path,
    scratch: Path,
    limit: int = 0,
    say: Callable[[str], None] = print,
    subject: Subject = SHOT,
) -> Tally:
    """Kill the recovery of one killed shot at each of its own calls (``limit`` of them, spread), then recover again."""
    tally = Tally()
    kinds = scan_journal(journal_of(left)).kinds()
    out = scratch / "shot"  # the same path as when it was killed: the catalogue keeps paths
    _copy(left, out)
    order = {**order_of(out, subject), "job": "recover", "before": killed.before}
    calls = count_calls(forge.trace(order)[1], out)[1]
    step = max(1, len(calls) // limit) if limit else 1
    for call, number, _ in calls[::step]:
        _copy(left, out)
        harmed = forge.harm(order, Point(call, number, "KILL"))
        again = forge.run({**order, "before": killed.before})
        tally.recoveries += 2
        found = [] if harmed.status == -9 else [f"the recovery was not killed but ended with {harmed.status}"]
        found += judge_recovery(killed, again, kinds, out)
        for text in found:
            tally.wrong.append(f"recovery killed at {call} {number}: {text}")
            say(tally.wrong[-1])
    return tally


def _copy(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
