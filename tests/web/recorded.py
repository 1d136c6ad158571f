"""A folder with real records, made on virtual time, and a panel over it, for tests without a browser."""

from pathlib import Path

import pytest

from controller.app.virtual import run_virtual
from controller.messages import RunConfig
from controller.shots.catalogue import Catalogue

RIG = "railgun_bench"
FULL, QUICK = 1, 2
"""Numbers of the two shots: a full one that passes, and one at 1 kV that misses its limits."""


def recorded_shots(factory: pytest.TempPathFactory) -> Path:
    """The folder with both shots, made once for all tests of a session: look at it only, or copy it."""
    out = factory.getbasetemp() / "recorded shots"
    return out if out.exists() else record_shots(out)


def record_shots(out: Path) -> Path:
    """Fire both shots into ``out``; tag and comment the second."""
    for overrides in ({}, {"voltage": "1 kV", "hold": "0 s"}):
        run_virtual(RunConfig(RIG, "full", str(out), 3, dict(overrides)), lambda message: None, lambda: "")
    catalogue = Catalogue.open(out)
    catalogue.tag(QUICK, "golden")
    catalogue.comment(QUICK, "2026-11-21T10:00:00+00:00", "A. Nother", "the <b>first</b> of its kind")
    catalogue.close()
    return out
