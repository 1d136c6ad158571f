"""What several test folders share: the command line as a user has it, and the Debian tools that some tests need."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

COMMAND_S = 300.0
"""The longest command (a shot in real time) on the slowest machine."""

PACKAGES = {
    "chromium": "chromium",
    "faketime": "faketime",
    "gcc": "gcc",
    "git": "git",
    "lxi": "lxi-tools",
    "mbpoll": "mbpoll",
    "mosquitto": "mosquitto",
    "mosquitto_passwd": "mosquitto",
    "ngspice": "ngspice",
    "postgres": "postgresql",
    "spin": "spin",
    "strace": "strace",
    "unshare": "util-linux",
}
"""Tool -> the Debian package that has it."""


def sparkgap(*arguments: str, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """One ``sparkgap`` command in a process of its own, run to its end in ``cwd``."""
    return subprocess.run(
        [sys.executable, "-m", "controller.cli", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )


def require_tool(tool: str) -> str:
    """Path of a Debian tool. Missing: skip with the install line, or fail when CI=true (there a skip is a failure)."""
    path = shutil.which(tool) or _debian_postgres(tool)
    if path is not None:
        return path
    reason = f"{tool} is not installed: sudo apt-get install -y {PACKAGES[tool]}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def _debian_postgres(tool: str) -> str | None:
    """Debian keeps PostgreSQL's server programs outside PATH, one folder per version."""
    if tool != "postgres":
        return None
    root = "/usr/lib/postgresql"
    if not os.path.isdir(root):
        return None
    versions = sorted(os.listdir(root), key=lambda name: int(name) if name.isdigit() else 0)
    return os.path.join(root, versions[-1], "bin", "postgres") if versions else None
