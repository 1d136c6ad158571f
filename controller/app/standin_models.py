"""Model name -> stand-in: how each instrument of a bench is built and wired to its plant.

Scopes are in ``standin_scopes.py``, chargers and supplies in ``standin_power.py``, everything else is here. What a
stand-in needs of the plant is found by name: inputs by their channels in rig.yaml, the rest as
``<instrument>_<quantity>``.
"""

from collections.abc import Mapping

from controller.app import standin_power, standin_scopes
from controller.app.standin_parts import (
    Build,
    Maker,
    StandIn,
    Wiring,
    checked_doors,
    input_numbers,
    link_of,
    telling,
    terminals,
)
from controller.rig.model import Channel, InstrumentSpec
from controller.rig.source import Problem, Refused
from drivers.wire.tpg import TPG_256A, TPG_262, GaugeModel
from firmware_sim import link_faults
from firmware_sim.personalities import dg645, lauda, smb100a, t560, tpg
from firmware_sim.personalities.dg645 import DelayGeneratorPanel
from firmware_sim.personalities.labjack_t7 import LabJackT7
from firmware_sim.personalities.lauda import LaudaPanel
from firmware_sim.personalities.lauda_bath import Bath
from firmware_sim.personalities.smb100a import Smb100a
from firmware_sim.personalities.t560 import T560Panel
from firmware_sim.personalities.tpg import NO_SENSOR, GaugePanel, Head
from firmware_sim.plc.plc import Plc
from firmware_sim.plc.registers import PlcRegisters
from firmware_sim.sessions.dg645 import BAUD as DG645_BAUD
from firmware_sim.sessions.dg645 import open_dg645_session
from firmware_sim.sessions.hislip import HislipServer
from firmware_sim.sessions.lauda import open_lauda_session
from firmware_sim.sessions.modbus import ModbusSession
from firmware_sim.sessions.scpi import ScpiSession
from firmware_sim.sessions.t560 import T560Session
from firmware_sim.sessions.tpg import GaugeSession

T7_SERIAL = 470012345
"""Of the stand-in, unless rig.yaml expects another one."""

GAUGE_HEAD = "PKR"
"""A full-range gauge; which ones hang at a connector follows from rig.yaml's channels, what they are does not."""

RF_OFF_DBM = -200.0
"""What the plant is told of a generator whose output is off: no power worth speaking of."""

RF_DRIVES = ("frequency_hz", "power_dbm", "pulse_width_s", "pulse_delay_s", "pulse_period_s")
"""What it is told of one that is on; see ``PulseTiming`` for the pulses."""


def _plc(wiring: Wiring, spec: InstrumentSpec, channels: tuple[Channel, ...]) -> StandIn:
    registers = PlcRegisters(wiring.plc)
    doors = checked_doors(spec, modbus=lambda: ModbusSession(registers))
    return StandIn(spec.model, spec.transport, wiring.plc, link_of(spec), doors)


def _dg645(wiring: Wiring, spec: InstrumentSpec, channels: tuple[Channel, ...]) -> StandIn:
    panel = DelayGeneratorPanel(wiring.on_cycle)
    doors = checked_doors(
        spec,
        socket=lambda: open_dg645_session(panel),
        serial=lambda: open_dg645_session(panel, DG645_BAUD),
    )
    return StandIn(spec.model, spec.transport, panel, link_of(spec), doors, delay=panel)


def _t560(wiring: Wiring, spec: InstrumentSpec, channels: tuple[Channel, ...]) -> StandIn:
    panel = T560Panel(wiring.on_cycle)
    doors = checked_doors(spec, socket=lambda: T560Session(panel))
    # its synthesizer goes on triggering when nobody talks to it
    return StandIn(spec.model, spec.transport, panel, link_of(spec), doors, each_scan=panel.advance, delay=panel)


def _labjack(wiring: Wiring, spec: InstrumentSpec, channels: tuple[Channel, ...]) -> StandIn:
    plant = wiring.plant
    probes = input_numbers(wiring, spec, channels, "AIN", plant.readings)

    def ain_v(index: int) -> float:
        probe = probes.get(index)
        return 0.0 if probe is None else plant.read(probe)

    panel = LabJackT7(int(spec.identity) if spec.identity.isdecimal() else T7_SERIAL, ain_v)
    doors = checked_doors(spec, modbus=lambda: ModbusSession(panel))
    return StandIn(spec.model, spec.transport, panel, link_of(spec), doors)


def _gauge(model: GaugeModel) -> Build:
    def build(wiring: Wiring, spec: InstrumentSpec, channels: tuple[Channel, ...]) -> StandIn:
        plant = wiring.plant
        probes = input_numbers(wiring, spec, channels, "GAUGE", plant.readings)

        def head(number: int) -> Head:
            probe = probes.get(number)
            return Head(NO_SENSOR) if probe is None else Head(GAUGE_HEAD, lambda: plant.read(probe))

        panel = GaugePanel(model, [head(number) for number in range(1, model.gauges + 1)])
        doors = checked_doors(spec, serial=lambda: GaugeSession(panel))
        return StandIn(spec.model, spec.transport, panel, link_of(spec), doors)

    return build


def _smb100a(wiring: Wiring, spec: InstrumentSpec, channels: tuple[Channel, ...]) -> StandIn:
    _, drive = terminals(wiring, spec, (), RF_DRIVES)
    panel = Smb100a()
    hislip = HislipServer(lambda: ScpiSession(panel, held=True))
    doors = checked_doors(spec, socket=lambda: ScpiSession(panel), hislip=hislip.open_session)

    def look() -> Mapping[str, float]:
        power_dbm, pulses = panel.power_dbm, panel.pulses
        return {
            "frequency_hz": panel.frequency_hz,
            "power_dbm": RF_OFF_DBM if power_dbm is None else power_dbm,
            "pulse_width_s": pulses.width_s,
            "pulse_delay_s": pulses.delay_s,
            "pulse_period_s": pulses.period_s,
        }

    told = telling(panel.advance, look, drive)
    return StandIn(spec.model, spec.transport, panel, link_of(spec), doors, told)


def _lauda(wiring: Wiring, spec: InstrumentSpec, channels: tuple[Channel, ...]) -> StandIn:
    read, drive = terminals(wiring, spec, ("load_w",), ("loop_c", "running"))
    panel = LaudaPanel(Bath())
    doors = checked_doors(spec, socket=lambda: open_lauda_session(panel))

    def advance(t_ns: int) -> None:
        panel.bath.load_w = read("load_w")
        panel.advance(t_ns)

    told = telling(advance, lambda: {"loop_c": panel.bath.loop_c, "running": float(panel.running)}, drive)
    return StandIn(spec.model, spec.transport, panel, link_of(spec), doors, told, panel.set_by_hand)


MAKERS: Mapping[str, Maker] = {
    **standin_scopes.MAKERS,
    **standin_power.MAKERS,
    "Sparkgap rig PLC": Maker(_plc, (Plc.FAULTS, link_faults.FAULTS)),
    "SRS DG645": Maker(_dg645, (dg645.FAULTS, link_faults.FAULTS)),
    "Highland T560": Maker(_t560, (t560.FAULTS, link_faults.FAULTS)),
    "LabJack T7": Maker(_labjack, (LabJackT7.FAULTS, link_faults.FAULTS)),
    "Pfeiffer TPG 262": Maker(_gauge(TPG_262), (tpg.FAULTS, link_faults.FAULTS)),
    "Pfeiffer TPG 256A": Maker(_gauge(TPG_256A), (tpg.FAULTS, link_faults.FAULTS)),
    "R&S SMB100A": Maker(_smb100a, (smb100a.FAULTS, link_faults.FAULTS)),
    "LAUDA PRO RP245E": Maker(_lauda, (lauda.FAULTS, link_faults.FAULTS)),
}
"""Every model that a bench can have a stand-in of, by the name that rig.yaml uses."""


def maker_of(spec: InstrumentSpec) -> Maker:
    """What builds the stand-in of an instrument. Raises Refused for a model that a bench has none of."""
    maker = MAKERS.get(spec.model)
    if maker is None:
        problem = f"no bench has a stand-in of {spec.model!r}"
        remedy = f"run it with --lab, or use one of {', '.join(MAKERS)}"
        raise Refused([Problem("rig.yaml", 0, f"instruments.{spec.name}.model", problem, remedy)])
    if spec.line and spec.port != "PowerSupply":
        remedy = "take `line` and `unit` away"
        raise Refused([Problem("rig.yaml", 0, f"instruments.{spec.name}.line", "only supplies share a line", remedy)])
    return maker
