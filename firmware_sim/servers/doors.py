"""Every way into one stand-in, opened: transport name -> address, as ``sparkgap sim --json`` publishes them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from firmware_sim.servers.tcp import serve_tcp
from firmware_sim.servers.vxi11 import serve_vxi11
from firmware_sim.sessions.base import Session, SessionFactory
from firmware_sim.sessions.vxi11 import Vxi11Server

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


Around = Callable[[str, Session], Session]
"""(transport, session of a new connection) -> that session with a fault filter or a recorder around it."""


def _bare(transport: str, session: Session) -> Session:
    return session


async def open_doors(
    doors: Mapping[str, SessionFactory], now_ns: Callable[[], int] | None, around: Around = _bare
) -> OpenDoors:
    """Put each of ``doors`` (transport -> one session per connection) on a free port or a pty. Raises OSError."""
    endpoints: dict[str, str] = {}
    closers: list[Callable[[], Awaitable[None]]] = []
    for transport, door in doors.items():
        open_session = partial(_open, door, around, transport)
        if transport == SERIAL:
            from firmware_sim.servers.pty import serve_pty  # POSIX only

            pty = await serve_pty(open_session, now_ns=now_ns)
            endpoints[transport] = pty.address
            closers.append(pty.close)
        elif isinstance(door, Vxi11Server):
            vxi11 = await serve_vxi11(door, now_ns=now_ns, around=partial(around, transport))
            endpoints[transport] = vxi11.address
            closers.append(vxi11.close)
        else:
            server = await serve_tcp(open_session, now_ns=now_ns)
            endpoints[transport] = server.address
            closers.append(server.close)
    return OpenDoors(endpoints, tuple(closers))


def _open(door: SessionFactory, around: Around, transport: str) -> Session:
    return around(transport, door())
