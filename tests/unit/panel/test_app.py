"""The application around the routes: refusals people can read, health, metrics, documentation, the page."""

import asyncio
import gzip
import os
import re
from pathlib import Path

import pytest

from controller.panel import pages
from controller.panel.pages import load_page
from controller.panel.routes.docs import PARTS
from controller.shots.catalogue import CATALOGUE_NAME, Catalogue
from tests.unit.panel.parts import HELLO, built, client, filled, make_parts

AHEAD_S = 3600.0
"""A present that lies ahead does not grow old while a loaded machine thinks."""


CONTRACT = {
    *(f"/api/v1/{name}" for name in ("state", "channels", "alarms", "rig", "run", "shots", "abort")),
    *(
        f"/api/v1/shots/{{number}}{part}"
        for part in ("", "/waveforms/{channel}", "/trains/{channel}", "/file", "/report")
    ),
    "/healthz",
    "/metrics",
}
"""The addresses of design.md section 4 that there are without accounts; the stream is no part of OpenAPI."""


async def test_every_address_of_the_contract_is_there_and_only_the_abort_changes_anything(tmp_path: Path) -> None:
    async with client(make_parts(tmp_path)) as browser:
        paths = (await browser.get("/api/v1/openapi.json")).json()["paths"]
    assert set(paths) == CONTRACT
    assert {path: set(methods) for path, methods in paths.items() if set(methods) != {"get"}} == {
        "/api/v1/abort": {"post"}
    }


async def test_a_wrong_parameter_is_named_with_what_would_be_right(tmp_path: Path) -> None:
    wrong = {
        "/api/v1/shots?limit=0": "limit: Input should be greater than or equal to 1 (not '0')",
        "/api/v1/shots?lmit=5": "lmit: there is no such parameter",
        "/api/v1/shots?tag=": "tag: String should have at least 1 character",
        "/api/v1/shots/first": "number: Input should be a valid integer",
        "/api/v1/shots/0": "number: Input should be greater than or equal to 1",
        "/api/v1/shots/1/waveforms/a?points=1": "points: Input should be greater than or equal to 2",
        "/api/v1/shots/1/waveforms/a?points=10001": "points: Input should be less than or equal to 10000",
        "/api/v1/shots/1/waveforms/a?from=nan": "from: Input should be a finite number (not 'nan')",
        "/api/v1/shots/1/waveforms/a?to=1e999": "to: Input should be a finite number",
        "/api/v1/shots/1/waveforms/a?from=2&to=1": "from (2) is after to (1)",
    }
    async with client(make_parts(tmp_path)) as browser:
        for path, text in wrong.items():
            answer = await browser.get(path)
            assert (answer.status_code, text in answer.json()["detail"]) == (422, True), (path, answer.text)


async def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    async with client(make_parts(tmp_path)) as browser:
        assert "there is no shot 4711" in (await browser.get("/api/v1/shots/4711")).json()["detail"]
        assert (await browser.get(f"/api/v1/shots/{10**40}")).status_code == 404
        for path in ("/api/v1/nothing", "/assets/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/.stamp"):
            answer = await browser.get(path)
            assert (answer.status_code, list(answer.json())) == (404, ["detail"])
        answer = await browser.get("/api/v1/stream")
        assert (answer.status_code, "is a WebSocket" in answer.json()["detail"]) == (426, True)
        answer = await browser.delete("/api/v1/state")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


async def test_a_defect_is_said_without_its_insides(tmp_path: Path) -> None:
    def broken() -> tuple[bytes, str]:
        raise RuntimeError("secret")

    async with client(make_parts(tmp_path, metrics=broken), raise_defects=False) as browser:
        answer = await browser.get("/metrics")
    assert answer.status_code == 500
    assert "RuntimeError" in answer.json()["detail"] and "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_no_folder_and_no_catalogue_are_no_shots_and_nothing_is_made(tmp_path: Path) -> None:
    for out in (tmp_path / "no such folder", tmp_path):
        async with client(make_parts(out)) as browser:
            assert (await browser.get("/api/v1/shots")).json() == {"shots": [], "next_before": None}
    assert os.listdir(tmp_path) == []


async def test_a_catalogue_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / CATALOGUE_NAME).write_bytes(b"not a database" * 1000)
    async with client(make_parts(tmp_path)) as browser:
        answer = await browser.get("/api/v1/shots")
        assert (answer.status_code, "not a usable SQLite file" in answer.json()["detail"]) == (503, True)
        checks = (await browser.get("/healthz")).json()["checks"]
    assert {check["name"]: check["ok"] for check in checks}["catalogue"] is False


async def test_a_catalogue_of_another_version_is_neither_read_nor_changed(tmp_path: Path) -> None:
    opened = Catalogue.open(tmp_path)
    with opened._transaction() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    opened.close()
    before = (tmp_path / CATALOGUE_NAME).read_bytes()
    async with client(make_parts(tmp_path)) as browser:
        answer = await browser.get("/api/v1/shots")
    assert (answer.status_code, "is newer than" in answer.json()["detail"]) == (503, True)
    assert (tmp_path / CATALOGUE_NAME).read_bytes() == before
    assert os.listdir(tmp_path) == [CATALOGUE_NAME]


async def test_health_tells_what_is_missing_and_then_nothing(tmp_path: Path) -> None:
    async with client(make_parts(tmp_path)) as browser:
        answer = await browser.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (503, "degraded")
    wrong = {check["name"]: check["detail"] for check in answer.json()["checks"] if not check["ok"]}
    assert wrong.keys() == {"core", "telemetry", "page"}
    live = filled(asyncio.get_running_loop().time() + AHEAD_S)
    async with client(make_parts(tmp_path, live=live, static=built(tmp_path / "static"))) as browser:
        answer = await browser.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok"), answer.text
    assert answer.json()["frame_age_s"] == 0.0


async def test_metrics_are_passed_through(tmp_path: Path) -> None:
    async with client(make_parts(tmp_path)) as browser:
        answer = await browser.get("/metrics")
    assert (answer.text, answer.headers["content-type"]) == ("sparkgap_up 1\n", "text/plain; version=0.0.4")


async def test_the_present_is_answered(tmp_path: Path) -> None:
    live = filled(asyncio.get_running_loop().time())
    async with client(make_parts(tmp_path, live=live)) as browser:
        state, channels, alarms, run, rig = [
            (await browser.get(f"/api/v1/{name}")).json() for name in ("state", "channels", "alarms", "run", "rig")
        ]
    assert state["values"]["probe_a"]["value"] == 1234.5 and state["values"]["probe_b"]["value"] is None
    assert [channel["name"] for channel in channels["channels"]] == [channel.name for channel in HELLO.channels]
    assert [alarm["id"] for alarm in alarms["alarms"]] == ["first", "late", "over"]
    assert [step["mark"] for step in run["steps"]] == ["done", "running"]
    assert rig["name"] == state["rig"] == HELLO.rig


async def test_the_documentation_asks_nobody_outside(tmp_path: Path) -> None:
    """The page names no other host, and its policy lets none be asked whatever the scripts would like."""
    async with client(make_parts(tmp_path)) as browser:
        page = await browser.get("/api/v1/docs")
        assert re.findall(r"(?:https?:)?//[a-z]", page.text) == []
        policy = page.headers["content-security-policy"]
        assert (
            "default-src 'self'" in policy
            and "script-src 'self' 'sha256-" in policy
            and "//" not in policy.replace("'sha256-", "")[:40]
        )
        assert "http" not in policy and "*" not in policy
        named = re.findall(r'(?:href|src)="([^"]+)"', page.text)
        assert sorted(named) == sorted(f"docs/{part}" for part in PARTS)
        for part in named:
            answer = await browser.get(f"/api/v1/{part}")
            assert answer.status_code == 200 and len(answer.content) > 1000
        assert (await browser.get("/api/v1/openapi.json")).json()["info"]["version"] == "1.2.3"
        assert (await browser.get("/api/v1/docs/..%2fsecret")).status_code == 404


async def test_the_page_is_served_with_its_types_and_kept_as_long_as_its_name_says(tmp_path: Path) -> None:
    async with client(make_parts(tmp_path, static=built(tmp_path / "static"))) as browser:
        index = await browser.get("/")
        script = await browser.get("/assets/index-1a2b.js")
        assert index.headers["content-type"] == "text/html; charset=utf-8"
        assert index.headers["cache-control"] == "no-cache"
        assert script.headers["content-type"] == "text/javascript; charset=utf-8"
        assert "immutable" in script.headers["cache-control"]
        assert script.headers["content-encoding"] == "gzip" and script.text == "console.log(1);" * 100
        again = await browser.get("/", headers={"if-none-match": index.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert (await browser.head("/")).content == b""
        plain = await browser.get("/assets/index-1a2b.js", headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers and plain.content == script.content
        assert (await browser.get("/assets/style-3c.css")).headers["content-type"] == "text/css; charset=utf-8"
        assert (await browser.get("/icon.svg")).headers["content-type"] == "image/svg+xml"
        assert (await browser.get("/.stamp")).status_code == 404


async def test_a_missing_page_says_so_and_can_abort(tmp_path: Path) -> None:
    async with client(make_parts(tmp_path)) as browser:
        answer = await browser.get("/")
    assert answer.status_code == 200
    assert "has not been built" in answer.text and 'action="api/v1/abort"' in answer.text
    assert "<script" not in answer.text and "style=" not in answer.text


def test_a_folder_that_is_no_page_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "FILES_MAX", 2)
    page, problem = load_page(built(tmp_path / "static"))
    assert page == {} and "not a built page" in problem


def test_packing_is_the_same_every_time(tmp_path: Path) -> None:
    folder = built(tmp_path / "static")
    first, second = (load_page(folder)[0]["assets/index-1a2b.js"] for _ in range(2))
    assert first == second
    assert gzip.decompress(first.packed) == first.body
