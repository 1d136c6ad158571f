"""The catalogue of shots: SQLite by default, PostgreSQL by URL. Numbers, verdicts, paths, sha256, tags, comments, wear.

The files are the truth, the catalogue is where they are found. SQLAlchemy and alembic are imported when a catalogue is
opened, not before, so that ``--help`` stays light. Every method is one transaction and blocks: use ``offload``.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, RowMapping

CATALOGUE_NAME = "catalogue.db"
"""Name of the SQLite file inside a folder of shots."""

BUSY_TIMEOUT_S = 10.0
"""SQLite waits so long for another process's commit: commits take milliseconds, a second controller is refused."""

LIST_MAX = 10_000
"""A list is for people; more rows than this are asked for with filters."""

CAUSE_KNOWN = "trip-cause-known"
"""Tag of a shot whose trips had a cause that a person has found: a real door, a real emergency stop, a broken part."""


class CatalogueUnusable(Exception):
    """The catalogue cannot be used: which one, what is wrong, what to do."""

    def __init__(self, place: str, problem: str, remedy: str) -> None:
        super().__init__(f"{place}: {problem}; {remedy}")
        self.place = place
        self.problem = problem
        self.remedy = remedy


class CatalogueMissing(CatalogueUnusable):
    """There is no catalogue yet: no file, or a database without the tables. Nothing is wrong, no shot was fired."""


class UnknownShot(LookupError):
    """No shot has this number."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment appended to a shot."""

    at_utc: str
    author: str
    text: str


@dataclass(frozen=True, slots=True)
class ShotEntry:
    """One shot as the catalogue knows it. ``ended`` is empty while it runs, ``interrupted`` after a crash.

    ``trips`` are the causes of the PLC's trips in the order in which they came. They are empty for an interrupted shot:
    nobody was there to count, and the death of the controller is their cause. ``faults`` were injected on purpose.
    """

    number: int
    shot_id: str
    rig: str
    kind: str
    profile: str
    load: str
    operator: str
    purpose: str
    started_utc: str
    ended_utc: str
    verdict: str
    ended: str
    reason: str
    profile_sha256: str
    rig_sha256: str
    tags: tuple[str, ...] = ()
    comments: tuple[Remark, ...] = ()
    files: Mapping[str, tuple[str, str]] | None = None
    """Role (record, journal, report, sheet, raw:<channel>) -> (path, sha256)."""
    trips: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def spurious_trips(self) -> int:
        """How many trips have no cause on record: none was injected, and nobody has said that one was found."""
        return 0 if self.faults or CAUSE_KNOWN in self.tags else len(self.trips)


@dataclass(frozen=True, slots=True)
class Unstored:
    """A scope that may hold a record of the shot which is not on the disk; ``setup`` is its planned acquisition."""

    number: int
    instrument: str
    setup: str


UPDATABLE = frozenset({"shot_id", "kind", "profile", "load", "operator", "purpose", "started_utc", "ended_utc"}) | {
    "verdict",
    "ended",
    "reason",
    "profile_sha256",
    "rig_sha256",
    "trips",
    "faults",
}
"""Columns that :meth:`Catalogue.update` takes; ``trips`` and ``faults`` are words with a space between them."""


class Catalogue:
    """An open catalogue."""

    def __init__(self, engine: "Engine", place: str) -> None:
        self.place = place
        self._engine = engine

    @classmethod
    def open(cls, place: str | Path) -> "Catalogue":
        """Open, create or migrate (with a backup) the catalogue at a file, in a folder, or at a URL.

        Raises CatalogueUnusable: corrupt, newer than this program, unreachable, or without its driver.
        """
        from controller.shots import catalogue_store

        engine, name = catalogue_store.open_engine(place)
        return cls(engine, name)

    @classmethod
    def open_readonly(cls, place: str | Path) -> "Catalogue":
        """A catalogue to look at: no file is created, nothing is migrated, and every change is refused.

        Raises CatalogueMissing when there is none, CatalogueUnusable when it is damaged, older, newer or unreachable.
        """
        from controller.shots import catalogue_reading

        engine, name = catalogue_reading.open_engine_readonly(place)
        return cls(engine, name)

    def close(self) -> None:
        """Give back all connections."""
        self._engine.dispose()

    def reserve_number(self, rig: str, started_utc: str) -> int:
        """A new shot number, never given out before and never again, whatever becomes of the shot."""
        from controller.shots.tables import shots

        with self._transaction() as connection:
            result = connection.execute(shots.insert().values(rig=rig, started_utc=started_utc))
            primary = result.inserted_primary_key
            if primary is None:
                raise CatalogueUnusable(self.place, "no number was given out", "check the database")
            return int(primary[0])

    def update(self, number: int, **values: str) -> None:
        """Set columns of a shot (UPDATABLE). Raises UnknownShot, or ValueError for any other column."""
        from controller.shots.tables import shots

        unknown = sorted(set(values) - UPDATABLE)
        if unknown:
            raise ValueError(f"no such column: {', '.join(unknown)}")
        with self._transaction() as connection:
            result = connection.execute(shots.update().where(shots.c.number == number).values(**values))
            if result.rowcount != 1:
                raise UnknownShot(f"no shot {number}")

    def add_file(self, number: int, role: str, path: str, sha256: str) -> None:
        """Note a file of the shot; the same role again replaces the earlier entry."""
        from controller.shots.tables import files

        with self._shot(number) as connection:
            connection.execute(files.delete().where(files.c.number == number, files.c.role == role))
            connection.execute(files.insert().values(number=number, role=role, path=path, sha256=sha256))

    def comment(self, number: int, at_utc: str, author: str, text: str) -> None:
        """Append a comment; earlier ones are never changed."""
        from controller.shots.tables import comments

        with self._shot(number) as connection:
            connection.execute(comments.insert().values(number=number, at_utc=at_utc, author=author, text=text))

    def tag(self, number: int, *names: str) -> None:
        """Add tags; one that the shot has already stays."""
        from controller.shots.tables import tags

        with self._shot(number) as connection:
            for name in dict.fromkeys(names):
                connection.execute(tags.delete().where(tags.c.number == number, tags.c.tag == name))
                connection.execute(tags.insert().values(number=number, tag=name))

    def untag(self, number: int, name: str) -> None:
        """Remove a tag; no error when the shot does not have it."""
        from controller.shots.tables import tags

        with self._shot(number) as connection:
            connection.execute(tags.delete().where(tags.c.number == number, tags.c.tag == name))

    def mark_interrupted(self, number: int, reason: str) -> None:
        """The controller died during this shot: verdict inconclusive, ended ``interrupted`` (sequencing.md 5f)."""
        self.update(number, verdict="inconclusive", ended="interrupted", reason=reason)

    def unfinished(self, rig: str) -> tuple[int, ...]:
        """Numbers of a rig's shots that were begun and never ended: what recovery at start has to look at."""
        from sqlalchemy import select

        from controller.shots.tables import shots

        query = select(shots.c.number).where(shots.c.rig == rig, shots.c.ended == "").order_by(shots.c.number)
        with self._transaction() as connection:
            return tuple(int(row[0]) for row in connection.execute(query))

    def get(self, number: int) -> ShotEntry:
        """One shot with its tags, comments and files. Raises UnknownShot."""
        from sqlalchemy import select

        from controller.shots.tables import shots

        with self._transaction() as connection:
            row = connection.execute(select(shots).where(shots.c.number == number)).mappings().first()
            if row is None:
                raise UnknownShot(f"no shot {number}")
            return _entry(connection, row)

    def list(
        self,
        rig: str | None = None,
        kind: str | None = None,
        load: str | None = None,
        verdict: str | None = None,
        tag: str | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> tuple[ShotEntry, ...]:
        """Shots, newest first, that match every given filter; at most ``limit`` (and LIST_MAX).

        ``before`` leaves out that number and all later ones: the next page of a list.
        """
        from sqlalchemy import select

        from controller.shots.tables import shots, tags

        query = select(shots).order_by(shots.c.number.desc()).limit(min(limit, LIST_MAX))
        for column, wanted in (
            (shots.c.rig, rig),
            (shots.c.kind, kind),
            (shots.c.load, load),
            (shots.c.verdict, verdict),
        ):
            if wanted is not None:
                query = query.where(column == wanted)
        if before is not None:
            query = query.where(shots.c.number < before)
        if tag is not None:
            query = query.where(shots.c.number.in_(select(tags.c.number).where(tags.c.tag == tag)))
        with self._transaction() as connection:
            return tuple(_entry(connection, row) for row in connection.execute(query).mappings().all())

    def note_unstored(self, number: int, instrument: str, setup: str) -> None:
        """Note that the shot's record may be in this instrument only; the same instrument again replaces the note."""
        from controller.shots.tables import unstored

        with self._shot(number) as connection:
            mine = (unstored.c.number == number) & (unstored.c.instrument == instrument)
            connection.execute(unstored.delete().where(mine))
            connection.execute(unstored.insert().values(number=number, instrument=instrument, setup=setup))

    def clear_unstored(self, number: int, instrument: str) -> None:
        """Take the note away; no error when there is none."""
        from controller.shots.tables import unstored

        with self._shot(number) as connection:
            mine = (unstored.c.number == number) & (unstored.c.instrument == instrument)
            connection.execute(unstored.delete().where(mine))

    def unstored(self, rig: str | None = None, number: int | None = None) -> tuple[Unstored, ...]:
        """Notes of a rig, of a shot or all, by number and instrument."""
        from sqlalchemy import select

        from controller.shots.tables import shots, unstored

        query = select(unstored).join(shots).order_by(unstored.c.number, unstored.c.instrument)
        if rig is not None:
            query = query.where(shots.c.rig == rig)
        if number is not None:
            query = query.where(unstored.c.number == number)
        with self._transaction() as connection:
            return tuple(Unstored(**row) for row in connection.execute(query).mappings())

    def add_wear(self, serial: str, counter: str, amount: float) -> float:
        """Add to a part's wear counter (shots, joules, ampere-squared seconds...) and return the new total.

        Raises ValueError for a negative or non-finite amount: wear never goes back.
        """
        from sqlalchemy import select

        from controller.shots.tables import wear

        if not 0.0 <= amount < float("inf"):
            raise ValueError(f"wear of {serial} cannot grow by {amount}")
        mine = (wear.c.serial == serial) & (wear.c.counter == counter)
        with self._transaction() as connection:
            changed = connection.execute(wear.update().where(mine).values(total=wear.c.total + amount)).rowcount
            if changed == 0:
                connection.execute(wear.insert().values(serial=serial, counter=counter, total=amount))
            return float(connection.execute(select(wear.c.total).where(mine)).scalar_one())

    def wear(self, serial: str) -> dict[str, float]:
        """A part's counters, by name."""
        from sqlalchemy import select

        from controller.shots.tables import wear

        query = select(wear.c.counter, wear.c.total).where(wear.c.serial == serial).order_by(wear.c.counter)
        with self._transaction() as connection:
            return {str(row[0]): float(row[1]) for row in connection.execute(query)}

    @contextmanager
    def _transaction(self) -> "Iterator[Connection]":
        from sqlalchemy.exc import DBAPIError

        try:
            with self._engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            problem = f"the database refused: {error.orig}"
            raise CatalogueUnusable(self.place, problem, "check the file or the server, or restore a backup") from error

    @contextmanager
    def _shot(self, number: int) -> "Iterator[Connection]":
        """A transaction about a shot that exists."""
        from sqlalchemy import select

        from controller.shots.tables import shots

        with self._transaction() as connection:
            if connection.execute(select(shots.c.number).where(shots.c.number == number)).first() is None:
                raise UnknownShot(f"no shot {number}")
            yield connection


def _entry(connection: "Connection", row: "RowMapping") -> ShotEntry:
    from sqlalchemy import select

    from controller.shots.tables import comments, files, tags

    number = int(row["number"])
    names = connection.execute(select(tags.c.tag).where(tags.c.number == number).order_by(tags.c.tag))
    remarks = connection.execute(select(comments).where(comments.c.number == number).order_by(comments.c.id)).mappings()
    places = connection.execute(select(files).where(files.c.number == number).order_by(files.c.role)).mappings()
    values: dict[str, Any] = dict(row)
    return ShotEntry(
        **values | {name: tuple(values[name].split()) for name in ("trips", "faults")},
        tags=tuple(str(item[0]) for item in names),
        comments=tuple(Remark(item["at_utc"], item["author"], item["text"]) for item in remarks),
        files={item["role"]: (item["path"], item["sha256"]) for item in places},
    )
