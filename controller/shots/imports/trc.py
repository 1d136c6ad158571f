"""PURE: LeCroy TRC: an optional block header, the descriptor WAVEDESC, then the samples (drivers/wire/wavedesc.py).

Single sweeps only: sequences and random-interleaved records have time arrays of their own and are refused.
"""

import math

import numpy as np

from controller.shots.imports.trace import BadFile, Trace
from drivers.wire import wavedesc

MARK_MAX = 64
"""The descriptor begins after ``#9`` and a length at the latest; other bytes before it are not a .trc file."""


def read_trc(data: bytes, name: str) -> list[Trace]:
    """The one trace of a TRC file. Raises BadFile."""
    start = data[: MARK_MAX + len(wavedesc.MARK)].find(wavedesc.MARK)
    if start < 0:
        raise BadFile("no WAVEDESC in its beginning", "save the trace as binary on the scope")
    try:
        found = wavedesc.decode(data[start : start + wavedesc.SIZE])
    except wavedesc.BadDescriptor as error:
        raise BadFile(str(error)) from None
    if found["SUBARRAY_COUNT"] > 1 or found["TRIGTIME_ARRAY"] or found["RIS_TIME_ARRAY"]:
        raise BadFile("a sequence or an interleaved record", "save its segments one by one")
    lengths = [found["WAVE_DESCRIPTOR"], *(found[field] for field in wavedesc.ARRAYS_BEFORE), found["WAVE_ARRAY_1"]]
    if min(lengths) < 0 or found["WAVE_DESCRIPTOR"] < wavedesc.SIZE or found["COMM_TYPE"] not in (0, 1):
        raise BadFile("its descriptor has impossible lengths")
    first = start + sum(lengths[:-1])
    samples = data[first : first + lengths[-1]]
    word = found["COMM_TYPE"] == wavedesc.WORD
    if not samples or len(samples) != lengths[-1] or len(samples) % (2 if word else 1):
        raise BadFile(f"{len(samples)} bytes of samples where {lengths[-1]} are promised")
    order = "<" if found["COMM_ORDER"] == wavedesc.LOW_FIRST else ">"
    numbers = [float(found[key]) for key in ("VERTICAL_GAIN", "VERTICAL_OFFSET", "HORIZ_INTERVAL", "HORIZ_OFFSET")]
    gain, offset, step_s, start_s = numbers
    if not all(map(math.isfinite, numbers)) or gain == 0.0 or step_s <= 0.0:
        raise BadFile(f"gain {gain} and interval {step_s} s cannot be right")
    limit = 1 << (15 if word else 7)
    source = found["WAVE_SOURCE"]
    return [
        Trace(
            name=found["TRACE_LABEL"] or (f"C{source + 1}" if source < 4 else name),
            unit=found["VERTUNIT"] or "V",
            raw=np.frombuffer(samples, dtype=f"{order}i2" if word else "i1").astype(np.int16),
            x_increment_s=step_s,
            x_origin_s=start_s,
            y_increment=gain,
            y_origin=-offset,
            full_scale=(-limit, limit - 1),
            notes={"instrument": found["INSTRUMENT_NAME"], "number": str(found["INSTRUMENT_NUMBER"])},
        )
    ]
