"""PURE: which tubes there are, by the name a plant.yaml calls them."""

from collections.abc import Callable, Mapping
from typing import Any

from firmware_sim.plant.modulator.klystron import Klystron, KlystronParameters
from firmware_sim.plant.modulator.magnetron import Magnetron, MagnetronParameters
from firmware_sim.plant.modulator.parameters import read
from firmware_sim.plant.modulator.tube import Tube

TUBES: dict[str, Callable[[Any, str], Tube]] = {
    "klystron": lambda data, where: Klystron(read(KlystronParameters, data, where)),
    "magnetron": lambda data, where: Magnetron(read(MagnetronParameters, data, where)),
}
"""Kind -> how to build it from its mapping."""


def build_tube(data: Any, where: str) -> Tube:
    """The tube of a mapping with one key, its kind. Raises ValueError for any other shape or an unknown kind."""
    if not isinstance(data, Mapping) or len(data) != 1 or next(iter(data)) not in TUBES:
        raise ValueError(f"{where}: right would be one key, {' or '.join(TUBES)}, with its parameters below")
    kind = next(iter(data))
    return TUBES[kind](data[kind], f"{where}.{kind}")
