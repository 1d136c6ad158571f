"""The assurance file: every claim about safety, the tests that show it, and the figures they measured.

``claims.yaml`` is written by hand: claim, reason, evidence (test files or single tests), names of figures. The results
come from pytest's JUnit files. A claim whose evidence is missing or did not pass is a failure of CI.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ruamel.yaml import YAML

CLAIMS = Path(__file__).with_name("claims.yaml")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim. ``evidence`` are test files or ``file::test`` below the repository's root."""

    id: str
    part: str
    text: str
    evidence: tuple[str, ...]
    figures: tuple[str, ...]


@dataclass(slots=True)
class Results:
    """What a test run did: outcome by test id, parameters in brackets, and the figures by name."""

    outcomes: dict[str, str] = field(default_factory=dict)
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)

    def of(self, evidence: str) -> list[str]:
        """Outcomes of every test that ``evidence`` names."""
        return [
            outcome
            for test, outcome in self.outcomes.items()
            if test == evidence or test.startswith((f"{evidence}::", f"{evidence}["))
        ]


def load_claims(path: Path = CLAIMS) -> tuple[Claim, ...]:
    """Read the claims. Raises KeyError or ValueError for a claim that is not whole."""
    parts = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    claims = tuple(
        Claim(row["id"], part, " ".join(row["claim"].split()), tuple(row["evidence"]), tuple(row.get("figures", ())))
        for part, rows in parts.items()
        for row in rows
    )
    ids = [claim.id for claim in claims]
    if len(set(ids)) != len(ids):
        raise ValueError(f"an id is used twice: {sorted({name for name in ids if ids.count(name) > 1})}")
    return claims


def read_results(files: Iterable[Path]) -> Results:
    """Join JUnit files. A test that is in several of them must have passed in all."""
    results = Results()
    for file in files:
        for case in ElementTree.parse(file).iter("testcase"):
            _add(results, case)
    return results


def _add(results: Results, case: ElementTree.Element) -> None:
    bad = [kind for kind in ("failure", "error", "skipped") if case.find(kind) is not None]
    test = f"{_file_of(case.get('classname', ''))}::{case.get('name', '')}"
    if results.outcomes.get(test, "passed") == "passed":
        results.outcomes[test] = bad[0] if bad else "passed"
    for item in case.iter("property"):
        name = item.get("name", "")
        if name.startswith("figure:"):
            results.figures[name.removeprefix("figure:")] = json.loads(item.get("value", "{}"))


def _file_of(classname: str) -> str:
    """``tests.rig.test_up`` or ``tests.unit.a.test_b.TestC`` -> the file's path."""
    parts = classname.split(".")
    last = next((n for n, part in enumerate(parts) if part.startswith("test_")), len(parts) - 1)
    return "/".join(parts[: last + 1]) + ".py"


def find_gaps(claims: Sequence[Claim], results: Results) -> list[str]:
    """Every claim that these results do not support, in words."""
    gaps = []
    for claim in claims:
        for evidence in claim.evidence:
            outcomes = results.of(evidence)
            if not outcomes:
                gaps.append(f"{claim.id}: {evidence} was not run: the claim has lost its evidence")
            gaps += [f"{claim.id}: {evidence}: {outcome}" for outcome in outcomes if outcome != "passed"]
        gaps += [
            f"{claim.id}: no test reported the figure {name}" for name in claim.figures if name not in results.figures
        ]
    return gaps


def write_page(claims: Sequence[Claim], results: Results, source: Mapping[str, str]) -> str:
    """The assurance file as Markdown; ``source`` are facts about the run (commit, counts)."""
    lines = [
        "# Assurance file",
        "",
        "What is claimed of safety, which tests show it, what they measured. Made by `python -m tests.assurance` from",
        "the results of a test run; CI fails when a claim loses its evidence. Simulation is evidence, no certificate.",
        "",
        "CI writes this page anew with the figures of its own run; the one in the repository has the same claims",
        "and the figures of an earlier run. Claims and evidence are written by hand in",
        "[claims.yaml](../../tests/assurance/claims.yaml), this page never is.",
        "",
        *(f"- {name}: {value}" for name, value in source.items()),
    ]
    for part in dict.fromkeys(claim.part for claim in claims):
        lines += ["", f"## {part}", "", "| | claim | evidence | figures |", "|---|---|---|---|"]
        lines += [_row(claim, results) for claim in claims if claim.part == part]
    return "\n".join(lines) + "\n"


def _row(claim: Claim, results: Results) -> str:
    shown = []
    for evidence in claim.evidence:
        file, _, test = evidence.partition("::")
        name = Path(file).stem + (f": {test}" if test else "")
        shown.append(f"[{name}](../../{file}) ({len(results.of(evidence))})")
    figures = []
    for name in claim.figures:
        values = results.figures.get(name, {})
        figures.append(f"{name}: " + ", ".join(f"{key} {value}" for key, value in values.items()))
    return f"| {claim.id} | {claim.text} | {'; '.join(shown)} | {'; '.join(figures)} |"
