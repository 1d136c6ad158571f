"""PURE: the PLC's own memory of what happened: a ring of 256 events, numbered since boot, stamped with scan numbers."""

from drivers.wire.plc import EventCode, PlcEvent
from drivers.wire.plc_map import EVENTS_MAX


class Ring:
    """The last 256 events. Readable after the controller's death; older numbers are gone."""

    __slots__ = ("_slots", "head")

    def __init__(self) -> None:
        self._slots: list[PlcEvent | None] = [None] * EVENTS_MAX
        self.head = 0
        """Number that the next event will get."""

    def record(self, scan: int, code: EventCode, detail: int, value: float = 0.0, first_fault: bool = False) -> None:
        """Append one event; ``detail`` keeps its low 32 bits."""
        event = PlcEvent(self.head & 0xFFFFFFFF, scan, code, detail & 0xFFFFFFFF, value, first_fault)
        self._slots[self.head % EVENTS_MAX] = event
        self.head += 1

    def slot(self, index: int) -> PlcEvent | None:
        """What slot ``index`` (event number mod 256) holds now."""
        return self._slots[index]

    def events(self) -> tuple[PlcEvent, ...]:
        """All events still held, oldest first."""
        first = max(0, self.head - EVENTS_MAX)
        held = (self._slots[number % EVENTS_MAX] for number in range(first, self.head))
        return tuple(event for event in held if event is not None)
