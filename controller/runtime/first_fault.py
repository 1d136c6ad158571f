"""The pulses around a session's first fault, kept in the scopes: their segments are a ring as long as no fault comes.

Every trigger takes a segment. Before the segments are full the scopes are armed anew; from the first fault on they are
left alone, so that at the end they hold the pulses before it, its own, and what followed until they were full.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from drivers.errors import InstrumentError
from drivers.ports import Oscilloscope

ARM_SHARE = 0.8
"""Of the segments may be taken when the scopes are armed anew: the rest has room for what follows a fault."""


@dataclass(slots=True)
class FirstFaultScopes:
    """``segments`` of each of ``scopes`` at ``rate_hz``; 0 or no scopes: nothing is kept. Armed when made."""

    scopes: tuple[Oscilloscope, ...]
    segments: int
    rate_hz: float
    note: Callable[[str, str, str], None]
    armed_s: float = 0.0
    caught: bool = False

    async def renew(self, now_s: float) -> None:
        """Arm again when it is time. A scope that refuses is noted, and none is armed any more: pulses go on."""
        taken = (now_s - self.armed_s) * self.rate_hz
        if self.caught or not self.scopes or not self.segments or taken < ARM_SHARE * self.segments:
            return
        self.armed_s = now_s
        try:
            await asyncio.gather(*(scope.arm() for scope in self.scopes))
        except InstrumentError as trouble:
            self.segments = 0
            self.note(trouble.instrument, "warning", f"no record of a first fault: {trouble.problem}")

    def catch(self, now_s: float) -> None:
        """A fault was seen: leave the scopes as they are."""
        if self.caught or not self.scopes or not self.segments:
            return
        self.caught = True
        before_s = now_s - self.armed_s
        self.note(
            "conditioning", "info", f"first fault: the scopes keep the {before_s:.1f} s before it, and what follows"
        )
