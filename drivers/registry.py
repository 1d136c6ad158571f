"""Model name -> its dialect and how to open it. A new instrument is one row here, one dialect, its golden vectors."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from drivers.errors import WrongInstrument
from drivers.families.charger import open_fug_hck
from drivers.families.chiller import open_lauda
from drivers.families.daq import CONNECT_TIMEOUT_S, LabJackT7Daq, open_labjack_t7
from drivers.families.delay_generator import open_dg645
from drivers.families.identity import number_in
from drivers.families.oscilloscope import open_dsox
from drivers.families.power_supply import open_genesys
from drivers.families.rf_source import open_smb100a
from drivers.families.rig_plc import open_rig_plc
from drivers.families.scope_rigol import open_ds1000z
from drivers.families.scope_rto import open_rto
from drivers.families.t560 import open_t560
from drivers.families.technix import open_technix, open_technix_25_kv
from drivers.families.vacuum_gauge import open_tpg_256a, open_tpg_262
from drivers.ports import Daq, Instrument, RigPlc
from drivers.transports.modbus import ModbusLink
from drivers.transports.route import Route, stream_of
from drivers.wire.dg645 import DG645
from drivers.wire.dialect import Dialect
from drivers.wire.ds1000z import DS1000Z
from drivers.wire.dsox import DSOX
from drivers.wire.genesys import GENESYS
from drivers.wire.lauda import LAUDA
from drivers.wire.probus import FUG_HCK
from drivers.wire.rto import RTO
from drivers.wire.smb100a import SMB100A
from drivers.wire.t560 import T560
from drivers.wire.technix import TECHNIX
from drivers.wire.tpg import TPG_256A, TPG_262


class Open(Protocol):
    """Opens one instrument: connects, and checks that ``identity`` matches what answers."""

    async def __call__(self, name: str, route: Route, *, identity: str) -> Instrument:
        """The port object; raises ConnectFailed, LinkTimeout, WrongInstrument."""
        ...


@dataclass(frozen=True, slots=True)
class Model:
    """One supported model; ``dialect`` is None where the protocol is registers. ``endpoints``: the preferred first."""

    name: str
    kind: str
    dialect: Dialect | None
    open: Open
    endpoints: tuple[str, ...]


async def open_t7(name: str, route: Route, *, identity: str) -> Daq:
    """A LabJack T7: ``identity`` may end with the serial number; without one any T7 is accepted."""
    serial = number_in(identity)
    if serial is not None:
        return await open_labjack_t7(name, stream_of(name, route), serial=serial)
    daq = LabJackT7Daq(name, ModbusLink(name, stream_of(name, route)))
    try:
        await daq.check_identity(CONNECT_TIMEOUT_S)
    except BaseException:
        await daq.close()
        raise
    return daq


async def open_plc(name: str, route: Route, *, identity: str) -> RigPlc:
    """The rig PLC: ``identity`` ends with the rig id, because a PLC of another rig must never be commanded."""
    rig_id = number_in(identity)
    if rig_id is None:
        raise WrongInstrument(name, f"identity {identity!r} does not end with the rig id, so no PLC can match it")
    return await open_rig_plc(name, stream_of(name, route), rig_id=rig_id)


MODELS: Mapping[str, Model] = {
    model.name: model
    for model in (
        Model("FuG HCK 2000-4000", "charger", FUG_HCK, open_fug_hck, ("serial",)),
        Model("FuG HCK 800-20000", "charger", FUG_HCK, open_fug_hck, ("serial",)),
        Model("Technix CCR10KV-7.5KJ", "charger", TECHNIX, open_technix, ("socket", "serial")),
        Model("Technix CCR25KV-7.5KJ", "charger", TECHNIX, open_technix_25_kv, ("socket", "serial")),
        Model("TDK-Lambda Genesys GEN80-65", "power_supply", GENESYS, open_genesys, ("serial",)),
        Model("SRS DG645", "delay_generator", DG645, open_dg645, ("socket", "serial")),
        Model("Highland T560", "delay_generator", T560, open_t560, ("socket",)),
        Model("Keysight DSO-X 3014A", "oscilloscope", DSOX, open_dsox, ("socket", "hislip", "vxi11")),
        Model("R&S RTO1024", "oscilloscope", RTO, open_rto, ("hislip", "vxi11", "socket")),
        Model("Rigol DS1074Z", "oscilloscope", DS1000Z, open_ds1000z, ("socket",)),
        Model("Pfeiffer TPG 262", "vacuum_gauge", TPG_262.dialect, open_tpg_262, ("serial",)),
        Model("Pfeiffer TPG 256A", "vacuum_gauge", TPG_256A.dialect, open_tpg_256a, ("serial",)),
        Model("R&S SMB100A", "rf_source", SMB100A, open_smb100a, ("socket", "hislip", "vxi11")),
        Model("LAUDA PRO RP245E", "chiller", LAUDA, open_lauda, ("socket",)),
        Model("LabJack T7", "daq", None, open_t7, ("modbus",)),
        Model("Sparkgap rig PLC", "plc", None, open_plc, ("modbus",)),
    )
}
"""Every model by its full name; :func:`find_model` also takes the short form that rig.yaml uses."""

DIALECTS: tuple[Dialect, ...] = tuple(
    {model.dialect.slug: model.dialect for model in MODELS.values() if model.dialect is not None}.values()
)
"""Every dialect table: each has golden vectors in ``tests/vectors/<slug>.txt``."""


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", name.lower())


def find_model(name: str) -> Model:
    """The model called ``name``: in full, or without its maker, in any case and punctuation (``dso-x-3014a``).

    Raises KeyError, with the known names, when it is unknown.
    """
    wanted = _words(name)
    found = [model for model in MODELS.values() if wanted and _words(model.name)[-len(wanted) :] == wanted]
    if len(found) != 1:
        raise KeyError(f"{name!r} is not one of {', '.join(MODELS)}")
    return found[0]


async def open_instrument(model: str, name: str, route: Route, *, identity: str) -> Instrument:
    """Open instrument ``name`` of ``model``. Raises KeyError for an unknown model, and as :class:`Open`."""
    return await find_model(model).open(name, route, identity=identity)
