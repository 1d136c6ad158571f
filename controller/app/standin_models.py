"""Model name -> stand-in: how each instrument of a bench is built and wired to the plant (bench.md section 1)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from controller.rig.model import Channel, InstrumentSpec
from controller.rig.source import Problem, Refused
from firmware_sim import link_faults
from firmware_sim.faults import Faulty
from firmware_sim.link_faults import Emi, LinkFaults
from firmware_sim.personalities import dg645, dsox, fug_hck
from firmware_sim.personalities.dg645 import DelayGeneratorPanel, OutputEdges
from firmware_sim.personalities.dsox import Dsox
from firmware_sim.personalities.fug_hck import CapacitorChargerPanel
from firmware_sim.personalities.labjack_t7 import LabJackT7
from firmware_sim.plant.bench import BenchPlant
from firmware_sim.plc.plc import Plc
from firmware_sim.plc.registers import PlcRegisters
from firmware_sim.servers.doors import SERIAL
from firmware_sim.sessions.base import Session, SessionFactory
from firmware_sim.sessions.dg645 import open_dg645_session
from firmware_sim.sessions.hislip import HislipServer
from firmware_sim.sessions.modbus import ModbusSession
from firmware_sim.sessions.probus import ProbusSession
from firmware_sim.sessions.scpi import ScpiSession

Array = npt.NDArray[np.float64]

T7_INPUTS = {0: "t7_probe_b_v", 1: "t7_charger_monitor_v"}
"""What is plugged into the T7's analogue inputs."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """What stand-ins are wired to. ``on_cycle`` hears of delay-generator cycles that no fire pulse started."""

    plant: BenchPlant
    plc: Plc
    seed: int
    on_cycle: Callable[[OutputEdges], None]


@dataclass(frozen=True, slots=True)
class StandIn:
    """One simulated instrument: its panel, its links' faults, and its doors: transport -> what opens a session.

    ``transport`` is the door that the rig file names, the one that a bench on virtual time uses.
    """

    model: str
    transport: str
    panel: Faulty
    link: LinkFaults
    doors: Mapping[str, SessionFactory]

    def open_session(self) -> Session:
        """A session at the door that the rig file names."""
        return self.around(self.transport, self.doors[self.transport]())

    def around(self, transport: str, session: Session) -> Session:
        """``session`` behind this stand-in's link and its faults: one set for all doors."""
        return self.link.wrap(session, serial=transport == SERIAL)


@dataclass(frozen=True, slots=True)
class Maker:
    """Builds the stand-in of one model; ``faults`` are the lists it will have."""

    build: Callable[[Wiring, InstrumentSpec, tuple[Channel, ...]], StandIn]
    faults: tuple[Mapping[str, str], ...]

    def __call__(self, wiring: Wiring, spec: InstrumentSpec, channels: tuple[Channel, ...]) -> StandIn:
        """Build it."""
        return self.build(wiring, spec, channels)


def _stand_in(spec: InstrumentSpec, panel: Faulty, **doors: SessionFactory) -> StandIn:
    """``doors`` by transport; one set of link faults spoils them all."""
    ordinary = Emi.GARBAGE if spec.transport == "serial" else Emi.LOST
    faults = LinkFaults(
        emi=Emi.LATE if spec.port == "RigPlc" else ordinary, seed=int.from_bytes(spec.name.encode()[-7:])
    )
    return StandIn(spec.model, spec.transport, panel, faults, doors)


def _plc(wiring: Wiring, spec: InstrumentSpec, channels: tuple[Channel, ...]) -> StandIn:
    registers = PlcRegisters(wiring.plc)
    return _stand_in(spec, wiring.plc, modbus=lambda: ModbusSession(registers))


def _charger(wiring: Wiring, spec: InstrumentSpec, channels: tuple[Channel, ...]) -> StandIn:
    panel = CapacitorChargerPanel(wiring.plant.read, wiring.plant.drive)
    return _stand_in(spec, panel, serial=lambda: ProbusSession(panel))


def _delay_generator(wiring: Wiring, spec: InstrumentSpec, channels: tuple[Channel, ...]) -> StandIn:
    panel = DelayGeneratorPanel(wiring.on_cycle)
    return _stand_in(spec, panel, socket=lambda: open_dg645_session(panel))


def _oscilloscope(wiring: Wiring, spec: InstrumentSpec, channels: tuple[Channel, ...]) -> StandIn:
    probes = {int(channel.input.removeprefix("CHAN")) - 1: channel.name for channel in channels}

    def volts(index: int, t_s: Array) -> Array:
        probe = probes.get(index)
        return np.zeros_like(t_s) if probe is None else wiring.plant.scope_volts(probe, t_s)

    digits = sum(spec.name.encode()) * 7919 % 10**8
    panel = Dsox(f"MY{digits:08d}", volts, wiring.seed)
    hislip = HislipServer(lambda: ScpiSession(panel, held=True))
    return _stand_in(spec, panel, socket=lambda: ScpiSession(panel), hislip=hislip.open_session)


def _labjack(wiring: Wiring, spec: InstrumentSpec, channels: tuple[Channel, ...]) -> StandIn:
    def ain_v(index: int) -> float:
        probe = T7_INPUTS.get(index)
        return 0.0 if probe is None else wiring.plant.read(probe)

    panel = LabJackT7(470012345, ain_v)
    return _stand_in(spec, panel, modbus=lambda: ModbusSession(panel))


MAKERS: Mapping[str, Maker] = {
    "Sparkgap rig PLC": Maker(_plc, (Plc.FAULTS, link_faults.FAULTS)),
    "FuG HCK 2000-4000": Maker(_charger, (fug_hck.FAULTS, link_faults.FAULTS)),
    "SRS DG645": Maker(_delay_generator, (dg645.FAULTS, link_faults.FAULTS)),
    "Keysight DSO-X 3014A": Maker(_oscilloscope, (dsox.FAULTS, link_faults.FAULTS)),
    "LabJack T7": Maker(_labjack, (LabJackT7.FAULTS, link_faults.FAULTS)),
}
"""Every model that a bench can have a stand-in of, by the name that rig.yaml uses."""


def maker_of(spec: InstrumentSpec) -> Maker:
    """What builds the stand-in of an instrument. Raises Refused for a model that a bench has none of."""
    maker = MAKERS.get(spec.model)
    if maker is None:
        problem = f"no bench has a stand-in of {spec.model!r}"
        remedy = f"run it with --lab, or use one of {', '.join(MAKERS)}"
        raise Refused([Problem("rig.yaml", 0, f"instruments.{spec.name}.model", problem, remedy)])
    return maker
