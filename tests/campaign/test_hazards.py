"""The hazard table: complete, consistent with what can be injected, and the page made from it."""

from pathlib import Path

import pytest

from controller.app.disturb import DISTURBANCES
from controller.app.inventory import fault_catalogue
from controller.campaign.cells import list_cells
from controller.campaign.execute import load_profiles
from controller.campaign.hazards import DUE_LATER, ROWS, TABLE, find_variant
from controller.campaign.hazards_page import hazards_page
from controller.campaign.model import Venue
from controller.campaign.profiles import Stage
from controller.campaign.real_table import REAL_ONLY

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "hazards.md"
RIG = "railgun_bench"


def test_every_row_of_the_railgun_bench_is_there_once() -> None:
    assert [hazard.row for hazard in TABLE] == [f"{number:02d}" for number in range(1, 42)]
    assert set(ROWS) == {hazard.row for hazard in TABLE}


def test_only_four_rows_may_be_due_later_and_every_other_one_has_variants() -> None:
    assert tuple(hazard.row for hazard in TABLE if hazard.due_later) == DUE_LATER
    assert [hazard.row for hazard in TABLE if not hazard.variants] == ["37", "41"]


def test_names_are_unique_and_found() -> None:
    for hazard in TABLE:
        names = [(variant.name, variant.venue) for variant in hazard.variants]
        assert len(set(names)) == len(names)
        for name, venue in names:
            assert find_variant(hazard.row, name, venue).name == name
    with pytest.raises(KeyError):
        find_variant("36", "nothing")


def test_everything_injected_exists() -> None:
    known = fault_catalogue(RIG)
    variants = [variant for hazard in TABLE for variant in hazard.variants if variant.venue is Venue.VIRTUAL]
    assert {fault for variant in variants for fault in variant.injection.faults} <= set(known)
    used = {variant.injection.disturbance for variant in variants} - {""}
    assert used <= set(DISTURBANCES)
    assert set(DISTURBANCES) <= used, "a disturbance that no row uses proves nothing"


def test_every_variant_can_fail() -> None:
    """A variant reacts for a reason that is listed, is refused with an answer that is listed, or must act in vain."""
    for hazard in TABLE:
        for variant in hazard.variants:
            if variant.venue is Venue.VIRTUAL:
                vain = any(excuse.acted for excuse in variant.excuses)
                assert variant.trips or variant.says or variant.answers or vain, variant.name


def test_a_row_of_real_processes_alone_says_why() -> None:
    alone = {h.row for h in TABLE if h.variants and all(v.venue is Venue.REAL for v in h.variants)}
    assert alone == set(REAL_ONLY)
    assert all(why in hazards_page() for why in REAL_ONLY.values())


def test_excuses_are_sentences_for_stages_that_exist() -> None:
    for hazard in TABLE:
        for variant in hazard.variants:
            for excuse in variant.excuses:
                assert len(excuse.sentence) > 12 and not excuse.sentence.endswith(".")
                assert excuse.stages != frozenset(Stage)


def test_cells_cover_every_moment_of_every_profile() -> None:
    profiles = load_profiles(RIG)
    cells = list_cells(RIG, profiles, subset=False, seed=7)
    moments = sum(3 * len(profile.steps) for profile in profiles)
    virtual = [cell for cell in cells if cell.venue is Venue.VIRTUAL]
    variants = sum(variant.venue is Venue.VIRTUAL for hazard in TABLE for variant in hazard.variants)
    assert len(virtual) == moments * variants
    assert len({(cell.id, cell.venue) for cell in cells}) == len(cells)


def test_the_subset_has_every_row_every_kind_of_step_and_every_phase() -> None:
    profiles = load_profiles(RIG)
    subset = list_cells(RIG, profiles, subset=True, seed=7)
    rows = {hazard.row for hazard in TABLE if any(v.venue is Venue.VIRTUAL for v in hazard.variants)}
    assert {cell.row for cell in subset} == rows
    kinds = {step: kind for profile in profiles for step, kind in profile.steps}
    assert {kinds[cell.step] for cell in subset} >= set(kinds.values()) - {"force_trigger"}
    assert len({cell.phase for cell in subset}) == 3
    assert subset == list_cells(RIG, profiles, subset=True, seed=7)


def test_the_page_is_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == hazards_page(), "write hazards_page() to docs/reference/hazards.md"


NEVER_SHOW = {
    *(f"{name}_stale" for name in ("charger", "delay_generator", "scope_1", "scope_2", "daq")),
    "charger_stuck_voltage",
    "clock_forward",
    "clock_back",
}
"""Row 11: what an instrument repeats may be true all the time; their rule says so, and no cell has to show anything.
Row 28: labels alone hang on the wall clock, and any other difference fails the cell."""


def test_every_variant_must_show_somewhere() -> None:
    """A fault excused at every moment proves nothing, unless what it attempts has to be refused."""
    moments = [moment for profile in load_profiles(RIG) for moment in profile.moments()]
    hidden = {
        variant.name
        for hazard in TABLE
        for variant in hazard.variants
        if variant.venue is Venue.VIRTUAL and not variant.answers and all(map(variant.excuse, moments))
    }
    assert hidden == NEVER_SHOW
    vain = [variant for hazard in TABLE for variant in hazard.variants if variant.answers]
    assert all(any(excuse.acted for excuse in variant.excuses) for variant in vain)
