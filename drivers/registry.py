"""Model name -> its dialect and how to open it. A new instrument is one row here, one dialect, its golden vectors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from drivers.families.charger import open_fug_hck
from drivers.families.delay_generator import open_dg645
from drivers.ports import Instrument
from drivers.transports.link import Connect
from drivers.wire.dg645 import DG645
from drivers.wire.dialect import Dialect
from drivers.wire.probus import FUG_HCK


class Open(Protocol):
    """Opens one instrument: connects, checks that ``identity`` (substring or regular expression) matches its answer."""

    async def __call__(self, name: str, connect: Connect, *, identity: str) -> Instrument:
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


MODELS: Mapping[str, Model] = {
    model.name: model
    for model in (
        Model("FuG HCK 2000-4000", "charger", FUG_HCK, open_fug_hck, ("serial",)),
        Model("SRS DG645", "delay_generator", DG645, open_dg645, ("socket",)),
    )
}
"""Every model by the name that rig.yaml uses."""


async def open_instrument(model: str, name: str, connect: Connect, *, identity: str) -> Instrument:
    """Open instrument ``name`` of ``model``. Raises KeyError for an unknown model, and as :class:`Open`."""
    return await MODELS[model].open(name, connect, identity=identity)


DIALECTS: tuple[Dialect, ...] = tuple(model.dialect for model in MODELS.values() if model.dialect is not None)
"""Every dialect table: each has golden vectors in ``tests/vectors/<slug>.txt``."""
