"""A serial port as a ``connect`` callable: pyserial opens and configures it, the loop reads its descriptor.

Where the loop cannot watch a descriptor (Windows), a reader thread hands bytes over instead; same Transport outside.
Opened exclusively, because two readers would steal each other's bytes (instruments.md 3.1, trap T9).
"""

import asyncio
import os
import queue
import threading
from collections.abc import Callable
from typing import Any, Protocol, cast

import serial

from drivers.transports.link import Connect

READ_MAX = 4096
"""Bytes per read: more than a UART's buffer ever holds."""

WRITE_HIGH = 65536
"""Bytes that may wait for a slow line before the protocol is told to pause."""

THREAD_POLL_S = 0.2
"""The reader thread looks this often whether it should end."""

JOIN_S = 2.0
"""The reader thread ends within its poll; ten times that is a hung driver, and we go on without it."""


def serial_port(path: str, baudrate: int = 9600, *, threaded: bool = os.name == "nt") -> Connect:
    """Open ``path`` with 8 data bits, no parity, one stop bit. ``threaded`` forces the reader thread."""

    async def connect(
        factory: Callable[[], asyncio.BaseProtocol],
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        timeout_s = THREAD_POLL_S if threaded else 0
        port = await asyncio.to_thread(
            serial.Serial, path, baudrate, timeout=timeout_s, write_timeout=None if threaded else 0, exclusive=True
        )
        protocol = factory()
        return SerialTransport(port, cast(asyncio.Protocol, protocol), threaded), protocol

    return connect


class Mover(Protocol):
    """Moves bytes between an open port and the loop."""

    def start(self) -> None:
        """Begin to read."""
        ...

    def pause(self) -> None:
        """Stop reading for a while."""
        ...

    def write(self, data: bytes) -> None:
        """Send ``data`` without blocking the loop."""
        ...

    def waiting(self) -> int:
        """Bytes not yet taken by the port."""
        ...

    def stop(self) -> None:
        """Let go of the port for good."""
        ...


class SerialTransport(asyncio.Transport):
    """An asyncio Transport over an open pyserial port."""

    def __init__(self, port: Any, protocol: asyncio.Protocol, threaded: bool) -> None:
        super().__init__({"serial": port})
        self._loop = asyncio.get_running_loop()
        self._port = port
        self._protocol = protocol
        self._closing = False
        self._full = False
        self._mover: Mover = Threads(self._loop, port, self) if threaded else Watcher(self._loop, port, self)
        protocol.connection_made(self)
        self._mover.start()

    def is_closing(self) -> bool:
        """True once closed or lost."""
        return self._closing

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Whom the bytes go to."""
        return self._protocol

    def pause_reading(self) -> None:
        """Leave the bytes in the port."""
        self._mover.pause()

    def resume_reading(self) -> None:
        """Read again."""
        if not self._closing:
            self._mover.start()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Queue ``data`` for the line."""
        if self._closing:
            return
        self._mover.write(bytes(data))
        self.moved()

    def get_write_buffer_size(self) -> int:
        """Bytes that wait for the line."""
        return self._mover.waiting()

    def close(self) -> None:
        """Close the port; what still waits is dropped, because the line may be dead."""
        self.lost(None)

    def abort(self) -> None:
        """As :meth:`close`."""
        self.lost(None)

    def received(self, data: bytes) -> None:
        """The mover's report: bytes came."""
        if not self._closing:
            self._protocol.data_received(data)

    def moved(self) -> None:
        """The mover's report: the amount that waits has changed."""
        waiting = self._mover.waiting()
        if not self._full and waiting > WRITE_HIGH:
            self._full = True
            self._protocol.pause_writing()
        elif self._full and waiting == 0:
            self._full = False
            self._protocol.resume_writing()

    def lost(self, error: Exception | None) -> None:
        """The port is gone or closed: tell the protocol once, on the loop."""
        if self._closing:
            return
        self._closing = True
        self._mover.stop()
        self._port.close()
        self._loop.call_soon(self._protocol.connection_lost, error)


class Watcher:
    """Reads and writes the descriptor when the loop says that it is ready (POSIX)."""

    def __init__(self, loop: asyncio.AbstractEventLoop, port: Any, owner: SerialTransport) -> None:
        self._loop = loop
        self._fd: int = port.fileno()
        self._owner = owner
        self._queue = bytearray()

    def start(self) -> None:
        """Begin to read."""
        self._loop.add_reader(self._fd, self._readable)

    def pause(self) -> None:
        """Stop reading for a while."""
        self._loop.remove_reader(self._fd)

    def waiting(self) -> int:
        """Bytes not yet taken by the port."""
        return len(self._queue)

    def stop(self) -> None:
        """Let go of the descriptor."""
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        self._queue.clear()

    def write(self, data: bytes) -> None:
        """Write what the port takes now, the rest when it is ready."""
        idle = not self._queue
        self._queue += data
        if idle:
            self._writable()
            if self._queue:
                self._loop.add_writer(self._fd, self._writable)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, READ_MAX)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._owner.lost(error)
            return
        if data:
            self._owner.received(data)
        else:
            self._owner.lost(None)

    def _writable(self) -> None:
        try:
            sent = os.write(self._fd, self._queue)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._owner.lost(error)
            return
        del self._queue[:sent]
        if not self._queue:
            self._loop.remove_writer(self._fd)
        self._owner.moved()


class Threads:
    """Reads and writes with pyserial's blocking calls on two threads (Windows, where no descriptor can be watched)."""

    def __init__(self, loop: asyncio.AbstractEventLoop, port: Any, owner: SerialTransport) -> None:
        self._loop = loop
        self._port = port
        self._owner = owner
        self._queue: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._waiting = 0
        self._stopping = threading.Event()
        self._reading = threading.Event()
        self._threads = [
            threading.Thread(target=job, name=f"serial {port.port} {job.__name__}", daemon=True)
            for job in (self._read, self._write)
        ]

    def start(self) -> None:
        """Begin to read."""
        self._reading.set()
        for thread in self._threads:
            if thread.ident is None:
                thread.start()

    def pause(self) -> None:
        """Stop reading for a while."""
        self._reading.clear()

    def waiting(self) -> int:
        """Bytes not yet taken by the port."""
        return self._waiting

    def write(self, data: bytes) -> None:
        """Hand ``data`` to the writing thread."""
        self._waiting += len(data)
        self._queue.put(data)

    def stop(self) -> None:
        """End both threads; bounded, because a driver may hang in a blocking call."""
        self._stopping.set()
        self._reading.set()
        self._queue.put(b"")
        self._port.cancel_read()
        self._port.cancel_write()
        for thread in self._threads:
            thread.join(JOIN_S)

    def _read(self) -> None:
        while not self._stopping.is_set():
            self._reading.wait()
            try:
                data = self._port.read(min(READ_MAX, max(1, self._port.in_waiting)))
            except (OSError, TypeError) as error:  # TypeError: pyserial 3.5 when closed while reading
                self._report(self._owner.lost, error)
                return
            if data:
                self._report(self._owner.received, data)

    def _write(self) -> None:
        while not self._stopping.is_set():
            data = self._queue.get()
            try:
                self._port.write(data)
            except (OSError, TypeError) as error:
                self._report(self._owner.lost, error)
                return
            self._report(self._written, len(data))

    def _written(self, count: int) -> None:
        self._waiting -= count
        self._owner.moved()

    def _report(self, call: Callable[[Any], None], argument: Any) -> None:
        if not self._stopping.is_set():
            self._loop.call_soon_threadsafe(call, argument)
