"""The way of an abort: its own connection, one deadline, and never the answer to somebody else's request."""

import asyncio
import json

import pytest

from controller.panel import requests as module
from controller.panel.requests import DEFAULT_REASON, IN_FLIGHT_MAX, CoreRequests, CoreUnreachable
from tests.unit.panel.parts import Answerer, FakeCore, accept, attached


def say(text: bytes) -> Answerer:
    return lambda request, writer: writer.write(text)


def hang(request: dict[str, object], writer: asyncio.StreamWriter) -> None:
    """Takes the request and says nothing, as a stopped process does."""


@pytest.fixture
def short_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEADLINE_S", 0.05)


async def test_an_abort_reaches_the_core_and_its_answer_comes_back() -> None:
    async with FakeCore().running() as core:
        reply = await attached(core).abort("smoke at module 3")
    assert (reply.accepted, reply.text) == (True, "aborting: smoke at module 3")
    assert core.requests == [{"id": 1, "abort": "smoke at module 3"}]


@pytest.mark.parametrize("reason", ["", "  ", "\n\x00"])
async def test_an_abort_without_a_reason_says_where_it_came_from(reason: str) -> None:
    async with FakeCore().running() as core:
        await attached(core).abort(reason)
    assert core.requests[0]["abort"] == DEFAULT_REASON


async def test_a_reason_is_one_bounded_line() -> None:
    async with FakeCore().running() as core:
        await attached(core).abort("first\nsecond\x07\r\n" + 9999 * "x")
    text = str(core.requests[0]["abort"])
    assert text.startswith("first second x")
    assert len(text) == module.REASON_LETTERS_MAX


async def test_without_a_core_it_is_said_at_once() -> None:
    with pytest.raises(CoreUnreachable, match="no core has been started yet"):
        await CoreRequests().abort()


async def test_a_core_that_is_gone_is_said_at_once() -> None:
    async with FakeCore().running() as core:
        requests = attached(core)
    with pytest.raises(CoreUnreachable, match="cannot be reached"):
        await requests.abort()


@pytest.mark.parametrize(
    "answer",
    [hang, say(b"{"), say(b'{"id": 99, "accepted": true, "text": "for another"}\n')],
    ids=["nothing", "half a line", "an answer for another"],
)
@pytest.mark.usefixtures("short_deadline")
async def test_a_core_that_does_not_answer_in_time_is_unreachable(answer: Answerer) -> None:
    async with FakeCore(answer).running() as core:
        with pytest.raises(CoreUnreachable, match="did not answer within"):
            await attached(core).abort()


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (say(b"nonsense\n"), "cannot be read"),
        (say(b'{"id": 1, "accepted": "yes", "text": ""}\n'), "cannot be read"),
        (say(b"x" * (module.LINE_BYTES_MAX + 2) + b"\n"), "cannot be read"),
        (lambda request, writer: writer.close(), "hung up"),
    ],
    ids=["nonsense", "a wrong type", "an endless line", "hung up"],
)
async def test_a_core_that_does_not_answer_properly_is_unreachable(answer: Answerer, problem: str) -> None:
    async with FakeCore(answer).running() as core:
        with pytest.raises(CoreUnreachable, match=problem):
            await attached(core).abort()


async def test_an_answer_to_another_request_is_passed_over() -> None:
    def both(request: dict[str, object], writer: asyncio.StreamWriter) -> None:
        writer.write(json.dumps({"id": 0, "accepted": False, "text": "late"}).encode() + b"\n")
        accept(request, writer)

    async with FakeCore(both).running() as core:
        reply = await attached(core).abort("now")
    assert reply.text == "aborting: now"


async def test_a_hung_abort_delays_no_other_and_its_late_answer_reaches_nobody() -> None:
    """The first request is answered only when the second one has been: the first caller has given up by then."""
    writers: list[asyncio.StreamWriter] = []
    asked = asyncio.Event()

    def slow_first(request: dict[str, object], writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        asked.set()
        if len(writers) > 1:
            accept(request, writer)
            writers[0].write(b'{"id": 1, "accepted": false, "text": "late"}\n')

    async with FakeCore(slow_first).running() as core:
        requests = attached(core)
        async with asyncio.TaskGroup() as group:
            first = group.create_task(requests.abort("first"), name="first abort")
            await asked.wait()
            reply = await requests.abort("second")
            first.cancel()
        assert reply.text == "aborting: second"
        assert (await requests.abort("third")).text == "aborting: third"


@pytest.mark.usefixtures("short_deadline")
async def test_beyond_the_bound_an_abort_shares_the_newest_ones_outcome() -> None:
    async with FakeCore(hang).running() as core:
        requests = attached(core)
        outcomes = await asyncio.gather(
            *(requests.abort(str(n)) for n in range(3 * IN_FLIGHT_MAX)), return_exceptions=True
        )
        assert len(core.requests) == IN_FLIGHT_MAX
        assert all(isinstance(outcome, CoreUnreachable) for outcome in outcomes)
        core.answer = accept
        assert (await requests.abort("after")).accepted


async def test_shared_aborts_get_the_answer_too() -> None:
    async with FakeCore().running() as core:
        requests = attached(core)
        replies = await asyncio.gather(*(requests.abort(str(n)) for n in range(2 * IN_FLIGHT_MAX)))
        assert all(reply.accepted for reply in replies)
        assert len(core.requests) == IN_FLIGHT_MAX


async def test_another_core_gets_the_next_request() -> None:
    async with FakeCore().running() as old, FakeCore().running() as new:
        requests = attached(old)
        await requests.abort()
        requests.attach(new.address)
        await requests.abort()
        assert (len(old.requests), len(new.requests)) == (1, 1)


@pytest.mark.parametrize(
    "address", ["", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:99999", "127.0.0.1:x", ":80"]
)
def test_only_an_address_is_attached(address: str) -> None:
    with pytest.raises(ValueError, match="not host:port"):
        CoreRequests().attach(address)
