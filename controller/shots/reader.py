"""Read a shot record back, verify it, and evaluate it again with corrected calibration. The file is never changed."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from controller.shots.document import DocumentError, decode_document
from controller.shots.hashing import hash_file
from controller.shots.journal_file import sync_folder
from controller.shots.measure import measure
from controller.shots.model import (
    RECORD_VERSION,
    RECORD_VERSION_OLDEST,
    ChannelCapture,
    FloatArray,
    IntArray,
    MeasuredValue,
    RawArray,
    ShotRecord,
)
from controller.shots.quantities import MeasureContext
from controller.shots.record import RecordUnusable, check_file

Migration = Callable[[h5py.File], None]

MIGRATIONS: Mapping[int, Migration] = {}
"""Steps from version n to n + 1, applied in order to a copy; version 1 is the first."""


def read_record(path: Path) -> ShotRecord:
    """The whole record, raw samples included.

    Raises RecordUnusable for a missing, damaged, incomplete or newer file, with what to do about it.
    """
    if not path.is_file():
        raise RecordUnusable(path, "no such record", "`sparkgap shots list` shows the paths")
    version = record_version(path)
    if version > RECORD_VERSION:
        problem = f"record version {version} is newer than {RECORD_VERSION}"
        raise RecordUnusable(path, problem, "use the version of sparkgap that wrote it")
    if version < RECORD_VERSION_OLDEST:
        problem = f"record version {version} is older than {RECORD_VERSION_OLDEST}"
        raise RecordUnusable(path, problem, "migrate it first")
    check_file(path)
    try:
        with h5py.File(path, "r") as file:
            return _decode(file)
    except (OSError, KeyError, ValueError) as error:
        detail = str(error) if isinstance(error, DocumentError) else f"cannot be read: {error}"
        raise RecordUnusable(path, detail, "restore it from a backup") from error


def record_version(path: Path) -> int:
    """The layout's version that the file states. Raises RecordUnusable."""
    try:
        with h5py.File(path, "r") as file:
            return int(file["/entry/definition"].attrs["version"])
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        problem = f"not a shot record: {error}"
        raise RecordUnusable(path, problem, "restore it from a backup") from error


def verify(path: Path, sha256: str) -> None:
    """Raise RecordUnusable unless the file has this sha256 and passes its own check."""
    if not path.is_file():
        raise RecordUnusable(path, "the record is missing", "restore it from a backup")
    found = hash_file(path)
    if found != sha256:
        problem = f"sha256 is {found[:16]}..., the catalogue says {sha256[:16]}..."
        raise RecordUnusable(path, problem, "the file was changed; restore it from a backup")
    check_file(path)


def migrate_record(path: Path, migrations: Mapping[int, Migration] = MIGRATIONS, target: int = RECORD_VERSION) -> Path:
    """Bring an older file to ``target``, keeping it as ``<name>.v<n>``; returns the backup's path.

    The steps run on a copy that replaces the original only when all of them succeeded. Raises RecordUnusable when a
    step is missing.
    """
    version = record_version(path)
    missing = [step for step in range(version, target) if step not in migrations]
    if version >= target or missing:
        raise RecordUnusable(path, f"no way from record version {version} to {target}", "use an older sparkgap")
    backup = path.with_name(f"{path.name}.v{version}")
    working = path.with_name(f".{path.name}.tmp")
    shutil.copyfile(path, working)
    with h5py.File(working, "r+") as file:
        for step in range(version, target):
            migrations[step](file)
            file["/entry/definition"].attrs["version"] = str(step + 1)
    os.replace(path, backup)
    os.replace(working, path)
    sync_folder(path.parent)
    return backup


def context_of(record: ShotRecord) -> MeasureContext:
    """The instants that measurements refer to."""
    return MeasureContext(record.t0_s, record.dump_s, record.safe_s, record.levels)


def reevaluate(path: Path, factors: Mapping[str, float]) -> list[MeasuredValue]:
    """The record's measurements again, each channel of ``factors`` with its scale multiplied; the raw file stays.

    Raises RecordUnusable, or KeyError for a channel that the record does not have.
    """
    record = read_record(path)
    recorded = [capture.channel for capture in record.captures] + [train.channel for train in record.trains]
    known = {*recorded, *(log.name for log in record.slow_logs)}
    unknown = sorted(set(factors) - known)
    if unknown:
        raise KeyError(f"the record has no channel {', '.join(unknown)}")
    captures = [_corrected(item, factors) for item in record.captures]
    trains = [replace(item, capture=_corrected(item.capture, factors)) for item in record.trains]
    logs = [replace(item, value=item.value * factors.get(item.name, 1.0)) for item in record.slow_logs]
    return [measure(item, captures, logs, context_of(record), trains) for item in record.measurements]


def _corrected(capture: ChannelCapture, factors: Mapping[str, float]) -> ChannelCapture:
    return replace(capture, scale=capture.scale * factors.get(capture.channel, 1.0))


def _decode(file: h5py.File) -> ShotRecord:
    raws: dict[str, RawArray] = {}
    logs: dict[str, tuple[FloatArray, FloatArray]] = {}
    triggers: dict[str, IntArray] = {}
    for name, group in file["/entry/instrument"].items():
        if group.attrs.get("NX_class") == "NXdetector":
            raws[name] = group["data/raw"][()]
            if "trigger_time" in group["data"]:
                triggers[name] = group["data/trigger_time"][()]
        elif group.attrs.get("NX_class") == "NXsensor":
            logs[name.removeprefix("slow_")] = (group["value_log/time"][()], group["value_log/value"][()])
    blobs = {
        "profile_text": _bytes(file, "profile"),
        "rig_text": _bytes(file, "rig"),
        "journal": _bytes(file, "journal"),
    }
    record = decode_document(_bytes(file, "document"), raws, logs, blobs, triggers)
    for capture in (*record.captures, *(train.capture for train in record.trains)):
        _check_agreement(file, capture)
    return record


def _bytes(file: h5py.File, note: str) -> bytes:
    return np.asarray(file[f"/entry/configuration/{note}/data"][()], dtype=np.uint8).tobytes()


def _check_agreement(file: h5py.File, capture: ChannelCapture) -> None:
    """The document and the groups around it must tell the same scale."""
    factor = float(file[f"/entry/instrument/{capture.channel}/data/raw_scaling_factor"][()])
    if not np.isclose(factor, capture.y_increment_v * capture.scale, rtol=1e-12, atol=0.0):
        raise DocumentError(f"the document and /entry/instrument/{capture.channel} disagree about the scale")
