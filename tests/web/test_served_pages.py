"""Pages that the panel makes itself, in a real browser behind a real server: they work, and ask nobody outside."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import uvicorn
from playwright.sync_api import Page, expect

from controller.panel.app import PanelParts, create_app
from tests.unit.panel.parts import FakeCore, make_parts
from tests.web.conftest import OfflineContext
from tests.web.recorded import FULL, recorded_shots

START_S = 20.0
"""The slowest machine has a server up by then."""


class Announcing(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()

    @property
    def url(self) -> str:
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"


@contextmanager
def serving(parts: PanelParts, core: FakeCore) -> Iterator[str]:
    """uvicorn over the application on a thread with a loop of its own, beside a core; the address."""
    config = uvicorn.Config(create_app(parts), port=0, lifespan="off", ws="none", log_level="error", access_log=False)
    server = Announcing(config)

    async def serve() -> None:
        async with core.running():
            parts.requests.attach(core.address)
            await server.serve()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="panel")
    thread.start()
    try:
        assert server.listens.wait(START_S)
        yield server.url
    finally:
        server.should_exit = True
        thread.join(START_S)
        parts.shots.close()


@pytest.fixture(scope="module")
def core() -> FakeCore:
    return FakeCore()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, core: FakeCore) -> Iterator[str]:
    with ThreadPoolExecutor(1) as pool:  # Playwright's loop counts as running on this thread: no other one may
        out = pool.submit(recorded_shots, tmp_path_factory).result()
    with serving(make_parts(out), core) as address:
        yield address


def test_the_documentation_works_offline(viewer: OfflineContext, url: str) -> None:
    page = viewer.open(f"{url}/api/v1/docs")
    expect(page.get_by_role("heading", name="Sparkgap panel")).to_be_visible()
    expect(page.get_by_text("/api/v1/abort").first).to_be_visible()


def test_a_report_is_shown_under_its_policy(viewer: OfflineContext, url: str) -> None:
    page = viewer.open(f"{url}/api/v1/shots/{FULL}/report")
    expect(page.locator("svg").first).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).margin") != "8px", "its style sheet works"


def test_without_the_built_page_the_abort_works_all_the_same(viewer: OfflineContext, url: str, core: FakeCore) -> None:
    page: Page = viewer.open(url)
    page.get_by_role("button", name="ABORT").click()
    expect(page.get_by_text("aborting: abort from the panel")).to_be_visible()
    assert len(core.requests) == 1
