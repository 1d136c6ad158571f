"""PURE: the screen of a DSO-X as an image: grid, traces, trigger mark; PNG (RFC 2083) and BMP (24 bit) writers."""

import struct
import zlib

import numpy as np
import numpy.typing as npt

from firmware_sim.personalities.dsox_record import Acquisition
from firmware_sim.personalities.dsox_settings import Settings

WIDTH, HEIGHT = 800, 480
DIVISIONS_X, DIVISIONS_Y = 10, 8
COLOURS = ((255, 255, 0), (0, 255, 0), (80, 120, 255), (255, 80, 160))
"""Channel colours of the front panel: yellow, green, blue, pink."""
GRID = (70, 70, 70)
MARK = (255, 140, 0)
PNG_LEVEL = 1
"""Fast: a screenshot must not keep the rig's PLC from its scan."""
DRAWN_POINTS = 8_000
"""Ten samples per pixel column."""

Picture = npt.NDArray[np.uint8]
"""RGB, shape (HEIGHT, WIDTH, 3)."""


def render_screen(settings: Settings, record: Acquisition | None) -> Picture:
    """Draw the grid and, per displayed channel, the record's minimum to maximum in each column."""
    picture = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    for line in range(DIVISIONS_X + 1):
        picture[:, min(WIDTH - 1, line * WIDTH // DIVISIONS_X)] = GRID
    for line in range(DIVISIONS_Y + 1):
        picture[min(HEIGHT - 1, line * HEIGHT // DIVISIONS_Y), :] = GRID
    if record is not None:
        for channel, own in enumerate(settings.channels):
            if own.display:
                _draw_trace(picture, record, channel)
        _draw_trigger(picture, record)
    if settings.other.inksaver:
        dark = (picture == 0).all(axis=2)
        picture[dark] = 255
    return picture


def encode_png(picture: Picture) -> bytes:
    """An 8-bit RGB PNG without interlace."""
    height, width, _ = picture.shape
    rows = np.zeros((height, 1 + 3 * width), dtype=np.uint8)
    rows[:, 1:] = picture.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(rows.tobytes(), PNG_LEVEL)
    return b"\x89PNG\r\n\x1a\n" + _png_chunk(b"IHDR", header) + _png_chunk(b"IDAT", body) + _png_chunk(b"IEND", b"")


def encode_bmp(picture: Picture) -> bytes:
    """A 24-bit BMP, rows bottom up and padded to four bytes."""
    height, width, _ = picture.shape
    stride = (3 * width + 3) // 4 * 4
    rows = np.zeros((height, stride), dtype=np.uint8)
    rows[:, : 3 * width] = picture[::-1, :, ::-1].reshape(height, -1)
    file_header = struct.pack("<2sIHHI", b"BM", 54 + rows.size, 0, 0, 54)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, rows.size, 2835, 2835, 0, 0)
    return file_header + info + rows.tobytes()


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _draw_trace(picture: Picture, record: Acquisition, channel: int) -> None:
    """One column per pixel, from its lowest to its highest sample, joined to the neighbour."""
    points = record.points(DRAWN_POINTS, "NORM")
    own = record.settings.channels[channel]
    volts = record.volts_of(channel, points)
    rows = np.clip(HEIGHT / 2 - (volts - own.offset_v) * (HEIGHT / own.range_v), 0, HEIGHT - 1).astype(np.int64)
    columns = np.arange(WIDTH) * points // WIDTH
    top, bottom = np.minimum.reduceat(rows, columns), np.maximum.reduceat(rows, columns)
    top[1:], bottom[1:] = np.minimum(top[1:], bottom[:-1]), np.maximum(bottom[1:], top[:-1])
    lines = np.arange(HEIGHT)[:, np.newaxis]
    picture[(lines >= top) & (lines <= bottom)] = COLOURS[channel]


def _draw_trigger(picture: Picture, record: Acquisition) -> None:
    """A mark at the top where the trigger lies."""
    timebase = record.settings.timebase
    column = round(-timebase.start_s / timebase.range_s * WIDTH)
    if 0 <= column < WIDTH:
        picture[0:12, max(0, column - 3) : column + 4] = MARK
