"""PURE: a shot without its arrays as one JSON document, and back. It travels inside the record and as a summary file.

NeXus has no place for half of what a shot is (checklist, limits, self-test); the document holds all of it in one
form, while the groups around it serve tools that only know NeXus. JSON has no NaN: a non-finite number becomes null.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from math import isfinite, nan
from typing import Any, get_type_hints

import msgspec

from controller.shots.model import ChannelCapture, FloatArray, IntArray, PulseTrain, RawArray, ShotRecord, SlowLog

ARRAYS = {ChannelCapture: ("raw",), SlowLog: ("t_s", "value")}
"""What stays out of the document: it is stored as HDF5 data sets."""

OPTIONAL = ("levels",)
"""What a document leaves out when there is none of it: most shots have no sweep."""

BLOBS = ("profile_text", "rig_text", "journal")
"""Bytes of the record that have data sets of their own."""


class DocumentError(ValueError):
    """The document does not describe a shot; the text says which field."""


def describe(record: ShotRecord) -> dict[str, Any]:
    """Everything but arrays and blobs, as plain dicts, lists, texts and finite numbers, in the model's order."""
    document: dict[str, Any] = {}
    for item in fields(record):
        value = getattr(record, item.name)
        if item.name in ("captures", "slow_logs"):
            document[item.name] = [_without_arrays(part) for part in value]
        elif item.name == "trains":
            document |= {"trains": [_train_document(train) for train in value]} if value else {}
        elif item.name in OPTIONAL:
            document |= {item.name: _plain(msgspec.to_builtins(value))} if value else {}
        elif item.name not in BLOBS:
            document[item.name] = _plain(msgspec.to_builtins(value))
    return document


def encode_document(record: ShotRecord) -> bytes:
    """The document as UTF-8 JSON, one line, key order of the model."""
    return json.dumps(describe(record), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def decode_document(
    data: bytes,
    raws: Mapping[str, RawArray],
    logs: Mapping[str, tuple[FloatArray, FloatArray]],
    blobs: Mapping[str, bytes],
    triggers: Mapping[str, IntArray] | None = None,
) -> ShotRecord:
    """The record again, from the document and its arrays by channel name. Raises DocumentError.

    ``triggers`` are the trigger times of trains; a document of version 1 names none.
    """
    try:
        document = json.loads(data)
        for row in document["plc_events"]:
            row["value"] = nan if row["value"] is None else row["value"]
        captures = [_revive(ChannelCapture, part, {"raw": raws[part["channel"]]}) for part in document["captures"]]
        slow_logs = [
            _revive(SlowLog, part, dict(zip(("t_s", "value"), logs[part["name"]], strict=True)))
            for part in document["slow_logs"]
        ]
        trains = [_revive_train(part, raws, triggers or {}) for part in document.get("trains", [])]
        arrays = {"captures": tuple(captures), "slow_logs": tuple(slow_logs), "trains": tuple(trains)}
        absent: dict[str, Any] = {name: [] for name in OPTIONAL}
        revived: ShotRecord = _revive(ShotRecord, absent | document, {**arrays, **blobs})
    except (KeyError, TypeError, ValueError) as error:
        raise DocumentError(f"the shot's document is damaged: {error}") from error
    return revived


def _without_arrays(part: ChannelCapture | SlowLog) -> dict[str, Any]:
    skip = ARRAYS[type(part)]
    names = [item.name for item in fields(part) if item.name not in skip]
    return {name: _plain(msgspec.to_builtins(getattr(part, name))) for name in names}


def _train_document(train: PulseTrain) -> dict[str, Any]:
    return {"capture": _without_arrays(train.capture), "segments": train.segments, "planned": train.planned}


def _revive_train(
    part: Mapping[str, Any], raws: Mapping[str, RawArray], triggers: Mapping[str, IntArray]
) -> PulseTrain:
    channel = part["capture"]["channel"]
    capture: ChannelCapture = _revive(ChannelCapture, part["capture"], {"raw": raws[channel]})
    return PulseTrain(capture, triggers[channel], int(part["planned"]))


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _revive(kind: type[Any], document: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    """Build ``kind`` from the document, with the fields of ``given`` taken as they are."""
    hints = get_type_hints(kind)
    values = dict(given)
    for item in fields(kind):
        if item.name not in given:
            values[item.name] = msgspec.convert(document[item.name], hints[item.name])
    return kind(**values)
