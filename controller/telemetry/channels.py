"""The telemetry catalogue: which values a frame carries, in which order, under which names and units."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from controller.rig.model import Channel, Rig

STALE_AFTER_S = {
    "RigPlc": 0.5,
    "Daq": 0.5,
    "CapacitorCharger": 2.0,
    "PowerSupply": 5.0,
    "VacuumGauge": 5.0,
    "Chiller": 5.0,
    "RfSource": 5.0,
}
"""Port -> age above which its values are not shown as true: ten heartbeats, ten readings of the DAQ at rest, four of
the charger, five of what changes slowly."""

PULSES = "pulses"
"""Group of what the PLC and a conditioning say of the pulses; a value that means nothing in this run is never valid."""

FRAME_STALE_AFTER_S = 0.5
"""Twenty-five frames: an older picture of the whole bench is not the present. The bus gives up after a second."""

FULL_SCALE_MARGIN = 0.02
"""A reading may pass its full scale, or go below zero, by this part of it: noise and offsets do, garbage does not."""


@dataclass(frozen=True, slots=True)
class TelemetryChannel:
    """One value of a frame. ``name`` is also the slow log's name in the record.

    ``source`` is the instrument that measures it, ``group`` what it is published and shown with, ``low`` and ``high``
    the limits it is judged by, in ``unit``, while the PLC is in one of ``states`` (none: always). What lies beyond
    ``full_scale`` is no reading: see :attr:`valid`.
    """

    name: str
    title: str
    unit: str
    source: str
    group: str
    low: float | None = None
    high: float | None = None
    full_scale: float = math.inf
    states: tuple[str, ...] = ()

    @property
    def valid(self) -> tuple[float, float]:
        """Lowest and highest number that is a reading: full scale +-2 %, as in the PLC's own classify (bench.md 2)."""
        margin = FULL_SCALE_MARGIN * self.full_scale
        return -margin, self.full_scale + margin


@dataclass(frozen=True, slots=True)
class TelemetrySource:
    """An instrument that feeds the frame; older values than ``stale_after_s`` are stale."""

    name: str
    title: str
    stale_after_s: float


def telemetry_channels(rig: Rig) -> tuple[TelemetryChannel, ...]:
    """The frame's catalogue for one rig: bank voltages, set-point, the witness, the charger."""
    plc, charger, daq = (_named_port(rig, port) for port in ("RigPlc", "CapacitorCharger", "Daq"))
    known = {channel.name: channel for channel in rig.channels}

    def bank(name: str, title: str, source: str, group: str, measured_as: str = "") -> TelemetryChannel:
        own = known.get(measured_as or name)
        full_scale = math.inf if own is None else own.full_scale
        title = title if own is None else own.title
        return TelemetryChannel(name, title, "V", source, group, None, rig.bank.overvoltage_v, full_scale)

    return (
        bank("probe_a", "Bank voltage, probe A", plc, "bank"),
        bank("probe_b", "Bank voltage, probe B", plc, "bank"),
        bank("witness", "Bank voltage, probe B by the DAQ", daq, "bank", measured_as="probe_b_daq"),
        *(bank(f"module_{n}_voltage", f"Module {n} voltage", plc, "modules") for n in range(1, rig.bank.modules + 1)),
        TelemetryChannel("target", "Set-point", "V", plc, "bank"),
        bank("charger_voltage", "Charger output voltage", charger, "charger"),
        TelemetryChannel("charger_current", "Charger output current", "A", charger, "charger"),
        *pulse_channels(rig, plc),
        *(
            TelemetryChannel(c.name, c.title, c.unit, c.instrument, c.group, c.low, c.high, c.full_scale, c.states)
            for c in polled_channels(rig)
        ),
    )


def pulse_channels(rig: Rig, plc: str) -> tuple[TelemetryChannel, ...]:
    """What is counted on a bench that pulses, and what a conditioning reaches where there is a drive to do it with."""
    if rig.run is None:
        return ()
    counted = (
        ("pulses", "Pulses", "count"),
        ("pulses_asked", "Pulses asked for", "count"),
        ("pulses_missing", "Pulses that did not come", "count"),
        ("inhibits", "Times inhibited", "count"),
        ("retries_left", "Retries left", "count"),
    )
    reached = (
        ("field", "Field", "V/m"),
        ("pulse_length", "Pulse length", "s"),
        ("hours_to_goal", "Hours to goal, at least", "h"),
        ("hours_to_goal_late", "Hours to goal, at most", "h"),
    )
    rows = (*counted, *(reached if rig.run.source else ()))
    return tuple(TelemetryChannel(name, title, unit, plc, PULSES) for name, title, unit in rows)


def polled_channels(rig: Rig) -> tuple[Channel, ...]:
    """The channels of rig.yaml that are read all the time and published, in its order."""
    return tuple(channel for channel in rig.channels if channel.group)


def telemetry_sources(rig: Rig) -> tuple[TelemetrySource, ...]:
    """The instruments behind :func:`telemetry_channels`, in the order of their first value."""
    names = _unique(channel.source for channel in telemetry_channels(rig))
    specs = [rig.instrument(name) for name in names]
    return tuple(TelemetrySource(spec.name, spec.title, STALE_AFTER_S[spec.port]) for spec in specs)


def _named_port(rig: Rig, port: str) -> str:
    return next(spec.name for spec in rig.instruments if spec.port == port)


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
