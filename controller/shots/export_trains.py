"""Export of trains as CSV: one row per pulse, and beside it one row per sample, written pulse by pulse."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from controller.shots.model import PulseTrain
from controller.shots.pulses import pulse_table
from controller.shots.signals import segment_values, time_axis


def write_train_csv(train: PulseTrain, samples: Path, pulses: Path) -> tuple[Path, ...]:
    """``samples``: pulse, time after its trigger, value. ``pulses``: trigger time and what was measured of each.

    Comment lines first, every digit that counts; a missing pulse has no flat top and no width. Raises OSError.
    """
    unit, name = train.capture.unit, train.capture.title or train.channel
    note = f"# {name}; {train.segments} of {train.planned} pulses of {train.points} samples\n"
    with samples.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f"{note}# time from the pulse's own trigger, cable delay removed\npulse,t_s,value_{unit}\n")
        file.writelines(_sample_rows(train))
    with pulses.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f"{note}# trigger after that of the first pulse\n")
        file.write(f"pulse,trigger_s,peak_{unit},flat_top_{unit},width_s,missing\n")
        file.writelines(_pulse_rows(train))
    return samples, pulses


def _sample_rows(train: PulseTrain) -> Iterator[str]:
    times = [repr(t_s) for t_s in time_axis(train.capture).tolist()]
    for index in range(train.segments):
        values = segment_values(train.capture, slice(index, index + 1))[0].tolist()
        yield from (f"{index + 1},{t_s},{value!r}\n" for t_s, value in zip(times, values, strict=True))


def _pulse_rows(train: PulseTrain) -> Iterator[str]:
    table = pulse_table(train)
    columns = (table.peak.tolist(), table.flat_top.tolist(), table.width.tolist(), table.missing.tolist())
    trigger_s = (train.trigger_ns * 1e-9).tolist()
    for index, (at_s, *values, missing) in enumerate(zip(trigger_s, *columns, strict=True)):
        texts = [repr(value) if np.isfinite(value) else "" for value in values]
        yield f"{index + 1},{at_s!r},{','.join(texts)},{int(missing)}\n"
