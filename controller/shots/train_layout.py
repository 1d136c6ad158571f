"""Where a train lies in the shot record: its samples in chunks, its trigger times, and one row per pulse.

The samples stand where every capture's stand (``/entry/instrument/<channel>/data``), with one axis more; what was
measured of each pulse is a plot of its own, ``/entry/pulses_<channel>``. Opens no file itself.
"""

from typing import Any

import h5py
import numpy as np

from controller.shots.model import PulseTrain
from controller.shots.pulses import UNITS, PulseTable, pulse_table
from controller.shots.signals import time_axis

CHUNK_SAMPLES = 1 << 17
"""One chunk is read to see one pulse: a quarter of a megabyte, large enough to pack well."""

PACKING: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


def chunks_of(train: PulseTrain) -> tuple[int, int]:
    """Whole segments, as many as :data:`CHUNK_SAMPLES` allows."""
    rows = max(1, CHUNK_SAMPLES // max(train.points, 1))
    return min(rows, max(train.segments, 1)), max(train.points, 1)


def write_samples(data: h5py.Group, train: PulseTrain, started_utc: str) -> None:
    """``raw`` (segments, points) with both its axes."""
    capture = train.capture
    data.attrs.update({"signal": "raw", "axes": ["trigger_time", "time"], "trigger_time_indices": 0, "time_indices": 1})
    packing = {**PACKING, "chunks": chunks_of(train)} if capture.raw.size else {}
    raw = data.create_dataset("raw", data=capture.raw, **packing)
    raw.attrs.update({"units": "counts", "long_name": f"{capture.title or capture.channel} (counts)"})
    trigger = data.create_dataset("trigger_time", data=train.trigger_ns)
    trigger.attrs.update({"units": "ns", "long_name": "trigger after the first one (ns)", "start": started_utc})
    time = data.create_dataset("time", data=time_axis(capture))
    time.attrs.update({"units": "s", "long_name": "time after the segment's trigger (s)", "start": started_utc})
    for axis, scale in enumerate((trigger, time)):
        scale.make_scale(("trigger_time", "time")[axis])
        raw.dims[axis].attach_scale(scale)


def write_pulses(entry: h5py.Group, train: PulseTrain) -> None:
    """Peak, flat top and width of every pulse over its trigger time; a missing pulse has no flat top and no width."""
    capture, table = train.capture, pulse_table(train)
    group = entry.create_group(f"pulses_{capture.channel}")
    group.attrs.update({"NX_class": "NXdata", "signal": "peak", "axes": ["trigger_time"], "trigger_time_indices": 0})
    group.attrs["auxiliary_signals"] = ["flat_top"]
    trigger = group.create_dataset("trigger_time", data=train.trigger_ns)
    trigger.attrs.update({"units": "ns", "long_name": "trigger after the first one (ns)"})
    trigger.make_scale("trigger_time")
    for name, unit in UNITS.items():
        values = group.create_dataset(name, data=getattr(table, name))
        title = f"{name.replace('_', ' ')} of {capture.title or capture.channel}"
        values.attrs.update({"units": unit.format(unit=capture.unit), "long_name": title})
        values.dims[0].attach_scale(trigger)
    group.create_dataset("missing", data=table.missing.astype(np.int8))
    group.create_dataset("planned", data=train.planned)


def read_pulses(file: h5py.File, channel: str) -> PulseTable:
    """What :func:`write_pulses` wrote. Raises KeyError."""
    group = file[f"/entry/pulses_{channel}"]
    arrays = {name: np.asarray(group[name][()], dtype=np.float64) for name in UNITS}
    missing = np.asarray(group["missing"][()]).astype(np.bool_)
    return PulseTable(missing=missing, planned=int(group["planned"][()]), **arrays)


PULSE_FIELDS = ("trigger_time", *UNITS, "missing", "planned")
"""Below ``/entry/pulses_<channel>``, one for every train."""
