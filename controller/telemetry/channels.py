"""The telemetry catalogue: which values a frame carries, in which order, under which names and units."""

from dataclasses import dataclass

from controller.rig.model import Rig


@dataclass(frozen=True, slots=True)
class TelemetryChannel:
    """One value of a frame. ``name`` is also the slow log's name in the record."""

    name: str
    title: str
    unit: str


def telemetry_channels(rig: Rig) -> tuple[TelemetryChannel, ...]:
    """The frame's catalogue for one rig: bank voltages, set-point, the witness, the charger."""
    modules = tuple(
        TelemetryChannel(f"module_{n}_voltage", f"Module {n} voltage", "V") for n in range(1, rig.bank.modules + 1)
    )
    return (
        TelemetryChannel("probe_a", "Bank voltage, probe A", "V"),
        TelemetryChannel("probe_b", "Bank voltage, probe B", "V"),
        TelemetryChannel("witness", "Bank voltage, probe B by the DAQ", "V"),
        *modules,
        TelemetryChannel("target", "Set-point", "V"),
        TelemetryChannel("charger_voltage", "Charger output voltage", "V"),
        TelemetryChannel("charger_current", "Charger output current", "A"),
    )
