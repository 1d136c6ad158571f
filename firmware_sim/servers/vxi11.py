"""A VXI-11 instrument on the network: its own loopback address with a port mapper, or a port without one.

A client that knows only an address asks the port mapper on port 111, so every instrument needs an address of its own:
127.0.0.2, 127.0.0.3 ... Port 111 takes a privilege; without it ``address`` is ``host:port`` of the core channel, which
clients such as PyVISA take directly (instruments.md 4b).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from firmware_sim.servers.tcp import SessionProtocol, TcpServer, serve_tcp
from firmware_sim.sessions import portmap
from firmware_sim.sessions.base import Session, SessionFactory
from firmware_sim.sessions.portmap import PortMapper
from firmware_sim.sessions.vxi11 import ABORT, CORE, Vxi11Server
from firmware_sim.sessions.vxi11_interrupt import VERSION

HOSTS = tuple(f"127.0.0.{last}" for last in range(2, 255))
"""127.0.0.1 is everybody's."""
DIAL_S = 4.0
"""Longest time for an interrupt channel to connect, below the session's own patience."""
DIALS_MAX = 32
"""Interrupt channels that stand or are being dialled: one per link at most."""


class Vxi11Doors:
    """One instrument's core channel, its port mapper, and the interrupt channels it dialled."""

    def __init__(
        self, server: Vxi11Server, now_ns: Callable[[], int] | None, around: Callable[[Session], Session]
    ) -> None:
        self._server = server
        self._around = around
        self._now_ns = now_ns
        self._core: TcpServer | None = None
        self._closers: list[Callable[[], Awaitable[None]]] = []
        self._dials: set[asyncio.Task[None]] = set()
        self._dialled: list[asyncio.Transport] = []
        self.port = 0
        self.address = ""

    async def listen(self, mapper_port: int) -> None:
        """Bind; raises OSError."""
        for host in HOSTS:
            try:
                await self._map(host, mapper_port)
            except PermissionError:
                break
            except OSError:  # taken by another instrument, or the host has no such address
                await self._undo()
            else:
                self.address = host
                break
        if not self.address:
            await self._undo()
            core = await self._listen_core("127.0.0.1")
            self.address = core.address
        self._server.instrument.network = self

    async def close(self) -> None:
        """Stop listening and hang up on everybody."""
        self._server.instrument.network = None
        dials = tuple(self._dials)
        for dial in dials:
            dial.cancel()
        await asyncio.gather(*dials, return_exceptions=True)
        for transport in self._dialled:
            transport.abort()
        await self._undo()

    def hang_up(self) -> None:
        """Drop every connection but keep listening."""
        if self._core is not None:
            self._core.hang_up()

    def dial(self, host: str, port: int, open_session: SessionFactory, failed: Callable[[], None]) -> None:
        """As :class:`firmware_sim.sessions.vxi11_interrupt.Network`; only this machine's clients are called."""
        self._dialled = [known for known in self._dialled if not known.is_closing()]
        if not host.startswith("127.") or len(self._dials) + len(self._dialled) >= DIALS_MAX:
            failed()
            return
        task = asyncio.get_running_loop().create_task(
            self._dial(host, port, open_session, failed), name=f"vxi11-interrupt-{port}"
        )
        self._dials.add(task)
        task.add_done_callback(self._dials.discard)

    async def _dial(self, host: str, port: int, open_session: SessionFactory, failed: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(DIAL_S):
                transport, _ = await loop.create_connection(
                    lambda: SessionProtocol(open_session, self._now_ns), host, port
                )
        except OSError:  # TimeoutError is one
            failed()
        else:
            self._dialled.append(transport)

    async def _map(self, host: str, mapper_port: int) -> None:
        """The port mapper at ``host`` first, because it is what may fail; then the core channel it names."""
        mapper = PortMapper()
        tcp = await serve_tcp(mapper.open_session, host=host, port=mapper_port, now_ns=self._now_ns)
        self._closers.append(tcp.close)
        _, udp = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Datagrams(mapper), local_addr=(host, mapper_port)
        )
        self._closers.append(udp.close)
        await self._listen_core(host)
        mapper.publish(portmap.Mapping(program, VERSION, portmap.TCP, self.port) for program in (CORE, ABORT))

    async def _listen_core(self, host: str) -> TcpServer:
        self._core = core = await serve_tcp(lambda: self._around(self._server()), host=host, now_ns=self._now_ns)
        self._closers.append(core.close)
        self.port = int(core.address.rpartition(":")[2])
        return core

    async def _undo(self) -> None:
        while self._closers:
            await self._closers.pop()()


class _Datagrams(asyncio.DatagramProtocol):
    """The port mapper on UDP: one call, one reply."""

    def __init__(self, mapper: PortMapper) -> None:
        self._mapper = mapper
        self._transport: asyncio.DatagramTransport | None = None
        self._gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        reply = self._mapper.answer(data) if len(data) <= portmap.RECORD_MAX else None
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()

    async def close(self) -> None:
        """Free the port."""
        if self._transport is not None:
            self._transport.close()
            await self._gone.wait()


async def serve_vxi11(
    server: Vxi11Server,
    *,
    now_ns: Callable[[], int] | None = None,
    mapper_port: int = portmap.PORT,
    around: Callable[[Session], Session] = lambda session: session,
) -> Vxi11Doors:
    """Put ``server`` on a loopback address of its own, or where that is not allowed on a free port. Raises OSError.

    ``around`` is put around the session of each connection: a fault filter, a recorder.
    """
    doors = Vxi11Doors(server, now_ns, around)
    await doors.listen(mapper_port)
    return doors
