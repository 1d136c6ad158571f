"""Recorded shots for the panel: what shot_reader.py reads, on one thread of its own."""

from pathlib import Path

from controller.panel.shot_reader import (
    ChannelStretch,
    Filters,
    ShotDetail,
    ShotReader,
    StoredFile,
    load_libraries,
)
from controller.panel.trains import TrainPicture
from controller.panel.worker import Worker
from controller.shots.catalogue import CatalogueMissing, ShotEntry
from controller.shots.waterfall import View

ANY = Filters()


class ShotStore:
    """What is in a folder of shots. ``catalogue`` is a database URL, empty for the file in the folder.

    Every method raises WorkerBusy, and CatalogueUnusable (a damaged, older or newer catalogue, a server that is down).
    A folder without a catalogue is one without shots.
    """

    def __init__(self, out: Path, catalogue: str) -> None:
        self._reader = ShotReader(out, catalogue)
        self._worker = Worker("shots")

    def prepare(self) -> None:
        """Load what reading needs, on the thread: done at the first question, it would hold up the stream's viewers."""
        self._worker.submit(load_libraries)

    def close(self) -> None:
        """End the thread; nothing may be asked after that."""
        self._worker.close()

    async def list(self, filters: Filters = ANY) -> tuple[ShotEntry, ...]:
        """Shots, newest first, that match every filter; none when there is no catalogue."""
        try:
            return await self._worker.run(lambda: self._reader.list(filters))
        except CatalogueMissing:
            return ()

    async def get(self, number: int) -> ShotDetail:
        """One shot. Raises UnknownShot."""
        return await self._worker.run(lambda: self._reader.get(number))

    async def waveform(self, number: int, channel: str, from_s: float, to_s: float, points: int) -> ChannelStretch:
        """One channel between two instants, in seconds relative to T0 (to the start when the shot has none).

        Raises UnknownShot, NoFile, UnknownChannel, RecordUnusable.
        """
        return await self._worker.run(lambda: self._reader.waveform(number, channel, from_s, to_s, points))

    async def train(self, number: int, channel: str, view: View) -> TrainPicture:
        """A picture of a train. Raises UnknownShot, NoFile, UnknownChannel, RecordUnusable."""
        return await self._worker.run(lambda: self._reader.train(number, channel, view))

    async def record_sha256(self, number: int) -> str:
        """The record's sha256 by the catalogue, checked; empty when it has none. Raises UnknownShot, NoFile."""
        return await self._worker.run(lambda: self._reader.record_sha256(number))

    async def file(self, number: int, role: str) -> StoredFile:
        """The shot's file of a role (record, report, sheet...), checked against the catalogue's sha256.

        Raises UnknownShot, NoFile, RecordUnusable when the file was changed.
        """
        return await self._worker.run(lambda: self._reader.file(number, role))
