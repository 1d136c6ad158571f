"""Raw captures: what is under its name is complete, and any change or cut is noticed."""

import errno
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from controller.shots import capture_store
from controller.shots.capture_store import CaptureStore, CaptureUnusable, decode_capture, encode_capture
from tests.unit.shots.samples import capture
from tests.unit.shots.test_record import same


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.int32])
def test_a_capture_comes_back_equal(dtype: type, tmp_path: Path) -> None:
    original = replace(capture(points=500), raw=capture(points=500).raw.astype(dtype))
    store = CaptureStore(tmp_path / "raw")
    digest = store.save(original)
    assert len(digest) == 64
    assert same(CaptureStore(tmp_path / "raw").load("total_current"), original)
    assert store.channels() == ("total_current",)


def test_equal_captures_give_equal_files() -> None:
    assert encode_capture(capture(points=50)) == encode_capture(capture(points=50))


def test_every_cut_and_every_flipped_byte_is_noticed() -> None:
    data = encode_capture(capture(points=8))
    for length in range(len(data)):
        with pytest.raises(ValueError, match=r"not a raw capture|torn|newer"):
            decode_capture(data[:length])
    for index in range(len(data)):
        flipped = bytearray(data)
        flipped[index] ^= 0x10
        with pytest.raises(ValueError, match=r"not a raw capture|torn|newer"):
            decode_capture(bytes(flipped))


def test_a_capture_is_stored_once(tmp_path: Path) -> None:
    store = CaptureStore(tmp_path)
    store.save(capture(points=10))
    with pytest.raises(CaptureUnusable, match="stored already"):
        store.save(capture(points=10))
    with pytest.raises(ValueError, match="not a channel name"):
        store.save(replace(capture(points=10), channel="../x"))
    with pytest.raises(ValueError, match="float64"):
        store.save(replace(capture(points=10), channel="y", raw=np.zeros(3)))


def test_a_full_disk_leaves_no_half_capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(capture_store.os, "fsync", refuse)
    store = CaptureStore(tmp_path)
    with pytest.raises(CaptureUnusable, match="No space left"):
        store.save(capture(points=10))
    assert (store.channels(), list(tmp_path.iterdir())) == ((), [])


def test_missing_damaged_and_newer_captures_are_refused(tmp_path: Path) -> None:
    store = CaptureStore(tmp_path)
    assert CaptureStore(tmp_path / "none").channels() == ()
    with pytest.raises(CaptureUnusable, match="fetch it again"):
        store.load("total_current")
    (tmp_path / "a.raw").write_bytes(b"garbage")
    with pytest.raises(CaptureUnusable, match="not a raw capture"):
        store.load_all()
    newer = bytearray(encode_capture(capture(points=5)))
    newer[8] = 9
    with pytest.raises(ValueError, match="version 9 is newer"):
        decode_capture(bytes(newer))
