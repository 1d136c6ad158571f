"""PURE: LeCroy's waveform descriptor WAVEDESC, template LECROY_2_3: what ``WF? ALL`` sends and a .trc file holds.

Source: the instrument's own ``TMPL?`` answer, printed in the X-Stream and MAUI remote control manuals (software release
8.1.0). ``volts = VERTICAL_GAIN * code - VERTICAL_OFFSET``; ``time = HORIZ_INTERVAL * i + HORIZ_OFFSET``, trigger at 0.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SIZE = 346
"""Bytes of the descriptor."""

MARK = b"WAVEDESC"
TEMPLATE = "LECROY_2_3"
BYTE, WORD = 0, 1
HIGH_FIRST, LOW_FIRST = 0, 1
ARRAYS_BEFORE = ("USER_TEXT", "RES_DESC1", "TRIGTIME_ARRAY", "RIS_TIME_ARRAY")
"""Lengths of what stands between the descriptor and the samples, in this order."""


@dataclass(frozen=True, slots=True)
class Place:
    """One variable: its byte position and struct's letter."""

    at: int
    code: str


FIELDS: Mapping[str, Place] = {
    name: Place(at, code)
    for at, name, code in (
        (0, "DESCRIPTOR_NAME", "16s"),
        (16, "TEMPLATE_NAME", "16s"),
        (32, "COMM_TYPE", "H"),
        (34, "COMM_ORDER", "H"),
        (36, "WAVE_DESCRIPTOR", "i"),
        (40, "USER_TEXT", "i"),
        (44, "RES_DESC1", "i"),
        (48, "TRIGTIME_ARRAY", "i"),
        (52, "RIS_TIME_ARRAY", "i"),
        (56, "RES_ARRAY1", "i"),
        (60, "WAVE_ARRAY_1", "i"),
        (64, "WAVE_ARRAY_2", "i"),
        (76, "INSTRUMENT_NAME", "16s"),
        (92, "INSTRUMENT_NUMBER", "i"),
        (96, "TRACE_LABEL", "16s"),
        (116, "WAVE_ARRAY_COUNT", "i"),
        (120, "PNTS_PER_SCREEN", "i"),
        (124, "FIRST_VALID_PNT", "i"),
        (128, "LAST_VALID_PNT", "i"),
        (132, "FIRST_POINT", "i"),
        (136, "SPARSING_FACTOR", "i"),
        (140, "SEGMENT_INDEX", "i"),
        (144, "SUBARRAY_COUNT", "i"),
        (148, "SWEEPS_PER_ACQ", "i"),
        (156, "VERTICAL_GAIN", "f"),
        (160, "VERTICAL_OFFSET", "f"),
        (164, "MAX_VALUE", "f"),
        (168, "MIN_VALUE", "f"),
        (172, "NOMINAL_BITS", "h"),
        (174, "NOM_SUBARRAY_COUNT", "h"),
        (176, "HORIZ_INTERVAL", "f"),
        (180, "HORIZ_OFFSET", "d"),
        (188, "PIXEL_OFFSET", "d"),
        (196, "VERTUNIT", "48s"),
        (244, "HORUNIT", "48s"),
        (292, "HORIZ_UNCERTAINTY", "f"),
        (312, "ACQ_DURATION", "f"),
        (316, "RECORD_TYPE", "H"),
        (318, "PROCESSING_DONE", "H"),
        (324, "TIMEBASE", "H"),
        (326, "VERT_COUPLING", "H"),
        (328, "PROBE_ATT", "f"),
        (332, "FIXED_VERT_GAIN", "H"),
        (334, "BANDWIDTH_LIMIT", "H"),
        (336, "VERTICAL_VERNIER", "f"),
        (340, "ACQ_VERT_OFFSET", "f"),
        (344, "WAVE_SOURCE", "H"),
    )
}
"""The variables used here; the trigger's time stamp (296) and reserved ones are left zero."""

_TYPES = {"H": "enum", "h": "word", "i": "long", "f": "float", "d": "double", "16s": "string", "48s": "unit_definition"}


class BadDescriptor(ValueError):
    """Not a waveform descriptor of this template."""


def encode(values: Mapping[str, Any]) -> bytes:
    """A descriptor; what ``values`` does not name is zero. COMM_ORDER decides the byte order."""
    data = bytearray(SIZE)
    order = "<" if values.get("COMM_ORDER", LOW_FIRST) == LOW_FIRST else ">"
    for name, value in values.items():
        place = FIELDS[name]
        struct.pack_into(order + place.code, data, place.at, value.encode() if isinstance(value, str) else value)
    return bytes(data)


def decode(data: bytes | memoryview) -> dict[str, Any]:
    """The variables of a descriptor at the start of ``data``; texts without padding. Raises BadDescriptor."""
    head = bytes(data[:SIZE])
    if len(head) < SIZE or not head.startswith(MARK):
        raise BadDescriptor(f"{head[:16]!r} does not begin a waveform descriptor of {SIZE} bytes")
    low = head[34] == LOW_FIRST  # 1 in the first byte only when the least significant one comes first
    if head[34:36] not in (b"\x01\x00", b"\x00\x00", b"\x00\x01"):
        raise BadDescriptor(f"COMM_ORDER is {head[34:36]!r}")
    order = "<" if low else ">"
    values: dict[str, Any] = {}
    for name, place in FIELDS.items():
        value = struct.unpack_from(order + place.code, head, place.at)[0]
        values[name] = value.split(b"\0")[0].decode("latin-1") if isinstance(value, bytes) else value
    values["COMM_ORDER"] = LOW_FIRST if low else HIGH_FIRST
    return values


def describe_template() -> str:
    """The variables in the manner of a ``TMPL?`` answer."""
    rows = [f"<{place.at:3d}> {name}: {_TYPES[place.code]}" for name, place in FIELDS.items()]
    lines = [
        "/00",
        f"000000              {TEMPLATE}:  TEMPLATE",
        "WAVEDESC: BLOCK",
        *rows,
        "ENDBLOCK",
        "/00",
        "ENDTEMPLATE",
    ]
    return "\n".join(lines)
