"""Reading a train out of a scope's segmented memory: what is the same for every model that has one.

The scale is asked for once, because all segments share it; then each segment is selected, its trigger time asked for,
and its samples received straight into their row of one memory.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from drivers.errors import InstrumentRefused
from drivers.families.scope_port import Asking, Exchange
from drivers.ports import ScopeSetup, SegmentedWaveform, Waveform
from drivers.wire.segments import SegmentMemory

Raw = npt.NDArray[np.uint16] | npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Frame:
    """How a record is read: ``wave`` without samples, the block's query and size, and what makes samples of it."""

    wave: Waveform
    request: bytes
    points: int
    width: int
    samples: Callable[[memoryview], Raw]


class TrainModel(Protocol):
    """How one kind of scope hands out its segments, counted from 0 in the order of their triggers."""

    async def count(self, ask: Asking) -> int:
        """Segments that are stored."""
        ...

    def select(self, source: str, index: int, count: int) -> bytes:
        """The command after which records are read from segment ``index`` of ``count``."""
        ...

    async def trigger_s(self, ask: Asking, source: str, before: bytes) -> float:
        """Send ``before``; then the trigger time of the selected segment, in s on an axis that all segments share."""
        ...

    async def frame(self, link: Exchange, source: str, setup: ScopeSetup | None, panel: Any) -> Frame:
        """Prepare the read-out and ask for the scale."""
        ...


class Trains:
    """A :class:`drivers.families.scope_port.TrainReader` over a model."""

    def __init__(self, model: TrainModel) -> None:
        self._model = model

    async def count(self, ask: Asking) -> int:
        """Segments that are stored."""
        return await self._model.count(ask)

    async def read(self, link: Exchange, source: str, setup: ScopeSetup | None, panel: Any) -> SegmentedWaveform:
        """Every stored segment of ``source``."""
        return await read_segments(link, self._model, source, setup, panel)


async def read_record(link: Exchange, frame: Frame, out: bytearray | memoryview | None) -> Waveform:
    """One record in one block, straight into ``out`` when it is given."""
    memory = link.memory(out, frame.points * frame.width)
    await link.block(frame.request, memory)
    return replace(frame.wave, raw=frame.samples(memory))


async def read_segments(
    link: Exchange, model: TrainModel, source: str, setup: ScopeSetup | None, panel: Any
) -> SegmentedWaveform:
    """Every stored segment of ``source``. Raises InstrumentRefused, RemoteWireError, LinkError."""
    count = await model.count(link.ask)
    if count < 1:
        raise InstrumentRefused(link.name, "has no segment")
    planned = count if setup is None else setup.segments
    if count > planned:
        raise link.impossible(f"{count} segments where {planned} were asked for")
    frame = await model.frame(link, source, setup, panel)
    size = frame.points * frame.width
    memory = link.memory(None, count * size)
    times_s = []
    for index in range(count):
        times_s.append(await model.trigger_s(link.ask, source, model.select(source, index, count)))
        await link.block(frame.request, memory[index * size : (index + 1) * size])
    trigger_ns = np.rint((np.array(times_s) - times_s[0]) * 1e9).astype(np.int64)
    if np.any(np.diff(trigger_ns) <= 0):
        raise link.impossible("the trigger times of the segments do not rise")
    raw = frame.samples(memory).reshape(count, frame.points)
    return SegmentedWaveform(replace(frame.wave, raw=raw), trigger_ns, planned)


def refuse_segments(name: str, setup: ScopeSetup, memory: SegmentMemory | None) -> None:
    """Raise InstrumentRefused for more segments, or samples in them, than ``memory`` holds (None: none at all)."""
    if setup.segments == 1:
        return
    if memory is None:
        raise InstrumentRefused(name, f"has no segmented memory for {setup.segments} segments")
    most = min(memory.segments_max, memory.points_max // max(setup.points, 1))
    if not 1 < setup.segments <= most:
        raise InstrumentRefused(name, f"holds at most {most} segments of {setup.points} points, not {setup.segments}")
