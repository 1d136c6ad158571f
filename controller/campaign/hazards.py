"""PURE: the hazard table: rows of safety.md 2.3 of a capacitor-bank bench, their injections, the right reactions."""

from collections.abc import Mapping
from dataclasses import replace

from controller.campaign.hazard_rows_bench import BENCH_ROWS
from controller.campaign.hazard_rows_control import CONTROL_ROWS
from controller.campaign.hazard_rows_shot import SHOT_ROWS
from controller.campaign.hazard_types import Excuse, Hazard, Injection, Limit, Variant
from controller.campaign.model import Venue
from controller.campaign.real_table import REAL_VARIANTS

__all__ = ["ROWS", "TABLE", "Excuse", "Hazard", "Injection", "Limit", "Variant", "find_variant"]

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


TABLE: tuple[Hazard, ...] = tuple(
    _with_real(hazard) for hazard in sorted((*BENCH_ROWS, *SHOT_ROWS, *CONTROL_ROWS), key=lambda hazard: hazard.row)
)
"""Every row of a capacitor-bank bench, by number."""

ROWS: Mapping[str, Hazard] = {hazard.row: hazard for hazard in TABLE}


def find_variant(row: str, name: str, venue: Venue = Venue.VIRTUAL) -> Variant:
    """The variant of a cell. Raises KeyError for an unknown row or name."""
    for variant in ROWS[row].variants:
        if variant.name == name and variant.venue is venue:
            return variant
    raise KeyError(f"{row}.{name}")
