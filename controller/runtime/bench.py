"""The instruments of one rig as the core holds them: ports only, opened by ``controller/app``."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from drivers.ports import CapacitorCharger, Daq, DelayGenerator, Instrument, Oscilloscope, RigPlc


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything the core may talk to. ``scopes`` and ``others`` by name, in the order of rig.yaml."""

    plc: RigPlc
    charger: CapacitorCharger
    delay: DelayGenerator
    scopes: Mapping[str, Oscilloscope]
    daq: Daq
    others: Mapping[str, Instrument] = field(default_factory=dict)
    """Supplies, gauges, generators, chillers: opened and identified with the rest."""

    def all(self) -> tuple[Instrument, ...]:
        """Every instrument, the PLC last: it is the last link to let go of."""
        return (self.charger, self.delay, *self.scopes.values(), self.daq, *self.others.values(), self.plc)

    async def close(self) -> None:
        """Close every link."""
        await asyncio.gather(*(instrument.close() for instrument in self.all()))
