"""The page in Debian's Chromium: first paint of a live bench, its cost while it runs, and how fast the plot scrolls.

Scrolling is 20 traces of 5,000 points moved on with every picture: all points handed to uPlot, and decimated to the
plot's width as the page does it. When a figure misses its bar, Chromium's own trace says where the time goes. Run:
``python -m tests.benchmarks.bench_page`` (needs chromium; Node.js comes with the test packages).
"""

import json
import os
import shutil
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

import hatch_build
from tests.web.running_bench import running_bench

ROOT = Path(__file__).parents[2]

FIRST_PAINT_S = 1.0
PICTURES_PER_S = 60.0
MISSED_SHARE = 0.95
"""Pictures are counted against the screen's 60 a second; one in twenty may come late."""

LOADS = 7
SCROLL_S = 5.0
LIVE_S = 5.0
VIEWPORT = {"width": 1440, "height": 900}

FLAGS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

CATEGORIES = ["toplevel", "devtools.timeline", "cc", "viz", "blink", "v8", "skia", "disabled-by-default-skia"]

PARTS = {
    "script": ("FunctionCall", "FireAnimationFrame", "RunMicrotasks", "v8.", "EvaluateScript", "TimerFire"),
    "memory": ("MinorGC", "MajorGC", "V8.GC", "BlinkGC"),
    "layout and style": ("Layout", "UpdateLayoutTree", "Layerize", "PrePaint", "LocalFrameView"),
    "paint and canvas": ("Paint", "Canvas", "Commit", "DrawingBuffer", "PaintArtifactCompositor"),
    "drawing without a graphics processor (Skia)": ("void SkCanvas", "bool SkCanvas", "SoftwareRenderer"),
    "raster": ("Raster", "ImageDecode", "Tile"),
}
"""Beginnings of the trace's event names, by what they are to a reader."""


@dataclass(frozen=True)
class Scrolling:
    """One measurement: pictures a second, and milliseconds between pictures and of script in one (median, p95)."""

    points: int
    per_s: float
    between_ms: tuple[float, float]
    script_ms: tuple[float, float]

    @property
    def holds(self) -> bool:
        """Whether it is 60 a second."""
        return self.per_s >= PICTURES_PER_S * MISSED_SHARE


def scrolling(page: Page, pixels: int) -> Scrolling:
    """Scroll for SCROLL_S; ``pixels`` to decimate to, 0: every point."""
    said = page.evaluate("([seconds, pixels]) => window.measure(seconds, pixels)", [SCROLL_S, pixels])
    between, script = said["between_ms"], said["script_ms"]
    return Scrolling(said["points"], said["pictures"] / said["seconds"], _two(between), _two(script))


def _two(ordered: list[float]) -> tuple[float, float]:
    return statistics.median(ordered), ordered[int(0.95 * (len(ordered) - 1))]


def profile(browser: Browser, page: Page, pixels: int) -> list[str]:
    """Where the time of a picture goes, by thread and part: self times of Chromium's trace, ms per picture."""
    browser.start_tracing(page=page, categories=CATEGORIES)
    said = page.evaluate("([seconds, pixels]) => window.measure(seconds, pixels)", [2.0, pixels])
    events = json.loads(browser.stop_tracing())["traceEvents"]
    threads = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e.get("name") == "thread_name"}
    spent: dict[tuple[str, str], float] = defaultdict(float)
    for thread, name, self_us in self_times(events):
        spent[threads.get(thread, "?"), part_of(name)] += self_us / 1000 / said["pictures"]
    lines = [f"{ms:7.2f} ms  {thread}: {part}" for (thread, part), ms in spent.items() if ms >= 0.05]
    return sorted(lines, reverse=True)


def part_of(name: str) -> str:
    """The part that an event belongs to."""
    return next((part for part, begins in PARTS.items() if name.startswith(begins)), "other")


def self_times(events: Iterable[dict[str, Any]]) -> Iterable[tuple[tuple[int, int], str, float]]:
    """(thread, name, microseconds without what is nested in it) of every complete event."""
    by_thread: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        if event.get("ph") == "X" and "dur" in event:
            by_thread[event["pid"], event["tid"]].append(event)
    for thread, mine in by_thread.items():
        open_events: list[list[Any]] = []  # [end, name, self]
        for event in sorted(mine, key=lambda e: (e["ts"], -e["dur"])):
            while open_events and open_events[-1][0] <= event["ts"]:
                _, name, self_us = open_events.pop()
                yield thread, name, self_us
            if open_events:
                open_events[-1][2] -= event["dur"]
            open_events.append([event["ts"] + event["dur"], event["name"], event["dur"]])
        for _, name, self_us in open_events:
            yield thread, name, self_us


@contextmanager
def benchmark_page() -> Any:
    """The address of bench.html, built from the sources into a temporary folder."""
    web = ROOT / hatch_build.WEB
    with tempfile.TemporaryDirectory() as folder:
        workshop = Path(folder) / "web"
        shutil.copytree(web, workshop, ignore=shutil.ignore_patterns("node_modules"))
        hatch_build.install_packages(workshop)
        built = Path(folder) / "built"
        os.environ["SPARKGAP_PAGE"] = "bench.html"
        try:
            hatch_build.build_page(workshop, built)
        finally:
            del os.environ["SPARKGAP_PAGE"]
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(built)))
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/bench.html"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: the figures are the output."""


def first_paints(browser: Browser, url: str) -> list[float]:
    """Seconds from navigation to the first paint with content, each time in a browser context without a cache."""
    seconds = []
    for _ in range(LOADS):
        context = browser.new_context(viewport=VIEWPORT)
        page = context.new_page()
        page.goto(url)
        page.locator("[data-testid=link][data-stale=false]").wait_for()
        entries = "performance.getEntriesByName('first-contentful-paint').map((entry) => entry.startTime)"
        seconds.append(page.evaluate(entries)[0] / 1000)
        context.close()
    return sorted(seconds)


def live_cost(browser: Browser, url: str) -> dict[str, float]:
    """Share of one processor that the page's main thread uses while a bench is shown."""
    page = browser.new_page(viewport=VIEWPORT)
    page.goto(url)
    page.locator("[data-testid=link][data-stale=false]").wait_for()
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    before = _metrics(session.send("Performance.getMetrics"))
    page.wait_for_timeout(LIVE_S * 1000)
    after = _metrics(session.send("Performance.getMetrics"))
    page.close()
    took = after["Timestamp"] - before["Timestamp"]
    names = ("TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
    return {name.removesuffix("Duration"): (after[name] - before[name]) / took for name in names}


def _metrics(answer: dict[str, Any]) -> dict[str, float]:
    return {metric["name"]: metric["value"] for metric in answer["metrics"]}


def report_scrolling(browser: Browser) -> bool:
    """Print the plot's figures, with the profile when it misses; whether the page's own way holds 60 a second."""
    with benchmark_page() as url:
        page = browser.new_page(viewport=VIEWPORT)
        page.goto(url)
        holds = True
        for title, pixels in (("every point", 0), ("as the page does it", VIEWPORT["width"])):
            scrolling(page, pixels)  # warm
            found = scrolling(page, pixels)
            print(f"20 traces of 5,000 points, {title} ({found.points} points a trace drawn): {found.per_s:.1f}/s")
            print(f"  between pictures {found.between_ms[0]:.1f} ms (p95 {found.between_ms[1]:.1f}), ", end="")
            print(f"script {found.script_ms[0]:.1f} ms (p95 {found.script_ms[1]:.1f})")
            if not found.holds:
                print("  where the time of a picture goes (self times in Chromium's trace):")
                print("\n".join(f"  {line}" for line in profile(browser, page, pixels)))
            holds = found.holds
        page.close()
    return holds


def main() -> int:
    """Print all figures. Exit code 1 when the first paint or the page's own scrolling misses its bar."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not installed: sudo apt-get install -y chromium")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        print(f"chromium {browser.version}, {os.cpu_count()} processors, {VIEWPORT['width']} x {VIEWPORT['height']}")
        with running_bench("up", "railgun_bench", cwd=Path(folder)) as bench:
            paints = first_paints(browser, bench.url)
            cost = live_cost(browser, bench.url)
        print(f"first paint with content: median {statistics.median(paints):.3f} s, worst {paints[-1]:.3f} s")
        shares = ", ".join(f"{name} {share:.0%}" for name, share in cost.items())
        print(f"main thread while a bench is shown, share of one processor: {shares}")
        smooth = report_scrolling(browser)
        browser.close()
    return 0 if statistics.median(paints) < FIRST_PAINT_S and smooth else 1


if __name__ == "__main__":
    sys.exit(main())
