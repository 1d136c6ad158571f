"""The page against a panel that a test plays: the built page, a clock that is held, and the stream's other end.

No bench runs here: the stream's messages are those of controller/telemetry/frames.py, sent by the test.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
from playwright.sync_api import Page, Route, WebSocketRoute

from controller.messages import ChannelInfo, Frame, Hello, SourceInfo, StepInfo, WordInfo
from controller.panel.guard import PAGE_POLICY
from controller.telemetry.frames import RowLayout, encode_row, message

STATIC = Path(__file__).parents[2] / "controller" / "panel" / "static"

CHANNELS = (
    ChannelInfo("probe", "Bank voltage", "V", "plc", "bank", high=3100.0),
    ChannelInfo("current", "Charger current", "A", "charger", "charger"),
)
HELLO = Hello(
    rig="any_bench",
    profile="full",
    title="Full shot",
    shot=7,
    shot_id="s7",
    channels=CHANNELS,
    steps=(StepInfo("charge", "charge", 30.0), StepInfo("fire", "fire", 1.0)),
    target_v=3000.0,
    virtual=False,
    session="one",
    rig_title="Any bench",
    sources=(SourceInfo("plc", "Rig PLC", 0.5), SourceInfo("charger", "Charger", 2.0)),
    words=(WordInfo("inputs", ("DOOR",)),),
    states=("SAFE", "CHARGE", "TRIP"),
)
RIG = {"name": "any_bench", "title": "Any bench", "channels": [], "mimic": {"areas": [], "elements": [], "links": []}}

HELD_MS = 2_000
"""Longest wait of an expectation, in real time: nothing here waits for a bench."""


class Quiet(SimpleHTTPRequestHandler):
    """Serves the built page under the panel's own policy."""

    def end_headers(self) -> None:
        self.send_header("content-security-policy", PAGE_POLICY)
        super().end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@contextmanager
def built_page() -> Iterator[str]:
    """The address of the built page, served under the panel's policy."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(STATIC)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class PlayedPanel:
    """The panel's end of one page: the stream's sockets, and what the abort is answered."""

    def __init__(self, page: Page, hello: Hello = HELLO, rig: Any = RIG) -> None:
        self.page = page
        self.hello = hello
        self.rig = rig
        self.layout = RowLayout.of(hello)
        self.sockets: list[WebSocketRoute] = []
        self.aborts: list[str] = []
        self.abort_answer: tuple[int, dict[str, Any]] | None = (202, {"accepted": True, "text": "dumping"})
        self.errors: list[str] = []
        self.seq = 0
        self.time_s = 1000.0
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.clock.install(time=0)
        page.clock.pause_at(1_000)
        page.route("**/api/v1/**", self._answer)
        page.route_web_socket("**/api/v1/stream*", lambda socket: self.sockets.append(socket))

    def _answer(self, route: Route) -> None:
        if route.request.url.endswith("/abort"):
            self.aborts.append(route.request.method)
            if self.abort_answer is not None:  # None: the panel hangs
                route.fulfill(status=self.abort_answer[0], json=self.abort_answer[1])
        elif route.request.url.endswith("/rig"):
            route.fulfill(json=self.rig)
        elif route.request.url.endswith("/state"):
            route.fulfill(json={"simulated": True})
        else:
            route.fulfill(json={"shots": []})

    def open(self, address: str) -> None:
        self.page.goto(address)
        self.greet()

    def greet(self, **changes: Any) -> None:
        """The first message of a connection; without changes a bench that runs."""
        snapshot = {
            "type": "snapshot",
            "protocol": 1,
            "stream": "id",
            "link": "connected",
            "hello": msgspec.to_builtins(self.hello),
            "marks": ["done", "running"][: len(self.hello.steps)],
            "alarms": [],
            "events": [],
            "finished": None,
            "row": {
                "bytes": self.layout.row_bytes,
                "sources": len(self.hello.sources),
                "words": len(self.hello.words),
                "channels": len(self.hello.channels),
            },
            "head": self.seq,
        }
        self.say(snapshot | changes)
        self.say({"type": "live", "seq": self.seq + 1})

    def say(self, text: Any) -> None:
        self.sockets[-1].send(msgspec.json.encode(text).decode())

    def advance(self, ms: int) -> None:
        """Let time pass, for the bench and for the page."""
        self.time_s += ms / 1000
        self.page.clock.run_for(ms)

    def frame(self, probe_v: float = 1250.0, state: str = "CHARGE", age_s: float = 0.02, skip: int = 0) -> None:
        """One live row of now, and the next pictures of the page."""
        self.seq += 1 + skip
        frame = Frame(self.seq, int(self.time_s * 1e9), (probe_v, 0.5), state, 1, None, age_s, (1,), (age_s, 0.1))
        self.show(frame)

    def show(self, frame: Frame) -> None:
        """``frame`` as the newest row, and the next pictures of the page."""
        self.sockets[-1].send(message([encode_row(self.layout, frame, self.seq)], self.seq, self.layout))
        self.advance(120)
