"""The journal on the disk: one append-only file per shot, a durable barrier, and a reserve for a full disk.

``append`` is a single ``os.write`` and may run on the loop; ``barrier`` is an fsync and belongs into a thread. After
any failed write or fsync the journal is dead: the kernel may have marked the pages clean, so a retry would lie.
"""

import errno
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from controller.shots.journal import (
    GENESIS,
    JOURNAL_VERSION,
    SCAN_MAX_BYTES,
    Damage,
    JournalCorrupt,
    JournalDead,
    JournalNewer,
    JournalScan,
    JournalSealed,
    encode_record,
    scan_journal,
)

RESERVE_BYTES = 1 << 18
"""Set aside at creation: some thousand records, twice what a shot writes, so that a full disk cannot end a journal."""

_BINARY: int = getattr(os, "O_BINARY", 0)  # Windows would translate line ends without it


class JournalFile:
    """One shot's segment. Created, appended to, sealed; after a crash reopened with :meth:`recover`."""

    def __init__(self, path: Path, fd: int, seq: int, head: bytes) -> None:
        self.path = path
        self.head = head
        self.reserve_spent = False
        self._fd = fd
        self._seq = seq
        self._problem = ""
        self._sealed = False
        self._lock = threading.Lock()  # closing must not pull the descriptor from under a barrier in its thread

    @classmethod
    def create(cls, path: Path, header: Mapping[str, Any]) -> "JournalFile":
        """Create the segment, write its first record and make both file and name durable.

        Raises JournalDead when the disk refuses, FileExistsError when the name is taken.
        """
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | _BINARY, 0o644)
        except FileExistsError:
            raise
        except OSError as error:
            raise _dead(path, "cannot create the journal", error) from error
        journal = cls(path, fd, 0, GENESIS)
        try:
            _set_aside(journal.reserve_path)
            journal.append("opened", {**header, "version": JOURNAL_VERSION})
            journal.barrier()
            sync_folder(path.parent)
        except OSError as error:
            journal.close()
            raise _dead(path, "cannot prepare the journal", error) from error
        except JournalDead:
            journal.close()
            raise
        return journal

    @classmethod
    def recover(cls, path: Path, t_ns: int) -> tuple["JournalFile", JournalScan]:
        """Reopen the segment of an interrupted shot: keep a torn tail aside, cut it off, say so in a record.

        Idempotent: a crash in here leaves a file that recovers the same way. Raises JournalCorrupt, JournalNewer or
        JournalSealed; the scan returned is the one from before the cut.
        """
        scan = load_journal(path)
        if scan.sealed:
            raise JournalSealed(str(path), "the shot was closed properly", "nothing needs recovery")
        if scan.damage is Damage.TORN:
            _keep_tail(path, scan)
            with open(path, "r+b") as file:
                file.truncate(scan.good_bytes)
                os.fsync(file.fileno())
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | _BINARY)
        journal = cls(path, fd, len(scan.records), scan.head)
        if scan.records:
            cut = {"t_ns": t_ns, "cut_at": scan.good_bytes, "bytes": scan.total_bytes - scan.good_bytes}
            journal.append("recovered", cut)
            journal.barrier()
        return journal, scan

    @property
    def reserve_path(self) -> Path:
        """The file that keeps disk blocks free for this journal."""
        return self.path.with_name(self.path.name + ".reserve")

    @property
    def alive(self) -> bool:
        """False once a write or fsync failed or the journal was sealed."""
        return not self._problem and not self._sealed

    def append(self, kind: str, payload: Mapping[str, Any]) -> int:
        """Write one record with a single ``os.write`` and return its number; not durable before :meth:`barrier`.

        Raises JournalDead, JournalSealed, or ValueError for a payload that JSON cannot hold.
        """
        self._check_open()
        record = encode_record(self.head, self._seq, kind, payload)
        self._write(record)
        seq = self._seq
        self.head = record[-len(GENESIS) :]
        self._seq += 1
        return seq

    def barrier(self) -> None:
        """Return once everything appended is on the disk. Blocks; raises JournalDead, and is never retried."""
        with self._lock:
            self._check_open()
            try:
                os.fsync(self._fd)
            except OSError as error:
                raise self._die("fsync failed", error) from error

    def seal(self, payload: Mapping[str, Any]) -> bytes:
        """Write the last record, make it durable, make the file read-only; returns the head hash."""
        self.append("sealed", payload)
        self.barrier()
        self._sealed = True
        self.close()
        os.chmod(self.path, 0o444)
        sync_folder(self.path.parent)
        return self.head

    def close(self) -> None:
        """Give back the descriptor and the reserve; the file stays as it is."""
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1
            self.reserve_path.unlink(missing_ok=True)

    def _check_open(self) -> None:
        if self._problem:
            raise JournalDead(str(self.path), self._problem, "check the disk; the shot must be aborted")
        if self._sealed or self._fd < 0:
            raise JournalSealed(str(self.path), "the journal is closed", "start a new shot")

    def _write(self, record: bytes) -> None:
        """Write all of it. A short write means a full disk: the reserve is given up once, then the rest is written."""
        rest = memoryview(record)
        while rest:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except OSError as error:
                if error.errno != errno.ENOSPC or self.reserve_spent:
                    raise self._die("write failed", error) from error
                self.reserve_spent = True
                self.reserve_path.unlink(missing_ok=True)

    def _die(self, problem: str, error: OSError) -> JournalDead:
        dead = _dead(self.path, problem, error)
        self._problem = dead.problem
        return dead


def load_journal(path: Path) -> JournalScan:
    """Scan a segment file. Raises JournalCorrupt for damage that no crash explains, JournalNewer for a newer one."""
    with open(path, "rb") as file:
        scan = scan_journal(file.read(SCAN_MAX_BYTES + 1))
    if scan.damage is Damage.CORRUPT:
        raise JournalCorrupt(str(path), scan.problem, "keep the file and have it looked at; it is never repaired")
    version = scan.header.get("version", JOURNAL_VERSION)
    if not isinstance(version, int) or version > JOURNAL_VERSION:
        problem = f"journal version {version} is newer than {JOURNAL_VERSION}"
        raise JournalNewer(str(path), problem, "use the version of sparkgap that wrote it")
    return scan


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable. Windows has no such call: there NTFS journals names by itself."""
    if sys.platform == "win32":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _dead(path: Path, problem: str, error: OSError) -> JournalDead:
    return JournalDead(str(path), f"{problem}: {error.strerror or error}", "check the disk; do not arm before that")


def _set_aside(path: Path) -> None:
    """Occupy RESERVE_BYTES of disk in a file of its own, so that the journal's readable length is never padded."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | _BINARY, 0o644)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(fd, 0, RESERVE_BYTES)
        else:
            os.write(fd, bytes(RESERVE_BYTES))
    finally:
        os.close(fd)


def _keep_tail(path: Path, scan: JournalScan) -> None:
    """Copy what will be cut off to ``<name>.torn``: evidence is never destroyed. Written aside, then renamed."""
    with open(path, "rb") as file:
        file.seek(scan.good_bytes)
        tail = file.read(SCAN_MAX_BYTES)
    temporary = path.with_name(path.name + ".torn.tmp")
    with open(temporary, "wb") as file:
        file.write(tail)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path.with_name(path.name + ".torn"))
    sync_folder(path.parent)
