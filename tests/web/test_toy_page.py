"""A bench is one folder: the page shows tests/toy_bench from its rig.yaml, and nothing of any other bench."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.support import ROOT
from tests.web.conftest import OfflineContext
from tests.web.running_bench import running_bench

TOY = str(ROOT / "tests" / "toy_bench")

ELEMENTS = ["charger", "bus", "cell_1", "cell_2", "dump_a"]


def element(page: Page, name: str) -> str:
    """What the drawing says of one element, in its table for screen readers."""
    return page.get_by_test_id("mimic").locator(f"tr[data-element={name}]").inner_text()


def test_the_page_draws_the_toy_bench_while_it_fires(viewer: OfflineContext, screenshots: Path, tmp_path: Path) -> None:
    with running_bench("run", "full", "--rig", TOY, "--panel", "--out", "made", cwd=tmp_path) as bench:
        told = bench.get("/api/v1/rig")
        assert (told["name"], [each["id"] for each in told["mimic"]["elements"]]) == ("toy_bench", ELEMENTS)
        page = viewer.open(bench.url)
        expect(page.get_by_test_id("state")).to_have_text("CHARGE", timeout=60_000)
        rows = page.get_by_test_id("mimic").locator("tr[data-element]")
        assert [row.get_attribute("data-element") for row in rows.all()] == ELEMENTS
        expect(page.get_by_test_id("mimic").locator("tr[data-element=charger]")).to_contain_text("enabled")
        assert "Cell 2" in element(page, "cell_2")
        expect(page.get_by_test_id("state")).to_have_text("FLOAT", timeout=60_000)
        page.screenshot(path=screenshots / "toy-bench.png")
        page.close()
        assert bench.wait() == 0


def test_up_watches_the_toy_bench(tmp_path: Path) -> None:
    with running_bench("up", TOY, cwd=tmp_path) as bench:
        assert bench.get("/api/v1/rig")["title"] == "Toy bench (two capacitors and two resistors)"
        names = [channel["name"] for channel in bench.get("/api/v1/channels")["channels"]]
        assert [name for name in names if name.startswith("module_")] == ["module_1_voltage", "module_2_voltage"]
        assert bench.interrupt() == 0
