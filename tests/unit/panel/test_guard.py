"""Who is answered, and what a browser may do with the answer; an abort is taken from anybody."""

from itertools import product
from pathlib import Path

import pytest

from controller.panel.addresses import host_name
from controller.panel.guard import PAGE_POLICY
from controller.panel.requests import DEFAULT_REASON
from tests.unit.panel.parts import FakeCore, attached, client, make_parts

OWN = ["127.0.0.1", "127.0.0.1:8000", "localhost:1", "LOCALHOST", "[::1]:8000", "[::1]"]
FOREIGN = [
    "evil.example",
    "evil.example:8000",
    "127.0.0.1.evil.example",
    "localhost.evil.example:80",
    "192.0.2.7",
    "",
    "::1",
]
PATHS = ["/", "/api/v1/state", "/api/v1/shots", "/healthz", "/metrics", "/api/v1/openapi.json"]


async def test_this_machines_names_are_answered(tmp_path: Path) -> None:
    async with client(make_parts(tmp_path)) as browser:
        for host in OWN:
            assert (await browser.get("/api/v1/state", headers={"host": host})).status_code == 200, host


async def test_other_names_are_not(tmp_path: Path) -> None:
    async with client(make_parts(tmp_path)) as browser:
        for host, path in product(FOREIGN, PATHS):
            answer = await browser.get(path, headers={"host": host})
            assert answer.status_code == 421, (host, path)
            assert "127.0.0.1" in answer.json()["detail"]
            assert answer.headers["content-security-policy"] == PAGE_POLICY


async def test_of_two_hosts_both_have_to_be_right(tmp_path: Path) -> None:
    async with client(make_parts(tmp_path)) as browser:
        answer = await browser.get("/api/v1/state", headers=[("host", "127.0.0.1"), ("host", "evil.example")])
    assert answer.status_code == 421


async def test_an_abort_is_taken_whatever_the_host_and_the_origin(tmp_path: Path) -> None:
    """Taking energy away needs no permission (controller/panel/guard.py)."""
    async with FakeCore().running() as core, client(make_parts(tmp_path, requests=attached(core))) as browser:
        for host in FOREIGN:
            headers = {"host": host, "origin": "https://evil.example"}
            answer = await browser.post("/api/v1/abort", headers=headers)
            assert answer.status_code == 202, host
            assert answer.json() == {"accepted": True, "text": f"aborting: {DEFAULT_REASON}"}


async def test_the_exception_is_for_the_abort_alone(tmp_path: Path) -> None:
    async with client(make_parts(tmp_path)) as browser:
        for method, path in (("GET", "/api/v1/abort"), ("POST", "/api/v1/state"), ("POST", "/api/v1/abort/")):
            assert (await browser.request(method, path, headers={"host": "evil.example"})).status_code == 421


async def test_every_answer_has_the_headers(tmp_path: Path) -> None:
    async with client(make_parts(tmp_path)) as browser:
        for path in ("/", "/api/v1/state", "/api/v1/shots/9", "/nothing", "/healthz", "/metrics"):
            headers = (await browser.get(path)).headers
            assert headers["content-security-policy"] == PAGE_POLICY
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["cache-control"] == "no-store"
            assert "access-control-allow-origin" not in headers
    assert "frame-ancestors 'none'" in PAGE_POLICY and "unsafe" not in PAGE_POLICY and "://" not in PAGE_POLICY


@pytest.mark.parametrize(
    ("host", "name"), [("a:1", "a"), (" A ", "a"), ("[::1]", "[::1]"), ("[::1]:9", "[::1]"), ("a:b", "a:b")]
)
def test_the_name_in_a_host(host: str, name: str) -> None:
    assert host_name(host) == name
