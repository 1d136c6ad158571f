"""The page against a real simulated bench, in Debian's Chromium: what is shown is what is measured.

Every fixture that opens a page also asserts that no request left the machine and no script failed (conftest.py).
"""

import json
import os
import signal
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocket, expect

from controller.telemetry.frames import Row, RowLayout, decode_message
from tests.web.conftest import OfflineContext
from tests.web.running_bench import RunningBench, running_bench

STALE_MS = 2000
"""Stale is to be shown within one second; a busy test machine is given two (gates stand at twice the bar)."""

STEP_MS = 60_000
"""Longest wait for a step of a shot; the whole of it takes twenty seconds."""


@dataclass
class Traffic:
    """What came in on one WebSocket of the page, decoded by the controller's own codec."""

    texts: list[dict[str, Any]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    layout: RowLayout | None = None

    def take(self, payload: bytes | str) -> None:
        """One message, as Playwright saw it."""
        if isinstance(payload, str):
            text = json.loads(payload)
            self.texts.append(text)
            if text["type"] == "snapshot" and text["row"] is not None:
                row = text["row"]
                self.layout = RowLayout(row["sources"], row["words"], row["channels"])
        elif self.layout is not None:
            self.rows.extend(decode_message(self.layout, payload))


def listen(page: Page) -> list[Traffic]:
    """The traffic of every WebSocket that ``page`` is going to open, one after the other."""
    heard: list[Traffic] = []

    def follow(socket: WebSocket) -> None:
        heard.append(Traffic())
        socket.on("framereceived", heard[-1].take)

    page.on("websocket", follow)
    return heard


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBench]:
    """A bench that nobody runs anything on."""
    with running_bench("up", "railgun_bench", cwd=tmp_path_factory.mktemp("up")) as bench:
        yield bench


def tile(page: Page, channel: str) -> Any:
    return page.get_by_test_id(f"tile-{channel}")


def wait_for_state(page: Page, *states: str) -> None:
    page.wait_for_function(
        "states => states.includes(document.querySelector('[data-testid=state]')?.textContent.trim())",
        arg=list(states),
        timeout=STEP_MS,
    )


def test_the_shown_voltage_is_the_telemetry(viewer: OfflineContext, tmp_path: Path) -> None:
    """While the bank charges, every number on the page is one that was sent, and they follow one another."""
    with running_bench("demo", cwd=tmp_path) as bench:
        page = viewer.context.new_page()
        sockets = listen(page)
        page.goto(bench.url)
        wait_for_state(page, "CHARGE")
        shown = [_shown(page, "probe_a") for _ in range(20)]
        page.wait_for_timeout(200)  # the frames that were shown have all been recorded by now
        names = [channel["name"] for channel in bench.get("/api/v1/channels")["channels"]]
        page.close()
    (traffic,) = sockets
    sent = [row.values[names.index("probe_a")] for row in traffic.rows]
    places = [sent.index(value) for value in shown]
    assert places == sorted(places)
    assert len(set(shown)) > 5, "the voltage did not move: nothing was charged"


def _shown(page: Page, channel: str) -> float:
    """The number behind one tile; that of a 32-bit float, as it was sent."""
    page.wait_for_timeout(40)
    return float(tile(page, channel).get_attribute("data-value") or "nan")


def test_a_stopped_rig_is_shown_stale_and_comes_back(watched: RunningBench, viewer: OfflineContext) -> None:
    page = viewer.open(watched.url)
    expect(tile(page, "probe_a")).to_have_attribute("data-stale", "false", timeout=STEP_MS)
    os.kill(watched.pid("rig"), signal.SIGSTOP)
    try:
        expect(tile(page, "probe_a")).to_have_attribute("data-stale", "true", timeout=STALE_MS)
        looks = tile(page, "probe_a").evaluate(
            """value => [value, value.parentElement].map(e => {
                const s = getComputedStyle(e);
                return [s.backgroundImage, s.backgroundColor, s.color];
            })"""
        )
        assert any("gradient" in image for image, *_ in looks), "a stale tile is hatched"
        assert not any(_is_green(colour) for _, *colours in looks for colour in colours)
        expect(page.get_by_test_id("link")).to_contain_text("PLC silent")
    finally:
        os.kill(watched.pid("rig"), signal.SIGCONT)
    expect(tile(page, "probe_a")).to_have_attribute("data-stale", "false", timeout=STEP_MS)


def _is_green(colour: str) -> bool:
    """True for a CSS ``rgb()`` in which green stands out."""
    numbers = [float(part) for part in colour[colour.index("(") + 1 : -1].replace("/", ",").split(",")]
    red, green, blue = numbers[:3]
    opaque = len(numbers) < 4 or numbers[3] > 0.0
    return opaque and green > 1.3 * max(red, blue, 1.0)


def test_a_reload_in_mid_charge_leaves_no_gap(viewer: OfflineContext, tmp_path: Path) -> None:
    with running_bench("demo", cwd=tmp_path) as bench:
        page = viewer.context.new_page()
        sockets = listen(page)
        page.goto(bench.url)
        wait_for_state(page, "CHARGE")
        page.reload()
        wait_for_state(page, "CHARGE", "FLOAT")
        page.wait_for_timeout(300)
        page.close()
    first, second = sockets
    for life in (first, second):
        numbers = [row.seq for row in life.rows]
        assert numbers == list(range(1, len(numbers) + 1)), "from the first frame on, without gap or overlap"
        assert [text["type"] for text in life.texts].count("snapshot") == 1
        assert [text for text in life.texts if text["type"] == "dropped"] == []
    assert len(second.rows) > len(first.rows)


def test_abort_in_mid_charge_ends_the_run_with_3(viewer: OfflineContext, tmp_path: Path) -> None:
    with running_bench("run", "full", "--rig", "railgun_bench", "--panel", cwd=tmp_path) as bench:
        page = viewer.open(bench.url)
        wait_for_state(page, "CHARGE")
        page.get_by_test_id("abort").click()
        expect(page.get_by_test_id("abort-result")).not_to_be_empty(timeout=STEP_MS)
        wait_for_state(page, "DUMPING", "SAFE", "TRIP")
        page.close()  # the panel goes with its run, and the page would say so
        assert bench.wait() == 3
        end = json.loads(bench.lines[-1])
    assert (end["verdict"], end["ended"], end["exit"]) == ("aborted", "aborted", 3)


def test_abort_by_the_keyboard_alone(viewer: OfflineContext, tmp_path: Path) -> None:
    with running_bench("run", "full", "--rig", "railgun_bench", "--panel", cwd=tmp_path) as bench:
        page = viewer.open(bench.url)
        wait_for_state(page, "CHARGE")
        page.keyboard.press(page.get_by_test_id("abort").get_attribute("aria-keyshortcuts") or "none")
        expect(page.get_by_test_id("abort-result")).not_to_be_empty(timeout=STEP_MS)
        page.close()
        assert bench.wait() == 3


def test_abort_works_without_any_run(watched: RunningBench) -> None:
    answer = watched.post("/api/v1/abort")
    assert answer["accepted"] is True
    assert answer["text"]


def test_what_is_not_there_is_said(watched: RunningBench) -> None:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        watched.get("/api/v1/shots/4711")
    assert refusal.value.code == 404
    assert "4711" in json.load(refusal.value)["detail"]
