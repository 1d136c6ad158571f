"""What several test folders share: finding the Debian tools that some tests need."""

import os
import shutil

import pytest

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
