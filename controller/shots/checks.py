"""Is this HDF5 file a shot record? A table of what must be there, and the few rules a table cannot say.

Our own, because it runs before every rename: the public validators take seconds, and their exit codes lie
(telemetry.md section 4). ``NXpulsed_shot.nxdl.xml`` says the same to them.
"""

from collections.abc import Iterator

import h5py
import numpy as np

from controller.shots.hashing import hash_bytes
from controller.shots.train_layout import PULSE_FIELDS

ENTRY_FIELDS = (
    "definition",
    "title",
    "start_time",
    "end_time",
    "entry_identifier",
    "entry_identifier_uuid",
    "experiment_identifier",
    "collection_identifier",
    "program_name",
    "operator/name",
    "operator/role",
    "sample/name",
    "sample/description",
    "instrument/name",
    "instrument/history",
    "derived/program",
    "derived/version",
    "derived/date",
    "derived/verdict/verdict",
    "derived/verdict/ended",
    "derived/verdict/reason",
    "derived/verdict/purpose",
    "derived/verdict/kind",
    "derived/verdict/journal_head",
    "events/table",
)
"""Below ``/entry``, in every record."""

NOTES = ("profile", "rig", "journal", "document")
"""Below ``/entry/configuration``: bytes with their sha256."""

NOTE_FIELDS = ("type", "description", "algorithm", "checksum", "data")

DETECTOR_FIELDS = (
    "description",
    "fabrication/vendor",
    "fabrication/model",
    "fabrication/serial_number",
    *(f"calibration_method/{name}" for name in NOTE_FIELDS),
    *(f"settings/{name}" for name in NOTE_FIELDS),
    "data/raw",
    "data/raw_scaling_factor",
    "data/raw_offset",
    "data/time",
)
"""Below every NXdetector: one recorded waveform."""

SENSOR_FIELDS = ("name", "measurement", "value_log/time", "value_log/value")
"""Below every NXsensor: one slow channel."""

SCALING_FIELDS = (
    "program",
    "version",
    "date",
    "sequence_index",
    *(
        f"parameters/{name}"
        for name in (
            "volts_per_count",
            "volts_origin",
            "count_reference",
            "unit_per_volt",
            "relative_u95",
            "delay",
            "delay_u95",
        )
    ),
)
"""Below ``/entry/scaling_<channel>``, one per waveform."""


def required_paths(file: h5py.File) -> Iterator[str]:
    """Absolute paths of everything that must be in this file, given its channels."""
    yield from (f"/entry/{name}" for name in ENTRY_FIELDS)
    yield from (f"/entry/configuration/{note}/{name}" for note in NOTES for name in NOTE_FIELDS)
    for channel in _children(file, "/entry/instrument", "NXdetector"):
        yield from (f"/entry/instrument/{channel}/{name}" for name in DETECTOR_FIELDS)
        yield from (f"/entry/scaling_{channel}/{name}" for name in SCALING_FIELDS)
        if _is_train(file, channel):
            yield f"/entry/instrument/{channel}/data/trigger_time"
            yield from (f"/entry/pulses_{channel}/{name}" for name in PULSE_FIELDS)
    for sensor in _children(file, "/entry/instrument", "NXsensor"):
        yield from (f"/entry/instrument/{sensor}/{name}" for name in SENSOR_FIELDS)


def find_defects(file: h5py.File) -> list[str]:
    """Everything that is wrong with an open file, one line each; empty for a sound record."""
    missing = [f"{path} is missing" for path in required_paths(file) if path not in file]
    if missing:
        return missing
    defects = []
    if _text(file, "/entry/definition") != "NXpulsed_shot":
        defects.append("/entry/definition is not NXpulsed_shot")
    if "version" not in file["/entry/definition"].attrs:
        defects.append("/entry/definition@version is missing")
    for note in NOTES:
        defects += _check_note(file, f"/entry/configuration/{note}")
    for channel in _children(file, "/entry/instrument", "NXdetector"):
        base = f"/entry/instrument/{channel}"
        defects += _check_note(file, f"{base}/calibration_method") + _check_note(file, f"{base}/settings")
        defects += _check_train(file, channel) if _is_train(file, channel) else _check_axis(file, f"{base}/data", "raw")
        defects += _check_scaling(file, channel)
    for sensor in _children(file, "/entry/instrument", "NXsensor"):
        defects += _check_axis(file, f"/entry/instrument/{sensor}/value_log", "value")
    return defects


def _children(file: h5py.File, path: str, nx_class: str) -> list[str]:
    parent = file.get(path)
    if not isinstance(parent, h5py.Group):
        return []
    return [name for name, child in parent.items() if child.attrs.get("NX_class") == nx_class]


def _is_train(file: h5py.File, channel: str) -> bool:
    """True for samples with two axes, or what is left of them: either of the two tells."""
    base = f"/entry/instrument/{channel}/data"
    raw = file.get(f"{base}/raw")
    return f"{base}/trigger_time" in file or (isinstance(raw, h5py.Dataset) and raw.ndim == 2)


def _check_train(file: h5py.File, channel: str) -> list[str]:
    """Samples, trigger times and the table of pulses belong together."""
    base = f"/entry/instrument/{channel}/data"
    raw, trigger, time = (file[f"{base}/{name}"] for name in ("raw", "trigger_time", "time"))
    if raw.shape != (*trigger.shape, *time.shape):
        return [f"{base}: samples of shape {raw.shape}, triggers of {trigger.shape} and times of {time.shape}"]
    if raw.dtype.kind not in "iu" or trigger.dtype.kind != "i":
        return [f"{base}: samples or trigger times are no integers"]
    if not all(scale.is_scale and len(raw.dims[axis]) == 1 for axis, scale in enumerate((trigger, time))):
        return [f"{base}: trigger_time and time are not attached to raw as its scales"]
    if not all("units" in item.attrs for item in (raw, trigger, time)):
        return [f"{base}: units are missing"]
    if not (np.all(np.diff(trigger[()]) > 0) and np.all(np.diff(time[()]) > 0.0)):
        return [f"{base}: the trigger times or the times do not rise"]
    names = [name for name in PULSE_FIELDS if name != "planned"]
    shapes = {file[f"/entry/pulses_{channel}/{name}"].shape for name in names}
    return [] if shapes == {trigger.shape} else [f"/entry/pulses_{channel} has not one row per segment"]


def _text(file: h5py.File, path: str) -> str:
    value = file[path][()]
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _check_note(file: h5py.File, path: str) -> list[str]:
    data = np.asarray(file[f"{path}/data"][()], dtype=np.uint8).tobytes()
    matches = hash_bytes(data) == _text(file, f"{path}/checksum")
    return [] if matches else [f"{path}/data does not match its sha256"]


def _check_axis(file: h5py.File, path: str, signal: str) -> list[str]:
    values, time = file[f"{path}/{signal}"], file[f"{path}/time"]
    if values.ndim != 1 or values.shape != time.shape:
        return [f"{path}/{signal} and time differ in shape: {values.shape} and {time.shape}"]
    if signal == "raw" and values.dtype.kind not in "iu":
        return [f"{path}/raw is not an array of integers"]
    if not (time.is_scale and len(values.dims[0]) == 1):
        return [f"{path}/time is not attached to {signal} as its scale"]
    if "units" not in time.attrs or "units" not in values.attrs:
        return [f"{path}: units are missing"]
    t_s = time[()]
    if t_s.size and not (np.all(np.isfinite(t_s)) and np.all(np.diff(t_s) >= 0.0)):
        return [f"{path}/time does not rise"]
    return []


def _check_scaling(file: h5py.File, channel: str) -> list[str]:
    """The factor beside the raw samples is the product of those in the scaling's parameters."""
    factor = float(file[f"/entry/instrument/{channel}/data/raw_scaling_factor"][()])
    parameters = file[f"/entry/scaling_{channel}/parameters"]
    product = float(parameters["volts_per_count"][()]) * float(parameters["unit_per_volt"][()])
    if not np.isfinite(factor) or not np.isclose(factor, product, rtol=1e-12, atol=0.0):
        return [f"/entry/instrument/{channel}/data/raw_scaling_factor differs from its parts"]
    return []
