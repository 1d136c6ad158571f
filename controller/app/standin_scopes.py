"""Oscilloscopes of a bench, by model. An input sees the plant's probe that is called like its channel in rig.yaml."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from controller.app.standin_parts import (
    Build,
    Maker,
    StandIn,
    TriggeredScope,
    Wiring,
    checked_doors,
    input_numbers,
    link_of,
    serial_of,
)
from controller.rig.model import Channel, InstrumentSpec
from drivers.wire.rto import INTERFACE_MESSAGES
from firmware_sim import link_faults
from firmware_sim.faults import Faulty
from firmware_sim.personalities.ds1000z import Ds1074z
from firmware_sim.personalities.dsox import Dsox
from firmware_sim.personalities.rto import Rto
from firmware_sim.personalities.scope_engine import ScopeEngine
from firmware_sim.personalities.scope_record import Volts
from firmware_sim.sessions.base import SessionFactory
from firmware_sim.sessions.hislip import HislipServer
from firmware_sim.sessions.scpi import ScpiDevice, ScpiSession

Array = npt.NDArray[np.float64]


class Scope(ScpiDevice, TriggeredScope, Faulty, Protocol):
    """A panel."""

    @property
    def engine(self) -> ScopeEngine[Any]:
        """Its acquisition."""
        ...


@dataclass(frozen=True, slots=True)
class ScopeModel:
    """What differs: its panel, the shape of its serial numbers, its doors, messages that its parser ignores."""

    panel: Callable[[str, Volts, int], Scope]
    faults: Mapping[str, str]
    serial: str
    digits: int
    hislip: bool
    ignored: frozenset[bytes] = frozenset()


SCOPES: Mapping[str, ScopeModel] = {
    "Keysight DSO-X 3014A": ScopeModel(Dsox, Dsox.FAULTS, "MY", 8, True),
    "R&S RTO1024": ScopeModel(Rto, Rto.FAULTS, "", 6, True, INTERFACE_MESSAGES),
    "Rigol DS1074Z": ScopeModel(Ds1074z, Ds1074z.FAULTS, "DS1ZA", 9, False),
}


def _build(model: ScopeModel) -> Build:
    def build(wiring: Wiring, spec: InstrumentSpec, channels: tuple[Channel, ...]) -> StandIn:
        plant = wiring.plant
        probes = input_numbers(wiring, spec, channels, "CHAN", frozenset(plant.probes))

        def volts(index: int, t_s: Array, t0_ns: int | None = None) -> Array:
            probe = probes.get(index + 1)
            return np.zeros_like(t_s) if probe is None else plant.scope_volts(probe, t_s, t0_ns=t0_ns)

        panel = model.panel(_serial(spec, model), volts, wiring.seed)
        panel.engine.since = lambda t0_ns: partial(volts, t0_ns=t0_ns)
        doors: dict[str, SessionFactory] = {"socket": lambda: ScpiSession(panel, False, model.ignored)}
        if model.hislip:
            doors["hislip"] = HislipServer(lambda: ScpiSession(panel, True, model.ignored)).open_session
        return StandIn(spec.model, spec.transport, panel, link_of(spec), checked_doors(spec, **doors), scope=panel)

    return build


def _serial(spec: InstrumentSpec, model: ScopeModel) -> str:
    """The one that rig.yaml expects, if it expects one (``MODEL,SERIAL``)."""
    _, comma, expected = spec.identity.partition(",")
    return expected if comma else model.serial + serial_of(spec, model.digits)


MAKERS: Mapping[str, Maker] = {
    name: Maker(_build(model), (model.faults, link_faults.FAULTS)) for name, model in SCOPES.items()
}
