"""Looking into a catalogue: nothing is created, migrated or changed, and nothing is left beside it."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.shots import catalogue_reading
from controller.shots.catalogue import CATALOGUE_NAME, Catalogue, CatalogueMissing, CatalogueUnusable


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    opened = Catalogue.open(tmp_path)
    for _ in range(3):
        opened.reserve_number("railgun_bench", "2026-11-21T10:00:00+00:00")
    opened.close()
    return tmp_path


def test_shots_are_read_and_no_file_is_left(filled: Path) -> None:
    before = (filled / CATALOGUE_NAME).read_bytes()
    looking = Catalogue.open_readonly(filled)
    assert [entry.number for entry in looking.list()] == [3, 2, 1]
    assert [entry.number for entry in looking.list(limit=1, before=3)] == [2]
    assert looking.get(2).rig == "railgun_bench"
    looking.close()
    assert os.listdir(filled) == [CATALOGUE_NAME]
    assert (filled / CATALOGUE_NAME).read_bytes() == before


def test_by_file_and_by_url_it_is_the_same(filled: Path) -> None:
    for place in (filled / CATALOGUE_NAME, f"sqlite:///{filled / CATALOGUE_NAME}"):
        looking = Catalogue.open_readonly(place)
        assert len(looking.list()) == 3
        looking.close()


@pytest.mark.parametrize(
    "change",
    [
        lambda catalogue: catalogue.reserve_number("railgun_bench", ""),
        lambda catalogue: catalogue.update(1, verdict="pass"),
        lambda catalogue: catalogue.tag(1, "golden"),
        lambda catalogue: catalogue.add_wear("C-1", "shots", 1.0),
    ],
)
def test_every_change_is_refused(change: Callable[[Catalogue], object], filled: Path) -> None:
    looking = Catalogue.open_readonly(filled)
    with pytest.raises(CatalogueUnusable, match="readonly"):
        change(looking)
    looking.close()
    again = Catalogue.open_readonly(filled)
    assert [(entry.number, entry.verdict, entry.tags) for entry in again.list()] == [(n, "", ()) for n in (3, 2, 1)]


def test_it_sees_what_a_writer_commits_meanwhile(filled: Path) -> None:
    writer, looking = Catalogue.open(filled), Catalogue.open_readonly(filled)
    writer.reserve_number("railgun_bench", "")
    assert len(looking.list()) == 4
    looking.close()
    writer.close()


@pytest.mark.parametrize("place", ["", "no folder", "empty.db"])
def test_what_is_not_there_is_not_made(place: str, tmp_path: Path) -> None:
    if place.endswith(".db"):
        (tmp_path / place).touch()
    before = os.listdir(tmp_path)
    with pytest.raises(CatalogueMissing):
        Catalogue.open_readonly(tmp_path / place)
    assert os.listdir(tmp_path) == before


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    (tmp_path / CATALOGUE_NAME).write_bytes(b"nonsense" * 1000)
    with pytest.raises(CatalogueUnusable, match="not a usable SQLite file"):
        Catalogue.open_readonly(tmp_path)


@pytest.mark.parametrize(("version", "problem"), [("9999", "newer than"), ("0001", "older than")])
def test_another_version_is_refused_and_not_migrated(
    version: str, problem: str, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if version == "0001":
        monkeypatch.setattr(catalogue_reading, "schema_of", lambda engine, name: ("0001", "0002"))
    else:
        database = sqlite3.connect(filled / CATALOGUE_NAME)
        database.execute("UPDATE alembic_version SET version_num = ?", (version,))
        database.commit()
        database.close()
    with pytest.raises(CatalogueUnusable, match=problem) as caught:
        Catalogue.open_readonly(filled)
    assert not isinstance(caught.value, CatalogueMissing)
    assert os.listdir(filled) == [CATALOGUE_NAME]


def test_a_medium_that_cannot_be_written_can_be_read(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write everywhere, so the answer of the operating system is made up here."""
    monkeypatch.setattr(catalogue_reading, "may_write", lambda path: False)
    looking = Catalogue.open_readonly(filled)
    assert len(looking.list()) == 3
    assert os.listdir(filled) == [CATALOGUE_NAME]
    looking.close()
