"""Trains in the report: the picture of all pulses is there, is right, and asks for nothing."""

import base64
import re
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from controller.shots.picture import ColourScale, levels_of, palette
from controller.shots.report import render_report
from tests.unit.shots.samples import shot
from tests.unit.shots.test_report import check
from tests.unit.shots.trains import train, train_shot

ROOT = Path(__file__).parents[3]


def test_a_train_is_drawn_with_its_worst_pulse_beside_the_median() -> None:
    record = train_shot(trains=(train(300, missing=(40,), broken=(200,), planned=310),))
    text = render_report(record)
    checker = check(text)
    assert "pulse 201, the furthest from the median of those that came" in text
    assert "11 pulses are missing: number 41; 10 never triggered." in text
    assert "No waveform was recorded" not in text and "300 segments of 500 points" in text
    assert "img-src data:" in text
    (rows, columns), pixels = pixels_of(text)
    assert (rows, columns) == (300, 400)
    usual = int(np.median(pixels[:, 180]))
    odd = np.flatnonzero(np.abs(pixels[:, 180].astype(int) - usual) > 60)
    assert odd.tolist() == [40, 200], "the missing and the broken pulse, and no other"
    assert checker.links and all(link.startswith("href=data:image/png;base64,") for link in checker.links)
    (held,) = record.trains
    none = replace(held, capture=replace(held.capture, raw=held.capture.raw[:0]), trigger_ns=held.trigger_ns[:0])
    empty = replace(record, trains=(none,))
    assert "Cathode voltage: no pulse was recorded." in render_report(empty)
    assert "Trains</h2>" not in render_report(shot())


def pixels_of(text: str) -> tuple[tuple[int, int], np.ndarray]:
    """The levels of the first picture in a report, by the rules of PNG."""
    found = re.search(r'<image href="data:image/png;base64,([^"]+)"', text)
    assert found is not None
    data = base64.b64decode(found[1])
    columns, rows, depth, kind = struct.unpack(">IIBB", data[16:26])
    assert data.startswith(b"\x89PNG") and (depth, kind) == (8, 3)
    packed = data[data.index(b"IDAT") + 4 : data.index(b"IEND") - 8]
    lines = np.frombuffer(zlib.decompress(packed), dtype=np.uint8).reshape(rows, columns + 1)
    assert not lines[:, 0].any()
    return (rows, columns), lines[:, 1:]


def test_the_colours_are_those_of_the_page() -> None:
    colours = np.frombuffer(palette(), dtype=np.uint8).reshape(256, 3)
    source = (ROOT / "controller/panel/web/src/widgets/waterfall/colours.ts").read_text(encoding="utf-8")
    lines = re.findall(r"\[0x.*\]", source)
    anchors = [[int(part, 16) for part in re.findall(r"0x([0-9a-f]{2})", line)] for line in lines]
    assert colours[[0, 255]].tolist() == [anchors[0], anchors[-1]] and len(anchors) == 5
    assert all(any(np.abs(colours.astype(int) - anchor).max(axis=1) <= 1) for anchor in anchors)
    assert levels_of(np.array([2.0, 0.0, -10.0]), ColourScale(-10.0, 2.0)).tolist() == [0, 43, 255]
    assert levels_of(np.array([0.0, 5.0]), ColourScale(0.0, 0.0)).tolist() == [128, 128]
