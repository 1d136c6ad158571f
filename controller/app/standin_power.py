"""Chargers and supplies of a bench, by model. Their terminals in the plant are ``<instrument>_<quantity>``."""

from collections.abc import Mapping

from controller.app.standin_parts import (
    Build,
    Drive,
    Maker,
    Read,
    StandIn,
    Wiring,
    checked_doors,
    link_of,
    telling,
    terminals,
)
from controller.rig.model import Channel, InstrumentSpec
from drivers.wire.technix import CCR10KV_7_5KJ, CCR25KV_7_5KJ
from drivers.wire.technix import Rating as TechnixRating
from firmware_sim import link_faults
from firmware_sim.personalities import fug_hck, genesys, technix
from firmware_sim.personalities.fug_hck import HCK_800_20000, HCK_2000_4000, CapacitorChargerPanel, Rating
from firmware_sim.personalities.genesys import GenesysUnit
from firmware_sim.personalities.technix import TechnixPanel
from firmware_sim.sessions.genesys import GenesysLine
from firmware_sim.sessions.probus import ProbusSession
from firmware_sim.sessions.technix import BAUD as TECHNIX_BAUD
from firmware_sim.sessions.technix import TechnixSession

CHARGER_READS = ("voltage_v", "current_a", "constant_voltage")
CHARGER_DRIVES = ("set_voltage_v", "set_current_a", "output")
SUPPLY_READS = ("load_ohm",)
SUPPLY_DRIVES = ("voltage_v", "current_a")
"""A supply asks the plant for its load's resistance and tells it what it delivers, once per scan."""

PANEL_WORD = "charger_"
"""Chargers' panels call their terminals so, whatever the instrument is called."""

DEFAULT_UNIT = 6
"""The address of a Genesys as delivered."""


def _charger_terminals(wiring: Wiring, spec: InstrumentSpec) -> tuple[Read, Drive]:
    read, drive = terminals(wiring, spec, CHARGER_READS, CHARGER_DRIVES)
    return (
        lambda name: read(name.removeprefix(PANEL_WORD)),
        lambda name, value: drive(name.removeprefix(PANEL_WORD), value),
    )


def _fug(rating: Rating) -> Build:
    def build(wiring: Wiring, spec: InstrumentSpec, channels: tuple[Channel, ...]) -> StandIn:
        panel = CapacitorChargerPanel(*_charger_terminals(wiring, spec), rating=rating)
        doors = checked_doors(spec, serial=lambda: ProbusSession(panel))
        return StandIn(spec.model, spec.transport, panel, link_of(spec), doors)

    return build


def _technix(rating: TechnixRating) -> Build:
    def build(wiring: Wiring, spec: InstrumentSpec, channels: tuple[Channel, ...]) -> StandIn:
        panel = TechnixPanel(*_charger_terminals(wiring, spec), rating=rating)
        doors = checked_doors(
            spec,
            socket=lambda: TechnixSession(panel, _plant_has_its_own_time),
            serial=lambda: TechnixSession(panel, _plant_has_its_own_time, baud=TECHNIX_BAUD),
        )
        # its watchdog switches off at its own time, also when nobody says anything any more
        return StandIn(spec.model, spec.transport, panel, link_of(spec), doors, each_scan=panel.advance)

    return build


def _plant_has_its_own_time(now_ns: int) -> None:
    """A charger that stands alone has a small capacitor to advance; the bench advances its plant itself."""


def _genesys(wiring: Wiring, spec: InstrumentSpec, channels: tuple[Channel, ...]) -> StandIn:
    read, drive = terminals(wiring, spec, SUPPLY_READS, SUPPLY_DRIVES)
    address = spec.unit if spec.line else DEFAULT_UNIT
    unit = GenesysUnit(address, load_ohm=lambda: read("load_ohm"), serial=f"123A456-{address:04d}")
    line, link = wiring.lines.get(spec.line, (None, None))
    if line is None or link is None:
        line, link = GenesysLine([unit]), link_of(spec)
        if spec.line:
            wiring.lines[spec.line] = line, link
    else:
        line.add(unit)
    shared = line
    told = telling(unit.advance, lambda: {"voltage_v": unit.measured_v, "current_a": unit.measured_a}, drive)
    return StandIn(
        spec.model, spec.transport, unit, link, checked_doors(spec, serial=lambda: shared), told, unit.set_by_hand
    )


MAKERS: Mapping[str, Maker] = {
    "FuG HCK 2000-4000": Maker(_fug(HCK_2000_4000), (fug_hck.FAULTS, link_faults.FAULTS)),
    "FuG HCK 800-20000": Maker(_fug(HCK_800_20000), (fug_hck.FAULTS, link_faults.FAULTS)),
    "Technix CCR10KV-7.5KJ": Maker(_technix(CCR10KV_7_5KJ), (technix.FAULTS, link_faults.FAULTS)),
    "Technix CCR25KV-7.5KJ": Maker(_technix(CCR25KV_7_5KJ), (technix.FAULTS, link_faults.FAULTS)),
    "TDK-Lambda Genesys GEN80-65": Maker(_genesys, (genesys.FAULTS, link_faults.FAULTS)),
}
