"""A scope on a table: a session with its own clock, and a signal that is known."""

import numpy as np
import numpy.typing as npt

from firmware_sim.personalities.dsox import Dsox
from firmware_sim.sessions.scpi import ScpiSession

MS = 1_000_000
SERIAL = "MY00000001"


def pulse(channel: int, t_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A decaying pulse from T0 on, (channel + 1) volts high; half a volt below zero before."""
    after: npt.NDArray[np.float64] = np.where(t_s >= 0, (channel + 1) * np.exp(-np.maximum(t_s, 0) * 300.0), -0.5)
    return after


class Bench:
    """One scope and one client at it; ``ask`` sends a message 1 ms after the last one."""

    def __init__(self, scope: Dsox | None = None, held: bool = False) -> None:
        self.scope = scope or Dsox(SERIAL, pulse, seed=7)
        self.session = ScpiSession(self.scope, held=held)
        self.now_ns = 1_000 * MS

    def ask(self, message: str, terminator: str = "\n", step_ns: int = MS) -> bytes:
        self.now_ns += step_ns
        return b"".join(bytes(chunk.data) for chunk in self.session.feed((message + terminator).encode(), self.now_ns))

    def wait(self, duration_ns: int) -> bytes:
        self.now_ns += duration_ns
        return b"".join(bytes(chunk.data) for chunk in self.session.tick(self.now_ns))

    def arm(self) -> None:
        """A 20 ms window, 2 ms before the trigger, external source; armed when this returns."""
        self.ask(":CHAN1:PROB 1;RANG 8;:CHAN2:PROB 1;RANG 8;:CHAN3:PROB 1;RANG 8;:CHAN4:PROB 1;RANG 10")
        self.ask(":TIM:RANG 20 ms;POS 8 ms;:TRIG:SOUR EXT;SWE NORM;LEV 1.5;:ACQ:TYPE HRES;:SINGle")
        self.now_ns += 10 * MS
        assert self.ask(":AER?") == b"+1\n"
