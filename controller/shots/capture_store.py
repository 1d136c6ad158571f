"""Raw captures on the disk before the record is built, so that a crash between transfer and record loses nothing.

One append-only file per channel, ``<channel>.raw``: magic, length and JSON of everything but the samples, then the
samples as they came, then the sha256 of all that. Written through a temporary name, fsynced, renamed; never changed.
"""

import json
import os
import re
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from struct import Struct
from typing import Any, get_type_hints

import msgspec
import numpy as np

from controller.shots.journal_file import sync_folder
from controller.shots.model import ChannelCapture, PulseTrain, RawArray

CAPTURE_VERSION = 2
"""1: one waveform. 2: a train, with the shape of its samples and its trigger times; a waveform stays version 1."""

Stored = ChannelCapture | PulseTrain
MAGIC = b"SGRAW\x00\xff\x01"
HEADER = Struct("<8sII")
DIGEST_BYTES = 32

META_MAX_BYTES = 1 << 20
"""Settings and chain are a few kilobytes, the trigger times of 10,000 segments 150; a longer header is damage."""

DTYPES = ("int16", "uint16", "int32")


class CaptureUnusable(Exception):
    """A raw capture that cannot be written or read: the file, what is wrong, what to do."""

    def __init__(self, path: Path, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}; {remedy}")
        self.path = path
        self.problem = problem
        self.remedy = remedy


class CaptureStore:
    """The raw captures of one shot, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, capture: Stored) -> str:
        """Make one capture durable and return its sha256, which belongs into ``capture_done``; blocks.

        Raises CaptureUnusable when the channel is stored already or the disk refuses.
        """
        path = self._path(capture.channel)
        if path.exists():
            raise CaptureUnusable(path, "this channel is stored already", "a capture is stored once per shot")
        temporary = path.with_name(path.name + ".tmp")
        data = encode_capture(capture)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.rename(temporary, path)
            sync_folder(self.folder)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            problem = f"cannot be written: {error.strerror or error}"
            raise CaptureUnusable(path, problem, "free space, then fetch the channel again") from error
        return sha256(data).hexdigest()

    def load(self, channel: str) -> Stored:
        """One capture, checked against its own sha256. Raises CaptureUnusable."""
        path = self._path(channel)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise CaptureUnusable(path, f"cannot be read: {error.strerror or error}", "fetch it again") from error
        try:
            return decode_capture(data)
        except ValueError as error:
            raise CaptureUnusable(path, str(error), "fetch the channel again while the instrument holds it") from error

    def channels(self) -> tuple[str, ...]:
        """Names of the stored channels, sorted; what was not stored completely is not among them."""
        if not self.folder.is_dir():
            return ()
        return tuple(sorted(path.name.removesuffix(".raw") for path in self.folder.glob("*.raw")))

    def load_all(self) -> tuple[Stored, ...]:
        """Every stored capture, by name. Raises CaptureUnusable for the first damaged one."""
        return tuple(self.load(channel) for channel in self.channels())

    def _path(self, channel: str) -> Path:
        if re.fullmatch(r"\w[\w-]{0,119}", channel, flags=re.ASCII) is None:
            raise ValueError(f"{channel!r} is not a channel name")
        return self.folder / f"{channel}.raw"


def encode_capture(stored: Stored) -> bytes:
    """The file's bytes. Raises ValueError for samples that are not rows of 16- or 32-bit integers."""
    capture, train = (stored.capture, stored) if isinstance(stored, PulseTrain) else (stored, None)
    raw = np.ascontiguousarray(capture.raw)
    if raw.dtype.name not in DTYPES or raw.ndim != (1 if train is None else 2):
        raise ValueError(f"samples of {capture.channel} are {raw.dtype.name} with {raw.ndim} dimensions")
    names = [item.name for item in fields(capture) if item.name != "raw"]
    meta: dict[str, Any] = {name: msgspec.to_builtins(getattr(capture, name)) for name in names}
    meta["dtype"], meta["count"] = raw.dtype.name, int(raw.size)
    if train is not None:
        meta["train"] = {"planned": train.planned, "trigger_ns": train.trigger_ns.tolist()}
    text = json.dumps(meta, allow_nan=False, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    head = HEADER.pack(MAGIC, 1 if train is None else CAPTURE_VERSION, len(text))
    body = head + text + raw.astype(raw.dtype.newbyteorder("<")).tobytes()
    return body + sha256(body).digest()


def decode_capture(data: bytes) -> Stored:
    """The capture or the train again. Raises ValueError with what is wrong: foreign, newer, torn or changed."""
    if len(data) < HEADER.size + DIGEST_BYTES or not data.startswith(MAGIC):
        raise ValueError("not a raw capture")
    _magic, version, length = HEADER.unpack_from(data)
    if version > CAPTURE_VERSION:
        raise ValueError(f"capture version {version} is newer than {CAPTURE_VERSION}")
    body, digest = data[:-DIGEST_BYTES], data[-DIGEST_BYTES:]
    if length > META_MAX_BYTES or sha256(body).digest() != digest:
        raise ValueError("torn or changed: its sha256 does not match")
    meta = json.loads(body[HEADER.size : HEADER.size + length])
    train = meta.pop("train", None)
    raw = _samples(body[HEADER.size + length :], str(meta.pop("dtype")), int(meta.pop("count")))
    if train is not None:
        raw = raw.reshape(len(train["trigger_ns"]), -1)
    hints = get_type_hints(ChannelCapture)
    capture = ChannelCapture(raw=raw, **{name: msgspec.convert(value, hints[name]) for name, value in meta.items()})
    if train is None:
        return capture
    return PulseTrain(capture, np.array(train["trigger_ns"], dtype=np.int64), int(train["planned"]))


def _samples(data: bytes, dtype: str, count: int) -> RawArray:
    if dtype not in DTYPES:
        raise ValueError(f"samples of type {dtype} are not raw samples")
    raw: RawArray = np.frombuffer(data, dtype=np.dtype(dtype).newbyteorder("<"), count=count).astype(dtype)
    return raw
