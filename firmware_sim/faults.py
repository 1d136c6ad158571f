"""The faults that ``--fault`` can inject into a simulated bench, gathered from everything that has hooks.

An id is ``target.fault``: ``plant.door_1_open``, ``plc.dead``, ``scope_1.silent``. Each target lists its own
faults and knows how to switch them; this file only joins the names.
"""

from collections.abc import Mapping
from typing import Protocol


class Faulty(Protocol):
    """Anything with fault hooks."""

    @property
    def FAULTS(self) -> Mapping[str, str]:
        """Fault id -> one line."""
        ...

    def inject(self, fault_id: str, on: bool = True) -> None:
        """Switch one of :attr:`FAULTS` on or off. Raises KeyError for another name."""
        ...


def catalogue(targets: Mapping[str, tuple[Mapping[str, str], ...]]) -> dict[str, str]:
    """``target.fault`` -> description, sorted, from each target's own lists."""
    ids = {
        f"{target}.{fault}": text
        for target, lists in targets.items()
        for faults in lists
        for fault, text in faults.items()
    }
    return dict(sorted(ids.items()))


class FaultBoard:
    """Switches faults by id on the parts of one simulated bench."""

    def __init__(self, targets: Mapping[str, tuple[Faulty, ...]]) -> None:
        self._targets = targets
        self.active: dict[str, bool] = {}

    def switch(self, fault_id: str, on: bool) -> None:
        """Inject (or clear) ``fault_id``. Raises KeyError when no part of the bench knows it."""
        target, _, fault = fault_id.partition(".")
        for part in self._targets[target]:
            if fault in part.FAULTS:
                part.inject(fault, on)
                self.active[fault_id] = on
                return
        raise KeyError(fault_id)
