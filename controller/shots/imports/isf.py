"""PURE: Tektronix ISF: what the scope answers to ``WAVFrm?``: ``:WFMPRE:BYT_NR 2;...;:CURVE #520000<samples>``.

Source: Tektronix FAQ 53511 and the programmer manuals: ``value = (code - YOFF) * YMULT + YZERO``,
``time = (i - PT_OFF) * XINCR + XZERO``. Short forms (``BYT_N``) and ``WFMOUTPRE`` are the same.
"""

import re

import numpy as np

from controller.shots.imports.trace import BadFile, Trace

HEADER_MAX = 16_384
"""Bytes of the preamble: real ones have below 1 kB."""

_KEYS = {
    key[: int(short)]: key
    for key, short in (pair.split("/") for pair in (
        "BYT_NR/5", "ENCDG/3", "BN_FMT/4", "BYT_OR/5", "NR_PT/4", "WFID/3", "XINCR/3", "PT_OFF/4", "XZERO/3",
        "YMULT/3", "YZERO/3", "YOFF/3", "YUNIT/3", "PT_FMT/4",
    ))
}  # fmt: skip
_CURVE = re.compile(rb":?CURVE?\s+#([1-9])", re.IGNORECASE)


def read_isf(data: bytes, name: str) -> list[Trace]:
    """The one trace of an ISF file. Raises BadFile."""
    mark = _CURVE.search(data[:HEADER_MAX])
    if mark is None:
        raise BadFile("no `:CURVE #` in its beginning", "save the waveform as ISF (internal) on the scope")
    fields = _fields(data[: mark.start()].decode("latin-1"))
    width, points = _integer(fields, "BYT_NR"), _integer(fields, "NR_PT")
    digits = int(mark.group(1))
    length_text = data[mark.end() : mark.end() + digits]
    if len(length_text) != digits or not length_text.isdigit():
        raise BadFile(f"its block's length is {length_text!r}")
    samples = data[mark.end() + digits : mark.end() + digits + int(length_text)]
    if width not in (1, 2) or points < 1 or len(samples) != points * width or len(samples) != int(length_text):
        raise BadFile(f"{len(samples)} bytes of samples where {points} points of {width} bytes are promised")
    if fields.get("PT_FMT", "Y").upper() != "Y" or fields.get("ENCDG", "BIN").upper() not in ("BIN", "BINARY"):
        raise BadFile("an envelope or a text of samples", "save it as a plain binary waveform")
    signed = fields.get("BN_FMT", "RI").upper() == "RI"
    order = "<" if fields.get("BYT_OR", "MSB").upper() == "LSB" else ">"
    codes = np.frombuffer(samples, dtype=f"{order}{'i' if signed else 'u'}{width}")
    step_s, y_step = _number(fields, "XINCR"), _number(fields, "YMULT")
    if step_s <= 0.0 or y_step == 0.0:
        raise BadFile(f"XINCR {step_s} and YMULT {y_step} cannot be right")
    bits = 8 * width
    low = -(1 << bits - 1) if signed else 0
    wfid = fields.get("WFID", "")
    return [
        Trace(
            name=wfid.split(",")[0] or name,
            unit=fields.get("YUNIT", "V") or "V",
            raw=codes.astype(np.int16) if signed else codes.astype(np.uint16),
            x_increment_s=step_s,
            x_origin_s=_number(fields, "XZERO") - _number(fields, "PT_OFF", 0.0) * step_s,
            y_increment=y_step,
            y_origin=_number(fields, "YZERO"),
            y_reference=_number(fields, "YOFF"),
            full_scale=(low, low + (1 << bits) - 1),
            notes={"WFID": wfid} if wfid else {},
        )
    ]


def _fields(text: str) -> dict[str, str]:
    """Preamble fields by their long names; a quoted text may hold semicolons."""
    fields: dict[str, str] = {}
    for part in re.findall(r'(?:[^;"]|"[^"]*")+', text):
        key, _, value = part.strip().partition(" ")
        key = key.rpartition(":")[2].upper()
        long = next((full for short, full in _KEYS.items() if key in (short, full)), None)
        if long is not None:
            fields[long] = value.strip().strip('"')
    return fields


def _number(fields: dict[str, str], key: str, default: float | None = None) -> float:
    try:
        value = float(fields[key])
    except KeyError:
        if default is None:
            raise BadFile(f"its preamble has no {key}") from None
        return default
    except ValueError:
        raise BadFile(f"{key} is {fields[key][:40]!r}, no number") from None
    if not np.isfinite(value):
        raise BadFile(f"{key} is {value}")
    return value


def _integer(fields: dict[str, str], key: str) -> int:
    value = _number(fields, key)
    if value != int(value):
        raise BadFile(f"{key} is {value}, no whole number")
    return int(value)
