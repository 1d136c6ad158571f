"""Stand-ins that are useful without any bench (``sparkgap sim --instrument MODEL``): one row per model.

Each wires an instrument's panel to a small world of its own: a charger to a capacitor with a bleeder, a scope to test
signals, a gauge to two sensors.
"""

from collections.abc import Callable, Mapping
from typing import cast

from drivers.wire.rto import INTERFACE_MESSAGES
from drivers.wire.technix import CCR10KV_7_5KJ, CCR25KV_7_5KJ
from drivers.wire.technix import Rating as TechnixRating
from drivers.wire.tpg import TPG_256A, TPG_262
from firmware_sim.personalities.dg645 import DelayGeneratorPanel
from firmware_sim.personalities.ds1000z import open_standalone as open_ds1074z
from firmware_sim.personalities.dsox import open_standalone as open_dsox
from firmware_sim.personalities.fug_hck import HCK_800_20000, HCK_2000_4000, CapacitorChargerPanel, Rating
from firmware_sim.personalities.genesys import GenesysUnit
from firmware_sim.personalities.labjack_t7 import LabJackT7
from firmware_sim.personalities.lauda import LaudaPanel
from firmware_sim.personalities.lauda_bath import Bath
from firmware_sim.personalities.lecroy import open_standalone as open_lecroy
from firmware_sim.personalities.mso5 import open_standalone as open_mso5
from firmware_sim.personalities.rto import open_standalone as open_rto
from firmware_sim.personalities.small_capacitor import SmallCapacitor
from firmware_sim.personalities.smb100a import Smb100a
from firmware_sim.personalities.t560 import T560Panel
from firmware_sim.personalities.technix import TechnixPanel
from firmware_sim.personalities.tpg import open_standalone as open_tpg
from firmware_sim.sessions.base import SessionFactory
from firmware_sim.sessions.dg645 import BAUD as DG645_BAUD
from firmware_sim.sessions.dg645 import open_dg645_session
from firmware_sim.sessions.genesys import GenesysLine
from firmware_sim.sessions.hislip import HislipServer
from firmware_sim.sessions.hislip_locks import Locks
from firmware_sim.sessions.lauda import open_lauda_session
from firmware_sim.sessions.lecroy import LeCroySession
from firmware_sim.sessions.modbus import ModbusSession
from firmware_sim.sessions.probus import ProbusSession
from firmware_sim.sessions.scpi import ScpiDevice, ScpiSession
from firmware_sim.sessions.t560 import T560Session
from firmware_sim.sessions.technix import BAUD as TECHNIX_BAUD
from firmware_sim.sessions.technix import TechnixSession
from firmware_sim.sessions.tpg import GaugeSession
from firmware_sim.sessions.vxi11 import Vxi11Server

Doors = Mapping[str, SessionFactory]
"""Transport name -> what opens the session of one connection; all doors lead to the same panel."""


def _scpi_doors(device: ScpiDevice, vendor: bytes, ignored: frozenset[bytes] = frozenset()) -> Doors:
    """Socket, HiSLIP and VXI-11; the last two lock each other's clients out. ``ignored``: see ScpiSession."""
    locks = Locks()
    hislip = HislipServer(lambda: ScpiSession(device, True, ignored), vendor, locks)
    vxi11 = Vxi11Server(lambda: ScpiSession(device, True, ignored), locks)
    return {"socket": lambda: ScpiSession(device, False, ignored), "hislip": hislip.open_session, "vxi11": vxi11}


def _dsox(seed: int) -> Doors:
    return _scpi_doors(open_dsox("MY00000001", seed), b"KT")


def _rto(seed: int) -> Doors:
    return _scpi_doors(open_rto("200001", seed), b"RS", INTERFACE_MESSAGES)


def _ds1074z(seed: int) -> Doors:
    panel = open_ds1074z("DS1ZA000000001", seed)
    return {"socket": lambda: ScpiSession(panel)}


def _fug(rating: Rating, capacitance_f: float, bleeder_ohm: float) -> Doors:
    load = SmallCapacitor(capacitance_f, bleeder_ohm)
    panel = CapacitorChargerPanel(load.read, load.drive, rating=rating)
    return {"serial": lambda: ProbusSession(panel, load.advance)}


def _fug_2000(seed: int) -> Doors:
    return _fug(HCK_2000_4000, 1e-3, 5e3)


def _fug_800(seed: int) -> Doors:
    return _fug(HCK_800_20000, 10e-6, 1e6)


def _technix(rating: TechnixRating, capacitance_f: float, bleeder_ohm: float) -> Doors:
    load = SmallCapacitor(capacitance_f, bleeder_ohm)
    panel = TechnixPanel(load.read, load.drive, rating=rating)
    return {
        "socket": lambda: TechnixSession(panel, load.advance),
        "serial": lambda: TechnixSession(panel, load.advance, baud=TECHNIX_BAUD),
    }


def _technix_10(seed: int) -> Doors:
    return _technix(CCR10KV_7_5KJ, 100e-6, 100e3)


def _technix_25(seed: int) -> Doors:
    return _technix(CCR25KV_7_5KJ, 10e-6, 1e6)


def _genesys(seed: int) -> Doors:
    line = GenesysLine([GenesysUnit(6)])
    return {"serial": lambda: line}


def _dg645(seed: int) -> Doors:
    panel = DelayGeneratorPanel()
    return {"socket": lambda: open_dg645_session(panel), "serial": lambda: open_dg645_session(panel, DG645_BAUD)}


def _t560(seed: int) -> Doors:
    panel = T560Panel()
    return {"socket": lambda: T560Session(panel)}


def _tpg_262(seed: int) -> Doors:
    panel = open_tpg(TPG_262)
    return {"serial": lambda: GaugeSession(panel)}


def _tpg_256a(seed: int) -> Doors:
    panel = open_tpg(TPG_256A)
    return {"serial": lambda: GaugeSession(panel)}


def _smb100a(seed: int) -> Doors:
    return _scpi_doors(Smb100a(), b"RS")


def _lauda(seed: int) -> Doors:
    panel = LaudaPanel(Bath(load_w=200.0))
    return {"socket": lambda: open_lauda_session(panel)}


def _mso5(seed: int) -> Doors:
    return _scpi_doors(open_mso5("C012345", seed), b"TK")


def _lecroy(seed: int) -> Doors:
    """VXI-11 as the real one (LXI), and a socket for VICP, which is not modelled."""
    panel = open_lecroy("LCRY3701N10001", seed)
    vxi11 = Vxi11Server(lambda: cast(ScpiSession, LeCroySession(panel, held=True)))
    return {"socket": lambda: LeCroySession(panel), "vxi11": vxi11}


def _labjack(seed: int) -> Doors:
    panel = LabJackT7(470012345, lambda index: 0.1 * index)
    return {"modbus": lambda: ModbusSession(panel)}


STANDALONE: Mapping[str, Callable[[int], Doors]] = {
    "FuG HCK 2000-4000": _fug_2000,
    "FuG HCK 800-20000": _fug_800,
    "Technix CCR10KV-7.5KJ": _technix_10,
    "Technix CCR25KV-7.5KJ": _technix_25,
    "TDK-Lambda Genesys GEN80-65": _genesys,
    "SRS DG645": _dg645,
    "Highland T560": _t560,
    "Keysight DSO-X 3014A": _dsox,
    "R&S RTO1024": _rto,
    "Rigol DS1074Z": _ds1074z,
    "Tektronix MSO54": _mso5,
    "Teledyne LeCroy WaveRunner": _lecroy,
    "Pfeiffer TPG 262": _tpg_262,
    "Pfeiffer TPG 256A": _tpg_256a,
    "R&S SMB100A": _smb100a,
    "LAUDA PRO RP245E": _lauda,
    "LabJack T7": _labjack,
}
"""Model name -> its doors, for a seed."""
