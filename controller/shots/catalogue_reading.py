"""Opening a catalogue to look at it only: nothing is created, migrated or changed. Imported when one is opened."""

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from controller.shots.catalogue import CATALOGUE_NAME, CatalogueMissing, CatalogueUnusable
from controller.shots.catalogue_store import SHIFTED, connect_server, parse_url, schema_of, server_refused

BUSY_TIMEOUT_S = 2.0
"""A reader never waits for a writer of a write-ahead log; only opening and closing it take a lock, for milliseconds."""

SERVER_ARGUMENTS = {"connect_timeout": 3, "options": "-c default_transaction_read_only=on -c statement_timeout=5000"}
"""Somebody is waiting in front of a page: a server in the same laboratory answers in milliseconds or not at all."""


def open_engine_readonly(place: str | Path) -> tuple[Engine, str]:
    """An engine that refuses every change, and a name for messages.

    Raises CatalogueMissing when there is nothing to look at, CatalogueUnusable when it is not at the newest schema.
    """
    if isinstance(place, str) and "://" in place:
        parsed, name = parse_url(place)
        if not parsed.drivername.startswith("sqlite"):
            engine = connect_server(parsed, name, dict(SERVER_ARGUMENTS))
            return _checked(engine, name, server=True), name
        place = parsed.database or CATALOGUE_NAME
    path = Path(place)
    path = path / CATALOGUE_NAME if path.is_dir() else path
    if not path.is_file():
        raise CatalogueMissing(str(path), "there is no catalogue of shots here", "run a shot first")
    # a pool would keep the file open, and with it the write-ahead log that a restored backup must not find
    engine = create_engine("sqlite://", creator=lambda: _connect(path), poolclass=NullPool)
    return _checked(engine, str(path), server=False), str(path)


def _connect(path: Path) -> sqlite3.Connection:
    """A connection that refuses changes and leaves no file behind.

    ``mode=ro`` would make the write-ahead log's two files and leave them there; ``mode=rw`` creates no database, and
    removes them again. A folder on a medium that cannot be written has no writer, hence nothing to wait for.
    """
    mode = "mode=rw" if may_write(path) else "mode=ro&immutable=1"
    connection = sqlite3.connect(f"file:{quote(path.absolute().as_posix())}?{mode}", uri=True, timeout=BUSY_TIMEOUT_S)
    connection.execute("PRAGMA query_only = ON").close()
    return connection


def may_write(path: Path) -> bool:
    """Whether this process could change the file and make others beside it."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def _checked(engine: Engine, name: str, server: bool) -> Engine:
    try:
        current, head = schema_of(engine, name)
    except DBAPIError as error:
        engine.dispose()
        if server:
            raise server_refused(name, error) from error
        raise CatalogueUnusable(name, f"not a usable SQLite file: {error.orig}", SHIFTED) from error
    except CatalogueUnusable:
        engine.dispose()
        raise
    if current == head:
        return engine
    engine.dispose()
    if current is None:
        raise CatalogueMissing(name, "there is no catalogue of shots here", "run a shot first")
    problem = f"its schema {current!r} is older than {head!r}"
    raise CatalogueUnusable(name, problem, "`sparkgap shots list` migrates it, with a backup")
