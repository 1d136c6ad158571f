"""The browser of the page tests: Debian's Chromium, offline, one process for all tests of a file.

One per file and not one for all: Playwright's loop counts as running until it is stopped, and no asynchronous test
of another file could run beside it.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from tests.support import require_tool

CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Root in a container has no sandbox and a small /dev/shm; the rest keeps Chromium from looking for its makers."""

SCREENSHOTS = "SPARKGAP_SCREENSHOTS"
"""Environment variable: the folder that the pictures of the documentation go to; unset, a temporary one."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = require_tool("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()


class OfflineContext:
    """A browser context that refuses every request which would leave the machine, and remembers it."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.outside: list[str] = []
        self.errors: list[str] = []
        context.route("**/*", self._route)

    def _route(self, route: Route) -> None:
        url = route.request.url
        if url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            route.continue_()
        else:
            self.outside.append(url)
            route.abort()

    def open(self, url: str) -> Page:
        """A page that shows ``url``; errors of its scripts are collected in :attr:`errors`."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.goto(url)
        return page


@pytest.fixture
def viewer(browser: Browser) -> Iterator[OfflineContext]:
    """A desktop viewer in the light colour scheme."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    offline = OfflineContext(context)
    yield offline
    context.close()
    assert offline.outside == []
    assert offline.errors == []


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures go."""
    named = os.environ.get(SCREENSHOTS)
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
