"""What a shot leaves behind: journal, record, report, sheet, and its entry in the catalogue."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from controller.app.booking import Booking
from controller.app.unstored import RAW, settle
from controller.app.wear import Wear
from controller.runtime.offload import Offload
from controller.runtime.recording import Background
from controller.sequencer.engine import Ending
from controller.sequencer.verdict import Verdict
from controller.shots.catalogue import CatalogueUnusable
from controller.shots.hashing import hash_file
from controller.shots.journal import JournalDead, JournalError
from controller.shots.model import ShotRecord
from controller.shots.record import RecordUnusable, write_record
from controller.shots.report import write_report
from controller.shots.sheet import write_sheet


class ShotFiles:
    """Writes what a shot leaves behind; a full disk costs the file, never the knowledge of how the shot ended."""

    def __init__(self, offload: Offload, booking: Booking, whole: bool) -> None:
        self._offload = offload
        self._whole = whole
        self._booking = booking
        self.written: dict[str, tuple[Path, str]] = {}

    async def journal_bytes(self, facts: Mapping[str, str]) -> bytes:
        """Close the journal's account and return what stands in it.

        A disk that refuses leaves the journal dead, and :meth:`write` says why when it cannot seal it.
        """
        journal = self._booking.journal

        def finish() -> bytes:
            if journal.alive:
                with contextlib.suppress(JournalDead):
                    journal.append("verdict", facts)
                    journal.barrier()
            return journal.path.read_bytes()

        return await self._offload(finish)

    async def write(self, record: ShotRecord) -> str:
        """Record, report and sheet; returns what went wrong, empty when nothing did."""
        folder = self._booking.folder
        try:
            if not self._whole:
                await self._offload(lambda: self._booking.journal.seal({"record_sha256": ""}))
                return ""
            sha256 = await self._one("record", folder / "shot.nxs", lambda path: write_record(record, path))
            await self._one("report", folder / "report.html", lambda path: write_report(record, path, sha256))
            await self._one("sheet", folder / "sheet.html", lambda path: write_sheet(record, path))
            await self._offload(lambda: self._booking.journal.seal({"record_sha256": sha256}))
        except (OSError, JournalError, RecordUnusable) as trouble:
            return f"not everything could be written: {trouble}"
        return ""

    async def _one(self, role: str, path: Path, write: Callable[[Path], str]) -> str:
        sha256 = await self._offload(lambda: write(path))
        self.written[role] = (path, sha256)
        return sha256

    async def book(
        self,
        background: Background,
        verdict: Verdict,
        ending: Ending,
        reason: str,
        wear: Sequence[Wear],
        may_hold: bool,
        trips: Sequence[str],
    ) -> str:
        """Enter the end, the trips, the files, the parts' wear, and which scopes may hold what is not stored.

        Returns what went wrong, empty when nothing did: the next run books the shot then, from its journal.
        """
        booking, number = self._booking, self._booking.ticket.number

        def enter() -> None:
            booking.catalogue.update(
                number,
                verdict=verdict.label,
                ended=ending.value,
                reason=reason,
                ended_utc=background.ended_utc,
                trips=" ".join(trips),
            )
            others = {"journal": booking.journal.path}
            others |= {f"raw:{path.stem}": path for path in sorted((booking.folder / RAW).glob("*.raw"))}
            kept = {role: (path, hash_file(path)) for role, path in others.items() if path.is_file()}
            for role, (path, sha256) in (self.written | kept).items():
                booking.catalogue.add_file(number, role, str(path), sha256)
            for debit in wear:
                booking.catalogue.add_wear(debit.serial, debit.counter, debit.amount)
            settle(booking.catalogue, number, booking.folder, may_hold)

        try:
            await self._offload(enter)
        except (CatalogueUnusable, OSError) as trouble:
            return f"the shot is not booked yet: {trouble}"
        return ""

    def path(self, role: str) -> str:
        """Where a file is, empty when it was not written."""
        return str(self.written[role][0]) if role in self.written else ""
