"""PURE: an RTO replays its history, and writes it to a pair of files while ``DLOGging`` is on (instruments.md 2.2).

``<n>.bin`` describes the records, ``<n>.Wfm.bin`` holds them: two 32-bit words (values per record, format) and the
samples, little-endian, of one record after the other, channels interleaved [UNV].
"""

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from drivers.wire.rto import CHANNELS
from drivers.wire.scpi import ScpiError

if TYPE_CHECKING:
    from firmware_sim.personalities.rto import Rto

PLAY_NS = 1_000_000
"""Replay of one record with FASTexport; the display makes it slower without [UNV]."""
PLAY_SLOW_NS = 20_000_000
FORMAT_INT16 = 4


class Player:
    """Replays the history of one scope, a record at a time. ``*OPC`` waits for its end."""

    def __init__(self, scope: "Rto") -> None:
        self._scope = scope
        self._work: Iterator[None] | None = None
        self._due_ns = 0

    @property
    def playing(self) -> bool:
        """True until the last record was shown and, with DLOGging, the files are written."""
        return self._work is not None

    def play(self) -> None:
        """``HISTory:PLAY``: from the oldest record to the newest. Raises ScpiError -230 without records."""
        self._scope.engine.require_record()
        self._work = self._replay(bool(self._scope.panel.knobs.get("export.logging")))
        self._due_ns = self._scope.engine.now_ns + self._step_ns

    def stop(self) -> None:
        """``HISTory:STOP``: nothing is written."""
        self._work = None

    def advance(self, now_ns: int) -> None:
        """Show the next record when its time has come; one piece of work per call."""
        if self._work is None or now_ns < self._due_ns:
            return
        self._due_ns = max(self._due_ns + self._step_ns, now_ns - 10 * self._step_ns)
        try:
            next(self._work)
        except StopIteration:
            self._work = None
        except ScpiError as error:
            self._work = None
            self._scope.status.report(error)

    def save(self) -> None:
        """``EXPort:WAVeform:SAVE``: the selected record at once. Raises ScpiError."""
        self._scope.engine.require_record()
        selected = self._scope.engine.selected % len(self._scope.engine.history)
        for _ in self._write(range(selected, selected + 1)):
            continue

    @property
    def _step_ns(self) -> int:
        return PLAY_NS if self._scope.panel.knobs.get("export.fast") else PLAY_SLOW_NS

    def _replay(self, logging: bool) -> Iterator[None]:
        count = len(self._scope.engine.history)
        if logging:
            yield from self._write(range(count))
        else:
            for _ in range(count):
                yield

    def _write(self, numbers: range) -> Iterator[None]:
        """Compute the records one by one, then write both files. Raises ScpiError."""
        knobs, history = self._scope.panel.knobs, self._scope.engine.history
        channels = self._channels()
        pieces: list[bytes] = []
        first = history[numbers.start]
        for number in numbers:
            if number >= len(history):
                break
            codes = []
            for channel in channels:
                while not history[number].record.prepare(channel, history[number].count):
                    yield
                codes.append(history[number].record.codes(channel, history[number].count) ^ np.uint16(0x8000))
            pieces.append(np.column_stack(codes).astype("<u2").tobytes())
            yield
        stem = str(knobs.get("export.name")).removesuffix(".bin").removesuffix(".Wfm")
        sweep = first.record.sweep
        lines = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            "<Database><Groups><Group><Properties>",
            *(
                f'<Prop Name="{name}" Value="{value}"/>'
                for name, value in (
                    ("XStart", sweep.start_s),
                    ("XStop", sweep.start_s + sweep.range_s),
                    ("SignalRecordLength", first.points),
                    ("NumberOfAcquisitions", len(pieces)),
                    ("NumberOfChannels", len(channels)),
                    ("Sources", " ".join(f"C{channel + 1}W1" for channel in channels)),
                    ("VerticalScale", " ".join(str(sweep.inlets[c].range_v / 10) for c in channels)),
                    ("VerticalOffset", " ".join(str(sweep.inlets[c].centre_v) for c in channels)),
                )
            ),
            "</Properties></Group></Groups></Database>",
        ]
        self._scope.files.write(f"{stem}.bin", "\r\n".join(lines).encode("ascii"))
        words = struct.pack("<II", first.count * len(channels), FORMAT_INT16)
        self._scope.files.write(f"{stem}.Wfm.bin", words + b"".join(pieces))

    def _channels(self) -> list[int]:
        """What is exported: the source, or with MULTichannel all channels that are on. Raises ScpiError -224."""
        knobs = self._scope.panel.knobs
        if knobs.get("export.multichannel"):
            return [index for index in range(len(CHANNELS)) if knobs.get("channel.state", index)] or [0]
        return [source_channel(str(knobs.get("export.source")))]


def source_channel(source: str) -> int:
    """``C2W1`` or ``CHAN2`` -> 1. Raises ScpiError -224."""
    text = source.upper().removesuffix("W1").removeprefix("CHAN").removeprefix("C")
    if text not in ("1", "2", "3", "4"):
        raise ScpiError(-224, source)
    return int(text) - 1
