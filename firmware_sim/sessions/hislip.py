"""PURE: a HiSLIP 1.0 instrument in synchronized mode (IVI-6.1): two channels per client, any number of clients.

A server opens a session per connection; the first message says which channel it is, and the session id pairs it with
the other one. Channels speak to each other's clients through ``wake`` (:class:`firmware_sim.sessions.base.Attached`):
service requests, interruptions and locks given back go out without anybody polling for them.

Not of 1.0, and so refused as unknown: descriptors, TLS and SASL of HiSLIP 2.0; overlap mode is never offered.
"""

from collections.abc import Callable, Mapping

from drivers.wire import hislip
from drivers.wire.hislip import BadHeader, BadMessage, Error, Fatal, Kind, Message, MessageReader, Oversized
from firmware_sim.sessions.base import Chunk
from firmware_sim.sessions.hislip_client import HislipClient
from firmware_sim.sessions.hislip_locks import Locks
from firmware_sim.sessions.scpi import ScpiSession

CLIENTS_MAX = 32
"""Clients at one time, half-open ones included: more than any bench has, and a bound on what a flood can hold."""

SUB_ADDRESSES = (b"", b"hislip0")
"""What the instrument answers to; some clients leave it empty (instruments.md 3.2)."""


class HislipServer:
    """The HiSLIP door of one instrument: ``doors={"hislip": HislipServer(...).open_session}``.

    ``open_scpi`` makes the message exchange of one client, with ``held`` replies; ``vendor`` are the two letters of
    the maker, KT for Keysight and RS for Rohde & Schwarz [UNV]. ``locks`` are shared with the instrument's other doors.
    """

    def __init__(self, open_scpi: Callable[[], ScpiSession], vendor: bytes = b"KT", locks: Locks | None = None) -> None:
        self._open_scpi = open_scpi
        self.vendor = vendor
        self.clients: dict[int, HislipClient] = {}
        self.locks = locks if locks is not None else Locks()
        self.locks.watchers.append(self._go_on)
        self.now_ns = 0
        self._last_session = 0

    def open_session(self) -> "HislipChannel":
        """The session of one new connection: either channel of some client."""
        return HislipChannel(self)

    def admit(self, sync: "HislipChannel") -> HislipClient | None:
        """A new client behind its synchronous channel; None when there are too many."""
        if len(self.clients) >= CLIENTS_MAX:
            return None
        session = self._last_session % 0xFFFF + 1
        while session in self.clients:
            session = session % 0xFFFF + 1
        self._last_session = session
        client = self.clients[session] = HislipClient(session, self._open_scpi(), self, sync)
        return client

    def forget(self, client: HislipClient) -> None:
        """One of its channels is gone: so is the client, with its other channel and its locks."""
        if self.clients.pop(client.session, None) is not None:
            client.end()
            self.locks.drop(client)
            self.locks_changed()

    def locks_changed(self) -> None:
        """A lock was given back: whoever waits for it, or behind it, goes on."""
        self.locks.changed(self.now_ns)

    def _go_on(self, now_ns: int) -> None:
        self.now_ns = now_ns
        for client in tuple(self.clients.values()):
            client.go_on()


class HislipChannel:
    """One connection; a :class:`firmware_sim.sessions.base.Session` that others may wake."""

    def __init__(self, server: HislipServer) -> None:
        self._server = server
        self._reader = MessageReader()
        self._outbox: list[Chunk] = []
        self._client: HislipClient | None = None
        self._handlers: Mapping[int, Callable[[HislipClient, Message], None]] = {}
        self._wake: Callable[[], None] | None = None
        self._polled = False
        self._active = False
        self._ended = False

    # -- Session and Attached

    @property
    def waiting(self) -> bool:
        """True while something on this channel depends on time passing."""
        client = self._client
        return client is not None and not self._ended and client.waits(self)

    @property
    def due_ns(self) -> int | None:
        """When :meth:`tick` has something to do at the latest, where that is known: the end of a wait for a lock."""
        return None if self._client is None else self._client.due_ns(self)

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        """Messages of this channel, split anywhere."""
        self._server.now_ns, self._active = now_ns, True
        try:
            for message in self._reader.feed(data):
                if not self._ended:
                    self._arrived(message)
        except BadHeader as trouble:
            self.refuse(Fatal.BAD_HEADER, str(trouble))
        return self._flush()

    def tick(self, now_ns: int) -> list[Chunk]:
        """Let time pass, and send what others left here."""
        self._server.now_ns, self._active = now_ns, True
        if self._client is not None and not self._ended:
            self._client.go_on()
        return self._flush()

    def attach(self, wake: Callable[[], None]) -> None:
        """As :class:`firmware_sim.sessions.base.Attached`."""
        self._wake = wake

    def detach(self) -> None:
        """As :class:`firmware_sim.sessions.base.Attached`."""
        self._wake, self._ended = None, True
        if self._client is not None:
            self._server.forget(self._client)

    def _flush(self) -> list[Chunk]:
        self._active = False
        self._polled = self.waiting
        chunks, self._outbox = self._outbox, []
        return chunks

    # -- for the client behind both channels

    @property
    def unsent(self) -> int:
        """Pieces that were said and that the shell has not taken yet."""
        return len(self._outbox)

    def say(self, *chunks: Chunk) -> None:
        """Send; at once while this channel is being served, else when the shell comes round."""
        if not self._ended:
            self._outbox += chunks
            self.poke()

    def unsay(self) -> None:
        """Forget what has not been sent yet."""
        self._outbox.clear()

    def poke(self) -> None:
        """Make the shell come round if there is a reason that it does not know of."""
        if not self._active and self._wake is not None and (self._outbox or (self.waiting and not self._polled)):
            self._polled = True
            self._wake()

    def hang_up(self) -> None:
        """Close this connection after what has been said."""
        self.say(Chunk(close=True))
        self._ended = True

    def refuse(self, code: Fatal | Error, text: str) -> None:
        """Error, or FatalError and the end of the connection."""
        self.say(Chunk(hislip.problem(code, text).encode()))
        if isinstance(code, Fatal) and not self._ended:
            self.hang_up()
            if self._client is not None:
                self._server.forget(self._client)

    # -- messages

    def _arrived(self, message: Message | Oversized) -> None:
        client = self._client
        if isinstance(message, Oversized):
            self.refuse(Error.TOO_LARGE, f"{message.size} bytes")
            if client is not None:
                client.lost_input(message.kind)
            return
        if client is None:
            self._introduce(message)
            return
        if message.kind in (Kind.INITIALIZE, Kind.ASYNC_INITIALIZE):
            self.refuse(Fatal.BAD_INITIALIZATION, "this channel is initialized already")
        elif client.events is None:
            self.refuse(Fatal.NOT_BOTH_CHANNELS, "the asynchronous channel is missing")
        elif message.kind == Kind.FATAL_ERROR:
            self.hang_up()
            self._server.forget(client)
        elif message.kind != Kind.ERROR:  # a client's Error needs no answer
            self._dispatch(client, message)

    def _dispatch(self, client: HislipClient, message: Message) -> None:
        handler = self._handlers.get(message.kind)
        if handler is None:
            vendor = message.kind >= hislip.VENDOR_TYPES
            self.refuse(Error.UNKNOWN_VENDOR_TYPE if vendor else Error.UNKNOWN_TYPE, f"type {message.kind}")
            return
        try:
            handler(client, message)
        except BadMessage as trouble:
            self.refuse(Error.UNKNOWN_CONTROL, str(trouble))

    def _introduce(self, message: Message) -> None:
        """The first message of a connection."""
        if message.kind == Kind.INITIALIZE:
            self._introduce_sync(message)
        elif message.kind == Kind.ASYNC_INITIALIZE:
            client = self._server.clients.get(message.parameter)
            if client is None or client.events is not None:
                self.refuse(Fatal.BAD_INITIALIZATION, f"no client waits for a channel with id {message.parameter}")
                return
            self._client, self._handlers = client, _ASYNC
            client.events = self
            client.watch()
            self.say(Chunk(hislip.async_initialize_response(self._server.vendor).encode()))
        else:
            self.refuse(Fatal.BAD_INITIALIZATION, f"type {message.kind} before Initialize")

    def _introduce_sync(self, message: Message) -> None:
        try:
            hello = hislip.Initialize.of(message)
        except BadMessage as trouble:
            self.refuse(Fatal.BAD_INITIALIZATION, str(trouble))
            return
        if hello.sub_address.lower() not in SUB_ADDRESSES:
            self.refuse(Fatal.BAD_INITIALIZATION, f"there is no {hello.sub_address[:40].decode('latin-1')}")
            return
        client = self._server.admit(self)
        if client is None:
            self.refuse(Fatal.TOO_MANY_CLIENTS, f"{CLIENTS_MAX} clients at a time")
            return
        self._client, self._handlers = client, _SYNC
        self.say(Chunk(hislip.InitializeResponse(client.session).message().encode()))


_SYNC: Mapping[int, Callable[[HislipClient, Message], None]] = {
    Kind.DATA: HislipClient.take,
    Kind.DATA_END: HislipClient.take,
    Kind.TRIGGER: HislipClient.take,
    Kind.DEVICE_CLEAR_COMPLETE: HislipClient.clear_complete,
}
_ASYNC: Mapping[int, Callable[[HislipClient, Message], None]] = {
    Kind.ASYNC_MAX_MESSAGE_SIZE: HislipClient.max_message_size,
    Kind.ASYNC_DEVICE_CLEAR: HislipClient.clear,
    Kind.ASYNC_STATUS_QUERY: HislipClient.status_query,
    Kind.ASYNC_LOCK: HislipClient.lock,
    Kind.ASYNC_LOCK_INFO: HislipClient.lock_info,
    Kind.ASYNC_REMOTE_LOCAL_CONTROL: HislipClient.remote_local,
}
"""What each channel takes from a client whose both channels stand."""
