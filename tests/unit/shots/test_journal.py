"""The journal: every cut and every flipped bit is noticed, and the disk's refusals are final."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from controller.shots import journal_file
from controller.shots.journal import (
    BARRIERS,
    GENESIS,
    KINDS,
    Damage,
    JournalCorrupt,
    JournalDead,
    JournalNewer,
    JournalSealed,
    encode_record,
    scan_journal,
)
from controller.shots.journal_file import JournalFile, load_journal

HEADER = {"boot_id": 7, "rig": "railgun_bench", "profile_sha256": "ab" * 32, "config_sha256": "cd" * 32, "previous": ""}
FACTS = (
    ("permit", {"t_ns": 1, "token": 3}),
    ("charge_intent", {"t_ns": 2, "voltage_v": 3000.0}),
    ("fire_intent", {"t_ns": 3, "text": "Höhe π"}),
    ("fire_result", {"t_ns": 4, "latches": 15}),
)


def segment() -> bytes:
    data, head = b"", GENESIS
    for seq, (kind, payload) in enumerate((("opened", {**HEADER, "version": 1}), *FACTS)):
        record = encode_record(head, seq, kind, payload)
        data, head = data + record, record[-16:]
    return data


def ends() -> list[int]:
    data = segment()
    scan = scan_journal(data)
    return [record.offset for record in scan.records] + [len(data)]


def test_what_was_written_is_read_back() -> None:
    scan = scan_journal(segment())
    assert scan.kinds() == ("opened", "permit", "charge_intent", "fire_intent", "fire_result")
    assert scan.records[3].payload == {"t_ns": 3, "text": "Höhe π"}
    assert (scan.damage, scan.sealed, scan.header["rig"]) == (Damage.NONE, False, "railgun_bench")


def test_bytes_of_the_first_record_are_fixed() -> None:
    record = encode_record(GENESIS, 0, "hold", {"b": 1, "a": 0.5})
    assert record[:16].hex() == "53474aa7" + "26000000" + "0000000000000000"
    assert record[16:-16] == b'{"data":{"a":0.5,"b":1},"kind":"hold"}'
    assert len(record[-16:]) == 16


def test_every_torn_length_is_cut_at_a_record() -> None:
    data, borders = segment(), ends()
    for length in range(len(data)):
        scan = scan_journal(data[:length])
        assert scan.good_bytes == max(border for border in borders if border <= length)
        assert scan.damage is (Damage.NONE if length in borders else Damage.TORN)


def test_every_flipped_bit_is_noticed() -> None:
    data = segment()
    last = ends()[-2]
    undetected = misjudged = 0
    for index in range(len(data)):
        for bit in range(8):
            broken = bytearray(data)
            broken[index] ^= 1 << bit
            scan = scan_journal(bytes(broken))
            undetected += scan.damage is Damage.NONE
            misjudged += scan.damage is not (Damage.CORRUPT if index < last else Damage.TORN)
    assert (undetected, misjudged) == (0, 0)


def test_a_removed_or_repeated_record_is_corruption() -> None:
    data, borders = segment(), ends()
    removed = data[: borders[1]] + data[borders[2] :]
    repeated = data[: borders[2]] + data[borders[1] :]
    assert scan_journal(removed).damage is Damage.CORRUPT
    assert scan_journal(repeated).damage is Damage.CORRUPT


def test_numbers_json_does_not_have_are_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_record(GENESIS, 0, "progress", {"voltage_v": float("nan")})
    with pytest.raises(ValueError, match="unknown journal record"):
        encode_record(GENESIS, 0, "gossip", {})
    with pytest.raises(ValueError, match="at most"):
        encode_record(GENESIS, 0, "event", {"text": "x" * (1 << 20)})


def test_barriers_are_kinds() -> None:
    assert BARRIERS < KINDS
    assert len(BARRIERS) == 8


def write_shot(path: Path) -> JournalFile:
    journal = JournalFile.create(path, HEADER)
    for kind, payload in FACTS:
        journal.append(kind, payload)
        if kind in BARRIERS:
            journal.barrier()
    return journal


def test_file_holds_exactly_the_records_and_seals(tmp_path: Path) -> None:
    path = tmp_path / "shot.journal"
    journal = write_shot(path)
    assert path.read_bytes() == segment()
    assert journal.reserve_path.stat().st_size == journal_file.RESERVE_BYTES
    head = journal.seal({"t_ns": 9})
    scan = load_journal(path)
    assert (scan.sealed, scan.head, journal.alive) == (True, head, False)
    assert not journal.reserve_path.exists()
    assert path.stat().st_mode & 0o222 == 0
    with pytest.raises(JournalSealed):
        journal.append("event", {})
    with pytest.raises(JournalSealed):
        JournalFile.recover(path, 10)


def test_equal_facts_give_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_shot(tmp_path / name).seal({"t_ns": 9})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_journal_is_never_written_over(tmp_path: Path) -> None:
    write_shot(tmp_path / "shot").close()
    with pytest.raises(FileExistsError):
        JournalFile.create(tmp_path / "shot", HEADER)


def test_failed_fsync_is_final(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = write_shot(tmp_path / "shot")
    calls = []

    def refuse(fd: int) -> None:
        calls.append(fd)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(journal_file.os, "fsync", refuse)
    for _ in range(2):
        with pytest.raises(JournalDead, match="fsync failed"):
            journal.barrier()
    with pytest.raises(JournalDead):
        journal.append("event", {})
    assert len(calls) == 1
    assert not journal.alive
    journal.close()


def test_full_disk_at_creation_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(fd: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(journal_file.os, "posix_fallocate", refuse, raising=False)
    with pytest.raises(JournalDead, match="No space left"):
        JournalFile.create(tmp_path / "shot", HEADER)


def test_full_disk_spends_the_reserve_then_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = JournalFile.create(tmp_path / "shot", HEADER)
    write = os.write
    budget = [10]

    def scarce(fd: int, data: memoryview) -> int:
        if journal.reserve_spent:
            return write(fd, data)
        if budget[0] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        part = min(budget[0], len(data))
        budget[0] -= part
        return write(fd, data[:part])

    monkeypatch.setattr(journal_file.os, "write", scarce)
    journal.append(*FACTS[0])
    assert journal.reserve_spent
    assert not journal.reserve_path.exists()
    assert load_journal(tmp_path / "shot").kinds() == ("opened", "permit")

    def full(fd: int, data: memoryview) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(journal_file.os, "write", full)
    with pytest.raises(JournalDead, match="No space left"):
        journal.append(*FACTS[1])
    journal.close()


def test_recovery_cuts_keeps_the_tail_and_can_be_repeated(tmp_path: Path) -> None:
    path = tmp_path / "shot"
    data, borders = segment(), ends()
    path.write_bytes(data[: borders[3] + 5])
    journal, scan = JournalFile.recover(path, 50)
    journal.close()
    assert scan.damage is Damage.TORN
    assert (tmp_path / "shot.torn").read_bytes() == data[borders[3] : borders[3] + 5]
    again, second = JournalFile.recover(path, 60)
    assert second.records[-1].payload == {"t_ns": 50, "cut_at": borders[3], "bytes": 5}
    again.append("fire_result", {"t_ns": 61})
    again.seal({"t_ns": 62})
    assert load_journal(path).kinds()[-4:] == ("recovered", "recovered", "fire_result", "sealed")


def test_recovery_refuses_corruption_and_newer_versions(tmp_path: Path) -> None:
    broken = bytearray(segment())
    broken[20] ^= 1
    (tmp_path / "bad").write_bytes(bytes(broken))
    with pytest.raises(JournalCorrupt, match="record 0 at byte 0 is damaged"):
        JournalFile.recover(tmp_path / "bad", 1)
    (tmp_path / "new").write_bytes(encode_record(GENESIS, 0, "opened", {"version": 2}))
    with pytest.raises(JournalNewer, match="newer than 1"):
        load_journal(tmp_path / "new")


WRITER = """
import sys
from pathlib import Path
from controller.shots.journal_file import JournalFile
journal = JournalFile.create(Path(sys.argv[1]), {"rig": "bench"})
for number in range(100000):
    journal.append("progress", {"number": number})
    journal.barrier()
    print(number, flush=True)
"""


def test_what_a_barrier_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path / "shot")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as writer:
        assert writer.stdout is not None
        seen = [int(writer.stdout.readline()) for _ in range(20)]
        writer.kill()
        seen += [int(line) for line in writer.stdout]
    journal, scan = JournalFile.recover(tmp_path / "shot", 1)
    journal.close()
    numbers = [record.payload["number"] for record in scan.records if record.kind == "progress"]
    assert numbers[: len(seen)] == seen
    assert numbers == list(range(len(numbers)))
    assert load_journal(tmp_path / "shot").kinds()[-1] == "recovered"
