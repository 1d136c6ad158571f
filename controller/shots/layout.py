"""The shot record's NeXus layout in HDF5 (telemetry.md section 4): which group holds what. Opens no file itself.

NeXus reads ``value = (raw + raw_offset) * raw_scaling_factor``. No CF attribute stands on ``raw``: xarray would scale
it while its unit still says counts. ``time`` is an HDF5 dimension scale, so that xarray shows a real coordinate.
"""

import json
from math import nan
from typing import Any

import h5py
import numpy as np

from controller.shots.decimate import decimate
from controller.shots.document import encode_document
from controller.shots.hashing import hash_bytes
from controller.shots.model import ChannelCapture, InstrumentUse, MeasuredValue, ShotRecord, SlowLog, SweepLevel
from controller.shots.signals import scale_values, time_axis
from controller.shots.train_layout import PACKING, write_pulses, write_samples

OVERVIEW_POINTS = 4000
"""Size of the default plot: enough for any screen, small enough to read at once."""

EVENT_TEXT_BYTES = 240
"""Fixed-length strings, because variable-length ones cannot be read while a file is written (h5py#1273)."""

EVENT_DTYPE = np.dtype([("t_ns", "<i8"), ("source", "S24"), ("kind", "S24"), ("text", f"S{EVENT_TEXT_BYTES}")])
UNKNOWN = InstrumentUse("", "unknown", "unknown", "unknown", "")


def write_layout(file: h5py.File, record: ShotRecord, program: str, version: str) -> None:
    """Fill an empty file with the whole record."""
    file.attrs.update(
        {
            "NX_class": "NXroot",
            "default": "entry",
            "creator": program,
            "creator_version": version,
            "HDF5_Version": h5py.version.hdf5_version,
            "h5py_version": h5py.version.version,
        }
    )
    entry = _group(file, "entry", "NXentry")
    _write_identity(entry, record, program, version)
    _write_instrument(entry, record)
    for index, capture in enumerate((*record.captures, *(train.capture for train in record.trains))):
        _write_scaling(entry, capture, index + 1, record, program, version)
    for train in record.trains:
        write_pulses(entry, train)
    _write_derived(entry, record, program, version)
    _write_overview(entry, record)
    _write_events(entry, record)
    _write_configuration(entry, record)


def _group(parent: h5py.Group, name: str, nx_class: str) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs["NX_class"] = nx_class
    return group


def _field(parent: h5py.Group, name: str, value: Any, **attributes: Any) -> h5py.Dataset:
    dataset = parent.create_dataset(name, data=value)
    for key, attribute in attributes.items():
        dataset.attrs[key] = attribute
    return dataset


def _note(parent: h5py.Group, name: str, kind: str, description: str, data: bytes) -> h5py.Group:
    note = _group(parent, name, "NXnote")
    _field(note, "type", kind)
    _field(note, "description", description)
    _field(note, "algorithm", "sha256")
    _field(note, "checksum", hash_bytes(data))
    _field(note, "data", np.frombuffer(data, dtype=np.uint8))
    return note


def _write_identity(entry: h5py.Group, record: ShotRecord, program: str, version: str) -> None:
    identity = record.identity
    _field(entry, "definition", "NXpulsed_shot", version=str(record.version))
    _field(entry, "title", record.title or record.profile)
    _field(entry, "start_time", identity.started_utc)
    _field(entry, "end_time", record.ended_utc)
    _field(entry, "entry_identifier", str(identity.number))
    _field(entry, "entry_identifier_uuid", identity.shot_id)
    _field(entry, "experiment_identifier", f"{identity.rig}/{record.kind}")
    _field(entry, "collection_identifier", record.profile)
    _field(entry, "program_name", program, version=version, configuration=record.rig_sha256)
    for name, person in zip(
        ("operator", *(f"person_{n + 1}" for n in range(len(record.people)))),
        (record.operator, *record.people),
        strict=True,
    ):
        user = _group(entry, name, "NXuser")
        _field(user, "name", person.name)
        _field(user, "role", person.role)
    sample = _group(entry, "sample", "NXsample")
    _field(sample, "name", record.load or "none")
    _field(sample, "description", "; ".join(f"{part.role}: {part.serial}" for part in record.parts) or "no parts named")


def _write_instrument(entry: h5py.Group, record: ShotRecord) -> None:
    instrument = _group(entry, "instrument", "NXinstrument")
    _field(instrument, "name", record.identity.rig)
    for capture in record.captures:
        _write_samples(_write_detector(instrument, capture, record), capture, record)
    for train in record.trains:
        write_samples(_write_detector(instrument, train.capture, record), train, record.identity.started_utc)
    for log in record.slow_logs:
        _write_slow_log(instrument, log, record)
    history = _group(instrument, "history", "NXhistory")
    for index, event in enumerate(item for item in record.events if item.kind in ("step", "state")):
        activity = _group(history, f"activity_{index + 1:03d}", "NXactivity")
        _field(activity, "description", f"{event.source}: {event.text}")
    if not any(item.kind in ("step", "state") for item in record.events):
        _field(_group(history, "activity_001", "NXactivity"), "description", "no step was begun")


def _write_detector(instrument: h5py.Group, capture: ChannelCapture, record: ShotRecord) -> h5py.Group:
    """All of a channel but its samples; returns the group that they go into."""
    use = next((item for item in record.instruments if item.name == capture.instrument), UNKNOWN)
    detector = _group(instrument, capture.channel, "NXdetector")
    _field(detector, "description", f"{capture.title or capture.channel}: {capture.instrument} {capture.source}")
    fabrication = _group(detector, "fabrication", "NXfabrication")
    _field(fabrication, "vendor", use.vendor)
    _field(fabrication, "model", use.model)
    _field(fabrication, "serial_number", use.serial)
    parts = "; ".join(f"{part.get('part', '?')} {part.get('serial', '?')}" for part in capture.chain)
    overdue = " (calibration overdue)" if capture.calibration_overdue else ""
    chain = json.dumps([dict(part) for part in capture.chain], allow_nan=False).encode()
    _note(detector, "calibration_method", "application/json", (parts or "no parts named") + overdue, chain)
    settings = json.dumps(dict(capture.settings)).encode()
    _note(detector, "settings", "application/json", "settings at capture", settings)
    data = _group(detector, "data", "NXdata")
    step = capture.y_increment_v * capture.scale
    _field(data, "raw_scaling_factor", step, units=capture.unit)
    _field(data, "raw_offset", capture.y_origin_v / capture.y_increment_v - capture.y_reference)
    return data


def _write_samples(data: h5py.Group, capture: ChannelCapture, record: ShotRecord) -> None:
    data.attrs.update({"signal": "raw", "axes": ["time"], "time_indices": 0})
    packing = PACKING if capture.raw.size else {}
    raw = data.create_dataset("raw", data=capture.raw, **packing)
    raw.attrs["units"] = "counts"
    raw.attrs["long_name"] = f"{capture.title or capture.channel} (counts)"
    time = data.create_dataset("time", data=time_axis(capture), **packing)
    time.attrs.update({"units": "s", "long_name": "time after T0 (s)", "start": record.identity.started_utc})
    time.make_scale("time")
    raw.dims[0].attach_scale(time)


def _write_slow_log(instrument: h5py.Group, log: SlowLog, record: ShotRecord) -> None:
    sensor = _group(instrument, f"slow_{log.name}", "NXsensor")
    _field(sensor, "name", log.title or log.name)
    _field(sensor, "measurement", "voltage" if log.unit == "V" else "current" if log.unit == "A" else log.unit)
    value_log = _group(sensor, "value_log", "NXlog")
    time = _field(value_log, "time", log.t_s, units="s", start=record.identity.started_utc)
    value = _field(value_log, "value", log.value, units=log.unit)
    time.make_scale("time")
    value.dims[0].attach_scale(time)


def _write_scaling(
    entry: h5py.Group, capture: ChannelCapture, index: int, record: ShotRecord, program: str, version: str
) -> None:
    process = _group(entry, f"scaling_{capture.channel}", "NXprocess")
    _field(process, "program", program)
    _field(process, "version", version)
    _field(process, "date", record.ended_utc)
    _field(process, "sequence_index", index)
    parameters = _group(process, "parameters", "NXparameters")
    _field(parameters, "volts_per_count", capture.y_increment_v, units="V")
    _field(parameters, "volts_origin", capture.y_origin_v, units="V")
    _field(parameters, "count_reference", capture.y_reference)
    _field(parameters, "unit_per_volt", capture.scale, units=f"{capture.unit}/V")
    _field(parameters, "relative_u95", capture.uncertainty)
    _field(parameters, "delay", capture.delay_s, units="s")
    _field(parameters, "delay_u95", capture.delay_uncertainty_s, units="s")


def _write_derived(entry: h5py.Group, record: ShotRecord, program: str, version: str) -> None:
    derived = _group(entry, "derived", "NXprocess")
    _field(derived, "program", program)
    _field(derived, "version", version)
    _field(derived, "date", record.ended_utc)
    verdict = _group(derived, "verdict", "NXparameters")
    for name in ("verdict", "ended", "reason", "purpose", "kind", "journal_head"):
        _field(verdict, name, str(getattr(record, name)))
    if record.measurements:
        values = _group(derived, "measurements", "NXparameters")
        for measured in record.measurements:
            _write_measured(values, measured)
    if record.levels:
        _write_levels(derived, record.levels)
    if record.ledger:
        ledger = _group(derived, "energy", "NXparameters")
        for name, energy_j in record.ledger.items():
            _field(ledger, _legal(name), energy_j, units="J", description=name)


def _write_levels(derived: h5py.Group, levels: tuple[SweepLevel, ...]) -> None:
    """A sweep as NXdata over the drive; NaN where nobody could tell."""
    sweep = _group(derived, "sweep", "NXdata")
    columns = {
        "coupler_power": [nan if level.coupler_w is None else level.coupler_w for level in levels],
        "calorimetric_power": [nan if level.calorimetric_w is None else level.calorimetric_w for level in levels],
    }
    drive = _field(sweep, "drive", np.array([level.drive_w for level in levels]), units="W")
    drive.make_scale("drive")
    for name, values in columns.items():
        field = _field(sweep, name, np.array(values), units="W")
        field.dims[0].attach_scale(drive)
    _field(sweep, "pulses", np.array([level.pulses for level in levels], dtype=np.int64))
    sweep.attrs["signal"] = "calorimetric_power"
    sweep.attrs["auxiliary_signals"] = ["coupler_power"]
    sweep.attrs["axes"] = ["drive"]


def _write_measured(values: h5py.Group, measured: MeasuredValue) -> None:
    number = float("nan") if measured.value is None else measured.value
    field = _field(values, _legal(measured.name), number, units=measured.unit, description=measured.title)
    if measured.uncertainty is not None:
        field.attrs["error"] = measured.uncertainty
    if measured.lower is not None:
        field.attrs["min"] = measured.lower
    if measured.upper is not None:
        field.attrs["max"] = measured.upper


def _legal(name: str) -> str:
    """A NeXus name: letters, digits and underscores, no digit first."""
    text = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)
    return f"_{text}" if text[:1].isdigit() else text or "_"


def _write_overview(entry: h5py.Group, record: ShotRecord) -> None:
    """The default plot: all captures that share the first one's unit and time base, as min/max pairs."""
    if not record.captures or record.captures[0].raw.size == 0:
        if record.trains:
            entry.attrs["default"] = f"pulses_{record.trains[0].channel}"
        return
    first = record.captures[0]
    alike = [
        capture
        for capture in record.captures
        if (capture.unit, capture.raw.size, capture.x_increment_s) == (first.unit, first.raw.size, first.x_increment_s)
    ]
    entry.attrs["default"] = "overview"
    overview = _group(entry, "overview", "NXdata")
    others = [capture.channel for capture in alike[1:]]
    overview.attrs.update({"signal": first.channel, "axes": ["time"], "time_indices": 0})
    if others:
        overview.attrs["auxiliary_signals"] = others
    axis = time_axis(first)
    t_s, _values = decimate(axis, scale_values(first), OVERVIEW_POINTS)
    shared_s = np.linspace(axis[0], axis[-1], t_s.size)  # within one stretch of every channel's own instants
    time = _field(overview, "time", shared_s, units="s", long_name="time after T0 (s)")
    time.make_scale("time")
    for capture in alike:
        _t, values = decimate(time_axis(capture), scale_values(capture), OVERVIEW_POINTS)
        field = _field(overview, capture.channel, values, units=capture.unit)
        field.attrs["long_name"] = f"{capture.title or capture.channel} ({capture.unit})"
        field.dims[0].attach_scale(time)


def _write_events(entry: h5py.Group, record: ShotRecord) -> None:
    rows = [(item.t_ns, item.source, item.kind, item.text) for item in record.events]
    rows += [(item.t_ns, "plc", f"event {item.number}", item.text) for item in record.plc_events]
    rows.sort(key=lambda row: row[0])
    table = np.zeros(len(rows), dtype=EVENT_DTYPE)
    for index, (t_ns, source, kind, text) in enumerate(rows):
        table[index] = (t_ns, _clip(source, 24), _clip(kind, 24), _clip(text, EVENT_TEXT_BYTES))
    _field(_group(entry, "events", "NXcollection"), "table", table, description="t_ns: loop time in nanoseconds")


def _clip(text: str, size: int) -> bytes:
    """UTF-8 of at most ``size`` bytes, never cut inside a character."""
    return text.encode()[:size].decode(errors="ignore").encode()


def _write_configuration(entry: h5py.Group, record: ShotRecord) -> None:
    configuration = _group(entry, "configuration", "NXcollection")
    _note(configuration, "profile", "application/yaml", record.profile, record.profile_text)
    _note(configuration, "rig", "application/yaml", record.identity.rig, record.rig_text)
    _note(configuration, "journal", "application/octet-stream", "journal up to the recording", record.journal)
    _note(configuration, "document", "application/json", "the shot without its arrays", encode_document(record))
