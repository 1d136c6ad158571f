"""The route of trains: a bounded picture of thousands of pulses, or one pulse sample by sample."""

import base64
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from controller.panel.trains import CELLS_MAX, COLUMNS_DEFAULT, ROWS_DEFAULT, load_train
from controller.shots.model import ShotRecord
from controller.shots.signals import scale_values
from tests.unit.panel.parts import RIG, client, make_parts
from tests.unit.panel.recorded_trains import store_trains
from tests.unit.shots.trains import train

BROKEN = 3128
"""The pulse that breaks down, counted from 1."""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trains")


@pytest.fixture(scope="module")
def record(out: Path) -> ShotRecord:
    return store_trains(out, RIG, captures=True)


async def get(out: Path, path: str, status: int = 200) -> Any:
    async with client(make_parts(out)) as browser:
        answer = await browser.get(f"/api/v1/shots{path}")
    assert answer.status_code == status, answer.text
    return answer.json()


def cells(answer: dict[str, Any], name: str) -> np.ndarray:
    counts = np.frombuffer(base64.b64decode(answer[name]), dtype="<i2").astype(np.float64)
    values: np.ndarray = counts * float(answer["scale"]) + float(answer["offset"])
    return values.reshape(len(answer["rows"]) - 1, len(answer["t"]))


async def test_a_shot_names_its_trains(out: Path, record: ShotRecord) -> None:
    answer = await get(out, "/1")
    assert answer["problem"] == ""
    (held,) = [channel for channel in answer["channels"] if channel["kind"] == "train"]
    assert (held["name"], held["segments"], held["samples"], held["unit"]) == ("cathode_voltage", 5000, 500, "V")
    assert (held["from_s"], held["to_s"]) == pytest.approx((-2e-6, 7.98e-6))
    assert {channel["segments"] for channel in answer["channels"] if channel["kind"] != "train"} == {1}


async def test_the_whole_train_is_a_bounded_picture_with_its_extremes(out: Path, record: ShotRecord) -> None:
    answer = await get(out, "/1/trains/cathode_voltage")
    values = scale_values(record.trains[0].capture)
    low, high = cells(answer, "low"), cells(answer, "high")
    assert low.shape == (ROWS_DEFAULT, COLUMNS_DEFAULT)
    assert (low.min(), high.max()) == pytest.approx((values.min(), values.max()))
    assert (answer["rows"][0], answer["rows"][-1]) == (1, 5001)
    assert answer["trigger_s"][-1] == pytest.approx((answer["rows"][-2] - 1) * 0.005)
    row = next(i for i in range(ROWS_DEFAULT) if answer["rows"][i] <= BROKEN < answer["rows"][i + 1])
    over = (high - np.array(answer["typical_high"]))[row]
    assert over.max() > 40_000 > answer["quiet"], "the breakdown stands out of the row it is in"
    assert answer["missing"] == 3 and answer["missing_pulses"] == [1201, 1202, 3901]
    assert (answer["worst"], answer["unusual"][row]) == (BROKEN, BROKEN)
    assert set(answer["missing_pulses"]) & set(answer["unusual"]), "a missing pulse is the most unusual of its row"
    assert (answer["pulses"], answer["planned"], answer["samples"]) == (5000, 5000, 500)
    top = {item["quantity"]: item for item in answer["statistics"]}["flat_top"]
    assert (top["count"], top["unit"]) == (4997, "V") and top["mean"] == pytest.approx(-80_200, rel=0.02)


async def test_one_pulse_comes_sample_by_sample(out: Path, record: ShotRecord) -> None:
    answer = await get(out, f"/1/trains/cathode_voltage?first={BROKEN}&last={BROKEN}&rows=1&points=1000")
    expected = scale_values(record.trains[0].capture)[BROKEN - 1]
    assert cells(answer, "low")[0] == pytest.approx(expected) == cells(answer, "high")[0]
    assert answer["rows"] == [BROKEN, BROKEN + 1]


async def test_a_part_of_pulses_and_times(out: Path, record: ShotRecord) -> None:
    answer = await get(out, "/1/trains/cathode_voltage?first=101&last=200&from=0&to=1e-6&rows=50&points=20")
    assert (len(answer["rows"]), answer["rows"][0], answer["rows"][-1]) == (51, 101, 201)
    assert answer["t"][0] >= 0.0 and answer["t"][-1] <= 1e-6 and len(answer["t"]) == 20
    outside = await get(out, "/1/trains/cathode_voltage?first=6000")
    assert (outside["low"], outside["t"]) == ("", [])


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/1/trains/nonsense", 404, "shot 1 has no train of 'nonsense'; it has cathode_voltage"),
        ("/1/trains/total_current", 404, "has no train of 'total_current'"),
        ("/1/waveforms/cathode_voltage", 404, "is a train; ask for /api/v1/shots/1/trains/cathode_voltage"),
        ("/7/trains/cathode_voltage", 404, "there is no shot 7"),
        ("/1/trains/cathode_voltage?rows=1001", 422, "rows"),
        ("/1/trains/cathode_voltage?points=1", 422, "points"),
        ("/1/trains/cathode_voltage?rows=1000&points=2000", 422, f"more than {CELLS_MAX} cells; ask for fewer"),
        ("/1/trains/cathode_voltage?from=1&to=0", 422, "from (1) is after to (0)"),
        ("/1/trains/cathode_voltage?first=9&last=3", 422, "first (9) is after last (3)"),
        ("/1/trains/cathode_voltage?from=nan", 422, "from"),
        ("/1/trains/cathode_voltage?pulse=3", 422, "there is no such parameter"),
    ],
)
async def test_what_cannot_be_answered_says_what_would_be_right(
    path: str, status: int, words: str, out: Path, record: ShotRecord
) -> None:
    assert words in (await get(out, path, status))["detail"]


async def test_an_unchanged_picture_is_not_sent_twice(out: Path, record: ShotRecord) -> None:
    async with client(make_parts(out)) as browser:
        first = await browser.get("/api/v1/shots/1/trains/cathode_voltage?rows=50")
        tag = first.headers["etag"]
        assert first.headers["cache-control"] == "no-cache"
        again = await browser.get(
            "/api/v1/shots/1/trains/cathode_voltage?rows=50", headers={"if-none-match": f'"x", W/{tag}'}
        )
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        other = await browser.get("/api/v1/shots/1/trains/cathode_voltage?rows=51", headers={"if-none-match": tag})
        assert other.status_code == 200 and other.headers["etag"] != tag


async def test_a_changed_record_is_not_shown(tmp_path: Path) -> None:
    store_trains(tmp_path, RIG, (train(20),))
    path = tmp_path / "000001-train" / "shot.nxs"
    path.write_bytes(path.read_bytes() + b"x")
    assert "was changed after the shot" in (await get(tmp_path, "/1/trains/cathode_voltage", 409))["detail"]


async def test_the_largest_answer_stays_below_two_megabytes(out: Path, record: ShotRecord) -> None:
    async with client(make_parts(out)) as browser:
        answer = await browser.get("/api/v1/shots/1/trains/cathode_voltage?rows=500&points=500")
    assert answer.status_code == 200 and 1e6 < len(answer.content) < 2e6


def test_loading_five_thousand_pulses_takes_well_under_a_second_and_knows_its_size() -> None:
    whole = train()
    before = time.process_time()
    loaded = load_train(whole)
    assert time.process_time() - before < 1.0
    assert loaded.nbytes > whole.capture.raw.nbytes
    assert int(np.argmax(loaded.distance)) in (1200, 1201, 3900)
