"""Look into a shot record without loading it: everything but the waveforms, then one waveform at a time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np

from controller.shots.document import decode_document
from controller.shots.model import RECORD_VERSION, ChannelCapture, FloatArray, RawArray, ShotRecord
from controller.shots.record import RecordUnusable

BLOBS = {"profile_text": b"", "rig_text": b"", "journal": b""}
"""Left out: nobody who looks at a list or a plot reads them."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A record whose waveforms are empty, and how many ``samples`` each of them has in the file."""

    record: ShotRecord
    samples: Mapping[str, int]


def read_summary(path: Path) -> Summary:
    """A record without waveforms, configuration and journal; slow channels are there.

    Raises RecordUnusable. The file's own check (``record.check_file``) is not run: it reads everything.
    """
    with _opened(path) as file:
        raws: dict[str, RawArray] = {}
        logs: dict[str, tuple[FloatArray, FloatArray]] = {}
        samples: dict[str, int] = {}
        for name, group in file["/entry/instrument"].items():
            if group.attrs.get("NX_class") == "NXdetector":
                samples[name] = int(group["data/raw"].shape[0])
                raws[name] = np.empty(0, dtype=group["data/raw"].dtype)
            elif group.attrs.get("NX_class") == "NXsensor":
                logs[name.removeprefix("slow_")] = (group["value_log/time"][()], group["value_log/value"][()])
        document = np.asarray(file["/entry/configuration/document/data"][()], dtype=np.uint8).tobytes()
        return Summary(decode_document(document, raws, logs, BLOBS), samples)


def read_capture(path: Path, capture: ChannelCapture) -> ChannelCapture:
    """``capture`` of a summary with its samples. Raises RecordUnusable."""
    with _opened(path) as file:
        return replace(capture, raw=file[f"/entry/instrument/{capture.channel}/data/raw"][()])


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """The file, at the layout's present version; whatever is wrong inside the block becomes RecordUnusable."""
    if not path.is_file():
        raise RecordUnusable(path, "no such record", "restore it from a backup")
    try:
        with h5py.File(path, "r") as file:
            version = int(file["/entry/definition"].attrs["version"])
            if version > RECORD_VERSION:
                problem = f"record version {version} is newer than {RECORD_VERSION}"
                raise RecordUnusable(path, problem, "use the version of sparkgap that wrote it")
            if version < RECORD_VERSION:
                problem = f"record version {version} is older than {RECORD_VERSION}"
                raise RecordUnusable(path, problem, "migrate it first")
            yield file
    except (OSError, KeyError, ValueError, RuntimeError, AttributeError, TypeError) as error:
        raise RecordUnusable(path, f"cannot be read: {error}", "restore it from a backup") from error
