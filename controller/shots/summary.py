"""Look into a shot record without loading it: everything but the waveforms, then one waveform at a time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import h5py
import numpy as np

from controller.shots.document import decode_document
from controller.shots.model import (
    RECORD_VERSION,
    RECORD_VERSION_OLDEST,
    ChannelCapture,
    FloatArray,
    IntArray,
    PulseTrain,
    RawArray,
    ShotRecord,
)
from controller.shots.pulses import PulseTable
from controller.shots.record import RecordUnusable
from controller.shots.train_layout import read_pulses

BLOBS = {"profile_text": b"", "rig_text": b"", "journal": b""}
"""Left out: nobody who looks at a list or a plot reads them."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A record whose waveforms are empty, and how many ``samples`` each of them has in the file.

    Trains are without samples too (of as many segments as they have); ``pulses`` is what was measured of theirs, and
    their ``samples`` are those of one segment.
    """

    record: ShotRecord
    samples: Mapping[str, int]
    pulses: Mapping[str, PulseTable] = field(default_factory=dict)


def read_summary(path: Path) -> Summary:
    """A record without waveforms, configuration and journal; slow channels are there.

    Raises RecordUnusable. The file's own check (``record.check_file``) is not run: it reads everything.
    """
    with _opened(path) as file:
        raws: dict[str, RawArray] = {}
        logs: dict[str, tuple[FloatArray, FloatArray]] = {}
        samples: dict[str, int] = {}
        triggers: dict[str, IntArray] = {}
        for name, group in file["/entry/instrument"].items():
            if group.attrs.get("NX_class") == "NXdetector":
                raw = group["data/raw"]
                samples[name] = int(raw.shape[-1])
                raws[name] = np.empty((*raw.shape[:-1], 0), dtype=raw.dtype)
                if raw.ndim == 2:
                    triggers[name] = group["data/trigger_time"][()]
            elif group.attrs.get("NX_class") == "NXsensor":
                logs[name.removeprefix("slow_")] = (group["value_log/time"][()], group["value_log/value"][()])
        document = np.asarray(file["/entry/configuration/document/data"][()], dtype=np.uint8).tobytes()
        pulses = {name: read_pulses(file, name) for name in triggers}
        return Summary(decode_document(document, raws, logs, BLOBS, triggers), samples, pulses)


def read_capture(path: Path, capture: ChannelCapture) -> ChannelCapture:
    """``capture`` of a summary with its samples. Raises RecordUnusable."""
    with _opened(path) as file:
        return replace(capture, raw=file[f"/entry/instrument/{capture.channel}/data/raw"][()])


def read_train(path: Path, train: PulseTrain) -> PulseTrain:
    """``train`` of a summary with its samples. Raises RecordUnusable."""
    return replace(train, capture=read_capture(path, train.capture))


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
            if version < RECORD_VERSION_OLDEST:
                problem = f"record version {version} is older than {RECORD_VERSION_OLDEST}"
                raise RecordUnusable(path, problem, "migrate it first")
            yield file
    except (OSError, KeyError, ValueError, RuntimeError, AttributeError, TypeError) as error:
        raise RecordUnusable(path, f"cannot be read: {error}", "restore it from a backup") from error
