"""A panel made of real parts around fakes: a present that a test writes, and a core that answers as it is told."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from math import nan
from pathlib import Path

import httpx2

from controller.app.preflight import read_rig
from controller.messages import (
    AlarmChanged,
    ChannelInfo,
    Event,
    Frame,
    Hello,
    SourceInfo,
    StepEntered,
    StepInfo,
    WordInfo,
)
from controller.panel.app import PanelParts, create_app
from controller.panel.live import LiveState
from controller.panel.requests import CoreRequests
from controller.panel.shots import ShotStore
from controller.rig.model import Rig

RIG = "railgun_bench"

HELLO = Hello(
    rig=RIG,
    profile="full",
    title="Full shot",
    shot=7,
    shot_id="abc",
    channels=(
        ChannelInfo("probe_a", "Bank voltage, probe A", "V", "plc", "bank", 0.0, 3100.0),
        ChannelInfo("charger_voltage", "Charger output voltage", "V", "charger", "charger"),
        ChannelInfo("probe_b", "Bank voltage, probe B", "V", "plc", "bank"),
    ),
    steps=(StepInfo("self_test", "self_test", 30.0), StepInfo("charge", "charge", 60.0)),
    target_v=3000.0,
    virtual=False,
    session="one",
    sources=(SourceInfo("plc", "Rig PLC", 0.3), SourceInfo("charger", "Charger", 1.0)),
    words=(WordInfo("inputs", ("ESTOP_OK", "", "DOOR_CLOSED")),),
    states=("SAFE", "CHARGE"),
)


@cache
def rig() -> Rig:
    return read_rig(RIG)[0]


def frame(t_ns: int, seq: int = 1, plc_age_s: float = 0.01, charger_age_s: float = 0.4) -> Frame:
    """Probe A reads 1234.5 V, the charger 1230 V, probe B is not valid; bits 0 and 2 are set."""
    values = (1234.5, 1230.0, nan)
    return Frame(seq, t_ns, values, "CHARGE", 1, None, plc_age_s, (0b101,), (plc_age_s, charger_age_s), 0.001)


def filled(now_s: float) -> LiveState:
    """A bench that charges, with a core that is heard, events and alarms."""
    live = LiveState()
    now_ns = round(now_s * 1e9)
    live.take(HELLO)
    live.take(StepEntered(now_ns - 10, 0, "self_test", "enter"))
    live.take(StepEntered(now_ns - 5, 0, "self_test", "done"))
    live.take(StepEntered(now_ns - 5, 1, "charge", "enter"))
    live.take(Event(now_ns - 2_000_000_000, "plc", "info", "charging"))
    live.take(AlarmChanged("late", "Second", "high", "UNACK_ALARM", True, now_ns, order=2, value=nan, unit="V"))
    live.take(AlarmChanged("first", "First", "high", "UNACK_ALARM", True, now_ns, order=1, value=3200.0, unit="V"))
    live.take(AlarmChanged("over", "Over", "low", "RTN_UNACK", False, now_ns))
    live.take(frame(now_ns))
    live.set_link("connected")
    return live


def no_metrics() -> tuple[bytes, str]:
    return b"sparkgap_up 1\n", "text/plain; version=0.0.4"


def built(folder: Path) -> Path:
    """A page as Vite leaves it."""
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text('<script type="module" src="./assets/index-1a2b.js"></script>')
    (folder / "assets" / "index-1a2b.js").write_text("console.log(1);" * 100)
    (folder / "assets" / "style-3c.css").write_text("a{}")
    (folder / "icon.svg").write_text("<svg/>")
    (folder / ".stamp").write_text("hash")
    return folder


def make_parts(
    out: Path,
    live: LiveState | None = None,
    requests: CoreRequests | None = None,
    catalogue: str = "",
    metrics: Callable[[], tuple[bytes, str]] = no_metrics,
    static: Path | None = None,
) -> PanelParts:
    return PanelParts(
        rig(),
        live or LiveState(),
        requests or CoreRequests(),
        ShotStore(out, catalogue),
        metrics,
        static or out / "no page",
        "1.2.3",
    )


@asynccontextmanager
async def client(parts: PanelParts, raise_defects: bool = True) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser without a network; the store is closed at the end."""
    transport = httpx2.ASGITransport(app=create_app(parts), raise_app_exceptions=raise_defects)
    try:
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as made:
            yield made
    finally:
        parts.shots.close()


Answerer = Callable[[dict[str, object], asyncio.StreamWriter], None]


def accept(request: dict[str, object], writer: asyncio.StreamWriter) -> None:
    """What a healthy core does."""
    reply = {"id": request["id"], "accepted": True, "text": f"aborting: {request['abort']}"}
    writer.write(json.dumps(reply).encode() + b"\n")


class FakeCore:
    """The request port of a core; ``answer`` may do anything with a request, for instance nothing."""

    def __init__(self, answer: Answerer = accept) -> None:
        self.answer = answer
        self.requests: list[dict[str, object]] = []
        self.address = ""
        self._open: set[asyncio.StreamWriter] = set()
        self._empty = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FakeCore"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()[:2]
        self.address = f"{host}:{port}"
        try:
            yield self
        finally:
            server.close()
            for writer in list(self._open):
                writer.transport.abort()
            await server.wait_closed()
            if self._open:
                await self._empty.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        self._empty.clear()
        try:
            while line := await reader.readline():
                self.requests.append(json.loads(line))
                self.answer(self.requests[-1], writer)
        except ConnectionError:
            return
        finally:
            writer.transport.abort()
            self._open.discard(writer)
            if not self._open:
                self._empty.set()


def attached(core: FakeCore) -> CoreRequests:
    requests = CoreRequests()
    requests.attach(core.address)
    return requests
