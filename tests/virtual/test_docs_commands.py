"""Every command in a ``console`` block of the documentation does what the page says: it runs, with that exit code.

A page is one session in one empty folder; its Python blocks run last. ``# exit N`` behind a command says what it exits
with, otherwise 0.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import sparkgap

ROOT = Path(__file__).parents[2]
PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
BLOCK = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
COMMAND_TIMEOUT_S = 300
PAGE_TIMEOUT_S = 600
"""A page has up to thirteen commands, each a process with its imports; on a busy computer that takes minutes."""


def commands(page: str) -> list[tuple[list[str], int]]:
    """Arguments after ``sparkgap`` and expected exit code of every command of a page."""
    found = []
    for block in BLOCK.findall((ROOT / page).read_text(encoding="utf-8")):
        for line in block.splitlines():
            text, _, note = line.partition("#")
            words = shlex.split(text)
            assert words[0] == "sparkgap", f"{page}: {line!r} is not a sparkgap command"
            found.append((words[1:], int(note.split()[-1]) if note else 0))
    return found


@pytest.mark.timeout(PAGE_TIMEOUT_S)
@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)])
def test_commands_of_a_page_do_what_it_says(page: str, tmp_path: Path) -> None:
    for arguments, code in commands(page):
        run = sparkgap(*arguments, cwd=tmp_path)
        assert run.returncode == code, f"{arguments}: {run.stdout}{run.stderr}"
    for block in PYTHON.findall((ROOT / page).read_text(encoding="utf-8")):
        subprocess.run([sys.executable, "-c", block], cwd=tmp_path, timeout=COMMAND_TIMEOUT_S, check=True)


@pytest.mark.parametrize("page", ["README.md", *PAGES])
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert [link for link in LINK.findall(text) if not ((ROOT / page).parent / link).exists()] == []
