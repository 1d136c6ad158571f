"""PURE: how long a train may be: what the instrument's segmented memory holds, and what a record of it costs us."""

from controller.rig.model import InstrumentSpec
from controller.rig.source import Path
from controller.sequencer.parameters import Resolver
from controller.sequencer.plan import ScopePlan
from controller.sequencer.profile import ScopeFile
from drivers.wire.segments import SEGMENT_MEMORY

SEGMENTS_MAX = 10_000
"""Longest train: five minutes at the slowest useful rate, and three times what a scope's memory counts to today."""

TRAIN_SAMPLES_MAX = 32_000_000
"""Samples of all trains of a shot together, 64 MB: a record is built in memory, and the panel keeps one to zoom in."""

SEGMENT_S = 0.01
"""Reading one segment of one channel, beside its samples: two exchanges of a few milliseconds."""

BYTES_PER_S = 1e6
"""Slowest transfer that is no fault, as the drivers have it."""

TRAIN_FUNCTIONS = (
    *(f"{quantity}_{name}" for quantity in ("peak", "flat_top", "width") for name in ("min", "mean", "max", "std")),
    "missing_pulses",
    "highest",
)
"""What can be measured of a train, and of nothing else (``controller/shots/pulses.py``)."""


def check_segments(resolver: Resolver, spec: InstrumentSpec, file: ScopeFile, segments: int, path: Path) -> None:
    """Note in ``resolver`` why the instrument cannot take this train; a single shot is always fine."""
    if segments == 1:
        return
    memory = SEGMENT_MEMORY.get(spec.model)
    place: Path = (*path, "segments")
    if memory is None:
        able = " or ".join(sorted(SEGMENT_MEMORY))
        resolver.add(place, f"{spec.model} has no segmented memory", f"remove the line, or record with {able}")
        return
    most = min(memory.segments_max, SEGMENTS_MAX)
    if segments > most:
        resolver.add(place, f"{segments} segments are more than {spec.model} takes", f"write at most {most}")
        return
    _check_samples(resolver, file, segments, place, memory.points_max, f"{spec.model} holds")
    together = segments * file.points * max(len(file.channels), 1)
    if together > TRAIN_SAMPLES_MAX:
        _too_many(
            resolver, file, segments, place, together, TRAIN_SAMPLES_MAX // max(len(file.channels), 1), "a record keeps"
        )


def _check_samples(resolver: Resolver, file: ScopeFile, segments: int, place: Path, limit: int, who: str) -> None:
    samples = segments * file.points
    if samples > limit:
        _too_many(resolver, file, segments, place, samples, limit, who)


def _too_many(
    resolver: Resolver, file: ScopeFile, segments: int, place: Path, samples: int, limit: int, who: str
) -> None:
    problem = f"{samples} samples in {segments} segments of {file.points} points are more than {who}"
    resolver.add(place, problem, f"write at most {limit // file.points} segments, or {limit // segments} points")


def check_together(resolver: Resolver, plans: tuple[ScopePlan, ...]) -> None:
    """All trains of a shot go into one record."""
    trains = [plan for plan in plans if plan.segments > 1]
    samples = sum(plan.segments * plan.points * len(plan.channels) for plan in trains)
    if len(trains) > 1 and samples > TRAIN_SAMPLES_MAX:
        problem = f"{samples} samples in all trains together are more than the {TRAIN_SAMPLES_MAX} a record keeps"
        resolver.add(("scopes",), problem, "write fewer segments, points or channels")


def transfer_s(plan: ScopePlan) -> float:
    """Longest time that reading a train takes when nothing is wrong, in s; 0 for a single shot."""
    if plan.segments == 1:
        return 0.0
    size = plan.points * plan.bits // 8
    return len(plan.channels) * plan.segments * (SEGMENT_S + size / BYTES_PER_S)
