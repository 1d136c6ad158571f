"""The hazard table: complete, consistent with what can be injected, and the page made from it."""

from pathlib import Path

import pytest

from controller.app.disturb import DISTURBANCES
from controller.app.inventory import fault_catalogue
from controller.campaign.cells import list_cells
from controller.campaign.execute import load_profiles, table_for
from controller.campaign.hazards import DUE_LATER, ROWS, TABLE, Hazard, Variant, find_variant
from controller.campaign.hazards_page import hazards_page
from controller.campaign.model import Venue
from controller.campaign.profiles import Stage
from controller.campaign.real_table import REAL_ONLY

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "hazards.md"
RIG = "railgun_bench"
RUNS = "microwave_bench"
RIGS = (RIG, RUNS)


@pytest.mark.parametrize("table", [TABLE, table_for(RIG), table_for(RUNS)])
def test_every_row_is_there_once(table: tuple[Hazard, ...]) -> None:
    assert [hazard.row for hazard in table] == [f"{number:02d}" for number in range(1, 47)]
    assert all(hazard.title and hazard.detector and hazard.reaction for hazard in table)
    assert set(ROWS) == {hazard.row for hazard in TABLE}


def test_a_bench_has_the_variants_of_its_parts_and_names_what_it_leaves_out() -> None:
    fires, runs = table_for(RIG), table_for(RUNS)
    assert [hazard.row for hazard in fires if not hazard.variants] == ["37", "41", *(str(n) for n in range(42, 47))]
    assert [hazard.row for hazard in runs if not hazard.variants] == ["19", "37", "41"]
    for table in (fires, runs):
        for hazard in table:
            assert hazard.variants or hazard.absent or hazard.due_later
            assert not {variant.name for variant in hazard.variants} & {*hazard.absent}
    names = {variant.name for hazard in runs for variant in hazard.variants}
    assert {"heater_supply_silent", "rf_source_close", "chiller_slow", "scope_huge_block"} <= names
    assert not {name for name in names if name.startswith(("scope_1", "delay_generator"))}


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


def virtual_variants(table: tuple[Hazard, ...]) -> list[Variant]:
    return [variant for hazard in table for variant in hazard.variants if variant.venue is Venue.VIRTUAL]


@pytest.mark.parametrize("rig", RIGS)
def test_everything_injected_exists(rig: str) -> None:
    known = fault_catalogue(rig)
    faults = {fault for variant in virtual_variants(table_for(rig)) for fault in variant.injection.faults}
    assert faults <= set(known)


def test_every_variant_of_the_table_is_on_a_shipped_bench() -> None:
    here = {(hazard.row, v.name) for rig in RIGS for hazard in table_for(rig) for v in hazard.variants}
    assert {(hazard.row, v.name) for hazard in TABLE for v in hazard.variants} <= here
    variants = virtual_variants(TABLE)
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
    assert all(why in page() for why in REAL_ONLY.values())


def test_excuses_are_sentences_for_stages_that_exist() -> None:
    for hazard in TABLE:
        for variant in hazard.variants:
            for excuse in variant.excuses:
                assert len(excuse.sentence) > 12 and not excuse.sentence.endswith(".")
                assert excuse.stages != frozenset(Stage)


@pytest.mark.parametrize("rig", RIGS)
def test_cells_cover_every_moment_of_every_profile(rig: str) -> None:
    profiles = load_profiles(rig)
    cells = list_cells(rig, profiles, subset=False, seed=7, hazards=table_for(rig))
    moments = sum(3 * len(profile.steps) for profile in profiles)
    virtual = [cell for cell in cells if cell.venue is Venue.VIRTUAL]
    assert len(virtual) == moments * len(virtual_variants(table_for(rig)))
    assert len({(cell.id, cell.venue) for cell in cells}) == len(cells)


@pytest.mark.parametrize("rig", RIGS)
def test_the_subset_has_every_row_every_kind_of_step_and_every_phase(rig: str) -> None:
    profiles, table = load_profiles(rig), table_for(rig)
    subset = list_cells(rig, profiles, subset=True, seed=7, hazards=table)
    rows = {hazard.row for hazard in table if any(v.venue is Venue.VIRTUAL for v in hazard.variants)}
    assert {cell.row for cell in subset} == rows
    kinds = {step: kind for profile in profiles for step, kind in profile.steps}
    assert {kinds[cell.step] for cell in subset} >= set(kinds.values()) - {"force_trigger"}
    assert len({cell.phase for cell in subset}) == 3
    assert subset == list_cells(rig, profiles, subset=True, seed=7, hazards=table)


def page() -> str:
    return hazards_page({rig: table_for(rig) for rig in RIGS})


def test_the_page_is_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write page() to docs/reference/hazards.md"


CLOCKS = {"clock_forward", "clock_back"}
"""Row 28: labels alone hang on the wall clock, and any other difference fails the cell."""

NEVER_SHOW = {
    RIG: {
        *(f"{name}_stale" for name in ("charger", "delay_generator", "scope_1", "scope_2", "daq")),
        "charger_stuck_voltage",
        *CLOCKS,
    },
    RUNS: {
        *(f"{name}_stale" for name in ("charger", "trigger_generator", "rf_source", "heater_supply", "magnet_supply")),
        *(f"{name}_stale" for name in ("vacuum_gauge", "chiller", "scope", "daq")),
        *("charger_stuck_voltage", "limiter_dead", "gate_stuck_open", "heater_drift", "voltage_common_gain"),
        *CLOCKS,
    },
}
"""Row 11: what an instrument repeats may be true all the time; their rule says so, and no cell has to show anything.
Limiter and gate have nothing to stop while the rest is whole; the heater drifts for longer than a cell runs."""


@pytest.mark.parametrize("rig", RIGS)
def test_every_variant_must_show_somewhere(rig: str) -> None:
    """A fault excused at every moment proves nothing, unless what it attempts has to be refused."""
    moments = [moment for profile in load_profiles(rig) for moment in profile.moments()]
    variants = virtual_variants(table_for(rig))
    hidden = {v.name for v in variants if not v.answers and all(map(v.excuse, moments))}
    assert hidden == NEVER_SHOW[rig]
    vain = [variant for variant in variants if variant.answers]
    assert all(any(excuse.acted for excuse in variant.excuses) for variant in vain)
