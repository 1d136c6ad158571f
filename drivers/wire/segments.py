"""PURE: the segmented memory of oscilloscopes: how many triggers one acquisition may take, and of how many samples.

Both ends of the wire and the check of a profile read the same numbers; a model that is not here has no such memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class SegmentMemory:
    """At most ``segments_max`` segments, and ``points_max`` samples of one channel in all segments together."""

    segments_max: int
    points_max: int


RTO_SEGMENTS = SegmentMemory(4_096, 40_000_000)
"""R&S RTO1024 [UNV]: the count is that of ``ACQuire:COUNt`` with segmentation, the samples those of the option."""

DSOX_SEGMENTS = SegmentMemory(1_000, 4_000_000)
"""Keysight DSO-X 3014A with the memory option [UNV]; segments share the 4 Mpts of a channel."""

SEGMENT_MEMORY: Mapping[str, SegmentMemory] = MappingProxyType(
    {"R&S RTO1024": RTO_SEGMENTS, "Keysight DSO-X 3014A": DSOX_SEGMENTS}
)
"""By the model's name in the registry."""
