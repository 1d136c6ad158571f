"""The waterfall of a train on the page, in Debian's Chromium: 5,000 pulses, three missing, one that broke down."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from tests.unit.panel.recorded_trains import store_trains
from tests.web.conftest import OfflineContext
from tests.web.running_bench import RunningBench, running_bench

SHOWN_MS = 30_000
RIG = "railgun_bench"
BROKEN = 3128


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBench]:
    """Any bench at rest; its folder holds one shot with a train and single waveforms beside it."""
    out = tmp_path_factory.mktemp("shots")
    store_trains(out, RIG, captures=True)
    with running_bench("up", RIG, "--out", str(out), cwd=tmp_path_factory.mktemp("up")) as running:
        yield running


def waterfall(page: Page) -> Locator:
    shown = page.get_by_test_id("waterfall")
    expect(shown).to_have_attribute("data-pulses", "5000", timeout=SHOWN_MS)
    expect(shown.locator(".u-over")).to_be_visible(timeout=SHOWN_MS)
    return shown


def colours(shown: Locator) -> list[list[int]]:
    """The canvas's pixels, as [red, green, blue] of every tenth row in the middle of the pulse."""
    script = """canvas => { const c = canvas.getContext("2d"); const x = Math.round(canvas.width * 0.5);
      return Array.from({length: canvas.height}, (_, y) => [...c.getImageData(x, y, 1, 1).data].slice(0, 3)) }"""
    found: list[list[int]] = shown.locator("canvas").nth(1).evaluate(script)
    return found


def test_a_shot_with_a_train_shows_it_first(bench: RunningBench, viewer: OfflineContext, screenshots: Path) -> None:
    page = viewer.open(bench.url)
    page.set_viewport_size({"width": 1440, "height": 2000})
    shown = waterfall(page)
    expect(shown.get_by_role("status")).to_contain_text("3 pulses are missing: number 1201, 1202, 3901")
    rows = shown.get_by_role("row")
    expect(rows).to_have_count(4)
    expect(rows.nth(2)).to_contain_text("Flat top")
    kinds = page.get_by_role("group", name="Which channels")
    expect(kinds.get_by_role("button", name="Train")).to_have_attribute("aria-pressed", "true")
    pixels = colours(shown)
    usual = max(map(tuple, pixels), key=[tuple(each) for each in pixels].count)
    odd = [row for row, pixel in enumerate(pixels) if sum(abs(a - b) for a, b in zip(pixel, usual, strict=True)) > 150]
    places = [row * 5000 / len(pixels) for row in odd]
    assert any(abs(place - BROKEN) < 30 for place in places), "the breakdown is seen among 5,000 pulses"
    assert any(abs(place - 1201) < 30 for place in places) and any(abs(place - 3901) < 30 for place in places)
    assert len(odd) <= 6
    shown.screenshot(path=screenshots / "waterfall.png")
    page.screenshot(path=screenshots / "waterfall-page.png", full_page=True)
    kinds.get_by_role("button", name="Pulse").click()
    expect(page.get_by_test_id("waterfall")).to_have_count(0)


def test_the_keyboard_reaches_every_pulse(bench: RunningBench, viewer: OfflineContext) -> None:
    page = viewer.open(bench.url)
    shown = waterfall(page)
    slider = shown.get_by_role("slider").first
    slider.focus()
    page.keyboard.press("Home")
    expect(shown).to_have_attribute("data-row", "0")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowRight")
    expect(shown).to_have_attribute("data-row", "1")
    words = shown.get_by_test_id("waterfall-readout")
    expect(words).to_contain_text("the most unusual of")
    assert slider.get_attribute("aria-valuetext") == words.inner_text()
    for _ in range(5):
        page.keyboard.press("+")
        page.wait_for_timeout(300)
    expect(words).not_to_contain_text("the most unusual of", timeout=SHOWN_MS)
    page.keyboard.press("0")
    expect(words).to_contain_text("the most unusual of", timeout=SHOWN_MS)


def test_the_pointer_reads_a_cell_and_shows_its_pulse(bench: RunningBench, viewer: OfflineContext) -> None:
    page = viewer.open(bench.url)
    shown = waterfall(page)
    canvas = shown.locator("canvas").nth(1)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + (BROKEN - 0.5) / 5000 * box["height"])
    expect(shown.get_by_test_id("waterfall-readout")).to_contain_text(f"Pulse {BROKEN}")
    expect(shown.get_by_text(f"Pulse {BROKEN}", exact=True)).to_be_visible(timeout=SHOWN_MS)


@pytest.mark.parametrize(("name", "width", "scheme"), [("phone", 390, "light"), ("dark", 1440, "dark")])
def test_it_fits_a_phone_and_a_dark_room(
    name: str, width: int, scheme: str, bench: RunningBench, browser: Browser, screenshots: Path
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 2600}, color_scheme=scheme)  # type: ignore[arg-type]
    offline = OfflineContext(context)
    page = offline.open(bench.url)
    shown = waterfall(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page).response["violations"]
    assert [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in found] == []
    shown.screenshot(path=screenshots / f"waterfall-{name}.png")
    context.close()
    assert offline.outside == [] and offline.errors == []
