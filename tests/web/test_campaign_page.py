"""The page of ``sparkgap campaign --html`` in a browser: one file without a network, no axe violation, arrow keys."""

import dataclasses
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from controller.campaign.html import html_page
from tests.campaign.test_reports import FAILED, WHOLE


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_campaign_page_is_accessible_and_says_why(browser: Browser, tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "campaign.html"
    path.write_text(html_page(dataclasses.replace(WHOLE, why_short="stopped by SIGINT", planned=50)), encoding="utf-8")
    context = browser.new_context(color_scheme=scheme, offline=True)  # type: ignore[arg-type]
    try:
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(path.as_uri())
        assert [found["id"] for found in Axe().run(page).response["violations"]] == []
        first = page.locator('tr[data-row="01.slow"] td.F').first
        first.click()
        shown = page.locator("#why").inner_text()
        assert FAILED[0].id in shown and FAILED[0].replay in shown and "the bench was safe after 80 ms" in shown
        page.keyboard.press("ArrowRight")
        assert FAILED[1].replay in page.locator("#why").inner_text()
        page.keyboard.press("ArrowUp")
        assert "01.welded/full/fire:during" in page.locator("#why").inner_text()
        page.get_by_label("only rows that failed").check()
        assert page.locator("table.matrix tbody tr[data-row]:visible").count() == 1
        assert errors == []
    finally:
        context.close()
