"""Stand-ins that are useful without any bench (``sparkgap sim --instrument MODEL``): one row per model.

Each wires an instrument's panel to a small world of its own: a charger to a capacitor with a bleeder, a scope to test
signals, a gauge to two sensors.
"""

from collections.abc import Callable, Mapping

from drivers.wire.tpg import TPG_256A, TPG_262
from firmware_sim.personalities.dg645 import DelayGeneratorPanel
from firmware_sim.personalities.dsox import open_standalone as open_dsox
from firmware_sim.personalities.fug_hck import CapacitorChargerPanel, SmallCapacitor
from firmware_sim.personalities.labjack_t7 import LabJackT7
from firmware_sim.personalities.lauda import LaudaPanel
from firmware_sim.personalities.lauda_bath import Bath
from firmware_sim.personalities.smb100a import Smb100a
from firmware_sim.personalities.t560 import T560Panel
from firmware_sim.personalities.tpg import open_standalone as open_tpg
from firmware_sim.sessions.base import SessionFactory
from firmware_sim.sessions.dg645 import open_dg645_session
from firmware_sim.sessions.lauda import open_lauda_session
from firmware_sim.sessions.modbus import ModbusSession
from firmware_sim.sessions.probus import ProbusSession
from firmware_sim.sessions.scpi import ScpiSession
from firmware_sim.sessions.t560 import T560Session
from firmware_sim.sessions.tpg import GaugeSession

Doors = Mapping[str, SessionFactory]
"""Transport name -> what opens the session of one connection; all doors lead to the same panel."""


def _dsox(seed: int) -> Doors:
    panel = open_dsox("MY00000001", seed)
    return {"socket": lambda: ScpiSession(panel)}


def _fug_2000(seed: int) -> Doors:
    load = SmallCapacitor()
    panel = CapacitorChargerPanel(load.read, load.drive)
    return {"serial": lambda: ProbusSession(panel, load.advance)}


def _dg645(seed: int) -> Doors:
    panel = DelayGeneratorPanel()
    return {"socket": lambda: open_dg645_session(panel)}


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
    panel = Smb100a()
    return {"socket": lambda: ScpiSession(panel)}


def _lauda(seed: int) -> Doors:
    panel = LaudaPanel(Bath(load_w=200.0))
    return {"socket": lambda: open_lauda_session(panel)}


def _labjack(seed: int) -> Doors:
    panel = LabJackT7(470012345, lambda index: 0.1 * index)
    return {"modbus": lambda: ModbusSession(panel)}


STANDALONE: Mapping[str, Callable[[int], Doors]] = {
    "FuG HCK 2000-4000": _fug_2000,
    "SRS DG645": _dg645,
    "Keysight DSO-X 3014A": _dsox,
    "Highland T560": _t560,
    "Pfeiffer TPG 262": _tpg_262,
    "Pfeiffer TPG 256A": _tpg_256a,
    "R&S SMB100A": _smb100a,
    "LAUDA PRO RP245E": _lauda,
    "LabJack T7": _labjack,
}
"""Model name -> its doors, for a seed."""
