"""The telemetry catalogue: which values a frame carries, in which order, under which names and units."""

from collections.abc import Iterable
from dataclasses import dataclass

from controller.rig.model import Rig

STALE_AFTER_S = {"RigPlc": 0.5, "Daq": 0.5, "CapacitorCharger": 2.0}
"""Port -> age above which its values are not shown as true: ten heartbeats, ten readings of the DAQ at rest, four of
the charger."""


@dataclass(frozen=True, slots=True)
class TelemetryChannel:
    """One value of a frame. ``name`` is also the slow log's name in the record.

    ``source`` is the instrument that measures it, ``group`` what it is published and shown with, ``low`` and ``high``
    the limits it is judged by, in ``unit``.
    """

    name: str
    title: str
    unit: str
    source: str
    group: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class TelemetrySource:
    """An instrument that feeds the frame; older values than ``stale_after_s`` are stale."""

    name: str
    title: str
    stale_after_s: float


def telemetry_channels(rig: Rig) -> tuple[TelemetryChannel, ...]:
    """The frame's catalogue for one rig: bank voltages, set-point, the witness, the charger."""
    plc, charger, daq = (_named_port(rig, port) for port in ("RigPlc", "CapacitorCharger", "Daq"))
    limit_v = rig.bank.overvoltage_v
    modules = tuple(
        TelemetryChannel(f"module_{n}_voltage", f"Module {n} voltage", "V", plc, "modules", high=limit_v)
        for n in range(1, rig.bank.modules + 1)
    )
    return (
        TelemetryChannel("probe_a", "Bank voltage, probe A", "V", plc, "bank", high=limit_v),
        TelemetryChannel("probe_b", "Bank voltage, probe B", "V", plc, "bank", high=limit_v),
        TelemetryChannel("witness", "Bank voltage, probe B by the DAQ", "V", daq, "bank", high=limit_v),
        *modules,
        TelemetryChannel("target", "Set-point", "V", plc, "bank"),
        TelemetryChannel("charger_voltage", "Charger output voltage", "V", charger, "charger", high=limit_v),
        TelemetryChannel("charger_current", "Charger output current", "A", charger, "charger"),
    )


def telemetry_sources(rig: Rig) -> tuple[TelemetrySource, ...]:
    """The instruments behind :func:`telemetry_channels`, in the order of their first value."""
    names = _unique(channel.source for channel in telemetry_channels(rig))
    specs = [rig.instrument(name) for name in names]
    return tuple(TelemetrySource(spec.name, spec.title, STALE_AFTER_S[spec.port]) for spec in specs)


def _named_port(rig: Rig, port: str) -> str:
    return next(spec.name for spec in rig.instruments if spec.port == port)


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
