"""The stream to the viewers: every frame is encoded once, WebSocket header included, and written as it is to each.

A viewer costs a cursor, no task and no copy; one that stops reading costs the others nothing (viewer.py beside this).
"""

import math
import struct
from dataclasses import dataclass

from controller.messages import Frame, Hello, Message
from controller.panel.live import LiveState
from controller.panel.viewer import BINARY, Log, Port, Viewer, Wanted, text_frame, websocket_header
from controller.telemetry.frames import HEADER, U32_MAX, RowLayout, encode_row, header
from controller.telemetry.ring import RowRing

PROTOCOL = 1
"""Version of the stream, in every snapshot."""

VIEWERS_MAX = 64
"""Pages open at once; the next one is told to try again later."""

_SEQ = struct.Struct("<II")
"""The end of a message's header: first_seq and four bytes of zero."""


@dataclass(frozen=True, slots=True)
class StreamStats:
    """Viewers now, rows handed to them and rows they were told they missed since the start, summed over viewers."""

    viewers: int
    frames_sent: int
    frames_dropped: int


class Broadcaster:
    """Fan-out to viewers. ``stream_id`` names this panel's numbering: another panel counts afresh."""

    def __init__(self, live: LiveState, stream_id: str) -> None:
        self.stream_id = stream_id
        self._live = live
        self._log = Log()
        self._viewers: list[Viewer] = []
        self._writers: tuple[Port, ...] = ()
        self._prefix = b""
        self._catalogue: object = None
        self._sent = 0
        self._past_sent, self._past_dropped = 0, 0

    @property
    def full(self) -> bool:
        """Whether another viewer would be refused."""
        return len(self._viewers) >= VIEWERS_MAX

    @property
    def head(self) -> int:
        """Number of the newest row; 0 before there was one."""
        return self._log.head

    def stats(self) -> StreamStats:
        """Counts for /metrics."""
        sent = self._past_sent + self._sent + sum(viewer.sent for viewer in self._viewers)
        dropped = self._past_dropped + sum(viewer.dropped for viewer in self._viewers)
        return StreamStats(len(self._viewers), sent, dropped)

    def take(self, message: Message) -> None:
        """Tell every viewer. A frame before the first hello is nobody's."""
        if isinstance(message, Frame):
            self._take_frame(message)
            return
        if isinstance(message, Hello):
            self._take_catalogue(message)
        self._tell(text_frame(message))

    def set_link(self, link: str) -> None:
        """Tell every viewer whether a core is heard."""
        self._tell(text_frame({"type": "link", "link": link}))

    def join(self, port: Port, wanted: Wanted) -> Viewer | None:
        """A place for a viewer; None when the house is full. Call :meth:`greet` next, :meth:`leave` at its end."""
        if self.full:
            return None
        viewer = Viewer(port, self._log, self._first_row(wanted), self._list_writers)
        self._viewers.append(viewer)
        return viewer

    def greet(self, viewer: Viewer) -> None:
        """Tell a viewer what is known now, and serve it from then on. Its port may pause it at once."""
        viewer.start(self._snapshot())

    def leave(self, viewer: Viewer) -> None:
        """Forget a viewer; harmless when it is forgotten."""
        viewer.leave()
        if viewer in self._viewers:
            self._viewers.remove(viewer)
            self._past_sent += viewer.sent
            self._past_dropped += viewer.dropped

    def _list_writers(self) -> None:
        """A new tuple each time: a frame that is being written goes to those it was begun for."""
        self._writers = tuple(each.port for each in self._viewers if each.live)

    def _take_frame(self, frame: Frame) -> None:
        log = self._log
        ring = log.ring
        if ring is None:
            return
        row = encode_row(ring.layout, frame, log.head + 1)
        log.head = ring.append(row)
        data = b"".join((self._prefix, _SEQ.pack(log.head & U32_MAX, 0), row))
        writers = self._writers
        for port in writers:
            port.write(data)
        self._sent += len(writers)

    def _take_catalogue(self, hello: Hello) -> None:
        """Rows of one ring can all be read with the present hello: other channels begin another ring."""
        catalogue = (hello.channels, hello.sources, hello.words, hello.states)
        if catalogue == self._catalogue:
            return
        self._catalogue = catalogue
        layout = RowLayout.of(hello)
        self._log.ring = RowRing(layout, self._log.head + 1)
        length = HEADER.size + layout.row_bytes
        self._prefix = websocket_header(BINARY, length) + header(1, 0, layout)[: -_SEQ.size]

    def _tell(self, data: bytes) -> None:
        self._log.add_text(data)
        for port in self._writers:
            port.write(data)

    def _first_row(self, wanted: Wanted) -> int:
        log = self._log
        ring = log.ring
        if wanted.stream == self.stream_id and 0 <= wanted.after <= log.head:
            return wanted.after + 1
        backfill_s = wanted.backfill_s
        if backfill_s is None:
            backfill_s = math.inf if wanted.stream else 0.0
        if ring is None or ring.head < ring.first or not backfill_s > 0.0:
            return log.head + 1
        return ring.since(ring.time_s(ring.head) - backfill_s)

    def _snapshot(self) -> bytes:
        live, log = self._live, self._log
        layout = None if log.ring is None else log.ring.layout
        return text_frame(
            {
                "type": "snapshot",
                "protocol": PROTOCOL,
                "stream": self.stream_id,
                "link": live.link,
                "hello": live.hello,
                "marks": live.marks,
                "alarms": list(live.alarms.values()),
                "events": list(live.events),
                "finished": live.finished,
                "row": None
                if layout is None
                else {
                    "bytes": layout.row_bytes,
                    "sources": layout.sources,
                    "words": layout.words,
                    "channels": layout.channels,
                },
                "head": log.head,
            }
        )
