"""The numbers in docs/explanation that say what is proven are those of the code: a page that is out of date fails."""

from pathlib import Path

import pytest

from firmware_sim.plc.guards import GUARDS
from firmware_sim.plc.trips import PREDICATES
from tests.formal import test_composition, test_plc_exploration
from tests.formal.bench_faults import FAULTS, RUN_FAULTS
from tests.formal.controller_rules import RULES
from tests.formal.narrow_run import CHOICES, TEXT, Event
from tests.formal.plc_mutants import IN_ROWS
from tests.formal.plc_runs import CI_FAULTS, SUBSUMED
from tests.formal.rules import RULE_COUNT
from tests.formal.run_pairs import PAIRS
from tests.formal.test_guard_mutation import EXCEPTIONS, ROW_EXCEPTIONS
from tests.formal.two_faults import ACCEPTED, REPRESENTATIVE

DOCS = Path(__file__).parents[2] / "docs" / "explanation"
WORDS = (
    *("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen"),
)
BOUND = test_plc_exploration.BOUNDS["door"]
PML = (Path(__file__).parent / "plc.pml").read_text(encoding="utf-8")

CLAIMS = (
    ("proofs.md", f"One of {len(FAULTS)} hardware faults"),
    ("proofs.md", f"{RULE_COUNT} rules, each judged on every transition"),
    ("proofs.md", f"within {BOUND} scans"),
    ("proofs.md", f"({BOUND + 2} with one dump path dead)"),
    ("proofs.md", f"Each of {len(GUARDS)} guards and {len(PREDICATES)} trips"),
    ("proofs.md", f"{WORDS[len(EXCEPTIONS)].capitalize()} guards are exceptions"),
    ("proofs.md", f"{len(IN_ROWS) - len(ROW_EXCEPTIONS)} of {len(IN_ROWS)} are noticed"),
    ("proofs.md", f"the other {WORDS[len(ROW_EXCEPTIONS)]} are listed"),
    ("proofs.md", f"both probes wrong alike ({WORDS[sum(entry.rule == 'P16 true' for entry in ACCEPTED)]} ways)"),
    (
        "proofs.md",
        f"{len(CI_FAULTS)} faults with the relaxed model, a representative set of {len(REPRESENTATIVE)} pairs",
    ),
    ("proofs.md", f"all {len(FAULTS)} faults exactly"),
    ("proofs.md", f"leave those {len(SUBSUMED)} out"),
    ("controller-proofs.md", f"{len(RULES)} rules judge every transition"),
    ("controller-proofs.md", f"{len(test_composition.DEFECTS)} invariants on every transition"),
    ("proofs.md", f"all {len(FAULTS)} faults and {WORDS[len(RUN_FAULTS)]} of its own"),
    ("proofs.md", f"{WORDS[len(PAIRS)]} pairs of faults on a bench that runs"),
    ("second-opinion.md", f"asserts {PML.count('assert(')} invariants"),
    ("second-opinion.md", f"It asserts {TEXT.count('assert(')} invariants"),
    ("second-opinion.md", f"{WORDS[len(Event) - 1]} events and up to {WORDS[max(c.pulses for c in CHOICES)]} pulses"),
)
"""Page -> words that it must have, with the number as the code has it."""


@pytest.mark.parametrize(("page", "words"), CLAIMS, ids=[words for _, words in CLAIMS])
def test_a_page_has_the_number_of_the_code(page: str, words: str) -> None:
    text = " ".join((DOCS / page).read_text(encoding="utf-8").split())
    assert words in text, f"{page} must say: {words}"
