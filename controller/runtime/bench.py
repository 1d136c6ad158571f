"""The instruments of one rig as the core holds them: ports only, opened by ``controller/app``."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from drivers.ports import CapacitorCharger, Daq, DelayGenerator, Instrument, Oscilloscope, RigPlc


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything the core may talk to. ``scopes`` by name, in the order of rig.yaml."""

    plc: RigPlc
    charger: CapacitorCharger
    delay: DelayGenerator
    scopes: Mapping[str, Oscilloscope]
    daq: Daq

    def all(self) -> tuple[Instrument, ...]:
        """Every instrument, the PLC last: it is the last link to let go of."""
        return (self.charger, self.delay, *self.scopes.values(), self.daq, self.plc)

    async def close(self) -> None:
        """Close every link."""
        await asyncio.gather(*(instrument.close() for instrument in self.all()))
