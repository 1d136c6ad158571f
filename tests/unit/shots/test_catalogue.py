"""The catalogue on SQLite: numbers are single-use, damage and newer schemas are refused with a remedy."""

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import alembic.command
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from controller.shots import catalogue_store, tables
from controller.shots.catalogue import Catalogue, CatalogueUnusable, UnknownShot
from tests.unit.shots.catalogue_contract import exercise_catalogue

UTC = "2026-11-20T09:00:00Z"


def test_contract(tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path)
    exercise_catalogue(catalogue)
    catalogue.close()
    again = Catalogue.open(tmp_path / "catalogue.db")
    assert again.get(1).verdict == "pass"
    again.close()


def test_numbers_are_not_reused_even_when_rows_vanish(tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path)
    assert [catalogue.reserve_number("bench", UTC) for _ in range(3)] == [1, 2, 3]
    catalogue.close()
    with sqlite3.connect(tmp_path / "catalogue.db") as connection:
        connection.execute("DELETE FROM shots")
    connection.close()
    catalogue = Catalogue.open(tmp_path)
    assert catalogue.reserve_number("bench", UTC) == 4
    catalogue.close()


def test_two_controllers_never_get_the_same_number(tmp_path: Path) -> None:
    first, second = Catalogue.open(tmp_path), Catalogue.open(tmp_path)
    numbers = [(first, second)[turn % 2].reserve_number("bench", UTC) for turn in range(10)]
    assert numbers == list(range(1, 11))
    first.close()
    second.close()


def test_threads_of_offload_share_a_catalogue(tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda _turn: catalogue.reserve_number("bench", UTC), range(40)))
    assert sorted(numbers) == list(range(1, 41))
    catalogue.close()


def test_commits_are_durable(tmp_path: Path) -> None:
    engine, _name = catalogue_store.open_engine(tmp_path)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
    engine.dispose()


def test_migrations_lead_to_the_tables_in_use(tmp_path: Path) -> None:
    engine, _name = catalogue_store.open_engine(tmp_path)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
    engine.dispose()


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_catalogue_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    path.write_bytes(content)
    with pytest.raises(CatalogueUnusable, match="move the file away"):
        Catalogue.open(path)
    assert path.read_bytes() == content


def test_a_damaged_catalogue_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    catalogue = Catalogue.open(path)
    for _ in range(200):
        catalogue.comment(catalogue.reserve_number("bench", UTC), UTC, "a", "x" * 200)
    catalogue.close()
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 8] = b"\xaa" * (4096 * 5)
    path.write_bytes(bytes(data))
    with pytest.raises(CatalogueUnusable, match=r"catalogue\.db: .*(damaged|not a usable)"):
        Catalogue.open(path)


def test_a_catalogue_of_the_first_schema_is_migrated_with_a_backup_and_keeps_its_shots(tmp_path: Path) -> None:
    path = make_first_schema(tmp_path)
    with pytest.raises(CatalogueUnusable, match="'0001' is older than"):
        Catalogue.open_readonly(path)
    catalogue = Catalogue.open(path)
    shot = catalogue.get(1)
    assert (shot.rig, shot.verdict, shot.tags, shot.trips, shot.faults) == ("bench", "fail", ("old",), (), ())
    catalogue.update(1, trips="PREFIRE")
    assert catalogue.get(1).trips == ("PREFIRE",)
    assert catalogue.reserve_number("bench", UTC) == 2
    catalogue.close()
    backup = sqlite3.connect(tmp_path / "catalogue.db.0001.bak")
    assert backup.execute("SELECT verdict FROM shots").fetchall() == [("fail",)]
    assert "trips" not in {row[1] for row in backup.execute("PRAGMA table_info(shots)")}
    backup.close()


def make_first_schema(folder: Path) -> Path:
    """A catalogue with one shot as the program of schema 0001 left it."""
    path = folder / "catalogue.db"
    engine = create_engine(f"sqlite:///{path}")
    config = catalogue_store._migrations()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "0001")
        connection.exec_driver_sql("INSERT INTO shots (rig, verdict, ended) VALUES ('bench', 'fail', 'completed')")
        connection.exec_driver_sql("INSERT INTO tags VALUES (1, 'old')")
    engine.dispose()
    return path


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    Catalogue.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(CatalogueUnusable, match="'9999' is newer than"):
        Catalogue.open(path)


def test_a_backup_holds_what_is_still_in_the_write_ahead_log(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    catalogue = Catalogue.open(path)
    catalogue.reserve_number("bench", UTC)
    backup = catalogue_store._back_up(path, "0001")
    catalogue.close()
    assert backup.name == "catalogue.db.0001.bak"
    connection = sqlite3.connect(backup)
    assert connection.execute("SELECT count(*) FROM shots").fetchone() == (1,)
    connection.close()


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("nonsense://host/db", "no catalogue can be kept in nonsense"),
        ("mysql://u:secret@host/db", "mysql://u:\\*\\*\\*@host/db: no catalogue can be kept in mysql"),
        ("://", "not a database address"),
    ],
)
def test_an_address_nobody_understands_is_refused(place: str, problem: str) -> None:
    with pytest.raises(CatalogueUnusable, match=problem):
        Catalogue.open(place)


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueUnusable, match="folder does not exist"):
        Catalogue.open(tmp_path / "gone" / "catalogue.db")


def test_a_sqlite_address_is_a_file(tmp_path: Path) -> None:
    catalogue = Catalogue.open(f"sqlite:///{tmp_path / 'x.db'}")
    assert catalogue.reserve_number("bench", UTC) == 1
    catalogue.close()
    with pytest.raises(UnknownShot):
        Catalogue.open(tmp_path / "x.db").get(5)


def test_importing_the_catalogue_does_not_import_sqlalchemy() -> None:
    heavy = ("sqlalchemy", "alembic", "numpy")
    code = f"import sys, controller.shots.catalogue; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
