"""Learned scopes on a table: a stand-in with known signals, its driver on virtual time, its panel stored."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from controller.app.learned_scopes import read_verbs
from controller.app.linked import linked
from drivers.families.learned_scope import LearnedOscilloscope, open_learned
from drivers.ports import ScopeChannel, ScopeSetup
from drivers.wire.verbs import Verbs
from firmware_sim.personalities.lecroy import LeCroy
from firmware_sim.personalities.mso5 import Mso5
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.lecroy import LeCroySession
from firmware_sim.sessions.scpi import ScpiSession

SCOPES = Path(__file__).parents[3] / "configs" / "scopes"
SHIPPED = ("mso5", "lecroy")


def volts(channel: int, t_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A decaying pulse from T0 on, (channel + 1) volts high; half a volt below zero before."""
    after: npt.NDArray[np.float64] = np.where(t_s >= 0, (channel + 1) * np.exp(-np.maximum(t_s, 0) * 300.0), -0.5)
    return after


def verbs_of(name: str) -> Verbs:
    path = SCOPES / f"{name}.yaml"
    return read_verbs(path.read_bytes(), str(path))


class Table:
    """One stand-in of ``name``, set up by hand for a 20 ms window with a tenth of it before the trigger."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.verbs = verbs_of(name)
        self.first, self.second = self.verbs.channels[:2]
        self.scope: Any = Mso5("C012345", volts, 7) if name == "mso5" else LeCroy("LCRY1", volts, 7)
        panel = self.scope.panel
        panel.window_s, panel.before, panel.points, panel.source, panel.automatic = 20e-3, 0.1, 4000, "EXT", False
        panel.channels[0].range_v, panel.channels[1].range_v = 4.0, 8.0

    @property
    def setup(self) -> ScopeSetup:
        return ScopeSetup(
            channels=(ScopeChannel(self.first, 4.0, 0.0), ScopeChannel(self.second, 8.0, 0.0)),
            window_s=20e-3,
            pretrigger_s=2e-3,
            trigger_source="EXT",
            trigger_level_v=1.0,
            points=4000,
        )

    async def open(self, blob: bytes = b"", identity: str = "") -> LearnedOscilloscope:
        def session() -> Any:
            return ScpiSession(self.scope) if self.name == "mso5" else LeCroySession(self.scope)

        connect = linked(lambda: SessionProtocol(session))
        return await open_learned(self.name, connect, identity=identity, verbs=self.verbs, blob=blob)

    async def learned(self) -> LearnedOscilloscope:
        """Learn the panel over one connection, and open the driver with it over another."""
        teacher = await self.open()
        blob = await teacher.save()
        await teacher.close()
        return await self.open(blob)

    async def fire(self) -> None:
        """An edge at the external trigger, now; then wait until the record is complete."""
        assert self.scope.engine.trigger(round(asyncio.get_running_loop().time() * 1e9), "EXT")
        await asyncio.sleep(0.03)
