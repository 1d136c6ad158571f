"""Every claim has evidence that exists; a deleted, failed or skipped test, or a lost figure, is noticed."""

import ast
import re
from pathlib import Path

import pytest

from tests.assurance.__main__ import PAGE
from tests.assurance.claims import ROOT, Claim, Results, find_gaps, load_claims, read_results, write_page

CLAIMS = load_claims()
CLAIM = Claim("X1", "Part", "it holds", ("tests/a/test_b.py::test_c",), ("a.b",))

JUNIT = """<testsuites><testsuite name="pytest">
<testcase classname="tests.a.test_b" name="test_c[1]"><properties>
<property name="figure:a.b" value='{"states": 5}'/></properties></testcase>
<testcase classname="tests.a.test_b" name="test_c[2]">%s</testcase>
<testcase classname="tests.a.test_b" name="test_cc"/>
</testsuite></testsuites>"""


def results_of(tmp_path: Path, inside: str = "") -> Results:
    file = tmp_path / "junit.xml"
    file.write_text(JUNIT % inside)
    return read_results([file])


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_the_evidence_of_a_claim_exists(claim: Claim) -> None:
    assert claim.evidence
    for evidence in claim.evidence:
        file, _, test = evidence.partition("::")
        path = ROOT / file
        assert path.is_file(), f"{claim.id}: {file} is gone: the claim has lost its evidence"
        if test:
            nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            names = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
            assert test in names, f"{claim.id}: {evidence} is gone: the claim has lost its evidence"


def test_evidence_that_passed_supports_its_claim(tmp_path: Path) -> None:
    results = results_of(tmp_path)
    assert results.of(CLAIM.evidence[0]) == ["passed", "passed"]
    assert find_gaps([CLAIM], results) == []
    page = write_page([CLAIM], results, {"commit": "abc"})
    assert "| X1 | it holds | [test_b: test_c](../../tests/a/test_b.py) (2) | a.b: states 5 |" in page


@pytest.mark.parametrize("inside", ["<failure/>", "<error/>", "<skipped/>"])
def test_evidence_that_did_not_pass_is_a_gap(tmp_path: Path, inside: str) -> None:
    assert find_gaps([CLAIM], results_of(tmp_path, inside)) == [f"X1: {CLAIM.evidence[0]}: {inside[1:-2]}"]


def test_a_deleted_test_and_a_lost_figure_are_gaps(tmp_path: Path) -> None:
    results = results_of(tmp_path)
    gone = Claim("X2", "Part", "it held", ("tests/a/test_b.py::test_deleted",), ("a.c",))
    assert find_gaps([gone], results) == [
        "X2: tests/a/test_b.py::test_deleted was not run: the claim has lost its evidence",
        "X2: no test reported the figure a.c",
    ]


def claims_of(page: str) -> list[str]:
    """Parts, claims and evidence of a page, without what a run measured: numbers of tests, figures."""
    rows = [line for line in page.splitlines() if line.startswith(("## ", "| "))]
    return [re.sub(r"\) \(\d+\)", ")", row.rsplit(" | ", 1)[0]) for row in rows]


def test_the_page_in_the_repository_has_the_claims_of_today() -> None:
    """Its figures are those of the run that wrote it; what is claimed, and of which evidence, may not differ."""
    page = PAGE.read_text(encoding="utf-8")
    assert claims_of(page) == claims_of(write_page(CLAIMS, Results(), {})), "write it: python -m tests.assurance"
    assert ", 0 gaps" in page and " (0)" not in page, "it was written from a run that did not support every claim"
    assert [name for claim in CLAIMS for name in claim.figures if f"{name}: " not in page] == []
