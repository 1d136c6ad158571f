"""PURE: when one client of an instrument is told that it requests service (IEEE 488.2 section 11.3)."""

from firmware_sim.personalities.status488 import Stb
from firmware_sim.sessions.scpi import ScpiSession


class ServiceRequest:
    """RQS of one client: set by each new reason, cleared when that client polls the status byte."""

    __slots__ = ("_reasons", "_requested", "_scpi")

    def __init__(self, scpi: ScpiSession) -> None:
        self._scpi = scpi
        self._reasons = 0
        self._requested = False

    def review(self) -> bool:
        """Look again; True when there is a new reason."""
        reasons = self._scpi.status_byte() & self._scpi.device.status.sre & ~Stb.MSS
        new = reasons & ~self._reasons
        self._reasons = reasons
        if new:
            self._requested = True
        elif not reasons:
            self._requested = False
        return bool(new)

    def poll(self) -> int:
        """The status byte as a serial poll reads it: RQS in bit 6, which the poll clears."""
        self.review()
        rqs = int(Stb.MSS) if self._requested else 0
        self._requested = False
        return self._scpi.status_byte() & ~Stb.MSS | rqs
