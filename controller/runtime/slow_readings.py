"""Readings of what changes slowly, by the port of the instrument: inputs as ``controller/rig/polled.py`` names them.

Every call goes to a port, which has its own deadlines; ``READ_S`` is the last resort over all of its exchanges.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from controller.rig.model import Rig
from controller.telemetry.channels import polled_channels
from drivers.errors import InstrumentError
from drivers.ports import Chiller, GaugeStatus, Instrument, PowerSupply, RfSource, VacuumGauge

SLOW_S = 1.0
"""Pause between two readings of one instrument: water, heat and vacuum take longer."""

READ_S = 3.0
"""Longest reading: the drivers' deadlines on the longest queue that a shared line has."""

MILLIWATT_W = 1e-3


async def _supply(supply: PowerSupply) -> dict[str, float]:
    reading = await supply.read()
    return {"voltage": reading.voltage_v, "current": reading.current_a}


async def _chiller(chiller: Chiller) -> dict[str, float]:
    reading = await chiller.read()
    external_c = math.nan if reading.external_c is None else reading.external_c
    return {"bath": reading.bath_c, "set_point": reading.set_point_c, "external": external_c}


async def _gauge(gauge: VacuumGauge) -> dict[str, float]:
    readings = await gauge.read()
    return {
        f"GAUGE{number}": reading.pressure_pa if reading.status is GaugeStatus.OK else math.nan
        for number, reading in readings.items()
    }


async def _source(source: RfSource) -> dict[str, float]:
    reading = await source.read()
    return {"power": MILLIWATT_W * 10.0 ** (reading.power_dbm / 10.0) if reading.output_on else 0.0}


_READ: Mapping[str, Callable[[Any], Awaitable[dict[str, float]]]] = {
    "PowerSupply": _supply,
    "Chiller": _chiller,
    "VacuumGauge": _gauge,
    "RfSource": _source,
}


def slow_instruments(rig: Rig) -> tuple[str, ...]:
    """The instruments that are read all the time for the telemetry alone, in the order of their channels."""
    ports = {spec.name: spec.port for spec in rig.instruments}
    return tuple(dict.fromkeys(c.instrument for c in polled_channels(rig) if ports[c.instrument] in _READ))


class SlowReader:
    """Reads one instrument's published channels."""

    def __init__(self, rig: Rig, instrument: Instrument) -> None:
        self._instrument = instrument
        self._read = _READ[rig.instrument(instrument.name).port]
        self._channels = [(c.name, c.input, c.scale) for c in polled_channels(rig) if c.instrument == instrument.name]

    async def read(self) -> dict[str, float]:
        """Value of each channel in its unit, NaN where there is none. Raises InstrumentError."""
        try:
            async with asyncio.timeout(READ_S):
                found = await self._read(cast(Any, self._instrument))
        except TimeoutError as late:
            raise InstrumentError(self._instrument.name, f"no reading within {READ_S:g} s") from late
        return {name: found.get(terminal, math.nan) * scale for name, terminal, scale in self._channels}
