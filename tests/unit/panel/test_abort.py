"""POST /api/v1/abort: nothing that is sent with it, or not sent, keeps it from the core."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from controller.panel.app import create_app
from controller.panel.requests import DEFAULT_REASON, CoreRequests
from controller.panel.routes import abort as module
from controller.panel.routes.abort import BODY_BYTES_MAX, reason_in
from controller.panel.shot_reader import Filters, ShotReader
from controller.panel.worker import QUEUE_MAX
from controller.shots.catalogue import ShotEntry
from tests.unit.panel.parts import FakeCore, attached, client, make_parts

BAD_BODIES = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"x"',
    b'{"reason": 7}',
    b'{"reason": ""}',
    b'{"other": "x"}',
    b"\xff\xfe",
    b"[" * 4000,
]


async def test_a_bad_body_does_not_prevent_it(tmp_path: Path) -> None:
    too_long = [b" " * (BODY_BYTES_MAX + 1), b'{"reason": "' + b"x" * BODY_BYTES_MAX + b'"}']
    async with FakeCore().running() as core, client(make_parts(tmp_path, requests=attached(core))) as browser:
        for body in [*BAD_BODIES, *too_long]:
            answer = await browser.post("/api/v1/abort", content=body, headers={"content-type": "application/json"})
            assert answer.status_code == 202, body[:20]
            assert core.requests.pop()["abort"] == DEFAULT_REASON


async def test_a_reason_goes_with_it(tmp_path: Path) -> None:
    async with FakeCore().running() as core, client(make_parts(tmp_path, requests=attached(core))) as browser:
        answer = await browser.post("/api/v1/abort", json={"reason": "smoke at module 3"})
    assert answer.json() == {"accepted": True, "text": "aborting: smoke at module 3"}


def test_only_a_text_is_a_reason() -> None:
    assert [reason_in(body) for body in BAD_BODIES] == [DEFAULT_REASON] * len(BAD_BODIES)
    assert reason_in(b'{"reason": "why", "more": 1}') == "why"


async def test_without_a_core_it_says_what_to_do(tmp_path: Path) -> None:
    async with client(make_parts(tmp_path, requests=CoreRequests())) as browser:
        answer = await browser.post("/api/v1/abort")
    assert answer.status_code == 503
    assert "EMERGENCY STOP" in answer.json()["detail"] and "NOT ABORTED" in answer.json()["detail"]


async def test_a_core_that_cannot_do_it_is_no_success(tmp_path: Path) -> None:
    """In watch mode the core takes the request, but a PLC that does not answer dumps nothing."""

    def powerless(request: dict[str, object], writer: asyncio.StreamWriter) -> None:
        reply = {"id": request["id"], "accepted": False, "text": "the PLC does not answer"}
        writer.write(json.dumps(reply).encode() + b"\n")

    async with FakeCore(powerless).running() as core, client(make_parts(tmp_path, requests=attached(core))) as browser:
        answer = await browser.post("/api/v1/abort")
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("NOT ABORTED: the PLC does not answer; press the EMERGENCY STOP")


async def call(app: Any, receive: Any) -> list[dict[str, Any]]:
    """One abort straight into the application, with a body of one's own making."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1"), (b"content-length", b"100")]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/api/v1/abort",
        "raw_path": b"/api/v1/abort",
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    await app(scope, receive, send)
    return sent


async def test_a_body_that_never_comes_costs_the_reason_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BODY_S", 0.01)

    async def never() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async with FakeCore().running() as core:
        parts = make_parts(tmp_path, requests=attached(core))
        sent = await call(create_app(parts), never)
        parts.shots.close()
    assert sent[0]["status"] == 202
    assert json.loads(sent[1]["body"])["accepted"] is True
    assert core.requests[0]["abort"] == DEFAULT_REASON


async def test_a_browser_that_hangs_up_has_aborted_all_the_same(tmp_path: Path) -> None:
    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async with FakeCore().running() as core:
        parts = make_parts(tmp_path, requests=attached(core))
        await call(create_app(parts), gone)
        parts.shots.close()
    assert len(core.requests) == 1


async def test_a_disk_that_hangs_does_not_delay_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that reads shots is occupied and its queue is full; the abort does not need it."""
    gate = threading.Event()

    def hang(reader: ShotReader, filters: Filters) -> tuple[ShotEntry, ...]:
        gate.wait(10.0)
        return ()

    monkeypatch.setattr(ShotReader, "list", hang)
    async with FakeCore().running() as core:
        parts = make_parts(tmp_path, requests=attached(core))
        async with client(parts) as browser, asyncio.TaskGroup() as group:
            lists = [group.create_task(browser.get("/api/v1/shots"), name=f"list {n}") for n in range(2 * QUEUE_MAX)]
            done, _ = await asyncio.wait(lists, return_when=asyncio.FIRST_COMPLETED)
            assert (await browser.post("/api/v1/abort")).status_code == 202
            gate.set()
    busy = done.pop().result()
    assert (busy.status_code, busy.headers["retry-after"]) == (503, "1")
