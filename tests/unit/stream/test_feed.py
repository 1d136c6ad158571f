"""The bus client: it comes back, changes over, drops nonsense, and passes nothing on twice."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from controller.messages import AlarmChanged, Decoder, Event, Finished, Frame, Hello, Message, StepEntered, encode
from controller.panel import feed as feed_module
from controller.panel.feed import Feed, _Ear, _Memory
from tests.unit.stream.fakes import frame, hello

STEP, EVENT = StepEntered(1, 0, "s0", "enter"), Event(2, "plc", "info", "hello there")
PATIENCE_S = 20.0
"""Only a test that fails waits so long."""


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is not a silent core."""
    monkeypatch.setattr(feed_module, "SILENCE_S", 3600.0)
    monkeypatch.setattr(feed_module, "HELLO_S", 3600.0)
    monkeypatch.setattr(feed_module, "CONNECT_S", 3600.0)


class Core:
    """A bus by hand: what it replays to whoever connects, and what the test makes it say then."""

    def __init__(self, *replay: Message) -> None:
        self.replay = b"".join(encode(message) for message in replay)
        self.writers: list[asyncio.StreamWriter] = []
        self.address = ""
        self.met_twice = asyncio.Event()

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        writer.write(self.replay)
        if len(self.writers) == 2:
            self.met_twice.set()

    def say(self, data: Message | bytes) -> None:
        self.writers[-1].write(data if isinstance(data, bytes) else encode(data))

    def hang_up(self) -> None:
        self.writers[-1].transport.abort()

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator["Core"]:
        server = await asyncio.start_server(self.meet, "127.0.0.1", port)
        self.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            for writer in self.writers:
                writer.transport.abort()
            server.close()
            await server.wait_closed()


class Listener:
    """Everything a sink and on_link heard, in order; ``until`` waits for a state of it."""

    def __init__(self) -> None:
        self.heard: list[Message | str] = []
        self.changed = asyncio.Event()

    def hear(self, what: Message | str) -> None:
        self.heard.append(what)
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    def count(self, what: Message | str) -> int:
        return self.heard.count(what)


@asynccontextmanager
async def listening(address: str = "") -> AsyncIterator[tuple[Feed, Listener]]:
    listener = Listener()
    feed = Feed([listener.hear], listener.hear)
    if address:
        feed.attach(address)
    task = asyncio.create_task(feed.run(), name="feed")
    try:
        yield feed, listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_passes_on_what_the_core_says() -> None:
    async with Core(hello(), STEP, EVENT).serving() as core, listening(core.address) as (_, listener):
        await listener.until(lambda: listener.count(EVENT) == 1)
        core.say(frame(1))
        core.say(encode(frame(2))[:20])
        core.say(encode(frame(2))[20:])
        await listener.until(lambda: listener.count(frame(2)) == 1)
        assert listener.heard == [hello(), "connected", STEP, EVENT, frame(1), frame(2)]


async def test_a_core_that_is_heard_again_repeats_nothing() -> None:
    async with Core(hello(), STEP, EVENT).serving() as core, listening(core.address) as (_, listener):
        await listener.until(lambda: listener.count(EVENT) == 1)
        core.replay += encode(Event(3, "plc", "info", "missed"))
        core.hang_up()
        await listener.until(lambda: listener.count(Event(3, "plc", "info", "missed")) == 1)
        assert listener.heard == [
            hello(), "connected", STEP, EVENT, "lost", "connected", Event(3, "plc", "info", "missed")
        ]  # fmt: skip


async def test_it_waits_for_an_address_and_changes_over_at_any_time() -> None:
    first, second = Core(hello(), frame(1)), Core(hello("watch-1"), frame(2))
    async with first.serving(), second.serving(), listening() as (feed, listener):
        await asyncio.sleep(0)
        feed.attach(first.address)
        await listener.until(lambda: listener.count(frame(1)) == 1)
        feed.attach(second.address)
        await listener.until(lambda: listener.count(frame(2)) == 1)
        assert listener.heard == [hello(), "connected", frame(1), "lost", hello("watch-1"), "connected", frame(2)]


async def test_it_changes_over_while_it_pauses_or_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "BACKOFF_FIRST_S", 3600.0)
    monkeypatch.setattr(feed_module, "BACKOFF_MAX_S", 3600.0)
    silent, second = Core(), Core(hello("watch-1"))
    async with silent.serving(), second.serving(), listening("127.0.0.1:1") as (feed, listener):
        await asyncio.sleep(0)
        feed.attach(silent.address)
        feed.attach(second.address)
        await listener.until(lambda: listener.count("connected") == 1)
        assert listener.heard == [hello("watch-1"), "connected"]


async def test_a_core_that_comes_up_later_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "BACKOFF_FIRST_S", 0.001)
    monkeypatch.setattr(feed_module, "BACKOFF_MAX_S", 0.01)
    async with Core().serving() as gone:
        port = int(gone.address.split(":")[1])
    async with listening(f"127.0.0.1:{port}") as (_, listener), Core(hello()).serving(port):
        await listener.until(lambda: listener.count("connected") == 1)


@pytest.mark.parametrize("nonsense", [b"\xff\xff\xff\xff", struct.pack(">I", 3) + b"\xc1\xc1\xc1"])
async def test_nonsense_ends_the_connection_and_it_comes_back(nonsense: bytes) -> None:
    async with Core(hello()).serving() as core, listening(core.address) as (_, listener):
        await listener.until(lambda: listener.count("connected") == 1)
        core.say(nonsense)
        await listener.until(lambda: listener.count("connected") == 2)
        core.say(frame(1))
        await listener.until(lambda: listener.count(frame(1)) == 1)
        assert listener.heard == [hello(), "connected", "lost", "connected", frame(1)]


async def test_a_core_that_falls_silent_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "SILENCE_S", 0.05)
    async with Core(hello(), frame(1)).serving() as core, listening(core.address) as (_, listener):
        await listener.until(lambda: listener.count("lost") >= 1)
        await listener.until(lambda: listener.count(frame(1)) >= 2)
        assert listener.heard[:3] == [hello(), "connected", frame(1)]
        assert listener.count(hello()) == 1


async def test_a_panel_that_got_no_time_itself_looks_twice() -> None:
    links: list[str] = []
    ear = _Ear(lambda _: None, links.append)
    ear.data_received(encode(hello()) + encode(frame(1)))

    def late() -> None:
        ear._heard_s = asyncio.get_running_loop().time() - 2 * feed_module.SILENCE_S
        ear._watch()

    late()
    ear.data_received(encode(frame(2)))
    ear._watch()
    late()
    assert links == ["connected"]
    late()
    assert links == ["connected", "lost"]


async def test_a_bus_that_never_says_hello_is_never_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "HELLO_S", 0.02)
    async with Core().serving() as core, listening(core.address) as (_, listener):
        async with asyncio.timeout(PATIENCE_S):
            await core.met_twice.wait()
        assert listener.heard == []


async def test_a_defect_in_a_sink_is_not_hidden() -> None:
    def fail(_: Message) -> None:
        raise RuntimeError("defect")

    links: list[str] = []
    async with Core(hello()).serving() as core:
        feed = Feed([fail], links.append)
        feed.attach(core.address)
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(RuntimeError, match="defect"):
                await feed.run()


@pytest.mark.parametrize("address", ["", "nowhere", "host:", ":1", "host:0", "host:65536", "host:-1"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="is not host:port"):
        Feed([], print).attach(address)


def test_the_memory_forgets_with_the_core_and_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "REMEMBERED_MAX", 3)
    memory = _Memory()
    alarm = AlarmChanged("a", "A", "high", "UNACK_ALARM", True, 5)
    done = Finished(1, "id", "pass", "completed", "", "", "", "", "", 0)
    assert [memory.is_new(message) for message in (hello(), STEP, alarm, done, hello(), STEP, alarm, done)] == [
        True, True, True, True, False, False, False, False,
    ]  # fmt: skip
    assert memory.is_new(EVENT)
    assert memory.is_new(STEP)
    assert memory.is_new(hello("watch-1"))
    assert memory.is_new(EVENT)


def test_the_bus_speaks_as_this_test_does() -> None:
    said: list[Hello | Frame] = [hello(), frame(1)]
    assert Decoder().feed(b"".join(map(encode, said))) == said
