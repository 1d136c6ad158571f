"""The mark of an unproven end: it stands until evidence takes it away, and whatever cannot be read stands too."""

import json
from pathlib import Path

import pytest

from controller.app.preflight import read_rig
from controller.app.unconfirmed import FILE_BYTES_MAX, Mark, clear_mark, mark_file, read_mark, set_mark
from controller.messages import RunConfig

MARK = Mark("2026-11-21T12:00:00+00:00", 7, "shot 7 ended without a proof of safe: the PLC does not answer")


def test_a_mark_stands_until_it_is_cleared_and_the_file_tells_both(tmp_path: Path) -> None:
    path = tmp_path / "mark.jsonl"
    assert read_mark(path) is None
    set_mark(path, MARK)
    assert read_mark(path) == MARK == read_mark(path)
    clear_mark(path, "later", "the PLC proved it")
    assert read_mark(path) is None
    first, second = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    assert (first["what"], first["why"]) == ("unconfirmed", MARK.why)
    assert (second["what"], second["utc"], second["why"], second["shot"]) == ("proven", "later", "the PLC proved it", 7)
    set_mark(path, MARK)
    assert read_mark(path) == MARK


def test_clearing_nothing_writes_nothing(tmp_path: Path) -> None:
    clear_mark(tmp_path / "mark.jsonl", "now", "evidence")
    assert not (tmp_path / "mark.jsonl").exists()


def test_every_torn_length_of_the_file_is_a_mark_or_what_stood_before(tmp_path: Path) -> None:
    path = tmp_path / "mark.jsonl"
    set_mark(path, MARK)
    alone = path.read_bytes()
    clear_mark(path, "later", "the PLC proved it")
    both = path.read_bytes()
    for length in range(len(both)):
        path.write_bytes(both[:length])
        # as long as the evidence is not whole (its newline apart), the mark stands
        assert (read_mark(path) is None) is (length == len(both) - 1), length
    path.write_bytes(alone + b"\xff\xfe\n")
    assert read_mark(path) is not None


@pytest.mark.parametrize("content", [b"", b"\n", b"[]\n", b"{}\n", b"7\n", b'{"what": "x"}\n', b"\xff", b"[" * 100_000])
def test_what_cannot_be_read_is_a_mark_and_is_set_aside_when_proven(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mark.jsonl"
    path.write_bytes(content)
    mark = read_mark(path)
    assert mark is not None and not mark.utc and str(path) in mark.why
    clear_mark(path, "later", "evidence")
    assert read_mark(path) is None
    assert path.with_suffix(".unreadable").read_bytes() == content


def test_a_file_of_this_size_is_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "mark.jsonl"
    path.write_bytes(b" " * (FILE_BYTES_MAX + 1))
    assert read_mark(path) is not None


def test_a_folder_in_its_place_is_a_mark(tmp_path: Path) -> None:
    (tmp_path / "mark.jsonl").mkdir()
    assert read_mark(tmp_path / "mark.jsonl") is not None


def test_the_mark_lies_beside_the_catalogue(tmp_path: Path) -> None:
    rig = read_rig("railgun_bench")[0]

    def place(catalogue: str) -> Path:
        return mark_file(RunConfig("railgun_bench", "full", str(tmp_path / "out"), catalogue=catalogue), rig)

    name = "unsafe-unconfirmed-railgun_bench.jsonl"
    assert place("") == place("postgresql://lab/shots") == tmp_path / "out" / name
    assert place(str(tmp_path / "lab.db")) == place(str(tmp_path)) == tmp_path / name
