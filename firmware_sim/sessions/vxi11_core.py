"""PURE: what the calls of VXI-11's core channel do (VXIbus Consortium, VXI-11 revision 1.0, section B.6).

A procedure reads its arguments and returns what is asked until there is a result: one that has to wait, for an answer
or for a lock, holds up only its own connection.

Not served: device_docmd (no instrument here has commands for it) and interrupts by UDP; both answer error 8.
"""

from collections.abc import Callable, Mapping

from drivers.wire.hislip import LockReply
from firmware_sim.sessions import rpc
from firmware_sim.sessions.hislip_locks import Locks
from firmware_sim.sessions.rpc import Unpacker
from firmware_sim.sessions.scpi import ScpiSession
from firmware_sim.sessions.vxi11_interrupt import HANDLE_MAX, INTERRUPT, VERSION, InterruptChannel, Network
from firmware_sim.sessions.vxi11_link import DeviceError, Flags, Link, Refused

CREATE_LINK, WRITE, READ, READSTB, TRIGGER, CLEAR, REMOTE, LOCAL, LOCK, UNLOCK, ENABLE_SRQ = range(10, 21)
DOCMD, DESTROY_LINK, CREATE_INTR_CHAN, DESTROY_INTR_CHAN = 22, 23, 25, 26
TCP_FAMILY = 0

LINKS_MAX = 32
"""Links at one time: more than any bench has; one more is out of resources (error 9)."""
RECEIVE_MAX = 1 << 20
"""maxRecvSize: bytes one device_write may carry."""
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
EMPTY: Mapping[int, int] = {CREATE_LINK: 12, WRITE: 4, READ: 8, READSTB: 4, DOCMD: 4}
"""Bytes behind the error code of a procedure when there is no result."""


class Instrument:
    """What all connections of one instrument share. ``network`` is set by the shell; without one nobody is called."""

    def __init__(self, open_scpi: Callable[[], ScpiSession], locks: Locks) -> None:
        self.locks = locks
        self.network: Network | None = None
        self.links: dict[int, Link] = {}
        self.now_ns = 0
        self._open_scpi = open_scpi
        self._last_link = -1

    def admit(self, interrupt: Callable[[bytes], None]) -> Link:
        """A new link; the first one is 0, which is as good a number as any. Raises Refused."""
        if len(self.links) >= LINKS_MAX:
            raise Refused(DeviceError.OUT_OF_RESOURCES)
        self._last_link = (self._last_link + 1) % 0x7FFF_FFFF
        while self._last_link in self.links:
            self._last_link = (self._last_link + 1) % 0x7FFF_FFFF
        link = self.links[self._last_link] = Link(self._last_link, self._open_scpi(), interrupt)
        return link

    def forget(self, link: Link) -> None:
        """A link is destroyed, and its lock is free."""
        if self.links.pop(link.number, None) is not None:
            link.close()
            self.locks.drop(link)
            self.locks.changed(self.now_ns)


class CoreChannel:
    """One connection's links, its interrupt channel, and its procedures by number."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._links: dict[int, Link] = {}
        self._channel: InterruptChannel | None = None
        self.procedures: Mapping[int, Callable[[Unpacker], Later]] = {
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

    @property
    def waiting(self) -> bool:
        """True while a link has reason to speak later."""
        return any(link.waiting for link in self._links.values())

    def go_on(self, now_ns: int) -> None:
        """Let time pass."""
        for link in tuple(self._links.values()):
            link.go_on(now_ns)

    def close(self) -> None:
        """The connection is gone, and with it its links and their locks (section B.6.1)."""
        for link in tuple(self._links.values()):
            self._instrument.forget(link)
        self._links.clear()
        if self._channel is not None:
            self._channel.hang_up()

    # -- procedures

    def _create_link(self, arguments: Unpacker) -> Later:
        arguments.i32()  # the client's id means nothing to us
        lock, timeout_ms = arguments.boolean(), arguments.u32()
        name = arguments.opaque(NAME_MAX)
        if name.lower() not in (b"inst0", b"inst0,0", b""):
            raise Refused(DeviceError.NOT_ACCESSIBLE)
        link = self._instrument.admit(self._interrupt)
        self._links[link.number] = link
        network = self._instrument.network
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
                self._instrument.forget(link)
                raise

        return locked

    def _destroy_link(self, arguments: Unpacker) -> Later:
        link = self._link(arguments)
        del self._links[link.number]
        self._instrument.forget(link)
        return _done

    def _write(self, arguments: Unpacker) -> Later:
        link = self._link(arguments)
        arguments.u32()  # io_timeout: the instrument takes what comes, or reports an overrun
        lock_ms, flags = arguments.u32(), arguments.i32()
        data = arguments.opaque(RECEIVE_MAX)

        def write() -> Parts:
            link.write(data, bool(flags & Flags.END), self._instrument.now_ns)
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
                deadline_ns.append(self._instrument.now_ns + io_ms * NS_PER_MS)
                link.begin_read()
            found = link.take(size, end)
            if found is None:
                if self._instrument.now_ns >= deadline_ns[0]:
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
        return self._generic(arguments, lambda link: (rpc.u32(link.poll(self._instrument.now_ns)),))

    def _trigger(self, arguments: Unpacker) -> Later:
        def trigger(link: Link) -> Parts:
            link.trigger(self._instrument.now_ns)
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
        if self._instrument.locks.release(link) is LockReply.ERROR:
            raise Refused(DeviceError.NO_LOCK)
        self._instrument.locks.changed(self._instrument.now_ns)
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
        network = self._instrument.network
        if not 0 < port <= 0xFFFF:
            raise Refused(DeviceError.PARAMETER)
        if network is None:
            raise Refused(DeviceError.NO_CHANNEL)
        channel = self._channel = InterruptChannel()
        address = ".".join(str(host >> shift & 0xFF) for shift in (24, 16, 8, 0))
        network.dial(address, port, lambda: channel, channel.fail)
        deadline_ns = self._instrument.now_ns + DIAL_NS

        def dialled() -> Parts | None:
            if channel.connected and not channel.ended:
                return NOTHING
            if channel.ended or self._instrument.now_ns >= deadline_ns:
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

    # -- what they share

    def _link(self, arguments: Unpacker) -> Link:
        link = self._links.get(arguments.i32())
        if link is None:
            raise Refused(DeviceError.INVALID_LINK)
        link.aborted = False
        return link

    def _unlocked(self, link: Link, flags: int, lock_ms: int, work: Later) -> Later:
        """``work`` once no other client's lock forbids it."""
        deadline_ns = self._instrument.now_ns + (lock_ms * NS_PER_MS if flags & Flags.WAIT_LOCK else 0)
        begun = False

        def when_free() -> Parts | None:
            nonlocal begun
            if link.aborted:
                raise Refused(DeviceError.ABORT)
            if not begun and not self._instrument.locks.allow(link):
                if self._instrument.now_ns >= deadline_ns:
                    raise Refused(DeviceError.LOCKED)
                return None
            begun = True
            return work()

        return when_free

    def _lock_within(self, link: Link, lock_ms: int, result: Parts) -> Later:
        """``result`` once the link has the exclusive lock."""
        deadline_ns = self._instrument.now_ns + lock_ms * NS_PER_MS

        def when_locked() -> Parts | None:
            if link.aborted:
                raise Refused(DeviceError.ABORT)
            reply = self._instrument.locks.request(link, b"")
            if reply is LockReply.SUCCESS:
                return result
            if reply is LockReply.ERROR or self._instrument.now_ns >= deadline_ns:
                raise Refused(DeviceError.LOCKED)
            return None

        return when_locked

    def _interrupt(self, handle: bytes) -> None:
        if self._channel is not None and not self._channel.ended:
            self._channel.interrupt(handle)


def _done() -> Parts:
    return NOTHING
