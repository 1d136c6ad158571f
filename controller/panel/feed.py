"""The panel's ear on a core's bus: connects, listens, connects again, and changes to another core when told to.

Nothing here can delay the core: it drops what a slow subscriber does not read. A core that is heard again replays
what it said before; what was already passed on is not passed on twice.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

from controller.messages import Decoder, Frame, Hello, Message
from controller.panel.addresses import host_and_port

CONNECT_S = 2.0
"""Deadline of one attempt to connect: the bus is on this machine."""

HELLO_S = 10.0
"""Longest silence before the first frame: a core first finds its instruments."""

SILENCE_S = 1.0
"""Longest silence between frames: fifty of them. A core that is stopped keeps its connection, and is lost all the
same."""

GRACE_S = 0.1
"""A second look at a silence: when this process itself got no time, its timers come before what waits to be read."""

BACKOFF_FIRST_S, BACKOFF_MAX_S = 0.05, 1.0
"""Pause before connecting again, doubled at every failure: a new core is heard at once, a dead one costs nothing."""

REMEMBERED_MAX = 4096
"""Messages of one core remembered against its replay: more than it replays (512 steps and events, its alarms)."""

log = logging.getLogger("sparkgap.panel")


class Feed:
    """Bus client. Each sink gets every message once, in order; ``on_link`` gets connected and lost."""

    def __init__(self, sinks: Sequence[Callable[[Message], None]], on_link: Callable[[str], None]) -> None:
        self._sinks = tuple(sinks)
        self._on_link = on_link
        self._address = ""
        self._changed = asyncio.Event()
        self._ear: _Ear | None = None
        self._memory = _Memory()

    def attach(self, address: str) -> None:
        """Listen to the core at ``address`` ("host:port") from now on. Raises ValueError when it is no address."""
        host_and_port(address)
        self._address = address
        self._changed.set()
        if self._ear is not None:
            self._ear.hang_up()

    async def run(self) -> None:
        """Listen until cancelled. Raises what a sink raises: that is a defect, and this process ends with it."""
        failures = 0
        while True:
            self._changed.clear()
            heard = bool(self._address) and await self._listen(self._address)
            failures = 0 if heard else failures + 1
            if not self._address:
                await self._changed.wait()
                failures = 0
            elif not self._changed.is_set():
                await self._pause(min(BACKOFF_FIRST_S * 2.0 ** min(failures, 16), BACKOFF_MAX_S))

    async def _pause(self, delay_s: float) -> None:
        try:
            async with asyncio.timeout(delay_s):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _listen(self, address: str) -> bool:
        """One connection, to its end; whether a core was heard on it."""
        loop = asyncio.get_running_loop()
        host, port = host_and_port(address)
        ear = self._ear = _Ear(self._pass_on, self._on_link)
        try:
            async with asyncio.timeout(CONNECT_S):
                await loop.create_connection(lambda: ear, host, port)
            await ear.ended
        except (OSError, TimeoutError) as error:
            log.debug("bus %s: %s", address, error or "no answer")
        finally:
            ear.hang_up()
            self._ear = None
        return ear.connected

    def _pass_on(self, message: Message) -> None:
        if isinstance(message, Frame) or self._memory.is_new(message):
            for sink in self._sinks:
                sink(message)


class _Memory:
    """What the present core said already. Another hello begins another core."""

    def __init__(self) -> None:
        self._hello: Hello | None = None
        self._order: deque[Message] = deque()
        self._said: set[Message] = set()

    def is_new(self, message: Message) -> bool:
        if isinstance(message, Hello):
            if message == self._hello:
                return False
            if self._hello is None or message.session != self._hello.session or not message.session:
                self._order.clear()
                self._said.clear()
            self._hello = message
            return True
        if message in self._said:
            return False
        self._said.add(message)
        self._order.append(message)
        if len(self._order) > REMEMBERED_MAX:
            self._said.discard(self._order.popleft())
        return True


class _Ear(asyncio.Protocol):
    """One connection to a bus. ``ended`` is resolved when it is over, with the exception of a sink if there was one."""

    def __init__(self, take: Callable[[Message], None], on_link: Callable[[str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self.connected = False
        self._take = take
        self._on_link = on_link
        self._decoder = Decoder()
        self._transport: asyncio.Transport | None = None
        self._heard_s = 0.0
        self._silence_s = HELLO_S
        self._timer: asyncio.TimerHandle | None = None
        self._doubted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports are not its subclasses
        self._heard_s = self._loop.time()
        self._timer = self._loop.call_later(self._silence_s, self._watch)
        if self.ended.done():
            self.hang_up()

    def data_received(self, data: bytes) -> None:
        if self.ended.done():
            return
        self._heard_s = self._loop.time()
        try:
            messages = self._decoder.feed(data)
        except ValueError as error:
            log.warning("bus: %s; connecting again", error)
            self.hang_up()
            return
        try:
            for message in messages:
                self._dispatch(message)
        except Exception as error:
            self.hang_up(error)

    def _dispatch(self, message: Message) -> None:
        if isinstance(message, Frame) and self._silence_s != SILENCE_S:
            self._silence_s = SILENCE_S
            self._watch_from_now()
        self._take(message)
        if isinstance(message, Hello) and not self.connected:
            self.connected = True
            self._on_link("connected")

    def connection_lost(self, exc: Exception | None) -> None:
        self.hang_up()

    def hang_up(self, error: Exception | None = None) -> None:
        """End this connection now; harmless when it is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None:
            self._transport.abort()
        if self.ended.done():
            return
        if error is not None:
            self.ended.set_exception(error)
        else:
            self.ended.set_result(None)
        if self.connected:
            self._on_link("lost")

    def _watch_from_now(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(self._silence_s, self._watch)

    def _watch(self) -> None:
        """Called when the silence might be over its limit; asked for again while it is not."""
        left_s = self._heard_s + self._silence_s - self._loop.time()
        if left_s > 0 or not self._doubted:
            self._doubted = left_s <= 0
            self._timer = self._loop.call_later(max(left_s, GRACE_S), self._watch)
            return
        log.warning("bus: nothing was heard for %.1f s; connecting again", self._silence_s)
        self.hang_up()
