"""PURE: everything that instruments measure and do, by name, in one table each way.

Names are ``<instrument>_<quantity>`` as contract.py asks for; gauges and DAQ inputs are named by plant.yaml as their
channels in rig.yaml. The utilities' own names (``services.names``) are there too, for judges and tests.
"""

from collections.abc import Callable, Mapping
from functools import partial

from firmware_sim.plant.charger import Charger
from firmware_sim.plant.tube_bench.dispatch import Generator
from firmware_sim.plant.tube_bench.parameters import DaqParameters, TubeBenchParameters
from firmware_sim.plant.tube_bench.plantroom import PlantRoom
from firmware_sim.plant.tube_bench.store import LineStore

ZERO_C_K = 273.15

Read = Callable[[], float]
Drive = Callable[[float], None]

CHARGER_READINGS = (
    "charger_voltage_v",
    "charger_current_a",
    "charger_constant_voltage",
    "charger_output_on",
    "charger_inhibited",
)
"""What ``Terminals.read`` knows of the charger."""

WITNESS = "probe_b_daq"
"""Probe B as the DAQ sees it: the name is that of ``Terminals.read``, its volts too."""

MONITOR = "charger_monitor_daq"


def list_readings(
    p: TubeBenchParameters, room: PlantRoom, store: LineStore, terminals: Callable[[str], float]
) -> Mapping[str, Read]:
    """Every reading: name -> the value in the unit of its name; DAQ inputs in volts, gauges in Pa."""
    services = room.services
    table: dict[str, Read] = {name: partial(services.read, name) for name in services.names}
    table |= {name: partial(terminals, name) for name in (*CHARGER_READINGS, WITNESS, MONITOR)}
    table |= {
        "heater_supply_load_ohm": room.heater_ohm,
        "magnet_supply_load_ohm": room.magnet_ohm,
        "chiller_load_w": room.water_w,
        "forward_mean_w": lambda: room.rf_mean_w,
        "line_voltage_v": lambda: store.voltage_v,
    }
    for name, gauge in p.gauges.items():
        if not 1 <= gauge.number <= len(p.utilities.vacuum.gauges):
            right = f"right would be 1 to {len(p.utilities.vacuum.gauges)}"
            raise ValueError(f"gauges.{name}.number: {gauge.number}; {right}")
        table[name] = partial(services.read, f"gauge_{gauge.number}_pa")
    for name, daq in p.daq.items():
        table[name] = partial(_volts, daq, _found(table, name, daq.reading))
    return table


def _found(table: Mapping[str, Read], name: str, reading: str) -> Read:
    if reading not in table:
        raise ValueError(f"daq.{name}.reading: {reading!r} is none; right would be one of {', '.join(sorted(table))}")
    return table[reading]


def _volts(daq: DaqParameters, read: Read) -> float:
    return daq.volts_per_unit * (read() - daq.zero)


def list_controls(room: PlantRoom, generator: Generator, charger: Charger) -> Mapping[str, Drive]:
    """Every control: name -> what takes the value, in the unit of its name. Of a supply's two the current acts.

    ``rf_source_power_dbm`` is what leaves the generator in the pulse: -200 and less is off. For its pulses see
    ``dispatch.Generator``.
    """
    return {
        "charger_set_voltage_v": partial(setattr, charger, "set_voltage_v"),
        "charger_set_current_a": partial(setattr, charger, "set_current_a"),
        "charger_output": lambda value: setattr(charger, "output_on", bool(value)),
        "rf_source_frequency_hz": partial(setattr, generator, "frequency_hz"),
        "rf_source_power_dbm": partial(setattr, generator, "power_dbm"),
        "rf_source_pulse_width_s": partial(setattr, generator, "width_s"),
        "rf_source_pulse_delay_s": partial(setattr, generator, "delay_s"),
        "rf_source_pulse_period_s": partial(setattr, generator, "period_s"),
        "heater_supply_voltage_v": _told,
        "heater_supply_current_a": partial(setattr, room, "heater_a"),
        "magnet_supply_voltage_v": _told,
        "magnet_supply_current_a": partial(setattr, room, "magnet_a"),
        "chiller_loop_c": lambda value: setattr(room, "chiller_k", value + ZERO_C_K),
        "chiller_running": lambda value: setattr(room, "chiller_on", bool(value)),
    }


def _told(value: float) -> None:
    """A supply's voltage follows from its current and the load; the plant knows both already."""
