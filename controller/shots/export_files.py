"""Export to MAT, TDMS and Parquet: every sample in engineering units over time, with unit and title beside it.

MAT needs nothing more; TDMS and Parquet need the extras ``sparkgap[tdms]`` and ``sparkgap[parquet]``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from controller.shots.model import FloatArray, ShotRecord
from controller.shots.signals import scale_values, time_axis

NAME_MAX = 63
"""MATLAB's longest variable name."""


class ExportImpossible(Exception):
    """A format whose library is not installed; ``remedy`` says how to get it."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Column:
    """One channel. ``group`` is ``waveforms`` (time from T0), ``trains`` or ``slow`` (time from the start).

    A train has ``trigger_s`` (segments,), after its first trigger, and ``value`` (segments, points); its ``t_s`` counts
    from each segment's own trigger.
    """

    group: str
    name: str
    title: str
    unit: str
    t_s: FloatArray
    value: FloatArray
    trigger_s: FloatArray | None = None


def columns_of(record: ShotRecord, wanted: tuple[str, ...] = ()) -> tuple[Column, ...]:
    """Waveforms, then trains, then slow channels; only those ``wanted``, if any are named."""
    return tuple(column for column in _columns(record) if not wanted or column.name in wanted)


def _columns(record: ShotRecord) -> Iterator[Column]:
    for item in record.captures:
        title = item.title or item.channel
        yield Column("waveforms", item.channel, title, item.unit, time_axis(item), scale_values(item))
    for train in record.trains:
        item, trigger_s = train.capture, train.trigger_ns.astype(np.float64) * 1e-9
        title = item.title or item.channel
        yield Column("trains", item.channel, title, item.unit, time_axis(item), scale_values(item), trigger_s)
    for log in record.slow_logs:
        yield Column("slow", log.name, log.title or log.name, log.unit, log.t_s, log.value)


def export_mat(record: ShotRecord, columns: tuple[Column, ...], folder: Path) -> tuple[Path, ...]:
    """One MATLAB 5 file: a struct per channel with ``t_s``, ``value``, ``unit`` and ``title``. Raises OSError.

    That of a train has ``trigger_s`` as well, and one row of ``value`` for each segment.
    """
    from scipy.io import savemat

    path = folder / f"shot_{record.identity.number:05d}.mat"
    content: dict[str, Any] = {"shot": record.identity.number, "shot_id": record.identity.shot_id}
    for column in columns:
        fields: dict[str, Any] = {"t_s": column.t_s, "value": column.value}
        fields |= {"unit": column.unit, "title": column.title}
        if column.trigger_s is not None:
            fields["trigger_s"] = column.trigger_s
        content[_variable(column.name)] = fields
    savemat(path, content, format="5", long_field_names=True, do_compression=True, oned_as="column")
    return (path,)


def export_tdms(record: ShotRecord, columns: tuple[Column, ...], folder: Path) -> tuple[Path, ...]:
    """One TDMS file: groups ``waveforms`` and ``slow``; even steps as waveform properties, else a time channel each.

    A train is a group of its own: the segments one after the other with ``segment_samples``, and a channel ``Trigger``.
    """
    try:
        from nptdms import ChannelObject, RootObject, TdmsWriter
    except ImportError:
        raise ExportImpossible("TDMS needs npTDMS", "install the extra: pip install 'sparkgap[tdms]'") from None
    path = folder / f"shot_{record.identity.number:05d}.tdms"
    objects = [RootObject(properties={"shot": record.identity.number, "shot_id": record.identity.shot_id})]
    for column in columns:
        properties: dict[str, Any] = {"unit_string": column.unit, "description": column.title}
        group = column.group
        if column.trigger_s is not None:
            group = f"{group}_{column.name}"
            properties |= {"segments": int(column.trigger_s.size), "segment_samples": int(column.t_s.size)}
            objects.append(ChannelObject(group, "Trigger", column.trigger_s, properties={"unit_string": "s"}))
            objects.append(ChannelObject(group, "Time", column.t_s, properties={"unit_string": "s"}))
            objects.append(ChannelObject(group, column.name, column.value.ravel(), properties=properties))
            continue
        if group == "waveforms" and column.t_s.size > 1:
            step_s = float(column.t_s[-1] - column.t_s[0]) / (column.t_s.size - 1)
            properties |= {"wf_increment": step_s, "wf_start_offset": float(column.t_s[0])}
            properties |= {"wf_samples": int(column.value.size), "wf_xname": "Time", "wf_xunit_string": "s"}
        else:
            group = f"{group}_{column.name}"
            objects.append(ChannelObject(group, "Time", column.t_s, properties={"unit_string": "s"}))
        objects.append(ChannelObject(group, column.name, column.value, properties=properties))
    with TdmsWriter(str(path)) as writer:
        writer.write_segment(objects)
    return (path,)


def export_parquet(record: ShotRecord, columns: tuple[Column, ...], folder: Path) -> tuple[Path, ...]:
    """One Parquet file per channel with columns ``t_s`` and ``value``; unit and title are metadata.

    That of a train has one row per sample too, with ``pulse`` (from 1) and ``trigger_s`` before them.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        remedy = "install the extra: pip install 'sparkgap[parquet]'"
        raise ExportImpossible("Parquet needs pyarrow", remedy) from None
    paths = []
    for column in columns:
        path = folder / f"shot_{record.identity.number:05d}_{column.name}.parquet"
        metadata = {"unit": column.unit, "title": column.title, "shot_id": record.identity.shot_id}
        table = pyarrow.table(_rows(column))
        parquet.write_table(table.replace_schema_metadata(metadata), path)
        paths.append(path)
    return tuple(paths)


def _rows(column: Column) -> dict[str, Any]:
    """A column per name, one row per sample."""
    if column.trigger_s is None:
        return {"t_s": np.asarray(column.t_s), "value": np.asarray(column.value)}
    segments, points = column.value.shape
    return {
        "pulse": np.repeat(np.arange(1, segments + 1, dtype=np.int32), points),
        "trigger_s": np.repeat(column.trigger_s, points),
        "t_s": np.tile(column.t_s, segments),
        "value": column.value.ravel(),
    }


Export = Callable[[ShotRecord, tuple[Column, ...], Path], tuple[Path, ...]]

FORMATS: Mapping[str, Export] = {"mat": export_mat, "tdms": export_tdms, "parquet": export_parquet}
"""``--format`` -> writer; CSV is the command's own."""


def _variable(name: str) -> str:
    text = "".join(char if char.isascii() and char.isalnum() else "_" for char in name)
    return (text if text[:1].isalpha() else f"c_{text}")[:NAME_MAX]
