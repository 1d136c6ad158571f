"""PURE: one acquisition of a DSO-X as it is read out: preamble, BYTE, WORD and ASCii (instruments.md 2.1).

Codes are 16 bit, left-aligned: the screen's 8 divisions span 65536 codes; code 0 is a hole and never sent.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from drivers.wire.dsox import FORMAT_CODES, TYPE_CODES
from firmware_sim.personalities.dsox_settings import CODE_SPAN, SCREEN_POINTS, Settings
from firmware_sim.personalities.scope_record import Codes, ScopeRecord


@dataclass(frozen=True, slots=True)
class Acquisition:
    """A triggered capture with the settings it was taken with."""

    settings: Settings
    record: ScopeRecord

    def points(self, wanted: int, mode: str) -> int:
        """Points a read-out gets when it asks for ``wanted`` in this points mode."""
        limit = self.settings.memory_points()
        if mode == "NORM":
            limit = min(limit, SCREEN_POINTS)
        count = max(1, min(wanted, limit))
        return count - count % 2 if self.settings.acquire.type == "PEAK" and count > 1 else count

    def volts_of(self, channel: int, points: int) -> npt.NDArray[np.float64]:
        """The record in volts at the probe tip, as a client would compute them."""
        return self.record.volts_of(channel, points)

    def encode(self, channel: int, points: int, form: str, byteorder: str, unsigned: bool) -> memoryview | None:
        """The record as it travels (BYTE, WORD or ASCii), a view that stays valid and unchanged.

        None while it is not ready: each call does one slice of the work.
        """
        if form == "ASC":
            return self.record.encode_text(channel, points, form, "{:+.5E}".format)

        def convert(codes: Codes) -> memoryview:
            if form == "BYTE":
                octets: npt.NDArray[np.uint8] = np.maximum(codes >> 8, 1).astype(np.uint8)
                if not unsigned:
                    octets ^= 0x80
                return octets.data
            words = codes if unsigned else codes ^ np.uint16(0x8000)
            return words.astype("<u2" if byteorder == "LSBF" else ">u2", copy=False).view(np.uint8).data

        return self.record.encode(channel, points, (form, byteorder, unsigned), convert)

    def preamble(self, channel: int, points: int, form: str, unsigned: bool) -> dict[str, float]:
        """The ten fields of ``:WAVeform:PREamble?`` (instruments.md 2.1)."""
        own, timebase, acquire = self.settings.channels[channel], self.settings.timebase, self.settings.acquire
        span = 256 if form == "BYTE" else CODE_SPAN
        return {
            "format": FORMAT_CODES[form],
            "type": TYPE_CODES[acquire.type],
            "points": points,
            "count": acquire.count if acquire.type == "AVER" else 1,
            "x_increment": timebase.range_s / points,
            "x_origin": timebase.start_s,
            "x_reference": 0,
            "y_increment": own.range_v / span,
            "y_origin": own.offset_v,
            "y_reference": span // 2 if unsigned else 0,
        }
