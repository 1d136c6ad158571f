"""The wheel as a stranger gets it: no network, no checkout, no Node, an empty folder, and a shot that passes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import require_tool

ROOT = Path(__file__).parents[2]

LOOPBACK_UP = """
import fcntl, os, socket, struct, sys
IFF_UP, SIOCGIFFLAGS, SIOCSIFFLAGS = 1, 0x8913, 0x8914
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    request = struct.pack("16sh14x", b"lo", 0)
    flags = struct.unpack("16sh14x", fcntl.ioctl(control, SIOCGIFFLAGS, request))[1]
    fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))
assert [name for _, name in socket.if_nameindex()] == ["lo"], "this namespace has a network"
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Brings up loopback, the only interface of a new network namespace, and becomes the command."""


def run(*command: str, cwd: Path, timeout_s: float, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout_s, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, f"{command} -> {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.mark.timeout(300)
def test_a_wheel_without_network_runs_the_demo_from_an_empty_folder(tmp_path: Path) -> None:
    unshare = require_tool("unshare")
    house, venv, empty = tmp_path / "house", tmp_path / "venv", tmp_path / "empty"
    empty.mkdir()
    run(sys.executable, "-m", "pip", "wheel", "-q", str(ROOT), "-w", str(house), cwd=tmp_path, timeout_s=200)
    run(sys.executable, "-m", "venv", str(venv), cwd=tmp_path, timeout_s=60)
    python = venv / "bin" / "python"
    env = {"PATH": "/nowhere", "HOME": str(empty), "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    alone = (unshare, "--net", "--map-root-user", str(python), "-c", LOOPBACK_UP)
    install = ("-m", "pip", "install", "-q", "--no-index", "--find-links", str(house), "sparkgap")
    run(*alone, str(python), *install, cwd=empty, timeout_s=200, env=env)

    said = run(*alone, str(venv / "bin" / "sparkgap"), "demo", "--once", cwd=empty, timeout_s=120, env=env)

    assert "PASS  completed" in said
    assert sorted(path.name for path in empty.iterdir()) == ["shots"]
    record = next((empty / "shots").glob("*/shot.nxs"))
    assert record.stat().st_size > 100_000
    listed = run(str(venv / "bin" / "sparkgap"), "shots", "list", "--json", cwd=empty, timeout_s=60, env=env)
    assert [shot["verdict"] for shot in json.loads(listed)] == ["pass"]
    assert not (ROOT / "controller" / "_configs").exists(), "building the wheel must not write into the checkout"
    assert os.listdir(house)
