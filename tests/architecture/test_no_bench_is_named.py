"""No file of controller or drivers names a bench (``git grep -niE "railgun|microwave" controller drivers``: nothing).

The names come from hil_rigs, in full and without ``_bench``: the next bench is held to it without a change here.
"""

import re

from controller.app.locate import rig_names
from tests.architecture.sources import ROOT

FOLDERS = ("controller", "drivers")

WORDS = {"railgun", "microwave", "toy_bench", *(name.removesuffix("_bench") for name in rig_names())}

NOT_OURS = ("node_modules", "__pycache__")
"""Folders that a build or an interpreter leaves behind; none is in the repository."""


def named(text: str) -> list[int]:
    """Lines of ``text`` that name a bench."""
    pattern = re.compile("|".join(sorted(map(re.escape, WORDS))), re.IGNORECASE)
    return [number for number, line in enumerate(text.splitlines(), 1) if pattern.search(line)]


def test_no_file_names_a_bench() -> None:
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    ours = [path for path in paths if not set(NOT_OURS) & set(path.parts)]
    assert len(ours) > 300, "the folders were not found"
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in ours
        for line in named(path.read_bytes().decode("utf-8", errors="replace"))
    ]
    assert found == []


def test_the_test_sees_what_it_is_for() -> None:
    assert named("a\nfrom hil_rigs.Railgun_Bench import plant\n") == [2]
