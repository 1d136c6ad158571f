"""PURE: one client of a HiSLIP instrument, behind both its channels: message exchange, status, clear, locks.

IVI-6.1 section 3.1 (synchronized mode) over the IEEE 488.2 message exchange of :class:`ScpiSession`: an answer carries
the id of the message that asked for it, goes out as soon as it exists, and counts as output (MAV) until the client
says that it was delivered. A new message before that interrupts the old answer (-410).
"""

from collections import deque
from typing import Protocol

from drivers.wire import hislip
from drivers.wire.hislip import HEADER_BYTES, MESSAGE_MAX, BadMessage, Kind, LockReply, Message, RemoteLocal
from drivers.wire.scpi import ScpiError
from firmware_sim.personalities.status488 import Stb
from firmware_sim.sessions.base import Chunk
from firmware_sim.sessions.hislip_locks import Locks
from firmware_sim.sessions.scpi import BACKLOG_MAX, ScpiSession

INBOX_BYTES_MAX = BACKLOG_MAX
INBOX_MESSAGES_MAX = 1024
"""What waits while the parser is held or another client has the lock; more is an input buffer overrun (-363)."""

JOIN_MAX = 65_536
"""An answer's first piece up to this size is sent in one write with its header; a larger one is not worth the copy."""

PAYLOAD_MIN = 64
"""Bytes of an answer in one message at least: a client that claims to take less would cost endless headers."""

NOTICES_UNREAD_MAX = 64
"""Notices that nobody asked for and nobody reads on the asynchronous channel; further ones are not sent."""

NS_PER_MS = 1_000_000

STATUS_GRACE_NS = 5 * NS_PER_MS
"""A status query that names a message which is still on its way on the other channel waits this long for it."""
IN_FLIGHT_MAX = 64 * hislip.ID_STEP
"""A status query that names a later message than this counts no ids: it is answered at once."""


class Channel(Protocol):
    """Either connection of the client, as :class:`firmware_sim.sessions.hislip.HislipChannel` is one."""

    @property
    def unsent(self) -> int:
        """Pieces that were said and not taken yet."""
        ...

    def say(self, *chunks: Chunk) -> None:
        """Send."""
        ...

    def unsay(self) -> None:
        """Forget what has not been sent yet."""
        ...

    def poke(self) -> None:
        """Tick this channel if its reasons to wait have changed."""
        ...

    def hang_up(self) -> None:
        """Close the connection."""
        ...


class Host(Protocol):
    """What all clients of one instrument share."""

    now_ns: int
    locks: Locks

    def locks_changed(self) -> None:
        """A lock was given back."""
        ...


class HislipClient:
    """Made when a synchronous channel introduces itself; ``events`` is the asynchronous channel once it is there."""

    def __init__(self, session: int, scpi: ScpiSession, host: Host, sync: Channel) -> None:
        self.session = session
        self.events: Channel | None = None
        self.remote = RemoteLocal.GO_LOCAL
        self._sync = sync
        self._scpi = scpi
        self._host = host
        self._inbox: deque[Message] = deque()
        self._inbox_bytes = 0
        self._skipping = False
        self._clearing = False
        self._payload_max = MESSAGE_MAX - HEADER_BYTES
        self._message_id = 0
        self._received_id = hislip.FIRST_ID - hislip.ID_STEP
        self._id_lead = -1
        self._status_asked: tuple[int, Message] | None = None
        self._tells_delivery = False
        self._reasons = 0
        self._requests_service = False
        self._lock_wanted: tuple[int, bytes] | None = None

    # -- life

    def watch(self) -> None:
        """Both channels are there: hear of every change of the instrument's status."""
        self._scpi.device.status.watchers.append(self._review)

    def end(self) -> None:
        """The client is gone."""
        watchers = self._scpi.device.status.watchers
        if self._review in watchers:
            watchers.remove(self._review)
        for channel in (self._sync, self.events):
            if channel is not None:
                channel.hang_up()

    def waits(self, channel: object) -> bool:
        """True while ``channel`` needs the time: a held parser, a service request or a lock that may still come."""
        if channel is self._sync:
            return self._scpi.waiting
        device = self._scpi.device
        asked = self._lock_wanted is not None or self._status_asked is not None
        return asked or (device.status.sre != 0 and device.pending())

    def due_ns(self, channel: object) -> int | None:
        """When ``channel`` has something to do at the latest; None when only the instrument knows."""
        if channel is self._sync:
            return self._scpi.due_ns
        device = self._scpi.device
        times = [wait[0] for wait in (self._lock_wanted, self._status_asked) if wait is not None]
        if not times or (device.status.sre != 0 and device.pending()):
            return None
        return min(times)

    def go_on(self) -> None:
        """Time has passed, or a lock has been given back."""
        self._scpi.tick(self._host.now_ns)
        self._try_lock()
        self._run()
        self._try_status()

    # -- synchronous channel

    def take(self, message: Message) -> None:
        """Data, DataEnd or Trigger."""
        self._received_id = message.parameter
        if self._clearing:
            return
        if self._skipping:
            self._skipping = message.kind != Kind.DATA_END
            return
        full = len(self._inbox) >= INBOX_MESSAGES_MAX or self._inbox_bytes + len(message.payload) > INBOX_BYTES_MAX
        if full and self._inbox:
            self.lost_input(message.kind)
            return
        self._inbox.append(message)
        self._inbox_bytes += len(message.payload)
        self._run()
        self._try_status()

    def lost_input(self, kind: int) -> None:
        """A message could not be taken: neither can what belongs to it (-363)."""
        self._scpi.device.status.report(ScpiError(-363))
        self._skipping = kind == Kind.DATA

    def clear_complete(self, message: Message) -> None:
        """The client has emptied its channel; from here on everything counts again. Control 0: synchronized mode."""
        if not self._clearing:
            raise BadMessage("no device clear is under way")
        self._clearing = False
        self._received_id = hislip.FIRST_ID - hislip.ID_STEP
        self._sync.say(Chunk(Message(Kind.DEVICE_CLEAR_ACKNOWLEDGE).encode()))

    def _run(self) -> None:
        """Carry out what has arrived, until the parser is held or a lock forbids it."""
        scpi, now_ns = self._scpi, self._host.now_ns
        self._collect()
        while self._inbox and not scpi.waiting and self._host.locks.allow(self):
            message = self._inbox.popleft()
            self._inbox_bytes -= len(message.payload)
            self._delivered(message.control, message.parameter)
            self._message_id = message.parameter
            if message.kind == Kind.TRIGGER:
                scpi.feed(b"*TRG\n", now_ns)
            else:
                scpi.feed(message.payload, now_ns)
                if message.kind == Kind.DATA_END:
                    scpi.end(now_ns)
            self._collect()
        self._review()
        self._sync.poke()

    def _delivered(self, control: int, message_id: int) -> None:
        """The client says whether it has taken the last answer; a client that never says so gets no interruptions."""
        if control & 1:
            self._tells_delivery = True
        elif self._scpi.unread and self._tells_delivery and self.events is not None:
            self._scpi.device.status.report(ScpiError(-410))
            self._sync.say(Chunk(Message(Kind.INTERRUPTED, 0, message_id).encode()))
            self._notify(Message(Kind.ASYNC_INTERRUPTED, 0, message_id))
        self._scpi.unread = False

    def _collect(self) -> None:
        """Send the answer that is ready, as Data ... DataEnd of at most the client's size; views are not copied."""
        if not self._scpi.has_output:
            return
        chunks = self._scpi.fetch()
        self._scpi.unread = True
        views = [memoryview(chunk.data).cast("B") for chunk in chunks]
        left = sum(len(view) for view in views)
        if left <= self._payload_max and len(views[0]) <= JOIN_MAX:
            head = hislip.encode_header(Kind.DATA_END, 0, self._message_id, left)
            self._sync.say(Chunk(head + bytes(views[0])), *chunks[1:])
            return
        room = 0
        for view in views:
            while len(view):
                if room == 0:
                    room = min(left, self._payload_max)
                    left -= room
                    kind = Kind.DATA if left else Kind.DATA_END
                    self._sync.say(Chunk(hislip.encode_header(kind, 0, self._message_id, room)))
                self._sync.say(Chunk(view[:room]))
                taken = min(room, len(view))
                view, room = view[taken:], room - taken

    # -- asynchronous channel

    def _answer(self, kind: Kind, control: int = 0) -> None:
        if self.events is not None:
            self.events.say(Chunk(Message(kind, control).encode()))

    def _notify(self, message: Message) -> None:
        if self.events is not None and self.events.unsent < NOTICES_UNREAD_MAX:
            self.events.say(Chunk(message.encode()))

    def max_message_size(self, message: Message) -> None:
        """The client's size, header included as some count it; the answer is ours."""
        self._payload_max = min(max(hislip.size_in(message) - HEADER_BYTES, PAYLOAD_MIN), hislip.SKIP_MAX)
        answer = hislip.max_message_size(Kind.ASYNC_MAX_MESSAGE_SIZE_RESPONSE, MESSAGE_MAX)
        if self.events is not None:
            self.events.say(Chunk(answer.encode()))

    def clear(self, message: Message) -> None:
        """Device clear: input, a held parser and answers not yet sent are gone before it is acknowledged."""
        self._clearing, self._skipping = True, False
        self._inbox.clear()
        self._inbox_bytes = 0
        self._scpi.clear()
        self._scpi.unread = False
        self._sync.unsay()
        self._answer(Kind.ASYNC_DEVICE_CLEAR_ACKNOWLEDGE)
        self._review()

    def status_query(self, message: Message) -> None:
        """The status byte as a serial poll reads it: RQS in bit 6, which the poll clears.

        What was sent before the query counts, though it comes by the other channel and may come later.
        """
        self._answer_status()
        self._status_asked = self._host.now_ns + STATUS_GRACE_NS, message
        self._try_status()

    def _try_status(self) -> None:
        """Answer unless a message that was sent before the query is still to come.

        The query names the last message that was sent (IVI-6.1), or the next one (pyvisa-py): the first query tells.
        """
        if self._status_asked is None:
            return
        deadline_ns, message = self._status_asked
        ahead = (message.parameter - self._received_id) % hislip.IDS
        if ahead == 0:
            self._id_lead = 0
        elif ahead == hislip.ID_STEP and self._id_lead < 0 and self._host.now_ns >= deadline_ns:
            self._id_lead = ahead
        late = self._host.now_ns >= deadline_ns
        if late or ahead > IN_FLIGHT_MAX or ahead <= max(self._id_lead, 0):
            self._answer_status()

    def _answer_status(self) -> None:
        if self._status_asked is None:
            return
        message, self._status_asked = self._status_asked[1], None
        if message.control & 1:
            self._tells_delivery = True
            self._scpi.unread = False
        self._scpi.device.advance(self._host.now_ns)
        self._review()
        rqs = int(Stb.MSS) if self._requests_service else 0
        self._requests_service = False
        self._answer(Kind.ASYNC_STATUS_RESPONSE, self._scpi.status_byte() & ~Stb.MSS | rqs)

    def _review(self) -> None:
        """Request service for each new reason (IEEE 488.2 section 11.3)."""
        if self.events is None:
            return
        status = self._scpi.status_byte()
        reasons = status & self._scpi.device.status.sre & ~Stb.MSS
        new = reasons & ~self._reasons
        self._reasons = reasons
        if new:
            self._requests_service = True
            self._notify(Message(Kind.ASYNC_SERVICE_REQUEST, status | Stb.MSS))
        elif not reasons:
            self._requests_service = False
        self.events.poke()

    def lock(self, message: Message) -> None:
        """Ask for a lock, wait for it, or give it back."""
        if message.control > 1:
            raise BadMessage(f"AsyncLock with control code {message.control}")
        if message.control == 0:
            reply = self._host.locks.release(self)
            self._answer(Kind.ASYNC_LOCK_RESPONSE, reply)
            self._host.locks_changed()
        elif self.events is None or self._lock_wanted is not None or len(message.payload) > hislip.LOCK_STRING_MAX:
            self._answer(Kind.ASYNC_LOCK_RESPONSE, LockReply.ERROR)
        else:
            self._lock_wanted = self._host.now_ns + message.parameter * NS_PER_MS, message.payload
            self._try_lock()

    def _try_lock(self) -> None:
        if self._lock_wanted is None:
            return
        deadline_ns, name = self._lock_wanted
        reply = self._host.locks.request(self, name)
        if reply is not LockReply.FAILURE or self._host.now_ns >= deadline_ns:
            self._lock_wanted = None
            self._answer(Kind.ASYNC_LOCK_RESPONSE, reply)

    def lock_info(self, message: Message) -> None:
        """Who holds locks."""
        if self.events is not None:
            self.events.say(
                Chunk(hislip.lock_info_response(self._host.locks.exclusive, self._host.locks.holders).encode())
            )

    def remote_local(self, message: Message) -> None:
        """Remember the mode: the stand-ins have no front panel to lock."""
        if message.control not in RemoteLocal.__members__.values():
            raise BadMessage(f"AsyncRemoteLocalControl with control code {message.control}")
        self.remote = RemoteLocal(message.control)
        self._answer(Kind.ASYNC_REMOTE_LOCAL_RESPONSE)
