"""A bench's messages, and a viewer's end of a connection whose socket takes only so much at a time."""

import json
import struct
from collections import deque
from collections.abc import Callable
from typing import Any

from controller.messages import ChannelInfo, Frame, Hello, SourceInfo, StepInfo, WordInfo
from controller.panel.stream import Broadcaster
from controller.panel.viewer import Viewer, Wanted
from controller.telemetry.frames import Row, RowLayout, decode_message


def hello(session: str = "run-1", channels: int = 2, steps: int = 2, mode: str = "run") -> Hello:
    return Hello(
        "bench",
        "full",
        "Full",
        1,
        "id",
        tuple(ChannelInfo(f"c{n}", f"C{n}", "V", "plc") for n in range(channels)),
        tuple(StepInfo(f"s{n}", "charge", 1.0) for n in range(steps)),
        3000.0,
        True,
        mode=mode,
        session=session,
        sources=(SourceInfo("plc", "PLC", 0.1),),
        words=(WordInfo("inputs", ("A", "B")),),
        states=("OFF", "SAFE"),
    )


def frame(number: int, channels: int = 2, period_ns: int = 20_000_000) -> Frame:
    values = tuple(float(number + n) for n in range(channels))
    return Frame(number, number * period_ns, values, "SAFE", 0, None, 0.0, (1,), (0.0,))


class Parser:
    """Unmasked WebSocket frames, as a server sends them."""

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """(first byte, payload) of every complete frame."""
        self._data += data
        found = []
        while (size := self._header()) is not None and len(self._data) >= size[0] + size[1]:
            found.append((self._data[0], self._data[size[0] : size[0] + size[1]]))
            self._data = self._data[size[0] + size[1] :]
        return found

    def _header(self) -> tuple[int, int] | None:
        if len(self._data) < 2:
            return None
        short = self._data[1]
        if short < 126:
            return 2, short
        head = 4 if short == 126 else 10
        if len(self._data) < head:
            return None
        return head, struct.unpack_from(">H" if short == 126 else ">Q", self._data, 2)[0]


class FakePort:
    """Takes ``room`` bytes, then pauses its viewer until :meth:`drain`."""

    def __init__(self, room: int = 1 << 40) -> None:
        self.viewer: Viewer | None = None
        self.room = room
        self.used = 0
        self.paused = False
        self.closed: tuple[int, str] | None = None
        self.later: deque[Callable[[], None]] = deque()
        self.texts: list[dict[str, Any]] = []
        self.rows: list[Row] = []
        self.heard: list[Any] = []
        self.frames_received = 0
        self._parser = Parser()
        self._layout = RowLayout(0, 0, 0)

    def write(self, data: bytes) -> None:
        assert self.closed is None
        self.used += len(data)
        for first, payload in self._parser.feed(data):
            if first == 0x81:
                self._hear(json.loads(payload))
            else:
                assert first == 0x82
                self.frames_received += 1
                rows = decode_message(self._layout, payload)
                assert rows[0].seq == int.from_bytes(payload[8:12], "little")
                self.rows += rows
                self.heard += [row.seq for row in rows]
        if self.used > self.room and not self.paused:
            self.paused = True
            if self.viewer is not None:
                self.viewer.pause()

    def _hear(self, text: dict[str, Any]) -> None:
        self.texts.append(text)
        self.heard.append(text)
        said = text["hello"] if text["type"] == "snapshot" else text if text["type"] == "hello" else None
        if said is not None:
            counts = (len(said[key]) for key in ("sources", "words", "channels"))
            self._layout = RowLayout(*counts, tuple(said["states"]))

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)
        assert self.viewer is not None
        self.viewer.leave()

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.later.append(callback)

    def tick(self) -> None:
        """One turn of the loop."""
        if self.later:
            self.later.popleft()()

    def drain(self) -> None:
        """The other end read everything."""
        self.used = 0
        if self.paused and self.viewer is not None and self.closed is None:
            self.paused = False
            self.viewer.resume()

    def settle(self) -> None:
        """Drain and turn until nothing more comes."""
        while self.closed is None and (self.paused or self.later):
            self.tick()
            self.drain()

    @property
    def seqs(self) -> list[int]:
        return [row.seq for row in self.rows]


def join(broadcaster: Broadcaster, wanted: Wanted = Wanted(), room: int = 1 << 40) -> FakePort:  # noqa: B008
    port = FakePort(room)
    port.viewer = broadcaster.join(port, wanted)
    assert port.viewer is not None
    broadcaster.greet(port.viewer)
    return port
