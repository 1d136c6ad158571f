"""Which commit of the sources runs, for reports: evidence names what it is evidence of."""

import subprocess
from pathlib import Path

TIMEOUT_S = 10.0
"""``git status`` of this repository takes 50 ms."""


def revision() -> str:
    """The commit, with ``+`` behind it when files differ from it; empty for an installed package or without git."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return ""
    commit = _git(root, "rev-parse", "HEAD")
    if not commit:
        return ""
    return commit + ("+" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")


def _git(root: Path, *arguments: str) -> str:
    try:
        run = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""
