"""The page against a panel that a test plays: what it shows and does when things go wrong, on a clock that is held.

No bench runs here: the stream's messages are those of controller/telemetry/frames.py, sent by the test.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from controller.messages import Event, Finished, StepEntered
from tests.web.played_panel import HELD_MS, PlayedPanel, built_page


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with built_page() as url:
        yield url


@pytest.fixture
def panel(browser: Browser) -> Iterator[PlayedPanel]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(HELD_MS)
    page = context.new_page()
    played = PlayedPanel(page)
    yield played
    context.close()
    assert played.errors == []


def test_values_arrive_and_silence_is_stale_within_half_a_second(panel: PlayedPanel, address: str) -> None:
    panel.open(address)
    tile, state = panel.page.get_by_test_id("tile-probe"), panel.page.get_by_test_id("state")
    panel.advance(50)
    expect(state).to_have_attribute("data-stale", "true")
    panel.frame()
    expect(tile).to_have_attribute("data-value", "1250")
    expect(tile).to_have_attribute("data-stale", "false")
    expect(tile).to_have_text("1.250kV")
    expect(state).to_have_text("CHARGE")
    expect(panel.page.get_by_test_id("step")).to_have_text("fire")
    panel.advance(600)
    expect(tile).to_have_attribute("data-stale", "true")
    expect(state).to_have_attribute("data-stale", "true")
    expect(panel.page.get_by_test_id("link")).to_contain_text("no frames: what is shown is old")
    panel.frame(1300.0)
    expect(tile).to_have_attribute("data-stale", "false")


def test_an_old_status_is_stale_though_frames_come(panel: PlayedPanel, address: str) -> None:
    panel.open(address)
    panel.frame(age_s=0.7)
    expect(panel.page.get_by_test_id("tile-probe")).to_have_attribute("data-stale", "true")
    expect(panel.page.get_by_test_id("tile-current")).to_have_attribute("data-stale", "false")
    expect(panel.page.get_by_test_id("state")).to_have_attribute("data-stale", "true")


def test_what_a_slow_line_delays_is_old_when_it_comes(panel: PlayedPanel, address: str) -> None:
    panel.open(address)
    panel.frame()
    panel.time_s -= 1.0
    panel.frame()
    expect(panel.page.get_by_test_id("tile-probe")).to_have_attribute("data-stale", "true")
    expect(panel.page.get_by_test_id("tile-current")).to_have_attribute("data-stale", "false")


def test_a_value_over_its_limit_is_said_in_words(panel: PlayedPanel, address: str) -> None:
    panel.open(address)
    panel.frame(3150.0)
    expect(panel.page.get_by_test_id("tiles")).to_contain_text("HIGH")


def test_a_broken_stream_is_resumed_where_it_stopped(panel: PlayedPanel, address: str) -> None:
    panel.open(address)
    assert panel.sockets[0].url.endswith("/api/v1/stream?backfill_s=600")
    panel.frame()
    panel.frame()
    panel.sockets[0].close(code=1012)
    panel.advance(1_000)
    panel.page.evaluate("0")  # a turn for the new socket
    assert panel.sockets[-1].url.endswith("/api/v1/stream?stream=id&after=2")
    panel.greet()
    panel.frame(skip=3)
    expect(panel.page.get_by_test_id("link")).to_contain_text("3 frames missed")


def test_a_lost_core_is_said(panel: PlayedPanel, address: str) -> None:
    panel.open(address)
    panel.frame()
    panel.say({"type": "link", "link": "lost"})
    panel.advance(50)
    expect(panel.page.get_by_test_id("link")).to_contain_text("core lost")
    expect(panel.page.get_by_test_id("tile-probe")).to_have_attribute("data-stale", "true")


def test_abort_is_confirmed_at_once_and_can_be_pressed_again(panel: PlayedPanel, address: str) -> None:
    panel.open(address)
    panel.page.get_by_test_id("abort").click()
    result = panel.page.get_by_test_id("abort-result")
    expect(result).to_contain_text("Abort taken")
    expect(result).to_contain_text("dumping")
    panel.page.get_by_test_id("abort").click()
    panel.page.get_by_test_id("abort").click()
    expect(result).to_have_attribute("data-kind", "taken")
    assert panel.aborts == ["POST"] * 3


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ((503, {"detail": "the core does not answer"}), "the core does not answer"),
        ((202, {"accepted": False, "text": "this core takes none"}), "this core takes none"),
        (None, "No answer within 2 s."),
    ],
)
def test_an_abort_that_fails_is_loud(
    panel: PlayedPanel, address: str, answer: tuple[int, dict[str, Any]] | None, text: str
) -> None:
    panel.open(address)
    panel.abort_answer = answer
    panel.page.get_by_test_id("abort").click()
    result = panel.page.get_by_test_id("abort-result")
    if answer is None:
        expect(result).to_have_attribute("data-kind", "asking")
        panel.advance(2_000)
    expect(result).to_contain_text("ABORT DID NOT GET THROUGH: press the emergency stop")
    expect(result).to_contain_text(text)
    assert result.get_attribute("role") == "alert"


@pytest.mark.parametrize("where", ["body", "select", "[role=slider]", "input[type=checkbox]"])
def test_the_abort_key_works_wherever_the_focus_is(panel: PlayedPanel, address: str, where: str) -> None:
    panel.open(address)
    panel.frame()
    if where != "body":
        panel.page.locator(where).first.focus()
    panel.page.keyboard.press("Shift+Escape")
    expect(panel.page.get_by_test_id("abort-result")).to_contain_text("Abort taken")
    assert panel.aborts == ["POST"]


def test_what_the_bench_says_is_text_and_never_a_page(panel: PlayedPanel, address: str) -> None:
    panel.open(address)
    panel.frame()
    evil = "<img src=x onerror=alert(1)><b>bold</b>"
    panel.say(Event(int(panel.time_s * 1e9), "core", "warning", evil))
    panel.advance(50)
    events = panel.page.get_by_test_id("events")
    expect(events).to_contain_text(evil)
    assert events.locator("img").count() == 0


def test_events_are_filtered_by_kind(panel: PlayedPanel, address: str) -> None:
    panel.open(address)
    panel.frame()
    for kind in ("info", "trip", "info", "fault"):
        panel.say(Event(int(panel.time_s * 1e9), "core", kind, f"a {kind}"))
    panel.advance(50)
    entries = panel.page.get_by_test_id("events").locator("li")
    expect(entries).to_have_count(4)
    panel.page.locator("select").first.select_option("notable")
    expect(entries).to_have_count(2)
    expect(entries.first).to_have_attribute("data-kind", "fault")


def test_steps_and_the_end_of_a_run(panel: PlayedPanel, address: str) -> None:
    panel.open(address)
    panel.frame()
    panel.say(StepEntered(0, 1, "fire", "done"))
    panel.say(Finished(7, "s7", "aborted", "aborted", "ABORT on the live page", "", "", "", "", 3, (), "proven"))
    panel.advance(50)
    expect(panel.page.get_by_test_id("step")).to_have_text("ABORTED, aborted")
    expect(panel.page.get_by_test_id("finished")).to_have_attribute("data-verdict", "aborted")
    expect(panel.page.get_by_test_id("finished")).to_contain_text("proven")


def test_a_paused_trend_keeps_recording(panel: PlayedPanel, address: str) -> None:
    panel.open(address)
    panel.frame()
    trends = panel.page.get_by_test_id("trends")
    trends.get_by_role("button", name="Pause").click()
    expect(trends).to_contain_text("paused, still recording")
    for n in range(3):
        panel.frame(2000.0 + n)
    trends.get_by_role("button", name="Follow").click()
    panel.advance(200)
    plot = trends.get_by_role("slider")
    plot.press("End")
    assert "Bank voltage 2.002 kV" in (plot.get_attribute("aria-valuetext") or "")


def test_a_page_without_a_panel_says_so_and_keeps_trying(panel: PlayedPanel, address: str) -> None:
    panel.page.goto(address)
    panel.advance(6_000)
    expect(panel.page.get_by_test_id("link")).to_contain_text("no panel: the stream went silent; trying again")
    panel.advance(1_000)
    panel.page.evaluate("0")  # a turn for the new socket
    assert len(panel.sockets) == 2
