"""PURE: what may be connected to a tube: rig.yaml's loads as the RF line knows them."""

from collections.abc import Mapping

from firmware_sim.plant.rf.faults import STRUCTURE

LOADS: Mapping[str, str] = {
    "dummy_load": "",
    "structure": STRUCTURE,
    "detuned_load": "load_detuned",
    "short": "load_missing",
    "none": "load_missing",
}
"""Load -> the condition of the line that it makes."""


def conditions_of(load: str) -> frozenset[str]:
    """The condition of the line with ``load``. Raises KeyError for one that is not in LOADS."""
    condition = LOADS[load]
    return frozenset({condition} if condition else ())
