"""Reading the catalogue and the records, for the one thread that may (worker.py). Everything here blocks.

Nothing is created, migrated or changed. A file is read only when the catalogue lists it *and* it lies in the shot's
own subfolder of the folder of shots, links followed: no catalogue, whoever wrote it, can make the panel show anything
else of the machine.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TypeVar

from controller.panel.cache import ByteCache
from controller.panel.trains import LoadedTrain, TrainPicture, load_train, picture
from controller.panel.waveforms import Stretch, capture_stretch, log_stretch
from controller.shots.catalogue import (
    CATALOGUE_NAME,
    Catalogue,
    CatalogueMissing,
    CatalogueUnusable,
    ShotEntry,
    UnknownShot,
)
from controller.shots.hashing import hash_file
from controller.shots.model import ChannelCapture, SlowLog
from controller.shots.places import lies_in_shot, locate_file
from controller.shots.record import RecordUnusable
from controller.shots.summary import Summary, read_capture, read_summary, read_train
from controller.shots.waterfall import View

T = TypeVar("T")

WAVEFORM_CACHE_BYTES = 64 << 20
"""Raw samples kept for zooming: a shot of eight channels of 2 million samples."""

TRAIN_CACHE_BYTES = 72 << 20
"""Trains kept for zooming: one of the largest that a record may hold."""

SUMMARY_CACHE_BYTES = 32 << 20
"""Records without their waveforms, about a megabyte each."""

SUMMARY_BYTES = 1 << 20
"""What one of them is taken to need beside its slow channels: some hundred rows of Python objects."""

HASH_CACHE_BYTES, HASH_BYTES = 1 << 20, 512
"""Files whose sha256 is known, until they change: two thousand of them."""

NUMBER_END = 1 << 31
"""No database gives out a shot number from here on."""


class UnknownChannel(LookupError):
    """The shot has no such channel; the text names those it has."""


class NoFile(LookupError):
    """The shot has no such file, or not where this panel may read; the text says why."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which shots to list: every one that is given must match. ``before`` leaves out that number and later ones."""

    limit: int = 50
    before: int | None = None
    rig: str | None = None
    kind: str | None = None
    load: str | None = None
    verdict: str | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that may be served: it is in its place, and what the catalogue says it is."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class ShotDetail:
    """A shot with what its record says; ``summary`` is None when there is none to read, ``problem`` says why."""

    entry: ShotEntry
    summary: Summary | None
    problem: str


@dataclass(frozen=True, slots=True)
class ChannelStretch:
    """A stretch of one channel, with what its record says about it. ``t0_s`` counts from the shot's start."""

    channel: ChannelCapture | SlowLog
    stretch: Stretch
    t0_s: float | None


class ShotReader:
    """The folder ``out``, and the catalogue in it or at the URL ``catalogue``."""

    def __init__(self, out: Path, catalogue: str) -> None:
        self.out = out
        self.catalogue = catalogue
        self._opened: tuple[Catalogue, Hashable] | None = None
        self._waveforms: ByteCache[ChannelCapture] = ByteCache(WAVEFORM_CACHE_BYTES)
        self._trains: ByteCache[LoadedTrain] = ByteCache(TRAIN_CACHE_BYTES)
        self._summaries: ByteCache[Summary] = ByteCache(SUMMARY_CACHE_BYTES)
        self._hashes: ByteCache[str] = ByteCache(HASH_CACHE_BYTES)

    def list(self, filters: Filters) -> tuple[ShotEntry, ...]:
        """Shots, newest first. Raises CatalogueMissing, CatalogueUnusable."""
        return self._ask(
            lambda catalogue: catalogue.list(
                rig=filters.rig,
                kind=filters.kind,
                load=filters.load,
                verdict=filters.verdict,
                tag=filters.tag,
                limit=filters.limit,
                before=filters.before,
            )
        )

    def get(self, number: int) -> ShotDetail:
        """One shot. Raises UnknownShot, CatalogueUnusable; a record that cannot be read is a ``problem``."""
        entry = self._entry(number)
        try:
            return ShotDetail(entry, self._summary(self._checked(entry, "record").path), "")
        except (NoFile, RecordUnusable) as error:
            return ShotDetail(entry, None, str(error))

    def waveform(self, number: int, channel: str, from_s: float, to_s: float, points: int) -> ChannelStretch:
        """A stretch of a channel. Raises UnknownShot, NoFile, UnknownChannel, RecordUnusable, CatalogueUnusable."""
        path = self._checked(self._entry(number), "record").path
        record = self._summary(path).record
        for capture in record.captures:
            if capture.channel == channel:
                full = self._waveforms.get((_stamp(path), channel), lambda: _sized(read_capture(path, capture)))  # noqa: B023
                return ChannelStretch(capture, capture_stretch(full, from_s, to_s, points), record.t0_s)
        for log in record.slow_logs:
            if log.name == channel:
                stretch = log_stretch(log, record.t0_s or 0.0, from_s, to_s, points)
                return ChannelStretch(log, stretch, record.t0_s)
        if any(train.channel == channel for train in record.trains):
            raise UnknownChannel(f"{channel} is a train; ask for /api/v1/shots/{number}/trains/{channel}")
        known = [item.channel for item in record.captures] + [item.name for item in record.slow_logs]
        raise UnknownChannel(f"shot {number} has no channel {channel!r}; it has {', '.join(known) or 'none'}")

    def record_sha256(self, number: int) -> str:
        """What the catalogue says the shot's record is; empty when it does not say. Raises UnknownShot, NoFile."""
        return self._checked(self._entry(number), "record").sha256

    def train(self, number: int, channel: str, view: View) -> TrainPicture:
        """A picture of a train. Raises UnknownShot, NoFile, UnknownChannel, RecordUnusable, CatalogueUnusable."""
        path = self._checked(self._entry(number), "record").path
        trains = self._summary(path).record.trains
        train = next((item for item in trains if item.channel == channel), None)
        if train is None:
            known = ", ".join(item.channel for item in trains) or "none"
            raise UnknownChannel(f"shot {number} has no train of {channel!r}; it has {known}")

        def make() -> tuple[LoadedTrain, int]:
            loaded = load_train(read_train(path, train))
            return loaded, loaded.nbytes

        return picture(self._trains.get((_stamp(path), channel), make), view)

    def file(self, number: int, role: str) -> StoredFile:
        """A file of the shot. Raises UnknownShot, NoFile, RecordUnusable (it was changed), CatalogueUnusable."""
        return self._checked(self._entry(number), role)

    def _entry(self, number: int) -> ShotEntry:
        try:
            if not 0 < number < NUMBER_END:
                raise UnknownShot
            return self._ask(lambda catalogue: catalogue.get(number))
        except (UnknownShot, CatalogueMissing):
            raise UnknownShot(f"there is no shot {number}; GET /api/v1/shots lists them") from None

    def _ask(self, question: Callable[[Catalogue], T]) -> T:
        """Put a question to the catalogue, opened anew when another file has taken its place."""
        identity = self._identity()
        if self._opened is not None and self._opened[1] != identity:
            self._forget()
        if self._opened is None:
            self._opened = (Catalogue.open_readonly(self.catalogue or self.out), identity)
        try:
            return question(self._opened[0])
        except CatalogueUnusable:
            self._forget()  # migrated, restored, or the server is down: look again next time
            raise

    def _forget(self) -> None:
        if self._opened is not None:
            self._opened[0].close()
            self._opened = None

    def _identity(self) -> Hashable:
        if self.catalogue:
            return self.catalogue
        path = self.out / CATALOGUE_NAME
        try:
            status = path.stat()
        except OSError as error:
            missing = f"there is no catalogue of shots here ({error.strerror})"
            raise CatalogueMissing(str(path), missing, "run a shot first") from None
        return status.st_dev, status.st_ino

    def _checked(self, entry: ShotEntry, role: str) -> StoredFile:
        listed, sha256 = (entry.files or {}).get(role, ("", ""))
        if not listed:
            how = f"it ended {entry.ended}" if entry.ended else "it has not ended"
            raise NoFile(f"shot {entry.number} has no {role}; {how}")
        path = locate_file(self.out, listed)
        if not lies_in_shot(self.out, entry.number, path):
            where = "is missing from the folder of shots that this panel serves"
            raise NoFile(f"the {role} of shot {entry.number} {where}; restore it from a backup")
        if sha256 and self._hashes.get(_stamp(path), lambda: (hash_file(path), HASH_BYTES)) != sha256:
            raise RecordUnusable(path, f"the {role} was changed after the shot", "restore it from a backup")
        return StoredFile(path, sha256)

    def _summary(self, path: Path) -> Summary:
        def make() -> tuple[Summary, int]:
            summary = read_summary(path)
            slow = sum(log.t_s.nbytes + log.value.nbytes for log in summary.record.slow_logs)
            return summary, SUMMARY_BYTES + slow

        return self._summaries.get(_stamp(path), make)


def load_libraries() -> None:
    """Import what the first look into a catalogue would import (SQLAlchemy, alembic: half a second)."""
    import_module("controller.shots.catalogue_reading")
    import_module("controller.shots.tables")


def _stamp(path: Path) -> Hashable:
    """What tells one content of a file from the next."""
    status = path.stat()
    return str(path), status.st_mtime_ns, status.st_size


def _sized(capture: ChannelCapture) -> tuple[ChannelCapture, int]:
    return capture, capture.raw.nbytes
