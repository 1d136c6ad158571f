"""The core's one-way bus: every message to every subscriber, each behind its own bounded queue (design.md 2).

A subscriber that stops reading loses its oldest frames and nobody else's; the core never waits for one.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

from controller.messages import AlarmChanged, Finished, Frame, Hello, Message, encode

QUEUE_MAX = 1024
"""Messages per subscriber: 20 s of frames, enough for a viewer that stalls on a page load."""

REPLAY_MAX = 512
"""Steps and events kept for a late subscriber: several shots' worth, about 100 kB."""

ALARMS_MAX = 256
"""Alarms whose latest standing is kept for a late subscriber: a bench has a few dozen; the longest unchanged goes."""

SUBSCRIBERS_MAX = 32
"""Connections accepted at once: panel, terminal, bridges and a few curious people."""


class Bus:
    """Fan-out in the core. ``tap`` is an in-process subscriber (virtual runs, tests)."""

    def __init__(self, tap: Callable[[Message], None] | None = None) -> None:
        self._tap = tap
        self._hello: bytes = b""
        self._replay: deque[bytes] = deque(maxlen=REPLAY_MAX)
        self._alarms: dict[str, bytes] = {}
        self._finished: bytes = b""
        self._subscribers: list[_Subscriber] = []
        self._server: asyncio.Server | None = None

    def publish(self, message: Message) -> None:
        """Hand ``message`` to the tap and to every subscriber's queue. Never blocks."""
        if self._tap is not None:
            self._tap(message)
        if self._server is None:
            return
        data = encode(message)
        frame = isinstance(message, Frame)
        if not frame:
            self._keep(message, data)
        for subscriber in self._subscribers:
            subscriber.push(data, droppable=frame)

    def _keep(self, message: Message, data: bytes) -> None:
        """Remember what a late subscriber must still be told: everything but frames, of alarms the latest each."""
        if isinstance(message, Hello):
            self._hello = data
        elif isinstance(message, AlarmChanged):
            self._alarms.pop(message.id, None)  # to the end: the order of the replay is the order of the changes
            self._alarms[message.id] = data
            if len(self._alarms) > ALARMS_MAX:
                del self._alarms[next(iter(self._alarms))]
        elif isinstance(message, Finished):
            self._finished = data
        else:
            self._replay.append(data)

    async def serve(self) -> tuple[str, int]:
        """Listen on a free loopback port and return its address."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Subscriber(self), "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()[:2]
        return str(host), int(port)

    async def close(self, linger_s: float = 1.0) -> None:
        """Stop listening and give subscribers ``linger_s`` to read what is queued."""
        if self._server is None:
            return
        self._server.close()
        deadline = asyncio.get_running_loop().time() + linger_s
        for subscriber in list(self._subscribers):
            await subscriber.finish(deadline)
        self._server = None

    def enlist(self, subscriber: "_Subscriber") -> bool:
        """Add a connection and replay what it missed; False when the house is full of people who read.

        One who has lost messages because he does not read gives way: a few forgotten connections must not keep the
        page out.
        """
        if len(self._subscribers) >= SUBSCRIBERS_MAX:
            deaf = next((one for one in self._subscribers if one.dropped), None)
            if deaf is None:
                return False
            deaf.cut_off()
        self._subscribers.append(subscriber)
        for data in (self._hello, *self._replay, *self._alarms.values(), self._finished):
            if data:
                subscriber.push(data, droppable=False)
        return True

    def dismiss(self, subscriber: "_Subscriber") -> None:
        """Forget a connection that went away."""
        if subscriber in self._subscribers:
            self._subscribers.remove(subscriber)


class _Subscriber(asyncio.Protocol):
    """One connection: writes while the socket takes it, queues while it does not, drops oldest when full."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._queue: deque[tuple[bytes, bool]] = deque()
        self._transport: asyncio.WriteTransport | None = None
        self._stalled = False
        self._drained: asyncio.Future[None] | None = None
        self.dropped = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's transports are not its subclasses
        self._transport.set_write_buffer_limits(high=1 << 16)
        if not self._bus.enlist(self):
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._queue.clear()
        self._bus.dismiss(self)
        self._resolve()

    def data_received(self, data: bytes) -> None:
        self.cut_off()  # nothing is asked here, and reading what somebody pours in is work for the core's loop

    def cut_off(self) -> None:
        """Hang up at once."""
        self._bus.dismiss(self)
        if self._transport is not None:
            self._transport.abort()

    def pause_writing(self) -> None:
        self._stalled = True

    def resume_writing(self) -> None:
        self._stalled = False
        while self._queue and not self._stalled and self._transport is not None:
            self._transport.write(self._queue.popleft()[0])
        self._resolve()

    def push(self, data: bytes, *, droppable: bool) -> None:
        """Write at once, or queue behind a stalled socket."""
        if self._transport is None:
            return
        if not self._stalled:
            self._transport.write(data)
            return
        if len(self._queue) >= QUEUE_MAX:
            self._drop_oldest()
        self._queue.append((data, droppable))

    def _drop_oldest(self) -> None:
        self.dropped += 1
        for index, (_, droppable) in enumerate(self._queue):
            if droppable:
                del self._queue[index]
                return
        self._queue.popleft()

    async def finish(self, deadline: float) -> None:
        """Wait until the queue is written or ``deadline`` (loop time) passes, then close."""
        loop = asyncio.get_running_loop()
        if self._queue:
            self._drained = loop.create_future()
            timer = loop.call_at(deadline, self._release)
            await self._drained
            timer.cancel()
        if self._transport is not None:
            self._transport.close()

    def _resolve(self) -> None:
        if not self._queue or self._transport is None:
            self._release()

    def _release(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
