"""PURE: a VXI-11 instrument (VXIbus Consortium, VXI-11 revision 1.0): core, abort and interrupt channels.

Core and abort channel share one port: a call says which program it means. The interrupt channel goes the other way,
so the shell must be able to dial. Calls of one connection are carried out in order; one that has to
wait (for an answer, for a lock) holds up only its own connection, and device_abort comes by another one.

Not served: device_docmd (no instrument here has commands for it) and interrupts by UDP; both answer error 8.
"""

from collections import deque
from collections.abc import Callable, Mapping

from drivers.wire.hislip import LockReply
from firmware_sim.sessions import rpc
from firmware_sim.sessions.base import Chunk
from firmware_sim.sessions.hislip_locks import Locks
from firmware_sim.sessions.rpc import Accept, BadArguments, BadRecord, Call, RecordReader, Refusal, Unpacker
from firmware_sim.sessions.scpi import ScpiSession
from firmware_sim.sessions.vxi11_interrupt import HANDLE_MAX, INTERRUPT, VERSION, InterruptChannel, Network
from firmware_sim.sessions.vxi11_link import DeviceError, Flags, Link, Refused

CORE, ABORT = 0x0607AF, 0x0607B0
CREATE_LINK, WRITE, READ, READSTB, TRIGGER, CLEAR, REMOTE, LOCAL, LOCK, UNLOCK, ENABLE_SRQ = range(10, 21)
DOCMD, DESTROY_LINK, CREATE_INTR_CHAN, DESTROY_INTR_CHAN = 22, 23, 25, 26
DEVICE_ABORT = 1
TCP_FAMILY = 0

LINKS_MAX = 32
"""Links at one time: more than any bench has; one more is out of resources (error 9)."""
RECEIVE_MAX = 1 << 20
"""maxRecvSize: bytes one device_write may carry."""
RECORD_MAX = RECEIVE_MAX + 1024
"""A call with its credentials and arguments."""
INBOX_MAX = 64
INBOX_BYTES_MAX = 4 * RECORD_MAX
"""Calls that wait behind one that is held. Clients send one at a time: more ends the connection."""
NAME_MAX = 256
"""Bytes of a device name."""
DIAL_NS = 5_000_000_000
"""Until the client must have taken the interrupt channel's connection."""
NS_PER_MS = 1_000_000

Parts = tuple[bytes | memoryview, ...]
NOTHING: Parts = (b"",)
"""The result of what has none beside its error code."""
Later = Callable[[], Parts | None]
"""Asked again and again: the result once there is one. Raises Refused."""


class Vxi11Server:
    """The VXI-11 door of one instrument; calling it opens the session of one connection.

    ``open_scpi`` makes the message exchange of one link, with ``held`` replies; ``locks`` are the instrument's when
    other doors lock as well. ``network`` is set by the shell, and without one there are no interrupts.
    """

    def __init__(self, open_scpi: Callable[[], ScpiSession], locks: Locks | None = None) -> None:
        self.open_scpi = open_scpi
        self.locks = locks if locks is not None else Locks()
        self.network: Network | None = None
        self.links: dict[int, Link] = {}
        self.now_ns = 0
        self._last_link = -1

    def __call__(self) -> "Vxi11Session":
        """The session of one connection."""
        return Vxi11Session(self)

    def admit(self, interrupt: Callable[[bytes], None]) -> Link:
        """A new link; the first one is 0, which is as good a number as any. Raises Refused."""
        if len(self.links) >= LINKS_MAX:
            raise Refused(DeviceError.OUT_OF_RESOURCES)
        self._last_link = (self._last_link + 1) % 0x7FFF_FFFF
        while self._last_link in self.links:
            self._last_link = (self._last_link + 1) % 0x7FFF_FFFF
        link = self.links[self._last_link] = Link(self._last_link, self.open_scpi(), interrupt)
        return link

    def forget(self, link: Link) -> None:
        """A link is destroyed, and its lock is free."""
        if self.links.pop(link.number, None) is not None:
            link.close()
            self.locks.drop(link)
            self.locks.changed(self.now_ns)


class Vxi11Session:
    """One connection: calls in, replies out, in order."""

    def __init__(self, server: Vxi11Server) -> None:
        self._server = server
        self._reader = RecordReader(RECORD_MAX)
        self._inbox: deque[bytes] = deque()
        self._inbox_bytes = 0
        self._links: dict[int, Link] = {}
        self._held: tuple[Call, Later] | None = None
        self._channel: InterruptChannel | None = None
        self._procedures: Mapping[int, Callable[[Unpacker], Later]] = {
            CREATE_LINK: self._create_link,
            WRITE: self._write,
            READ: self._read,
            READSTB: self._read_stb,
            TRIGGER: self._trigger,
            CLEAR: self._clear,
            REMOTE: self._remote_local,
            LOCAL: self._remote_local,
            LOCK: self._lock,
            UNLOCK: self._unlock,
            ENABLE_SRQ: self._enable_srq,
            DOCMD: self._docmd,
            DESTROY_LINK: self._destroy_link,
            CREATE_INTR_CHAN: self._create_intr_chan,
            DESTROY_INTR_CHAN: self._destroy_intr_chan,
        }

    # -- Session and Attached

    @property
    def waiting(self) -> bool:
        """True while a call is held, or a link has reason to speak later."""
        return self._held is not None or any(link.waiting for link in self._links.values())

    @property
    def due_ns(self) -> int | None:
        """Now while a call is held: its I/O and lock timeouts count milliseconds."""
        return self._server.now_ns if self._held is not None else None

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        """Calls, cut anywhere; what cannot be a call ends the connection."""
        self._server.now_ns = now_ns
        chunks: list[Chunk] = []
        try:
            for record in self._reader.feed(data):
                self._inbox.append(record)
                self._inbox_bytes += len(record)
                chunks += self._run()
                if len(self._inbox) > INBOX_MAX or self._inbox_bytes > INBOX_BYTES_MAX:
                    raise BadRecord("more calls than wait here")
        except BadRecord:
            chunks.append(Chunk(close=True))
        return chunks

    def tick(self, now_ns: int) -> list[Chunk]:
        """Let time pass."""
        self._server.now_ns = now_ns
        for link in tuple(self._links.values()):
            link.go_on(now_ns)
        try:
            return self._run()
        except BadRecord:
            return [Chunk(close=True)]

    def attach(self, wake: Callable[[], None]) -> None:
        """Nobody else decides when this connection speaks: held calls are ticked."""

    def detach(self) -> None:
        """The connection is gone, and with it its links and their locks (section B.6.1)."""
        for link in tuple(self._links.values()):
            self._server.forget(link)
        self._links.clear()
        self._inbox.clear()
        self._held = None
        if self._channel is not None:
            self._channel.hang_up()

    # -- calls

    def _run(self) -> list[Chunk]:
        """Carry out what has arrived until a call is held. Raises BadRecord."""
        chunks: list[Chunk] = []
        while True:
            if self._held is None:
                if not self._inbox:
                    return chunks
                record = self._inbox.popleft()
                self._inbox_bytes -= len(record)
                reply = self._begin(record)
            else:
                call, later = self._held
                reply = self._reply(call, later)
            if reply is None:
                return chunks
            self._held = None
            chunks += rpc.record(*reply)

    def _begin(self, record: bytes) -> Parts | None:
        """The reply to a call, None when it is held. Raises BadRecord."""
        try:
            call = rpc.parse_call(record)
        except Refusal as refusal:
            return (refusal.reply,)
        if call.program != CORE:
            return (rpc.answer_at_once(call, ABORT, VERSION, {DEVICE_ABORT: self._abort}),)
        if call.version != VERSION or call.procedure == 0:
            return (rpc.answer_at_once(call, CORE, VERSION, {}),)
        procedure = self._procedures.get(call.procedure)
        if procedure is None:
            return (rpc.accepted(call.xid, status=Accept.PROC_UNAVAIL),)
        try:
            later = procedure(call.arguments)
        except BadArguments:
            return (rpc.accepted(call.xid, status=Accept.GARBAGE_ARGS),)
        except Refused as refused:
            return _failed(call, refused)
        self._held = call, later
        return self._reply(call, later)

    def _reply(self, call: Call, later: Later) -> Parts | None:
        try:
            result = later()
        except Refused as refused:
            return _failed(call, refused)
        if result is None:
            return None
        first, *rest = result
        return (rpc.accepted(call.xid, rpc.i32(DeviceError.NONE) + bytes(first)), *rest)

    # -- procedures: each reads its arguments and returns what is asked until there is a result

    def _create_link(self, arguments: Unpacker) -> Later:
        arguments.i32()  # the client's id means nothing to us
        lock, timeout_ms = arguments.boolean(), arguments.u32()
        name = arguments.opaque(NAME_MAX)
        if name.lower() not in (b"inst0", b"inst0,0", b""):
            raise Refused(DeviceError.NOT_ACCESSIBLE)
        link = self._server.admit(self._interrupt)
        self._links[link.number] = link
        network = self._server.network
        port = network.port if network is not None else 0
        result = (rpc.i32(link.number) + rpc.u32(port, RECEIVE_MAX),)
        if not lock:
            return lambda: result
        until_locked = self._lock_within(link, timeout_ms, result)

        def locked() -> Parts | None:
            try:
                return until_locked()
            except Refused:
                del self._links[link.number]
                self._server.forget(link)
                raise

        return locked

    def _destroy_link(self, arguments: Unpacker) -> Later:
        link = self._link(arguments)
        del self._links[link.number]
        self._server.forget(link)
        return _done

    def _write(self, arguments: Unpacker) -> Later:
        link = self._link(arguments)
        arguments.u32()  # io_timeout: the instrument takes what comes, or reports an overrun
        lock_ms, flags = arguments.u32(), arguments.i32()
        data = arguments.opaque(RECEIVE_MAX)

        def write() -> Parts:
            link.write(data, bool(flags & Flags.END), self._server.now_ns)
            return (rpc.u32(len(data)),)

        return self._unlocked(link, flags, lock_ms, write)

    def _read(self, arguments: Unpacker) -> Later:
        link = self._link(arguments)
        size, io_ms, lock_ms, flags = arguments.u32(), arguments.u32(), arguments.u32(), arguments.i32()
        char = arguments.u32() & 0xFF
        end = bytes((char,)) if flags & Flags.TERMCHAR_SET else b""
        deadline_ns: list[int] = []

        def read() -> Parts | None:
            if not deadline_ns:
                deadline_ns.append(self._server.now_ns + io_ms * NS_PER_MS)
                link.begin_read()
            found = link.take(size, end)
            if found is None:
                if self._server.now_ns >= deadline_ns[0]:
                    raise Refused(DeviceError.IO_TIMEOUT)
                return None
            reason, views = found
            count = sum(len(view) for view in views)
            return rpc.i32(reason) + rpc.u32(count), *views, bytes(-count % 4)

        return self._unlocked(link, flags, lock_ms, read)

    def _generic(self, arguments: Unpacker, work: Callable[[Link], Parts]) -> Later:
        """What only needs the link: lid, flags, lock_timeout, io_timeout."""
        link = self._link(arguments)
        flags, lock_ms = arguments.i32(), arguments.u32()
        arguments.u32()
        return self._unlocked(link, flags, lock_ms, lambda: work(link))

    def _read_stb(self, arguments: Unpacker) -> Later:
        return self._generic(arguments, lambda link: (rpc.u32(link.poll(self._server.now_ns)),))

    def _trigger(self, arguments: Unpacker) -> Later:
        def trigger(link: Link) -> Parts:
            link.trigger(self._server.now_ns)
            return NOTHING

        return self._generic(arguments, trigger)

    def _clear(self, arguments: Unpacker) -> Later:
        def clear(link: Link) -> Parts:
            link.clear()
            return NOTHING

        return self._generic(arguments, clear)

    def _remote_local(self, arguments: Unpacker) -> Later:
        """The stand-ins have no front panel to lock."""
        return self._generic(arguments, lambda link: NOTHING)

    def _lock(self, arguments: Unpacker) -> Later:
        link = self._link(arguments)
        flags, lock_ms = arguments.i32(), arguments.u32()
        return self._lock_within(link, lock_ms if flags & Flags.WAIT_LOCK else 0, NOTHING)

    def _unlock(self, arguments: Unpacker) -> Later:
        link = self._link(arguments)
        if self._server.locks.release(link) is LockReply.ERROR:
            raise Refused(DeviceError.NO_LOCK)
        self._server.locks.changed(self._server.now_ns)
        return _done

    def _enable_srq(self, arguments: Unpacker) -> Later:
        link = self._link(arguments)
        enable, handle = arguments.boolean(), arguments.opaque(HANDLE_MAX)
        link.srq = handle if enable else None
        return _done

    def _docmd(self, arguments: Unpacker) -> Later:
        self._link(arguments)
        raise Refused(DeviceError.NOT_SUPPORTED)

    def _create_intr_chan(self, arguments: Unpacker) -> Later:
        host, port = arguments.u32(), arguments.u32()
        program, version, family = arguments.u32(), arguments.u32(), arguments.u32()
        if self._channel is not None and not self._channel.ended:
            raise Refused(DeviceError.CHANNEL_EXISTS)
        if family != TCP_FAMILY or (program, version) != (INTERRUPT, VERSION):
            raise Refused(DeviceError.NOT_SUPPORTED)
        network = self._server.network
        if not 0 < port <= 0xFFFF:
            raise Refused(DeviceError.PARAMETER)
        if network is None:
            raise Refused(DeviceError.NO_CHANNEL)
        channel = self._channel = InterruptChannel()
        address = ".".join(str(host >> shift & 0xFF) for shift in (24, 16, 8, 0))
        network.dial(address, port, lambda: channel, channel.fail)
        deadline_ns = self._server.now_ns + DIAL_NS

        def dialled() -> Parts | None:
            if channel.connected and not channel.ended:
                return NOTHING
            if channel.ended or self._server.now_ns >= deadline_ns:
                channel.hang_up()
                self._channel = None
                raise Refused(DeviceError.NO_CHANNEL)
            return None

        return dialled

    def _destroy_intr_chan(self, arguments: Unpacker) -> Later:
        if self._channel is None or self._channel.ended:
            raise Refused(DeviceError.NO_CHANNEL)
        channel, self._channel = self._channel, None
        channel.hang_up()
        return _done

    def _abort(self, arguments: Unpacker) -> bytes:
        """device_abort: the call in progress on that link, if any, ends with error 23."""
        link = self._server.links.get(arguments.i32())
        if link is None:
            return rpc.i32(DeviceError.INVALID_LINK)
        link.aborted = True
        return rpc.i32(DeviceError.NONE)

    # -- what they share

    def _link(self, arguments: Unpacker) -> Link:
        link = self._links.get(arguments.i32())
        if link is None:
            raise Refused(DeviceError.INVALID_LINK)
        link.aborted = False
        return link

    def _unlocked(self, link: Link, flags: int, lock_ms: int, work: Later) -> Later:
        """``work`` once no other client's lock forbids it."""
        deadline_ns = self._server.now_ns + (lock_ms * NS_PER_MS if flags & Flags.WAIT_LOCK else 0)
        begun = False

        def when_free() -> Parts | None:
            nonlocal begun
            if link.aborted:
                raise Refused(DeviceError.ABORT)
            if not begun and not self._server.locks.allow(link):
                if self._server.now_ns >= deadline_ns:
                    raise Refused(DeviceError.LOCKED)
                return None
            begun = True
            return work()

        return when_free

    def _lock_within(self, link: Link, lock_ms: int, result: Parts) -> Later:
        """``result`` once the link has the exclusive lock."""
        deadline_ns = self._server.now_ns + lock_ms * NS_PER_MS

        def when_locked() -> Parts | None:
            if link.aborted:
                raise Refused(DeviceError.ABORT)
            reply = self._server.locks.request(link, b"")
            if reply is LockReply.SUCCESS:
                return result
            if reply is LockReply.ERROR or self._server.now_ns >= deadline_ns:
                raise Refused(DeviceError.LOCKED)
            return None

        return when_locked

    def _interrupt(self, handle: bytes) -> None:
        if self._channel is not None and not self._channel.ended:
            self._channel.interrupt(handle)


def _done() -> Parts:
    return NOTHING


def _failed(call: Call, refused: Refused) -> Parts:
    """The error code, and zeros where the result would stand."""
    return (rpc.accepted(call.xid, rpc.i32(refused.code) + bytes(_EMPTY.get(call.procedure, 0))),)


_EMPTY: Mapping[int, int] = {CREATE_LINK: 12, WRITE: 4, READ: 8, READSTB: 4, DOCMD: 4}
"""Bytes behind the error code when there is no result."""
