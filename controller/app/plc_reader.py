"""A rig PLC read as nobody, over a connection of its own: state, flags and ring by name, until somebody has enough.

Reading feeds no watchdog and needs no epoch. A PLC that does not answer is asked again; what it said last stays.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from controller.app.instruments import connects_from
from controller.app.recovery import open_plc, plc_name
from controller.rig.model import Rig
from drivers.errors import InstrumentError
from drivers.ports import RigPlc
from drivers.wire.plc import ARMED_STATES, EventCode, Flag, PlcCommand, PlcEvent, PlcRequest, PlcState, PlcStatus

LOOK_S = 0.1
"""Time between two looks: the ring's 256 events last for minutes."""

RING_EVENTS = 256
"""Events the PLC's ring holds (bench.md 2)."""

ARMED = frozenset(state.name for state in ARMED_STATES)
"""Names of the states in which the dumps may be open."""


@dataclass(frozen=True, slots=True)
class RingEntry:
    """One event of the ring: its PLC scan, its code by name, and what ``detail`` says, in words."""

    number: int
    scan: int
    code: str
    text: str
    value: float


@dataclass(frozen=True, slots=True)
class PlcSaid:
    """The PLC's last word: its state, whether it proves safety, and its ring by event number."""

    state: str = ""
    flags: tuple[str, ...] = ()
    highest_v: float = 0.0
    v_safe_v: float = 0.0
    ring: tuple[RingEntry, ...] = ()


class PlcReader:
    """:meth:`run` looks until it is cancelled; :attr:`said` is what was seen last."""

    def __init__(self, rig: Rig, endpoints: dict[str, dict[str, str]]) -> None:
        self._rig = rig
        self._connect = connects_from(rig, endpoints, "the stand-ins")[plc_name(rig)]
        self._entries: dict[int, RingEntry] = {}
        self._status: PlcStatus | None = None
        self._looked = asyncio.Event()

    @property
    def said(self) -> PlcSaid:
        """The last status and everything the ring ever held."""
        ring = tuple(self._entries[number] for number in sorted(self._entries))
        if self._status is None:
            return PlcSaid(ring=ring)
        status = self._status
        volts = (status.probe_a_v, status.probe_b_v, *(v for v in status.module_v if v == v))
        return PlcSaid(status.state.name, flag_names(status.flags), max(volts), status.v_safe_v, ring)

    async def until(self, seen: Callable[[PlcSaid], bool]) -> None:
        """Return when a look has shown it; only while :meth:`run` runs."""
        while not seen(self.said):
            self._looked.clear()
            await self._looked.wait()

    async def run(self) -> None:
        """Look, connect again when the link is lost, look again."""
        while True:
            with suppress(InstrumentError):
                plc = await open_plc(self._rig, self._connect)
                try:
                    await self._look(plc)
                finally:
                    await plc.close()
            await asyncio.sleep(LOOK_S)

    async def _look(self, plc: RigPlc) -> None:
        known = 0
        while True:
            # epoch 0 holds nothing and is refused everything, but every answer carries the status
            status = await plc.exchange(PlcRequest())
            first = max(known, status.event_head - RING_EVENTS)
            for event in await plc.read_events(first, status.event_head - first):
                self._entries[event.number] = entry_of(event)
            known, self._status = status.event_head, status
            self._looked.set()
            await asyncio.sleep(LOOK_S)


def flag_names(flags: Flag) -> tuple[str, ...]:
    """The set flags by name."""
    return tuple(str(flag.name) for flag in Flag if flag in flags)


def entry_of(event: PlcEvent) -> RingEntry:
    """An event in words. Raises ValueError for a code that plc-map.md does not list."""
    code = EventCode(event.code)
    text = f"{event.detail}"
    if code is EventCode.STATE:
        text = f"{PlcState(event.detail >> 8).name} -> {PlcState(event.detail & 0xFF).name}"
    elif code is EventCode.COMMAND:
        text = f"{PlcCommand(event.detail >> 8).name} {event.detail & 0xFF}"
    return RingEntry(event.number, event.scan, code.name, text, event.value)
