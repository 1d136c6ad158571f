"""PURE: what the hazard table has to know of a bench: its instruments by port, what can break, whether it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PLC_PORT = "RigPlc"
"""Its link has variants of its own."""

ALIASES: Mapping[str, tuple[str, int]] = {
    "charger": ("CapacitorCharger", 0),
    "delay_generator": ("DelayGenerator", 0),
    "scope_1": ("Oscilloscope", 0),
    "scope_2": ("Oscilloscope", 1),
    "daq": ("Daq", 0),
}
"""Names in the table -> which instrument of which port is meant; the last one of its port where there are fewer."""


@dataclass(frozen=True, slots=True)
class Parts:
    """One bench. ``instruments`` are (name, port) in the order of rig.yaml, ``faults`` the ids of ``sparkgap faults``.

    ``faults`` None: whatever the table names is there (the page of the table itself).
    """

    instruments: tuple[tuple[str, str], ...]
    runs: bool | None
    faults: frozenset[str] | None = None

    def name(self, alias: str) -> str:
        """This bench's name of an instrument of the table; the alias where it has none of that port."""
        port, at = ALIASES[alias]
        found = [name for name, its in self.instruments if its == port]
        return found[min(at, len(found) - 1)] if found else alias

    def fault(self, fault: str) -> str:
        """A fault's id on this bench."""
        part, _, what = fault.partition(".")
        return f"{self.name(part)}.{what}" if part in ALIASES else fault

    def says(self, text: str) -> str:
        """A piece of a reason that begins with an instrument, in this bench's words."""
        for alias in sorted(ALIASES, key=len, reverse=True):
            if text.startswith(alias):
                return self.name(alias) + text[len(alias) :]
        return text

    def has(self, faults: Sequence[str]) -> bool:
        """True when all of these can break here."""
        return self.faults is None or self.faults.issuperset(faults)

    def named(self) -> tuple[tuple[str, str], ...]:
        """Every instrument with a link that the table's general variants break: all but the PLC."""
        return tuple((name, port) for name, port in self.instruments if port != PLC_PORT)


TABLE_PARTS = Parts(
    (
        ("charger", "CapacitorCharger"),
        ("delay_generator", "DelayGenerator"),
        ("scope_1", "Oscilloscope"),
        ("scope_2", "Oscilloscope"),
        ("daq", "Daq"),
    ),
    runs=None,
)
"""The bench that the table itself describes: five instruments, and every kind of part."""
