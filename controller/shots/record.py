"""Write a shot record so that a crash leaves either the whole file or none.

Built in memory, written under a temporary name in the same folder, fsynced, checked as it stands there, renamed, the
folder fsynced; the sha256 goes to the catalogue. The HDF5 library wants one thread at a time.
"""

import errno
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import h5py

from controller.shots.checks import find_defects
from controller.shots.hashing import hash_bytes
from controller.shots.journal_file import sync_folder
from controller.shots.layout import write_layout
from controller.shots.model import ShotRecord

PROGRAM = "sparkgap"

LIBVER = ("v110", "v110")
"""``latest`` cannot be read by HDF5 1.12, ``earliest`` cannot SWMR (dependencies.md section 7)."""

BLOCK_BYTES = 1 << 20
"""The image grows by this much: a record has a few megabytes."""

DEFECTS_MAX = 5
"""So many are named in the message; the rest follows from them."""


class RecordUnusable(Exception):
    """A record that cannot be written or read: the file, what is wrong, what to do."""

    def __init__(self, path: Path, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}; {remedy}")
        self.path = path
        self.problem = problem
        self.remedy = remedy


def write_record(record: ShotRecord, path: Path) -> str:
    """Write ``record`` to ``path`` and return the file's sha256; blocks.

    Raises RecordUnusable when the name is taken, the disk refuses, or the file does not pass its own check; nothing is
    left behind then, and the raw captures beside it are untouched.
    """
    if path.exists():
        raise RecordUnusable(path, "a record exists already", "a shot is recorded once; choose another --out")
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        image = build_image(record)
        with open(temporary, "wb") as file:
            file.write(image)
            file.flush()
            os.fsync(file.fileno())
        check_file(temporary)
        os.rename(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        full = error.errno == errno.ENOSPC
        problem = "the disk is full" if full else f"cannot be written: {error}"
        raise RecordUnusable(path, problem, "free space, then `sparkgap shots fetch`") from error
    except RecordUnusable:
        temporary.unlink(missing_ok=True)
        raise
    return hash_bytes(image)


def build_image(record: ShotRecord) -> bytes:
    """The record's HDF5 file as bytes, built in memory.

    Never straight to the disk: when that is full the HDF5 library prints thousands of lines and ends the process with
    a segmentation fault while it closes the file (h5py 3.16, seen with a file size limit).
    """
    with h5py.File(PROGRAM, "w", driver="core", backing_store=False, block_size=BLOCK_BYTES, libver=LIBVER) as file:
        write_layout(file, record, PROGRAM, program_version())
        file.flush()
        return bytes(file.id.get_file_image())


def check_file(path: Path) -> None:
    """Raise RecordUnusable when the file is not a sound shot record."""
    try:
        with h5py.File(path, "r") as file:
            defects = find_defects(file)
    except (OSError, KeyError, RuntimeError) as error:
        raise RecordUnusable(path, f"not a readable HDF5 file: {error}", "restore it from a backup") from error
    if defects:
        more = f" and {len(defects) - DEFECTS_MAX} more" if len(defects) > DEFECTS_MAX else ""
        raise RecordUnusable(path, "; ".join(defects[:DEFECTS_MAX]) + more, "restore it from a backup")


def program_version() -> str:
    """The installed version of this program, or ``source`` when it runs from a bare checkout."""
    try:
        return version(PROGRAM)
    except PackageNotFoundError:
        return "source"
