"""A bench is one folder: the page shows each from its rig file, and nothing of any other bench.

What a bench says is played on a clock that is held, so that no bench has to run for it; beside that one shot of the
bench that exists only under tests/ and one of the bench that pulses, on their stand-ins.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from controller.app.preflight import read_rig
from controller.messages import Frame
from controller.panel.live_answers import rig_answer
from controller.rig.model import Rig
from controller.runtime.frames import hello_of
from controller.telemetry.channels import PULSES
from tests.support import ROOT
from tests.web.conftest import OfflineContext
from tests.web.played_panel import HELD_MS, PlayedPanel, built_page
from tests.web.running_bench import running_bench
from tests.web.test_page_access import violations

TOY = str(ROOT / "tests" / "toy_bench")

BENCHES = ("railgun_bench", "microwave_bench", TOY)

SIZES = ((1920, 1080), (1440, 900), (820, 1180), (390, 844))

STEP_MS = 60_000
"""Longest wait for a step of a shot."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with built_page() as url:
        yield url


class BenchPage:
    """The page of one bench, played."""

    def __init__(self, page: Page, rig: Rig) -> None:
        self.rig = rig
        self.hello = hello_of(rig, None, 0, "", False, "watch", "")
        self.panel = PlayedPanel(page, self.hello, rig_answer(rig).model_dump(mode="json"))

    def say(self, state: str, values: dict[str, float], points: tuple[str, ...] = ()) -> None:
        """One frame: channels that are not named read 0, points that are not named are 0."""
        words = [
            sum(1 << place for place, bit in enumerate(word.bits) if f"{word.name}.{bit}" in points)
            for word in self.hello.words
        ]
        self.panel.seq += 1
        told = tuple(values.get(channel.name, 0.0) for channel in self.hello.channels)
        ages = (0.02,) * len(self.hello.sources)
        now_ns = int(self.panel.time_s * 1e9)
        self.panel.show(Frame(self.panel.seq, now_ns, told, state, -1, None, 0.02, tuple(words), ages))


def opened(browser: Browser, address: str, bench: str) -> BenchPage:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    context.set_default_timeout(HELD_MS)
    page = BenchPage(context.new_page(), read_rig(bench)[0])
    page.panel.open(address)
    return page


@pytest.mark.parametrize("bench", BENCHES, ids=lambda bench: Path(bench).name)
def test_the_page_shows_every_bench_from_its_rig_file_alone(browser: Browser, address: str, bench: str) -> None:
    shown = opened(browser, address, bench)
    shown.say("SAFE", {})
    page, rig = shown.panel.page, shown.rig
    expect(page.locator("h1")).to_have_text(rig.title)
    rows = page.get_by_test_id("mimic").locator("tr[data-element]")
    expect(rows).to_have_count(len(rig.mimic.elements))
    names = page.evaluate("[...document.querySelectorAll('tr[data-element]')].map(row => row.dataset.element)")
    assert sorted(names) == sorted(element.id for element in rig.mimic.elements)
    told: dict[str, str] = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('[data-testid^=tile-]')]"
        ".map(each => [each.dataset.testid.slice(5), each.dataset.stale]))"
    )
    assert told == {channel.name: "false" for channel in shown.hello.channels if channel.group != PULSES}
    assert page.get_by_test_id("tiles").locator(".wrong").count() == 0, "a bench at rest is not wrong"
    assert page.get_by_test_id("pulses").count() == (rig.run is not None)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wider <= 0, f"at {width} pixels the page is {wider} too wide"
    page.context.close()
    assert shown.panel.errors == []


RUNNING = {
    "pulses": 1234.0,
    "pulses_asked": 2000.0,
    "pulses_missing": 3.0,
    "inhibits": 2.0,
    "retries_left": 2.0,
    "field": 8e7,
    "pulse_length": 1e-7,
    "hours_to_goal": 12.0,
    "hours_to_goal_late": 31.0,
    "tube_flow": 10.0,
    "drive": 0.1,
}


def facts(page: Page) -> dict[str, str]:
    found: Any = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('[data-fact]')]"
        ".map(each => [each.dataset.fact, each.querySelector('dd').textContent]))"
    )
    return dict(found)


def test_pulses_what_holds_them_and_how_far_it_is(browser: Browser, address: str) -> None:
    shown = opened(browser, address, "microwave_bench")
    page = shown.panel.page
    shown.say("RUN", RUNNING, ("run.HELD", "inhibit.ARC", "inhibit.ANY"))
    expect(page.get_by_test_id("state")).to_have_text("RUN")
    count = page.get_by_test_id("pulse-count")
    expect(count).to_have_attribute("data-value", "1234")
    expect(count).to_contain_text("of 2\u202f000")
    expect(page.get_by_test_id("inhibit")).to_have_text("▲ INHIBITED: arc")
    expect(page.get_by_test_id("held")).to_be_visible()
    told = facts(page)
    assert (told["pulses_missing"], told["retries_left"], told["field"]) == ("3", "2", "80.00 MV/m")
    assert (told["hours_to_goal"], told["pulse_length"], told["drive"]) == ("12 to 31 h", "100.0 ns", "100.0 mW")
    flow = page.get_by_test_id("tiles").locator("li", has=page.get_by_test_id("tile-tube_flow"))
    expect(flow).to_contain_text("LOW")
    quiet = {"field": math.nan, "pulse_length": math.nan, "hours_to_goal": math.nan, "pulses_asked": math.nan}
    shown.say("SAFE", RUNNING | quiet)
    expect(flow).not_to_contain_text("LOW")
    expect(page.get_by_test_id("inhibit")).to_have_count(0)
    assert not {"field", "pulse_length", "hours_to_goal"} & set(facts(page)), "what this run does not have is left out"
    page.context.close()
    assert shown.panel.errors == []


def test_the_page_draws_the_toy_bench_while_it_fires(viewer: OfflineContext, screenshots: Path, tmp_path: Path) -> None:
    with running_bench("run", "full", "--rig", TOY, "--panel", "--out", "made", cwd=tmp_path) as bench:
        page = viewer.open(bench.url)
        expect(page.get_by_test_id("state")).to_have_text("CHARGE", timeout=STEP_MS)
        mimic = page.get_by_test_id("mimic")
        expect(mimic.locator("tr[data-element=charger]")).to_contain_text("enabled")
        expect(mimic.locator("tr[data-element=cell_2]")).to_contain_text("Cell 2")
        expect(page.get_by_test_id("state")).to_have_text("FLOAT", timeout=STEP_MS)
        page.screenshot(path=screenshots / "toy-bench.png")
        page.close()
        assert bench.wait() == 0


def test_a_pulse_of_the_bench_that_pulses_is_on_its_page(viewer: OfflineContext, tmp_path: Path) -> None:
    """Every instrument of the bench is read, the pulse is counted, and the services are on."""
    told = ("run", "single-pulse", "--rig", "microwave_bench", "--set", "voltage=4 kV", "--panel", "--out", "made")
    with running_bench(*told, cwd=tmp_path) as bench:
        page = viewer.open(bench.url)
        expect(page.get_by_test_id("state")).to_have_text("FLOAT", timeout=STEP_MS)
        for channel in ("heater_current", "magnet_current", "gun_pressure", "chiller_bath", "tube_flow"):
            expect(page.get_by_test_id(f"tile-{channel}")).to_have_attribute("data-stale", "false")
        expect(page.get_by_test_id("mimic").locator("tr[data-element=heater]")).to_contain_text("on")
        expect(page.get_by_test_id("pulse-count")).to_have_attribute("data-value", "1", timeout=STEP_MS)
        page.close()
        assert bench.wait() == 0


def test_up_watches_a_bench_with_all_that_is_polled(viewer: OfflineContext, tmp_path: Path) -> None:
    with running_bench("up", "microwave_bench", cwd=tmp_path) as bench:
        rig = read_rig("microwave_bench")[0]
        assert bench.get("/api/v1/rig")["title"] == rig.title
        names = [channel["name"] for channel in bench.get("/api/v1/channels")["channels"]]
        assert {c.name for c in rig.channels if c.group} <= set(names)
        page = viewer.open(bench.url)
        expect(page.get_by_test_id("tile-heater_current")).to_have_attribute("data-stale", "false", timeout=STEP_MS)
        assert violations(page) == []
        page.close()
        assert bench.interrupt() == 0
