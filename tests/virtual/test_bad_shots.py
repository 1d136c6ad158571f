"""Damaged, newer or used shot folders on the command line: exit 2, the file and the remedy named, nothing changed."""

import os
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from controller.app.folder_lock import FolderLock
from controller.cli.entry import invoke
from controller.shots.journal import GENESIS, JOURNAL_VERSION, encode_record
from controller.shots.model import RECORD_VERSION

RUN = ("run", "noise", "--rig", "railgun_bench", "--out", "shots")
VIRTUAL = (*RUN, "--virtual")

FORM = re.compile(r"[^;]+: ([^:;]+: )?[^;]+; .+")
"""``file: field: problem; what would be right`` (design.md 4): these are no text files, so there is no line."""

Refuse = Callable[..., list[str]]


@pytest.fixture(scope="module")
def one_shot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``shots``, in which one noise shot was made."""
    folder = tmp_path_factory.mktemp("one_shot")
    assert invoke([*VIRTUAL[:-2], str(folder / "shots"), "--virtual"]) == 0
    return folder


@pytest.fixture
def folder(one_shot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to damage, as the working directory; returns ``shots``."""
    shutil.copytree(one_shot / "shots", tmp_path / "shots")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "shots"


@pytest.fixture
def refuse(capfd: pytest.CaptureFixture[str]) -> Refuse:
    """Runs a command line that must be refused and returns its lines on standard error."""
    capfd.readouterr()

    def run(*arguments: str) -> list[str]:
        code = invoke(arguments)
        out, err = capfd.readouterr()
        assert code == 2, out + err
        assert "Traceback" not in err
        lines = err.splitlines()
        assert lines and all(FORM.fullmatch(line) for line in lines), err
        return lines

    return run


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of the folder, the catalogue's working files and the lock aside."""
    files = sorted(
        path for path in folder.rglob("*") if path.is_file() and not path.name.startswith((".", "catalogue"))
    )
    return {str(path.relative_to(folder)): path.read_bytes() for path in files if "logs" not in path.parts}


def change(path: Path, data: bytes | bytearray) -> None:
    os.chmod(path, 0o644)
    path.write_bytes(data)


def set_unfinished(folder: Path) -> None:
    """Make shot 1 look as if its controller had died."""
    with sqlite3.connect(folder / "catalogue.db") as database:
        database.execute("UPDATE shots SET ended = '', verdict = '', ended_utc = '' WHERE number = 1")
    database.close()


@pytest.mark.parametrize("command", [RUN, VIRTUAL], ids=["real", "virtual"])
def test_a_second_controller_is_refused(command: tuple[str, ...], folder: Path, refuse: Refuse) -> None:
    before = contents(folder)
    first = FolderLock(folder)
    lines = refuse(*command)
    first.release()
    assert lines == [f"--out {folder}: another controller is using it; wait for its shot to end, or give another --out"]
    assert contents(folder) == before


def test_a_corrupt_journal_of_an_unfinished_shot_is_refused_until_it_is_moved_away(
    folder: Path, refuse: Refuse, capfd: pytest.CaptureFixture[str]
) -> None:
    journal = folder / "000001-noise" / "journal.sgj"
    data = bytearray(journal.read_bytes())
    data[40] ^= 1
    change(journal, data)
    set_unfinished(folder)
    before = contents(folder)
    lines = refuse(*VIRTUAL)
    assert len(lines) == 1
    assert lines[0].startswith(f"{journal}: record 0 at byte 0 is damaged, but the one at byte ")
    assert lines[0].endswith(
        f" is valid; move {journal.parent} away and have it looked at; the next run books shot 1 as interrupted"
    )
    assert contents(folder) == before
    journal.parent.rename(folder.parent / "evidence")
    assert invoke(VIRTUAL) == 0
    capfd.readouterr()
    assert invoke(["shots", "list", "--out", "shots"]) == 0
    listed = capfd.readouterr().out.splitlines()
    assert "completed" in listed[0] and "interrupted" in listed[1] and len(listed) == 2


def test_a_newer_journal_is_refused(folder: Path, refuse: Refuse) -> None:
    journal = folder / "000001-noise" / "journal.sgj"
    newer = JOURNAL_VERSION + 1
    change(journal, encode_record(GENESIS, 0, "opened", {"version": newer}))
    set_unfinished(folder)
    before = contents(folder)
    assert refuse(*VIRTUAL) == [
        f"{journal}: journal version {newer} is newer than {JOURNAL_VERSION}; use the version of sparkgap that wrote it"
    ]
    assert contents(folder) == before


READERS = [
    ("show", "1"),
    ("report", "1", "--to", "anew"),
    ("export", "1", "csv"),
    ("reevaluate", "1", "--factor", "total_current=1.02"),
]
"""Every command that reads a record."""


@pytest.mark.parametrize("reader", READERS, ids=[reader[0] for reader in READERS])
@pytest.mark.parametrize("damage", ["cut short", "not HDF5", "newer", "a field deleted", "gone"])
def test_an_unusable_record_is_named(reader: tuple[str, ...], damage: str, folder: Path, refuse: Refuse) -> None:
    record = next((folder / "000001-noise").glob("*.nxs"))
    remedy = "restore it from a backup"
    if damage == "cut short":
        change(record, record.read_bytes()[:5000])
        problem = "not a shot record: "
    elif damage == "not HDF5":
        change(record, b"not a record " * 1000)
        problem = "not a shot record: "
    elif damage == "gone":
        record.unlink()
        problem, remedy = "no such record", "`sparkgap shots list` shows the paths"
    else:
        os.chmod(record, 0o644)
        with h5py.File(record, "r+") as file:
            if damage == "newer":
                file["/entry/definition"].attrs["version"] = str(RECORD_VERSION + 1)
                problem = f"record version {RECORD_VERSION + 1} is newer than {RECORD_VERSION}"
                remedy = "use the version of sparkgap that wrote it"
            else:
                del file["/entry/start_time"]
                problem = "/entry/start_time is missing"
    lines = refuse("shots", *reader, "--out", "shots")
    assert len(lines) == 1
    assert lines[0].startswith(f"{record.relative_to(folder.parent)}: {problem}") and lines[0].endswith(f"; {remedy}")
    assert not Path("anew").exists() and not Path("csv").exists()


def test_verify_names_every_file_that_is_not_what_was_written(folder: Path, refuse: Refuse) -> None:
    """``folder`` is a copy, and the original is sound: it is the copy that counts."""
    shot = Path("shots/000001-noise")
    record, journal, report = next(shot.glob("*.nxs")), shot / "journal.sgj", shot / "report.html"
    change(record, record.read_bytes()[:-1])
    change(journal, journal.read_bytes()[:-1])
    report.unlink()
    lines = refuse("shots", "verify", "--out", "shots")
    assert [line.split(": ")[0] for line in lines] == [str(journal), str(record), str(report)]
    assert lines[0] == f"{journal}: journal: was changed after the shot; restore it from a backup"
    assert re.fullmatch(
        re.escape(f"{record}: sha256 is ") + r"[0-9a-f]{16}\.\.\., the catalogue says [0-9a-f]{16}\.\.\.; .+", lines[1]
    )
    assert lines[2] == f"{report}: report: is missing; restore it from a backup"


CATALOGUES = {
    "not a database": "not a usable SQLite file: file is not a database",
    "cut short": "not a usable SQLite file: database disk image is malformed",
    "newer": "its schema '9999_later' is newer than ",
}


@pytest.mark.parametrize("damage", CATALOGUES)
@pytest.mark.parametrize("command", [VIRTUAL, ("shots", "list", "--out", "shots")], ids=["run", "list"])
def test_an_unusable_catalogue_is_refused(command: tuple[str, ...], damage: str, folder: Path, refuse: Refuse) -> None:
    catalogue = folder / "catalogue.db"
    if damage == "newer":
        with sqlite3.connect(catalogue) as database:
            database.execute("UPDATE alembic_version SET version_num = '9999_later'")
        database.close()
    else:
        data = catalogue.read_bytes()
        change(catalogue, b"not a database" * 100 if damage == "not a database" else data[: len(data) // 2])
    before, kept = contents(folder), catalogue.read_bytes()
    lines = refuse(*command)
    assert len(lines) == 1
    assert lines[0].startswith((f"{catalogue}: ", "shots/catalogue.db: ")) and CATALOGUES[damage] in lines[0]
    assert contents(folder) == before and catalogue.read_bytes() == kept


@pytest.mark.parametrize("command", [("shots", "export", "1", "/proc/x"), ("shots", "report", "1", "--to", "/proc/x")])
def test_a_target_that_cannot_be_written_is_named(command: tuple[str, ...], folder: Path, refuse: Refuse) -> None:
    before = contents(folder)
    assert refuse(*command, "--out", "shots") == [
        "/proc/x: cannot be written: No such file or directory; name another folder"
    ]
    assert contents(folder) == before


def test_a_reader_that_leaves_gets_exit_0_and_every_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8", buffering=1) as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        monkeypatch.setattr(sys, "stderr", sys.stderr)
        assert invoke(["shots", "export", "1", "csv", "--out", "shots"]) == 0
        monkeypatch.undo()
    assert len(list((folder.parent / "csv").glob("*.csv"))) == 17


@pytest.mark.parametrize("url", ["mysql://host/db", "nonsense://host/db"])
def test_a_catalogue_in_an_unknown_database_is_refused(url: str, folder: Path, refuse: Refuse) -> None:
    remedy = "use a path, sqlite:///..., or postgresql://user@host/database"
    kind = url.partition(":")[0]
    line = f"{url}: catalogue: no catalogue can be kept in {kind}; {remedy}"
    assert refuse(*VIRTUAL, "--catalogue", url) == [line]


@pytest.mark.parametrize("number", ["7", "99999999999999999999"])
def test_a_shot_that_never_was_is_named(number: str, folder: Path, refuse: Refuse) -> None:
    assert refuse("shots", "show", number, "--out", "shots") == [
        f"shots/catalogue.db: shot {number}: there is no such shot; `sparkgap shots list` shows the numbers"
    ]


def test_a_folder_without_a_catalogue_is_named(folder: Path, refuse: Refuse) -> None:
    assert refuse("shots", "list", "--out", "elsewhere") == [
        "elsewhere: there is no catalogue of shots here; run a shot first, or name the folder with --out"
    ]
    assert not Path("elsewhere").exists()
