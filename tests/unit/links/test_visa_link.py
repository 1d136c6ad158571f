"""VisaLink over a resource whose every call the test decides: threads, deadlines, recovery, traps T4, T5 and T7.

Threads are real, so time is too; nothing here waits longer than a fraction of a second.
"""

import asyncio
import contextlib
import itertools
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from pyvisa import VisaIOError
from pyvisa.constants import StatusCode

from drivers.errors import (
    ConnectFailed,
    InstrumentError,
    LinkClosed,
    LinkError,
    LinkTimeout,
    RemoteWireError,
    WrongInstrument,
)
from drivers.transports import visa, visa_thread
from drivers.transports.route import Visa
from drivers.transports.turns import Hello
from drivers.transports.visa import RETIRED_MAX, VisaLink
from drivers.transports.visa_thread import VisaThread

ROUTE = Visa("GPIB0::7::INSTR")
HELLO = Hello(b"*IDN?\n", b"\n", lambda line: line == b"ME")
MORE = StatusCode.success_max_count_read


class Device:
    """An instrument and the VISA sessions to it. ``hang`` makes the reads of such a request block until released."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.release = threading.Event()
        self.answers: dict[bytes, bytes] = {b"*IDN?\n": b"ME\n"}
        self.hang: set[bytes] = set()
        self.hangs_once: set[bytes] = set()
        self.times_out: set[bytes] = set()
        self.chunk = 1 << 30
        self.refuses: Exception | None = None
        self.open_hangs = False
        self.clears = True
        self.late: list[bytes] = []
        self.overlaps = 0
        self.pause_s = 0.0

    def open(self, thread: VisaThread, timeout_s: float) -> None:
        if self.open_hangs:
            self.release.wait(20)
        if self.refuses is not None:
            raise self.refuses
        session = Session(self)
        self.sessions.append(session)
        thread.resource = session


class Session:
    """What VisaLink uses of a PyVISA resource."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.visalib = self
        self.session = 1
        self.timeout = 0
        self.closed = False
        self.busy = threading.Lock()
        self.request = b""
        self.pending = b""
        self.counts: list[int] = []

    @contextlib.contextmanager
    def ignore_warning(self, session: int, *codes: StatusCode) -> Iterator[None]:
        assert MORE in codes
        yield

    def write_raw(self, data: bytes) -> None:
        self._alone()
        self.request = data
        self.device.release.wait(self.device.pause_s)
        self.pending = self.device.answers.get(data, b"re " + data)
        self.busy.release()

    def read(self, session: int, count: int) -> tuple[bytes, StatusCode]:
        self._alone()
        try:
            device = self.device
            self.counts.append(count)
            hangs = self.request in device.hang or self.request in device.hangs_once
            device.hangs_once.discard(self.request)
            if hangs:
                device.release.wait(20)
            if self.request in device.times_out:
                device.late.append(self.pending)
                raise VisaIOError(StatusCode.error_timeout)
            if device.late:
                self.pending = device.late.pop(0)
            size = min(count, device.chunk)
            data, self.pending = self.pending[:size], self.pending[size:]
            # As pyvisa-py 0.8.1: a read that is filled exactly never sees the end of the message (T7).
            return data, MORE if self.pending or len(data) == count else StatusCode.success
        finally:
            self.busy.release()

    def clear(self) -> None:
        self._alone()
        self.busy.release()
        if not self.device.clears:
            raise NotImplementedError
        self.pending = b""
        self.device.late.clear()

    def read_stb(self) -> int:
        return 80

    def assert_trigger(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.closed = True

    def _alone(self) -> None:
        if not self.busy.acquire(blocking=False):
            self.device.overlaps += 1


@pytest.fixture
async def device(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Device]:
    found = Device()
    monkeypatch.setattr(visa_thread, "open_resource", found.open)
    yield found
    found.release.set()
    for thread in threading.enumerate():
        if thread.name.startswith("visa-"):
            await asyncio.to_thread(thread.join, 5)
            assert not thread.is_alive()
    assert found.overlaps == 0
    assert all(session.closed for session in found.sessions)


@pytest.fixture
async def link(device: Device) -> AsyncIterator[VisaLink]:
    found = VisaLink("scope", ROUTE, hello=HELLO)
    yield found
    device.release.set()
    await found.close()


async def failure(awaited: Any) -> InstrumentError:
    with pytest.raises(InstrumentError) as caught:
        await awaited
    return caught.value


async def test_a_blocked_read_never_delays_the_loop(device: Device, link: VisaLink) -> None:
    await link.open(1.0)
    device.hang.add(b"HANG?\n")
    loop = asyncio.get_running_loop()
    beats: list[float] = []

    async def beat() -> None:
        while True:
            beats.append(loop.time())
            await asyncio.sleep(0.001)

    heart = asyncio.create_task(beat(), name="heart")
    assert isinstance(await failure(link.query(b"HANG?\n", timeout_s=0.6)), LinkTimeout)
    heart.cancel()
    gaps = [later - earlier for earlier, later in itertools.pairwise(beats)]
    assert len(gaps) > 20 and max(gaps) < 0.5  # a blocked loop would show one gap of 0.6 s


async def test_t4_the_exchange_after_a_stuck_one_has_a_thread_and_a_session_of_its_own(
    device: Device, link: VisaLink
) -> None:
    await link.open(5.0)
    device.hangs_once.add(b"A?\n")
    assert isinstance(await failure(link.query(b"A?\n", timeout_s=0.05)), LinkTimeout)
    assert await link.query(b"B?\n", timeout_s=5.0) == b"re B?"
    assert len(device.sessions) == 2
    device.release.set()  # the stuck read now returns "re A?", to nobody
    assert await link.query(b"C?\n", timeout_s=1.0) == b"re C?"


@pytest.mark.parametrize("clears", [True, False])
async def test_t4_a_late_answer_is_never_the_next_one(device: Device, link: VisaLink, clears: bool) -> None:
    """VISA's own timeout: the device is cleared, or where that is impossible hello meets the late answer."""
    device.clears = clears
    await link.open(1.0)
    device.times_out.add(b"A?\n")
    assert isinstance(await failure(link.query(b"A?\n", timeout_s=1.0)), LinkTimeout)
    if clears:
        assert await link.query(b"B?\n", timeout_s=1.0) == b"re B?"
        assert len(device.sessions) == 1
    else:
        assert isinstance(await failure(link.query(b"B?\n", timeout_s=1.0)), WrongInstrument)
        assert await link.query(b"C?\n", timeout_s=1.0) == b"re C?"


async def test_a_cancelled_exchange_leaves_the_link_usable(device: Device, link: VisaLink) -> None:
    await link.open(1.0)
    device.hangs_once.add(b"A?\n")
    task = asyncio.create_task(link.query(b"A?\n", timeout_s=30.0), name="victim")
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await link.query(b"B?\n", timeout_s=2.0) == b"re B?"


async def test_stuck_threads_are_counted_and_bounded(
    device: Device, link: VisaLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visa, "STUCK_S", 0.01)
    device.hang.add(b"A?\n")
    for _ in range(RETIRED_MAX + 1):
        assert isinstance(await failure(link.query(b"A?\n", timeout_s=0.3)), LinkTimeout)
    stuck = await failure(link.query(b"B?\n", timeout_s=2.0))
    assert type(stuck) is LinkError and "do not return" in stuck.problem
    assert len(device.sessions) == RETIRED_MAX + 1
    device.release.set()
    async with asyncio.timeout(5):
        while link._retired:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    device.hang.clear()
    assert await link.query(b"B?\n", timeout_s=1.0) == b"re B?"


async def test_t5_one_call_at_a_time_however_many_ask(device: Device, link: VisaLink) -> None:
    device.pause_s = 0.001
    answers = await asyncio.gather(*(link.query(b"%d?\n" % n, timeout_s=5.0) for n in range(60)))
    assert answers == [b"re %d?" % n for n in range(60)]


async def test_t5_each_link_has_a_session_and_closing_one_leaves_the_others(device: Device, link: VisaLink) -> None:
    other = VisaLink("other", ROUTE, hello=HELLO)
    await other.open(1.0)
    await link.open(1.0)
    await other.close()
    assert [session.closed for session in device.sessions] == [True, False]
    assert await link.query(b"B?\n", timeout_s=1.0) == b"re B?"


@pytest.mark.parametrize("size", [0, 1, 5, 20_480 - 1, 20_480, 40_960])
async def test_t7_no_read_is_exactly_as_long_as_its_answer(device: Device, link: VisaLink, size: int) -> None:
    await link.open(1.0)
    device.answers[b"T?\n"] = bytes(65 + n % 26 for n in range(size)) + b"\n"
    assert len(await link.query(b"T?\n", timeout_s=1.0, max_bytes=size)) == size
    device.answers[b"D?\n"] = b"#8%08d" % size + bytes(n % 251 for n in range(size)) + b"\n"
    out = bytearray(size)
    assert await link.query_block(b"D?\n", out, timeout_s=1.0) == size
    assert out == bytes(n % 251 for n in range(size))


async def test_t7_the_open_timeout_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """pyvisa-py 0.8.1 gives a VXI-11 session 100 ms when nobody says otherwise."""
    asked: dict[str, Any] = {}

    class Manager:
        def __init__(self, library: str) -> None:
            asked["library"] = library

        def open_resource(self, resource: str, **options: Any) -> Session:
            asked[resource] = options
            return Session(Device())

    monkeypatch.setattr("pyvisa.ResourceManager", Manager)
    monkeypatch.setattr(visa_thread, "_managers", {})
    link = VisaLink("scope", Visa("TCPIP::h::inst0::INSTR", "@py"))
    await link.open(9.0)
    await link.close()
    assert asked == {"library": "@py", "TCPIP::h::inst0::INSTR": {"open_timeout": 5000}}


@pytest.mark.parametrize("chunk", [1, 7, 1 << 30])
async def test_an_answer_may_come_in_any_pieces(device: Device, link: VisaLink, chunk: int) -> None:
    device.chunk = chunk
    device.answers[b"D?\n"] = b"#15hello\n"
    out = bytearray(8)
    assert await link.query(b"B?\n", timeout_s=1.0) == b"re B?"
    assert await link.query_block(b"D?\n", out, timeout_s=1.0) == 5
    assert out == b"hello\0\0\0"
    assert await link.query(b"D?\n", timeout_s=1.0, framer=lambda held: 8 if len(held) >= 8 else 0) == b"#15hello"
    await link.send(b"X\n", timeout_s=1.0)


@pytest.mark.parametrize(
    ("answer", "words"),
    [(b"x" * 5000, "more than 4096 bytes"), (b"a\nb\n", "2 bytes after the end"), (b"y" * 4097 + b"\n", "more than")],
)
async def test_an_oversized_answer_ends_in_its_error_and_the_next_query_is_right(
    device: Device, link: VisaLink, answer: bytes, words: str
) -> None:
    device.answers[b"A?\n"] = answer
    error = await failure(link.query(b"A?\n", timeout_s=1.0))
    assert isinstance(error, RemoteWireError) and words in error.problem
    assert await link.query(b"B?\n", timeout_s=1.0) == b"re B?"


@pytest.mark.parametrize("answer", [b"nonsense\n", b"#19short\n", b"#3999" + bytes(999) + b"\n", b"#15helloX\n", b""])
async def test_a_block_that_is_none(device: Device, link: VisaLink, answer: bytes) -> None:
    device.answers[b"D?\n"] = answer
    assert isinstance(await failure(link.query_block(b"D?\n", bytearray(100), timeout_s=1.0)), RemoteWireError)
    assert await link.query(b"B?\n", timeout_s=1.0) == b"re B?"


async def test_after_an_error_nothing_writes_to_the_callers_memory(device: Device, link: VisaLink) -> None:
    await link.open(1.0)
    device.hangs_once.add(b"D?\n")
    device.answers[b"D?\n"] = b"#15hello\n"
    out = bytearray(5)
    assert isinstance(await failure(link.query_block(b"D?\n", out, timeout_s=0.05)), LinkTimeout)
    device.release.set()
    assert await link.query(b"B?\n", timeout_s=1.0) == b"re B?"
    assert out == bytes(5)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (VisaIOError(StatusCode.error_resource_not_found), "VI_ERROR_RSRC_NFOUND"),
        (VisaIOError(StatusCode.error_timeout), "VI_ERROR_TMO"),
        (OSError("no route"), "no route"),
        (Exception("error creating link: 3"), "error creating link: 3"),
        (ImportError("No module named 'pyvisa'"), "pip install 'sparkgap[visa]'"),
    ],
)
async def test_what_cannot_be_opened(device: Device, link: VisaLink, trouble: Exception, words: str) -> None:
    device.refuses = trouble
    error = await failure(link.open(1.0))
    assert isinstance(error, ConnectFailed) and words in error.problem
    device.refuses = None
    assert await link.query(b"B?\n", timeout_s=1.0) == b"re B?"


async def test_an_open_that_hangs_ends_at_the_deadline(device: Device, link: VisaLink) -> None:
    device.open_hangs = True
    assert isinstance(await failure(link.open(0.1)), LinkTimeout)
    device.open_hangs = False
    assert await link.query(b"B?\n", timeout_s=1.0) == b"re B?"
    assert link._retired == 1  # still hanging


async def test_a_lost_session_is_opened_anew(device: Device, link: VisaLink, monkeypatch: pytest.MonkeyPatch) -> None:
    await link.open(1.0)

    def gone(request: bytes) -> None:
        raise VisaIOError(StatusCode.error_connection_lost)

    monkeypatch.setattr(device.sessions[0], "write_raw", gone)
    error = await failure(link.query(b"A?\n", timeout_s=1.0))
    assert type(error) is LinkClosed and "VI_ERROR_CONN_LOST" in error.problem
    assert await link.query(b"B?\n", timeout_s=1.0) == b"re B?"
    assert len(device.sessions) == 2


async def test_another_instrument_is_named(device: Device, link: VisaLink) -> None:
    device.answers[b"*IDN?\n"] = b"SOMEBODY ELSE\n"
    error = await failure(link.open(1.0))
    assert isinstance(error, WrongInstrument) and "'SOMEBODY ELSE'" in error.problem


async def test_t6_what_a_backend_cannot_do_is_said_and_harms_nothing(device: Device, link: VisaLink) -> None:
    assert await link.status_byte(timeout_s=1.0) == 80
    error = await failure(link.trigger(timeout_s=1.0))
    assert type(error) is LinkError and "cannot do that" in error.problem
    assert await link.query(b"B?\n", timeout_s=1.0) == b"re B?"
    assert len(device.sessions) == 1


@pytest.mark.parametrize(
    "resource", ["TCPIP::h::5025::SOCKET", "ASRL/dev/ttyUSB0::INSTR", "TCPIP::h::hislip0::INSTR", "nonsense"]
)
async def test_t1_t2_t3_t8_t9_t10_what_is_not_pyvisas_is_refused_at_once(resource: str) -> None:
    with pytest.raises(ValueError, match="write"):
        VisaLink("scope", Visa(resource))


async def test_close_is_final_and_quiet(device: Device, link: VisaLink) -> None:
    await link.open(1.0)
    device.hangs_once.add(b"A?\n")
    waiting = asyncio.create_task(link.query(b"A?\n", timeout_s=5.0), name="waiting")
    await asyncio.sleep(0.01)
    closing = asyncio.create_task(link.close(), name="closing")
    with pytest.raises(LinkClosed, match="closed here"):
        await waiting
    device.release.set()
    await closing
    assert link._retired == 0
    assert isinstance(await failure(link.query(b"B?\n", timeout_s=1.0)), LinkClosed)
    await link.close()
