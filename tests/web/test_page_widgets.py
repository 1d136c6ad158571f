"""The bench's drawing, the alarms and the last shot on the page, in Debian's Chromium beside a real simulated bench."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.web.conftest import OfflineContext
from tests.web.recorded import FULL, QUICK, record_shots
from tests.web.running_bench import RunningBench, running_bench

SHOWN_MS = 30_000
"""Longest wait for something that a busy machine has to fetch and draw."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBench]:
    """A bench at rest whose folder holds two shots: a full one that passed, and one at 1 kV that missed its limits."""
    with ThreadPoolExecutor(1) as pool:  # Playwright's loop counts as running on this thread: no other one may
        out = pool.submit(record_shots, tmp_path_factory.mktemp("shots")).result()
    with running_bench("up", "railgun_bench", "--out", str(out), cwd=tmp_path_factory.mktemp("up")) as running:
        yield running


def element(page: Page, name: str) -> Locator:
    return page.get_by_test_id("mimic").locator(f"tr[data-element={name}]")


def conditions(page: Page) -> set[str]:
    rows = page.get_by_test_id("mimic").locator("tr[data-condition]")
    return set(rows.evaluate_all("rows => rows.map(row => row.dataset.condition)"))


def test_the_drawing_says_in_words_what_is_commanded_and_proven(bench: RunningBench, viewer: OfflineContext) -> None:
    page = viewer.open(bench.url)
    contactor = element(page, "contactor")
    expect(contactor).to_have_attribute("data-condition", "normal", timeout=SHOWN_MS)
    assert contactor.locator("td").all_inner_texts()[:2] == ["open", "open"]
    assert element(page, "dump_a").locator("td").all_inner_texts()[:2] == ["closed", "closed"]
    described = [each["id"] for each in bench.get("/api/v1/rig")["mimic"]["elements"]]
    rows = page.get_by_test_id("mimic").locator("tr[data-element]")
    assert rows.evaluate_all("rows => rows.map(row => row.dataset.element)") == described
    assert page.get_by_test_id("mimic").get_by_role("img").count() == 1


def test_a_silent_bench_is_unknown_in_every_part_and_says_so(bench: RunningBench, viewer: OfflineContext) -> None:
    """And the alarm of it appears by name, with its state in words and what to do."""
    page = viewer.open(bench.url)
    expect(element(page, "contactor")).to_have_attribute("data-condition", "normal", timeout=SHOWN_MS)
    os.kill(bench.pid("rig"), signal.SIGSTOP)
    try:
        expect(element(page, "contactor")).to_have_attribute("data-condition", "unknown", timeout=SHOWN_MS)
        assert conditions(page) == {"unknown"}
        expect(element(page, "contactor").locator("td").nth(1)).to_have_text("unknown, last open")
        alarm = page.get_by_test_id("alarms").locator("li[data-alarm=plc_silent]")
        expect(alarm).to_contain_text("active, unacknowledged", timeout=SHOWN_MS)
        expect(alarm.get_by_text("What to do")).to_be_visible()
        expect(page.get_by_test_id("alarms").locator("[aria-live=assertive]")).to_contain_text(
            "Alarm", ignore_case=True
        )
    finally:
        os.kill(bench.pid("rig"), signal.SIGCONT)
    expect(element(page, "contactor")).to_have_attribute("data-condition", "normal", timeout=SHOWN_MS)


def test_the_last_shot_is_shown_and_an_earlier_one_can_be_chosen(bench: RunningBench, viewer: OfflineContext) -> None:
    page = viewer.open(bench.url)
    shot = page.get_by_test_id("waveforms")
    expect(shot.get_by_role("heading", name=f"Shot {QUICK}")).to_be_visible(timeout=SHOWN_MS)
    expect(shot.locator("tr[data-verdict=fail]").first).to_contain_text("fail")
    shot.get_by_role("combobox").select_option(str(FULL))
    expect(shot.get_by_role("heading", name=f"Shot {FULL}")).to_be_visible(timeout=SHOWN_MS)
    expect(shot.locator("tr[data-verdict]").first).to_be_visible()
    assert shot.locator("tr[data-verdict=fail]").count() == 0
    record, report = (shot.get_by_role("link", name=name).get_attribute("href") for name in ("Record", "Report"))
    assert (record, report) == (f"api/v1/shots/{FULL}/file", f"api/v1/shots/{FULL}/report")


def asked_s(url: str) -> float:
    """The length of the stretch that a request for a waveform asks for, 0 for any other request."""
    query = parse_qs(urlsplit(url).query)
    return float(query["to"][0]) - float(query["from"][0]) if "/waveforms/" in url and "from" in query else 0.0


def test_zooming_by_keyboard_fetches_the_stretch_again(bench: RunningBench, viewer: OfflineContext) -> None:
    page = viewer.open(bench.url)
    shot = page.get_by_test_id("waveforms")
    plot = shot.get_by_role("slider").first
    expect(plot).to_be_visible(timeout=SHOWN_MS)
    expect(shot.get_by_role("status")).to_contain_text("up to", timeout=SHOWN_MS)
    plot.focus()
    with page.expect_request(lambda request: 0.0 < asked_s(request.url) < 2e-3):  # of a record of ten milliseconds
        for key in ("Home", *("ArrowRight",) * 20, "+", "+", "+", "+", "+"):
            plot.press(key)
    expect(shot.get_by_role("status")).to_contain_text("every sample is shown", timeout=SHOWN_MS)
    shot.get_by_role("button", name="All").click()
    expect(shot.get_by_role("status")).to_contain_text("up to", timeout=SHOWN_MS)
