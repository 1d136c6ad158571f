"""Healthy benches: complete shots and hours at rest with nothing injected, so that every trip is a spurious one.

The work is cut into stints: one bench each, which fires every profile once, in turn, with rests in between. A stint
follows from its seed and number alone, and can be run again by its id.
"""

import hashlib
import math
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from controller.app.locate import profile_names, rig_files
from controller.app.stint import Happening, Order, Stint, run_stint
from controller.campaign.execute import load_profiles
from controller.campaign.job import Job
from controller.rig.source import Problem, Refused

STINT_LIMIT_S = 900.0
"""Wall time of one stint: a few virtual minutes take some seconds, a virtual day by ``--hours`` some minutes."""

HOUR_S = 3600.0

HAPPENINGS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is asked for: at least so many virtual hours and complete shots, over so many seeds from ``seed`` on."""

    hours: float
    shots: int
    seed: int
    seeds: int

    @property
    def options(self) -> str:
        """As they are written on the command line."""
        return f"--hours {self.hours:g} --shots {self.shots} --seed {self.seed} --seeds {self.seeds}"


@dataclass(frozen=True, slots=True)
class Unit:
    """One stint: what a worker is given."""

    rig: str
    seed: int
    number: int
    profiles: tuple[str, ...]
    virtual_s: float
    amount: Amount
    chosen: tuple[str, ...]

    @property
    def id(self) -> str:
        """``healthy/3/017``: seed and number of the stint."""
        return f"healthy/{self.seed}/{self.number:03d}"

    @property
    def replay(self) -> str:
        """The command line that runs this stint alone."""
        profiles = "".join(f" --profile {name}" for name in self.chosen)
        return f"sparkgap campaign {self.rig} --healthy --only {self.id} {self.amount.options}{profiles}"

    @property
    def bench_seed(self) -> int:
        """Of everything random on this bench."""
        return int.from_bytes(hashlib.blake2b(self.id.encode(), digest_size=4).digest(), "big")


@dataclass(frozen=True, slots=True)
class UnitResult:
    """What came of a stint; ``error`` is why there is nothing to tell."""

    unit: Unit
    stint: Stint | None
    error: str = ""

    @property
    def happenings(self) -> tuple[Happening, ...]:
        """What a healthy bench does not do."""
        if self.stint is None:
            return (Happening("error", 0.0, "start", self.error),)
        return self.stint.happenings

    @property
    def complaint(self) -> str:
        """The first of them with the line that runs the stint again; empty when there is none."""
        if not self.happenings:
            return ""
        return f"{self.unit.id}: {happening_text(self.happenings[0])}"


def happening_text(happening: Happening) -> str:
    """``trip during charge at 12.34 s of virtual time: PROBE_MISMATCH``."""
    return f"{happening.kind} during {happening.during} at {happening.t_s:.3f} s of virtual time: {happening.text}"


def share(rig: str, profiles: Sequence[str], amount: Amount, only: Sequence[str] = ()) -> tuple[Unit, ...]:
    """The stints that make up ``amount``. Raises Refused for an unknown rig or profile, or an id that fits none."""
    rig_files(rig)
    names = tuple(profiles) or profile_names(rig)
    load_profiles(rig, names)
    per_seed = math.ceil(amount.shots / amount.seeds / len(names))
    virtual_s = amount.hours * HOUR_S / amount.seeds / per_seed
    units = tuple(
        Unit(rig, seed, number, _rotated(names, number), virtual_s, amount, tuple(profiles))
        for number in range(per_seed)
        for seed in range(amount.seed, amount.seed + amount.seeds)
    )
    chosen = tuple(unit for unit in units if not only or any(fnmatchcase(unit.id, pattern) for pattern in only))
    if not chosen:
        remedy = f"ids of stints go from {units[0].id} to {units[-1].id}; * stands for any letters"
        raise Refused([Problem("--only", 0, ", ".join(only), "fits no stint", remedy)])
    return chosen


def _rotated(names: tuple[str, ...], number: int) -> tuple[str, ...]:
    """Every profile comes first on a fresh bench now and then, and after every other."""
    at = number % len(names)
    return names[at:] + names[:at]


def run_unit(unit: Unit) -> UnitResult:
    """Run one stint in a folder of its own."""
    folder = tempfile.mkdtemp(prefix="stint-")
    try:
        order = Order(unit.rig, unit.bench_seed, unit.profiles, unit.virtual_s, folder)
        return UnitResult(unit, run_stint(order))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def healthy_job(units: Sequence[Unit]) -> Job[Unit, UnitResult]:
    """Every stint once."""
    return Job(run_unit, units, lambda unit, why: UnitResult(unit, None, why), STINT_LIMIT_S)


@dataclass(slots=True)
class Account:
    """Adds up what came."""

    rig: str
    amount: Amount
    planned: int
    revision: str
    wall_s: float = 0.0
    workers: int = 0
    why_short: str = ""
    stints: int = 0
    virtual_s: float = 0.0
    rested_s: float = 0.0
    scans: int = 0
    complete: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    seeds: set[int] = field(default_factory=set)
    eventful: list[UnitResult] = field(default_factory=list)

    def take(self, result: UnitResult) -> None:
        """Add one stint."""
        self.stints += 1
        self.seeds.add(result.unit.seed)
        self.kinds.update(happening.kind for happening in result.happenings)
        if result.happenings:
            self.eventful.append(result)
        if result.stint is not None:
            self.virtual_s += result.stint.virtual_s
            self.rested_s += result.stint.rested_s
            self.scans += result.stint.scans
            self.complete.update(result.stint.complete)
            self.verdicts.update(result.stint.verdicts)
            self.missed.update(result.stint.missed)

    @property
    def shots(self) -> int:
        """Complete ones."""
        return sum(self.complete.values())

    @property
    def spurious_trips(self) -> int:
        """Trips of a PLC; nothing was injected, so that none had a cause."""
        return self.kinds["trip"]

    @property
    def failed(self) -> bool:
        """Anything happened that a healthy bench does not do."""
        return bool(self.eventful)

    @property
    def whole(self) -> bool:
        """Every stint was run."""
        return self.stints == self.planned


def account_object(account: Account) -> dict[str, Any]:
    """For JSON."""
    return {
        "rig": account.rig,
        "revision": account.revision or None,
        "virtual_hours": round(account.virtual_s / HOUR_S, 4),
        "rested_hours": round(account.rested_s / HOUR_S, 4),
        "complete_shots": account.shots,
        "shots_by_profile": dict(sorted(account.complete.items())),
        "verdicts": dict(sorted(account.verdicts.items())),
        "missed_limits": dict(sorted(account.missed.items())),
        "seeds": len(account.seeds),
        "plc_scans": account.scans,
        "stints": account.stints,
        "planned_stints": account.planned,
        "spurious_trips": account.spurious_trips,
        "alarms": account.kinds["alarm"],
        "aborts": account.kinds["abort"],
        "refusals": account.kinds["refusal"],
        "errors": account.kinds["error"],
        "interrupted": account.why_short or None,
        "wall_s": round(account.wall_s, 3),
        "workers": account.workers,
        "happenings": [
            {"stint": result.unit.id, "bench_seed": result.unit.bench_seed, "kind": happening.kind,
             "virtual_s": happening.t_s, "during": happening.during, "text": happening.text,
             "replay": result.unit.replay}
            for result in account.eventful
            for happening in result.happenings
        ],
    }  # fmt: skip


def lines(account: Account) -> Iterator[str]:
    """For people."""
    hours, rested = account.virtual_s / HOUR_S, account.rested_s / HOUR_S
    yield f"{account.rig}: healthy, nothing injected"
    for name, count in sorted(account.complete.items()):
        yield f"  {name:<20} {count:6} complete shots"
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(account.verdicts.items())) or "none"
    yield f"  complete shots      {account.shots:7}  ({verdicts})"
    for name, count in sorted(account.missed.items()):
        yield f"    {count:6} x {name}"
    yield f"  virtual hours       {hours:7.1f}  ({rested:.1f} of them at rest under watch, {account.scans} PLC scans)"
    yield f"  seeds               {len(account.seeds):7}  ({account.stints} benches)"
    for kind, name in (("trip", "spurious trips"), ("alarm", "alarms"), ("abort", "aborts"), ("refusal", "refusals")):
        yield f"  {name:<19} {account.kinds[kind]:7}"
    if account.kinds["error"]:
        yield f"  {'errors':<19} {account.kinds['error']:7}"
    for result in account.eventful[:HAPPENINGS_SHOWN]:
        for happening in result.happenings[:3]:
            yield f"{result.unit.id}: {happening_text(happening)}"
        yield f"    {result.unit.replay}"
    if len(account.eventful) > HAPPENINGS_SHOWN:
        yield f"... and {len(account.eventful) - HAPPENINGS_SHOWN} more; --json has them all"
    yield from _last_lines(account)


def _last_lines(account: Account) -> Iterator[str]:
    word = "FAILED" if account.failed else "PASSED" if account.whole else "STOPPED"
    yield f"{word}  {account.spurious_trips} spurious trips in {account.shots} complete shots"
    if account.why_short:
        yield f"{account.why_short}: {account.planned - account.stints} of {account.planned} benches were not run"
