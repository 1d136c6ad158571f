"""The page for everybody: 390 px, dark, keyboard alone, screen readers (axe); and its pictures for the documentation.

One demo shot is watched from charge to the end. ``SPARKGAP_SCREENSHOTS=docs/images``
makes the pictures of the documentation anew.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.web.conftest import OfflineContext
from tests.web.running_bench import RunningBench, running_bench
from tests.web.test_page_live import STEP_MS, wait_for_state

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBench]:
    """A bench after its shot: waveforms, measurements, events, and the bench watched on until Ctrl-C."""
    with running_bench("demo", cwd=tmp_path_factory.mktemp("demo")) as bench:
        yield bench
        assert json.loads(bench.lines[0])["verdict"] == "pass"
        assert [shot["verdict"] for shot in bench.get("/api/v1/shots")["shots"]] == ["pass"]
        assert bench.interrupt() == 0, "demo ends with its shot's code"


@pytest.fixture(params=["light", "dark"])
def desk(request: pytest.FixtureRequest, browser: Browser) -> Iterator[OfflineContext]:
    yield from _viewer(browser, DESK, request.param)


@pytest.fixture(params=["light", "dark"])
def phone(request: pytest.FixtureRequest, browser: Browser) -> Iterator[OfflineContext]:
    yield from _viewer(browser, PHONE, request.param)


def _viewer(browser: Browser, viewport: Any, scheme: Any) -> Iterator[OfflineContext]:
    context = browser.new_context(viewport=viewport, color_scheme=scheme, has_touch=viewport is PHONE)
    offline = OfflineContext(context)
    yield offline
    context.close()
    assert offline.outside == []
    assert offline.errors == []


def wait_for_waveforms(page: Page) -> None:
    """The last shot is shown: its plots are drawn."""
    expect(page.get_by_test_id("waveforms").locator("canvas").first).to_be_visible(timeout=STEP_MS)


def violations(page: Page) -> list[str]:
    """What axe finds against WCAG 2.1 AA and its own best practices."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['help']}: {[node['target'] for node in one['nodes']]}" for one in found]


def test_every_state_of_a_shot_is_clean_and_pictured(
    finished: RunningBench, browser: Browser, screenshots: Path
) -> None:
    """From charge to the last waveform, light and dark at once: axe finds nothing in any state."""
    viewers = {scheme: next(_viewer(browser, DESK, scheme)) for scheme in ("light", "dark")}
    pages = {scheme: viewer.open(finished.url) for scheme, viewer in viewers.items()}
    try:
        for state in ("CHARGE", "FLOAT", "DUMPING", "SAFE"):
            for scheme, page in pages.items():
                wait_for_state(page, state)
                page.screenshot(path=screenshots / f"page-{state.lower()}-{scheme}.png")
            if state in ("CHARGE", "SAFE"):
                assert violations(pages["light"]) == []
    finally:
        for viewer in viewers.values():
            viewer.context.close()
    for viewer in viewers.values():
        assert (viewer.outside, viewer.errors) == ([], [])


def test_a_trip_is_pictured_with_its_first_fault(browser: Browser, tmp_path: Path, screenshots: Path) -> None:
    """A door opens while the bank charges: the tripped state, the alarm and its guidance, and then the panel is gone.

    With its run; the page keeps what it knew, says that it is stale, and axe finds nothing in it.
    """
    fault = ("--fault", "plant.door_1_open@charge")
    viewers = {scheme: next(_viewer(browser, DESK, scheme)) for scheme in ("light", "dark")}
    with running_bench("run", "full", "--rig", "railgun_bench", "--panel", *fault, cwd=tmp_path) as bench:
        pages = {scheme: viewer.open(bench.url) for scheme, viewer in viewers.items()}
        for scheme, page in pages.items():
            expect(page.locator("li[data-alarm=trip_door_1]")).to_contain_text("first fault", timeout=STEP_MS)
            page.screenshot(path=screenshots / f"page-trip-{scheme}.png")
        assert bench.wait() == 3
    page = pages["light"]
    expect(page.get_by_test_id("tile-probe_a")).to_have_attribute("data-stale", "true", timeout=STEP_MS)
    expect(page.locator("li[data-alarm=trip_door_1]")).to_be_visible()
    assert violations(page) == []
    for viewer in viewers.values():
        viewer.context.close()
        assert viewer.outside == []  # script errors are not asked about: nobody answers a page whose panel is gone


def test_axe_finds_nothing_at_a_desk(finished: RunningBench, desk: OfflineContext) -> None:
    page = desk.open(finished.url)
    wait_for_state(page, "SAFE")
    wait_for_waveforms(page)
    assert violations(page) == []


def test_a_phone_shows_everything(finished: RunningBench, phone: OfflineContext, screenshots: Path) -> None:
    """At 390 px nothing is cut off, state and ABORT are in the first view and ABORT stays in reach."""
    page = phone.open(finished.url)
    wait_for_state(page, "SAFE")
    wait_for_waveforms(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for part in ("state", "abort"):
        expect(page.get_by_test_id(part)).to_be_in_viewport()
    scheme = "dark" if page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else "light"
    page.screenshot(path=screenshots / f"phone-{scheme}.png")
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    expect(page.get_by_test_id("abort")).to_be_in_viewport()
    box = page.get_by_test_id("abort").bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= 44, "large enough for a thumb"
    assert violations(page) == []


def test_the_keyboard_reaches_everything(finished: RunningBench, desk: OfflineContext) -> None:
    """Tab walks through every control, each is seen to have the focus, and none is a trap."""
    page = desk.open(finished.url)
    wait_for_state(page, "SAFE")
    wait_for_waveforms(page)
    controls = page.evaluate(
        """() => [...document.querySelectorAll('button, a[href], select, input, summary, [tabindex="0"]')]
            .filter(e => e.checkVisibility() && !e.disabled && e.tabIndex >= 0).length"""
    )
    reached: set[str] = set()
    for _ in range(controls + 10):
        page.keyboard.press("Tab")
        focus = page.evaluate(
            """() => {
                const e = document.activeElement;
                if (!e || e === document.body) return null;
                const s = getComputedStyle(e);
                const seen = s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== 'none';
                e.dataset.walked ??= String(Math.random());
                return [e.dataset.walked, e.outerHTML.slice(0, 120), seen];
            }"""
        )
        if focus is not None:
            assert focus[2], f"the focus is not visible on {focus[1]}"
            reached.add(focus[0])
    radios = page.evaluate(
        """() => { const groups = {};
            for (const r of document.querySelectorAll('input[type=radio]')) (groups[r.name] ??= []).push(r);
            return Object.values(groups).reduce((n, g) => n + g.length - 1, 0); }"""
    )
    assert len(reached) >= controls - radios


def test_a_phone_in_the_next_room_sees_the_bench_go_stale(browser: Browser, tmp_path: Path, screenshots: Path) -> None:
    """When the panel is gone too, the page says so by itself and shows nothing as true."""
    viewer = next(_viewer(browser, PHONE, "light"))
    with running_bench("up", "railgun_bench", cwd=tmp_path) as bench:
        page = viewer.open(bench.url)
        expect(page.get_by_test_id("tile-probe_a")).to_have_attribute("data-stale", "false", timeout=STEP_MS)
        bench.interrupt()
    expect(page.get_by_test_id("tile-probe_a")).to_have_attribute("data-stale", "true", timeout=STEP_MS)
    page.screenshot(path=screenshots / "phone-stale.png")
    viewer.context.close()
    assert viewer.outside == []
