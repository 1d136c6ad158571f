"""PURE: the hazard table: rows of safety.md 2.3, their injections, right reactions; as a whole and for one bench."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from controller.campaign.hazard_rows_bench import BENCH_ROWS
from controller.campaign.hazard_rows_control import CONTROL_ROWS
from controller.campaign.hazard_rows_links import link_rows
from controller.campaign.hazard_rows_run import RUN_ROWS
from controller.campaign.hazard_rows_shot import SHOT_ROWS
from controller.campaign.hazard_types import Excuse, Hazard, Injection, Limit, Variant
from controller.campaign.model import Venue
from controller.campaign.parts import TABLE_PARTS, Parts
from controller.campaign.real_table import REAL_VARIANTS

__all__ = ["ROWS", "TABLE", "Excuse", "Hazard", "Injection", "Limit", "Variant", "find_variant", "table_of"]

DUE_LATER = ("32", "33", "37", "41")
"""The only rows that may wait: what they need (accounts, leases, approvals) does not exist yet."""


def _with_real(hazard: Hazard) -> Hazard:
    """The row with what ``real.py`` does to real processes; its judge knows what has to follow."""
    real = tuple(
        Variant(entry.name, Injection(disturbance=entry.name), Limit(seconds=entry.limit_s or 0.0), venue=Venue.REAL)
        for entry in REAL_VARIANTS
        if entry.row == hazard.row
    )
    return replace(hazard, variants=(*hazard.variants, *real))


@lru_cache
def table_of(parts: Parts) -> tuple[Hazard, ...]:
    """The rows of one bench by number: only what it has can break; each row names what is left out as ``absent``."""
    rows: dict[str, Hazard] = {}
    for hazard in (*BENCH_ROWS, *SHOT_ROWS, *CONTROL_ROWS, *link_rows(parts), *RUN_ROWS):
        before = rows.get(hazard.row)
        whole = hazard if before is None else replace(before, variants=(*before.variants, *hazard.variants))
        rows[hazard.row] = whole
    return tuple(_with_real(_fitted(rows[number], parts)) for number in sorted(rows))


def _fitted(hazard: Hazard, parts: Parts) -> Hazard:
    kept: dict[str, Variant] = {}
    absent = []
    for variant in hazard.variants:
        what = variant.injection
        faults, then = tuple(map(parts.fault, what.faults)), tuple(map(parts.fault, what.then))
        meant = variant.runs is None or parts.runs is None or variant.runs is parts.runs
        if meant and parts.has((*faults, *then)):
            says = tuple(map(parts.says, variant.says))
            kept[variant.name] = replace(variant, injection=replace(what, faults=faults, then=then), says=says)
        else:
            absent.append(variant.name)
    return replace(hazard, variants=tuple(kept.values()), absent=tuple(n for n in absent if n not in kept))


TABLE: tuple[Hazard, ...] = table_of(TABLE_PARTS)
"""Every row by number, with every variant that any bench may have."""

ROWS: Mapping[str, Hazard] = {hazard.row: hazard for hazard in TABLE}


def find_variant(row: str, name: str, venue: Venue = Venue.VIRTUAL, table: tuple[Hazard, ...] = TABLE) -> Variant:
    """The variant of a cell. Raises KeyError for an unknown row or name."""
    for hazard in table:
        for variant in hazard.variants:
            if (hazard.row, variant.name, variant.venue) == (row, name, venue):
                return variant
    raise KeyError(f"{row}.{name}")
