"""Every way into one stand-in, opened: transport name -> address, as ``sparkgap sim --json`` publishes them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from firmware_sim.servers.tcp import serve_tcp
from firmware_sim.sessions.base import SessionFactory

SERIAL = "serial"
"""The one transport that is not a TCP port."""


@dataclass(frozen=True, slots=True)
class OpenDoors:
    """What was opened: ``endpoints`` by transport, and how to shut it all."""

    endpoints: Mapping[str, str]
    _closers: tuple[Callable[[], Awaitable[None]], ...]

    async def close(self) -> None:
        """Hang up on everybody and stop listening."""
        for close in reversed(self._closers):
            await close()


async def open_doors(doors: Mapping[str, SessionFactory], now_ns: Callable[[], int] | None) -> OpenDoors:
    """Put each of ``doors`` (transport -> one session per connection) on a free port or a pty. Raises OSError."""
    endpoints: dict[str, str] = {}
    closers: list[Callable[[], Awaitable[None]]] = []
    for transport, open_session in doors.items():
        if transport == SERIAL:
            from firmware_sim.servers.pty import serve_pty  # POSIX only

            pty = await serve_pty(open_session, now_ns=now_ns)
            endpoints[transport] = pty.address
            closers.append(pty.close)
        else:
            server = await serve_tcp(open_session, now_ns=now_ns)
            endpoints[transport] = server.address
            closers.append(server.close)
    return OpenDoors(endpoints, tuple(closers))
