"""The watch over an idle bench, composed (RunConfig.mode "watch"); what it does is in ``runtime/watching.py``."""

from collections.abc import Awaitable, Callable, Mapping
from typing import cast

from controller.messages import Message
from controller.rig.model import Rig
from controller.runtime.alarming import Alarming
from controller.runtime.frames import hello_of
from controller.runtime.slow_readings import slow_instruments
from controller.runtime.watching import Opens, Watcher
from drivers.ports import CapacitorCharger, Daq, Instrument, RigPlc
from drivers.registry import open_instrument
from drivers.transports.route import Route


def watcher_of(
    rig: Rig,
    connects: Mapping[str, Route],
    publish: Callable[[Message], None],
    started_utc: str,
    virtual: bool = False,
    alarming: Alarming | None = None,
) -> Watcher:
    """A watcher for ``rig`` behind ``connects``, on the running loop; nothing is opened yet."""

    def opens_named(name: str) -> Callable[[], Awaitable[Instrument]]:
        spec = rig.instrument(name)
        return lambda: open_instrument(spec.model, spec.name, connects[spec.name], identity=spec.identity)

    def opens(port: str) -> Callable[[], Awaitable[Instrument]]:
        return opens_named(next(spec.name for spec in rig.instruments if spec.port == port))

    watched = Opens(
        cast(Callable[[], Awaitable[RigPlc]], opens("RigPlc")),
        cast(Callable[[], Awaitable[CapacitorCharger]], opens("CapacitorCharger")),
        cast(Callable[[], Awaitable[Daq]], opens("Daq")),
        {name: opens_named(name) for name in slow_instruments(rig)},
    )
    return Watcher(rig, watched, hello_of(rig, None, 0, "", virtual, "watch", started_utc), publish, alarming)
