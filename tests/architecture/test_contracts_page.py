"""docs/reference/contracts.md: every test of the proofs of safety stands in it, and nothing that is gone."""

import re

import pytest

from tests.architecture.sources import ROOT

PAGE = ROOT / "docs" / "reference" / "contracts.md"
PROOFS = ("assurance", "campaign", "crash", "formal")
LINK = re.compile(r"\]\(\.\./\.\./(tests/[^)]+)\)")


@pytest.mark.parametrize("folder", PROOFS)
def test_every_test_of_a_folder_is_listed(folder: str) -> None:
    listed = set(LINK.findall(PAGE.read_text(encoding="utf-8")))
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests" / folder).rglob("test_*.py")}
    assert files
    assert files - listed == set()


def test_what_is_listed_exists() -> None:
    gone = [link for link in LINK.findall(PAGE.read_text(encoding="utf-8")) if not (ROOT / link).exists()]
    assert gone == []
