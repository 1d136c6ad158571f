"""``python -m tests.assurance RESULTS.xml...``: check every claim against test results and write the assurance file."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.assurance.claims import ROOT, find_gaps, load_claims, read_results, write_page

PAGE = ROOT / "docs" / "reference" / "assurance.md"


def main(files: list[str]) -> int:
    """Write the page; 1 when a claim is not supported."""
    claims, results = load_claims(), read_results(map(Path, files))
    gaps = find_gaps(claims, results)
    for gap in gaps:
        print(gap, file=sys.stderr)
    counts = Counter(results.outcomes.values())
    source = {
        "commit": _commit(),
        "tests": ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())),
        "claims": f"{len(claims)}, {len(gaps)} gaps",
    }
    PAGE.write_text(write_page(claims, results, source), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}: {source['claims']}; {source['tests']}")
    return 1 if gaps else 0


def _commit() -> str:
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return asked.stdout.strip() or "not a repository"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
