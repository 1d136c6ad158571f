"""Opening the catalogue's database: driver, durability, corruption, schema version. Imported when one is opened."""

import sqlite3
from pathlib import Path
from typing import Any

import alembic.command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from controller.shots.catalogue import BUSY_TIMEOUT_S, CATALOGUE_NAME, CatalogueUnusable

CONNECT_TIMEOUT_S = 10
"""A PostgreSQL server in the same laboratory answers in milliseconds."""

KEPT_IN = ("sqlite", "postgres")
ADDRESSES = "use a path, sqlite:///..., or postgresql://user@host/database"
SHIFTED = "move the file away (the shot files stay valid) or restore a backup"


def open_engine(place: str | Path) -> tuple[Engine, str]:
    """An engine on a checked database at the newest schema, and a name for messages. Raises CatalogueUnusable."""
    if isinstance(place, str) and "://" in place:
        return _open_url(place)
    path = Path(place)
    if path.is_dir():
        path = path / CATALOGUE_NAME
    return _open_file(path)


def _open_file(path: Path) -> tuple[Engine, str]:
    if not path.parent.is_dir():
        raise CatalogueUnusable(str(path), "its folder does not exist", "create the folder or choose another --out")
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _set_pragmas)
    try:
        with engine.connect() as connection:
            state = str(connection.execute(text("PRAGMA quick_check(1)")).scalar_one())
        if state != "ok":
            raise CatalogueUnusable(str(path), f"the file is damaged: {state}", SHIFTED)
        _bring_up_to_date(engine, str(path), path)
    except DBAPIError as error:
        engine.dispose()
        raise CatalogueUnusable(str(path), f"not a usable SQLite file: {error.orig}", SHIFTED) from error
    except CatalogueUnusable:
        engine.dispose()
        raise
    return engine, str(path)


def _open_url(url: str) -> tuple[Engine, str]:
    parsed, name = parse_url(url)
    if parsed.drivername.startswith("sqlite"):
        return _open_file(Path(parsed.database or CATALOGUE_NAME))
    engine = connect_server(parsed, name, {"connect_timeout": CONNECT_TIMEOUT_S})
    try:
        _bring_up_to_date(engine, name, None)
    except DBAPIError as error:
        engine.dispose()
        raise server_refused(name, error) from error
    except CatalogueUnusable:
        engine.dispose()
        raise
    return engine, name


def parse_url(url: str) -> tuple[URL, str]:
    """A database address and its name for messages, without the password. Raises CatalogueUnusable."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise CatalogueUnusable(url.split("@")[-1], f"not a database address: {error}", ADDRESSES) from error
    name = parsed.render_as_string(hide_password=True)
    if not parsed.drivername.startswith(KEPT_IN):
        raise CatalogueUnusable(name, f"no catalogue can be kept in {parsed.drivername}", ADDRESSES)
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed, name


def connect_server(parsed: URL, name: str, arguments: dict[str, Any]) -> Engine:
    """An engine on a PostgreSQL server, which is not asked anything yet. Raises CatalogueUnusable."""
    try:
        postgres = parsed.drivername.startswith("postgresql")
        return create_engine(parsed, connect_args=arguments if postgres else {})
    except (ArgumentError, NoSuchModuleError) as error:
        raise CatalogueUnusable(name, f"not a database address: {error}", ADDRESSES) from error
    except ModuleNotFoundError as error:
        raise CatalogueUnusable(name, f"{error.name} is missing", "pip install 'sparkgap[postgres]'") from error


def server_refused(name: str, error: DBAPIError) -> CatalogueUnusable:
    """What to tell a person about a server that does not do what it is asked."""
    problem = f"the server refused: {' '.join(str(error.orig).split())}"
    return CatalogueUnusable(name, problem, "check address, account, rights")


def _set_pragmas(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    """WAL so that readers never wait, FULL so that a commit survives a power cut (dependencies.md section 7)."""
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def schema_of(engine: Engine, name: str) -> tuple[str | None, str]:
    """The schema that a database has (None: none yet) and the newest there is. Raises CatalogueUnusable when newer."""
    scripts = ScriptDirectory.from_config(_migrations())
    head = scripts.get_current_head() or ""
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current not in {None, head, *(script.revision for script in scripts.walk_revisions())}:
        problem = f"its schema {current!r} is newer than {head!r}"
        raise CatalogueUnusable(name, problem, "use the version of sparkgap that wrote it")
    return current, head


def _migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def _bring_up_to_date(engine: Engine, name: str, path: Path | None) -> None:
    """Migrate to the newest schema; a SQLite file is copied first. Raises CatalogueUnusable for a newer schema."""
    current, head = schema_of(engine, name)
    if current == head:
        return
    config = _migrations()
    if path is not None and current is not None:
        _back_up(path, current)
    with engine.begin() as connection:
        if path is not None:
            _begin_with_tables(connection)
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "head")


def _begin_with_tables(connection: Connection) -> None:
    """Open the transaction now: Python's driver would open it at the first row only and commit every CREATE TABLE by
    itself, so that a crash between two of them left a catalogue that is neither empty nor whole."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _back_up(path: Path, revision: str) -> Path:
    """A consistent copy through SQLite's own backup call: copying the file would miss its write-ahead log."""
    backup = path.with_name(f"{path.name}.{revision}.bak")
    source, target = sqlite3.connect(path), sqlite3.connect(backup)
    try:
        source.backup(target)
    finally:
        source.close()
        target.close()
    return backup
