"""PURE: what rig.yaml's ``run:`` section says of a bench that pulses, in plain SI values."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SupplyRow:
    """A supply that must be on before high voltage, with its set-points."""

    voltage_v: float
    current_a: float


@dataclass(frozen=True, slots=True)
class RunRig:
    """Ratings and services of a bench that runs. ``source`` and ``gauge`` are instruments, empty for none.

    ``charger_gain`` is the store's voltage over the charger's (1 direct, near 2 resonant); of what the charger delivers
    ``efficiency`` gets into the store; ``charger_meter_a`` is how far its current reading may be off. ``rate_max_hz``
    .. ``drive_max_w`` are the tube's and its drive's ratings;
    ``pulses_max`` and ``permit_s`` the PLC's. ``windows`` and ``auxiliaries`` are the names in the PLC's limits file,
    in its order. ``chillers`` are set-points in degrees Celsius. Without a calorimeter its windows are empty;
    ``coupler`` is the DAQ's channel that it is compared with, empty for none.
    """

    source: str
    frequency_hz: float
    rate_max_hz: float
    width_max_s: float
    duty_max: float
    drive_max_w: float
    pulses_max: int
    permit_s: float
    charger_voltage_v: float
    charger_gain: float
    charger_power_w: float
    efficiency: float
    warm_up_s: float
    charger_meter_a: float
    supplies: Mapping[str, SupplyRow]
    chillers: Mapping[str, float]
    gauge: str = ""
    gauge_number: int = 1
    flow_window: str = ""
    rise_window: str = ""
    coupler: str = ""
    windows: tuple[str, ...] = ()
    auxiliaries: tuple[str, ...] = ()
