"""The faults that ``--fault`` can inject into a simulated bench, gathered from everything that has hooks.

An id is ``target.fault``: ``plant.door_1_open``, ``plc.dead``, ``scope_1.silent``. Each target lists its own
faults and knows how to switch them; this file only joins the names.
"""

from collections.abc import Callable, Mapping
from functools import partial
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
    """Switches faults by id on the parts of one simulated bench.

    ``tell`` hears when a fault is switched and when it first does something (``fault scope_1.silent acts: ...``); the
    plant writes the same lines into its log by itself. A part without ``on_act`` acts as soon as it is switched.
    """

    def __init__(
        self, targets: Mapping[str, tuple[Faulty, ...]], tell: Callable[[str], None] = lambda text: None
    ) -> None:
        self._targets = targets
        self._tell = tell
        self._told: set[str] = set()
        self.active: dict[str, bool] = {}
        for target, parts in targets.items():
            for part in parts:
                if hasattr(part, "on_act"):
                    part.on_act = partial(self._acted, target)
                if hasattr(part, "on_act_fully"):
                    part.on_act_fully = partial(self._acted_fully, target)

    def _acted(self, target: str, fault: str, what: str) -> None:
        """A part that targets share, such as a line with two instruments, acts for the one that is switched on."""
        fault_id = f"{target}.{fault}"
        if not self.active.get(fault_id):
            parts = {id(part) for part in self._targets[target]}
            shared = (name for name, its in self._targets.items() if parts & {id(part) for part in its})
            fault_id = next((f"{t}.{fault}" for t in shared if self.active.get(f"{t}.{fault}")), fault_id)
        if fault_id not in self._told:
            self._told.add(fault_id)
            self._tell(f"fault {fault_id} acts: {what}")

    def _acted_fully(self, target: str, fault: str, what: str) -> None:
        """It has grown to what a detector must see; only faults that grow say so."""
        fully = f"{target}.{fault} fully"
        if fully not in self._told:
            self._told.add(fully)
            self._tell(f"fault {target}.{fault} acts fully: {what}")

    def switch(self, fault_id: str, on: bool) -> None:
        """Inject (or clear) ``fault_id``. Raises KeyError when no part of the bench knows it."""
        target, _, fault = fault_id.partition(".")
        for part in self._targets[target]:
            if fault in part.FAULTS:
                self._told -= {fault_id, f"{fault_id} fully"}
                if target != "plant":
                    self._tell(f"fault {fault_id} {'on' if on else 'off'}")
                self.active[fault_id] = on
                part.inject(fault, on)
                if on and target != "plant" and not hasattr(part, "on_act"):
                    self._acted(target, fault, part.FAULTS[fault])
                return
        raise KeyError(fault_id)
