"""PURE: numbers as colours, and coloured cells as a PNG. The colours are those of the page's waterfall (colours.ts).

From dark blue to pale yellow, each lighter than the one before: the order shows without any colour, on paper and to
colour-blind readers. What is near rest (zero) is dark, also for negative pulses.
"""

import struct
import zlib
from base64 import b64encode
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from controller.shots.model import FloatArray

ANCHORS = ((0x10, 0x1A, 0x3C), (0x23, 0x4F, 0x8F), (0x5A, 0x8A, 0x8C), (0xD3, 0xA6, 0x3C), (0xFF, 0xF6, 0xB8))
LEVELS = 256

Levels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ColourScale:
    """What the colours stand for: values from ``low`` to ``high``."""

    low: float
    high: float

    @property
    def is_reversed(self) -> bool:
        """True when the larger excursion is the negative one."""
        return abs(self.low) > abs(self.high)


def scale_of(values: FloatArray) -> ColourScale:
    """Everything in ``values``, and zero."""
    if values.size == 0:
        return ColourScale(0.0, 1.0)
    return ColourScale(min(0.0, float(np.min(values))), max(0.0, float(np.max(values))))


def levels_of(values: FloatArray, scale: ColourScale) -> Levels:
    """The level of every value, in the shape of ``values``."""
    span = scale.high - scale.low
    share = (values - scale.low) / span if span > 0.0 else np.full(values.shape, 0.5)
    levels = np.rint(np.clip(share, 0.0, 1.0) * (LEVELS - 1)).astype(np.uint8)
    return (LEVELS - 1 - levels).astype(np.uint8) if scale.is_reversed else levels


def palette() -> bytes:
    """Red, green and blue of every level."""
    at = np.linspace(0.0, len(ANCHORS) - 1, LEVELS)
    columns = [np.interp(at, range(len(ANCHORS)), [anchor[part] for anchor in ANCHORS]) for part in range(3)]
    return np.rint(np.column_stack(columns)).astype(np.uint8).tobytes()


def encode_png(levels: Levels) -> bytes:
    """An indexed PNG of shape (rows, columns)."""
    rows, columns = levels.shape
    head = struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)
    lines = np.zeros((rows, columns + 1), dtype=np.uint8)  # the first byte of a line: no filter
    lines[:, 1:] = levels
    data = zlib.compress(lines.tobytes(), 9)
    chunks = ((b"IHDR", head), (b"PLTE", palette()), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def data_url(png: bytes) -> str:
    """The picture as an address that asks nobody."""
    return f"data:image/png;base64,{b64encode(png).decode('ascii')}"


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
