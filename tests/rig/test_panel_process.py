"""The real panel child alone: what it says first, whom it refuses, and that nothing keeps it from ending."""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.sync.client import connect

from controller.messages import Attach, PanelConfig

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 30
"""It starts in a second and ends in less than two; the slowest machine is ten times slower."""

HUNG = """
import asyncio, sys, threading
from controller.app import panel

def hang(panel, line):
    threading.Event().wait()

panel.attach = hang
sys.exit(asyncio.run(panel.main()))
"""


@dataclass
class Panel:
    process: "subprocess.Popen[bytes]"
    said: dict[str, Any]

    @property
    def url(self) -> str:
        return str(self.said["panel"])

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def send(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def end(self) -> int:
        """Close its standard input; the exit code, 5 when the end had to be enforced."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(TIMEOUT_S)


class Panels:
    """Starts panels and leaves none behind."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self.started: list[Panel] = []

    def start(self, site: str = "", port: int = 0, code: str = "") -> Panel:
        how = ("-c", code) if code else ("-m", "controller.app.panel_process")
        process = subprocess.Popen(
            [sys.executable, "-P", *how],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.started.append(panel := Panel(process, {}))
        panel.send(msgspec.json.encode(PanelConfig("railgun_bench", str(self._out), site=site, port=port)))
        assert process.stdout is not None
        panel.said = json.loads(process.stdout.readline())
        return panel


@pytest.fixture
def panels(tmp_path: Path) -> Iterator[Panels]:
    yield (panels := Panels(tmp_path / "shots"))
    for panel in panels.started:
        if panel.process.poll() is None:
            panel.process.kill()
        with panel.process:
            panel.process.wait(TIMEOUT_S)


def test_it_serves_on_loopback_and_ends_when_its_input_closes(panels: Panels, tmp_path: Path) -> None:
    panel = panels.start()
    with urllib.request.urlopen(f"{panel.url}/api/v1/openapi.json", timeout=TIMEOUT_S) as answer:
        assert "server" not in {name.lower() for name in answer.headers}
        assert json.load(answer)["info"]["title"]
    assert panel.url.startswith("http://127.0.0.1:")
    assert os.getpriority(os.PRIO_PROCESS, panel.process.pid) >= 5
    panel.send(b"this is no attach line")
    panel.send(msgspec.json.encode(Attach("nowhere", "")))
    assert panel.end() == 0
    logged = [json.loads(line) for line in (tmp_path / "shots" / "logs" / "panel.jsonl").read_text().splitlines()]
    assert sum("no core can be attached" in line["text"] for line in logged) == 2


def test_open_viewers_and_a_core_that_is_gone_do_not_keep_it(panels: Panels) -> None:
    panel = panels.start()
    with closing(socket.create_server(("127.0.0.1", 0))) as core:
        panel.send(msgspec.json.encode(Attach(f"127.0.0.1:{core.getsockname()[1]}", "127.0.0.1:9")))
        link, _ = core.accept()
        with closing(link), connect(f"ws://127.0.0.1:{panel.port}/api/v1/stream") as viewer:
            assert json.loads(viewer.recv(TIMEOUT_S))["type"] == "snapshot"
            with socket.create_connection(("127.0.0.1", panel.port)) as idle:
                idle.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")  # and never the end of it
                assert panel.end() == 0


def test_a_broker_that_hangs_does_not_keep_it(panels: Panels, tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as broker:
        site = tmp_path / "site.yaml"
        port = broker.getsockname()[1]
        site.write_text(f"site: 1\nname: lab\nbroker: {{host: 127.0.0.1, port: {port}}}\n", encoding="utf-8")
        panel = panels.start(site=str(site))
        link, _ = broker.accept()
        with closing(link):
            assert panel.end() == 0


def test_a_loop_that_hangs_is_ended_all_the_same(panels: Panels) -> None:
    panel = panels.start(code=HUNG)
    panel.send(b"hang")
    assert panel.end() == 5


def test_a_port_that_is_taken_is_refused(panels: Panels) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        panel = panels.start(port=port)
    assert panel.said == {
        "refused": [
            f"--port: {port}: cannot be listened to on 127.0.0.1: Address already in use; "
            "end the program that uses it, give another --port, or leave --port out for a free one"
        ]
    }
    assert panel.process.wait(TIMEOUT_S) == 2


def test_an_unusable_site_file_is_refused_with_its_line(panels: Panels, tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text("site: 1\nname: lab\nbroker: {hast: localhost}\n", encoding="utf-8")
    panel = panels.start(site=str(site))
    assert all(problem.startswith(f"{site}:3: ") for problem in panel.said["refused"])
    assert panel.process.wait(TIMEOUT_S) == 2
