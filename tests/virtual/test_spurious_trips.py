"""A shot's trips, and whether they have a cause on record: the same in result, catalogue, lists, page and MQTT."""

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from controller.app.virtual import run_virtual
from controller.bridges import topics
from controller.cli.result import result_object
from controller.cli.shots.listing import command as list_shots
from controller.cli.shots.show import command as show_shot
from controller.messages import Finished, RunConfig
from controller.shots.catalogue import CAUSE_KNOWN, Catalogue, ShotEntry
from tests.unit.panel.parts import client, make_parts

FAULT = "plant.door_1_open@charge"
QUICK = {"voltage": "1 kV", "hold": "0 s"}
KEYS = ("trips", "faults", "spurious_trips")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tripped")


@pytest.fixture(scope="module")
def finished(out: Path) -> Finished:
    """The door opens while the bank charges, as `run --fault` asks for it."""
    config = RunConfig("railgun_bench", "full", str(out), 3, dict(QUICK), faults=(FAULT,))
    return run_virtual(config, lambda message: None, lambda: "")


def stored(out: Path) -> ShotEntry:
    catalogue = Catalogue.open_readonly(out)
    entry = catalogue.get(1)
    catalogue.close()
    return entry


def test_the_catalogue_keeps_the_trips_and_the_fault_that_was_their_cause(out: Path, finished: Finished) -> None:
    entry = stored(out)
    assert finished.trips[0] == "DOOR_1"
    assert (entry.trips, entry.faults, entry.spurious_trips) == (finished.trips, (FAULT,), 0)
    assert (finished.faults, finished.spurious_trips) == ((FAULT,), 0)


async def test_every_place_says_the_same(out: Path, finished: Finished) -> None:
    wanted = {"trips": list(finished.trips), "faults": [FAULT], "spurious_trips": 0}
    told = topics.shot(topics.Place("lab", "railgun_bench"), None, finished)
    async with client(make_parts(out)) as browser:
        page = (await browser.get("/api/v1/shots")).json()["shots"]
        detail = (await browser.get("/api/v1/shots/1")).json()
    listed = json.loads(CliRunner().invoke(list_shots, ["--out", str(out), "--json"]).stdout)
    for said in (result_object(finished), msgspec.json.decode(told.payload), *page, detail, *listed):
        assert {key: said[key] for key in KEYS} == wanted


def test_a_trip_nobody_caused_is_spurious_until_a_person_finds_its_cause(out: Path, finished: Finished) -> None:
    def shown() -> list[str]:
        return CliRunner().invoke(show_shot, ["1", "--out", str(out)]).stdout.splitlines()

    names, count = " ".join(finished.trips), len(finished.trips)
    assert f"trips        {names} (0 without a cause on record)" in shown()
    assert f"injected     {FAULT}" in shown()
    catalogue = Catalogue.open(out)
    catalogue.update(1, faults="")
    assert f"trips        {names} ({count} without a cause on record)" in shown()
    catalogue.tag(1, CAUSE_KNOWN)
    assert f"trips        {names} (0 without a cause on record)" in shown()
    catalogue.untag(1, CAUSE_KNOWN)
    catalogue.update(1, faults=FAULT)
    catalogue.close()
