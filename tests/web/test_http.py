"""The panel's HTTP routes over real records: what is shown is what is stored, and nothing else can be reached."""

import hashlib
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from controller.panel.guard import REPORT_POLICY
from controller.shots.catalogue import CATALOGUE_NAME, Catalogue
from controller.shots.model import ShotRecord
from controller.shots.reader import read_record
from controller.shots.signals import scale_values, time_axis
from tests.unit.panel.parts import client, make_parts
from tests.web.recorded import FULL, QUICK, RIG, recorded_shots

SPIKE = 20_000
"""Index of a sample of total_current in the middle of the pulse."""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded_shots(tmp_path_factory)


@pytest.fixture(scope="module")
def record(out: Path) -> ShotRecord:
    return read_record(path_of(out, FULL))


def path_of(out: Path, number: int, name: str = "shot.nxs") -> Path:
    return next(out.glob(f"{number:06d}-*")) / name


async def get(out: Path, path: str, status: int = 200) -> Any:
    """The JSON at a path of shots."""
    async with client(make_parts(out)) as browser:
        answer = await browser.get(f"/api/v1/shots{path}")
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_the_list_is_the_catalogue_newest_first(out: Path) -> None:
    answer = await get(out, "")
    assert [shot["number"] for shot in answer["shots"]] == [QUICK, FULL]
    assert [(shot["verdict"], shot["ended"], shot["rig"]) for shot in answer["shots"]] == [
        ("fail", "completed", RIG),
        ("pass", "completed", RIG),
    ]
    assert answer["next_before"] is None


async def test_the_list_has_filters_and_pages(out: Path) -> None:
    found = {
        "?verdict=pass": [FULL],
        "?verdict=aborted": [],
        "?tag=golden": [QUICK],
        "?kind=full&rig=railgun_bench": [QUICK, FULL],
        "?load=none": [],
        "?before=2": [FULL],
        "?limit=1": [QUICK],
    }
    async with client(make_parts(out)) as browser:
        for query, numbers in found.items():
            answer = (await browser.get(f"/api/v1/shots{query}")).json()
            assert [shot["number"] for shot in answer["shots"]] == numbers, query
        first = (await browser.get("/api/v1/shots?limit=1")).json()
        second = (await browser.get(f"/api/v1/shots?limit=1&before={first['next_before']}")).json()
    assert ([shot["number"] for shot in second["shots"]], second["next_before"]) == ([FULL], None)


async def test_a_shot_tells_everything_but_its_samples(out: Path, record: ShotRecord) -> None:
    answer = await get(out, f"/{FULL}")
    assert answer["problem"] == "" and answer["t0_s"] == record.t0_s and answer["simulated"] is True
    names = [capture.channel for capture in record.captures] + [log.name for log in record.slow_logs]
    assert [channel["name"] for channel in answer["channels"]] == names
    for channel, capture in zip(answer["channels"], record.captures, strict=False):
        axis = time_axis(capture)
        assert (channel["samples"], channel["from_s"], channel["to_s"]) == (capture.raw.size, axis[0], axis[-1])
        assert channel["rate_hz"] == pytest.approx(1.0 / capture.x_increment_s)
        assert (channel["unit"], channel["delay_s"]) == (capture.unit, capture.delay_s)
    assert [(row["name"], row["value"], row["lower"], row["verdict"]) for row in answer["measurements"]] == [
        (row.name, row.value, row.lower, row.verdict) for row in record.measurements
    ]
    times = [event["t_s"] for event in answer["events"]]
    assert times == sorted(times) and times[0] < 0.0 < times[-1]
    assert len(times) == len(record.events) + len(record.plc_events)
    assert answer["energy_j"] == dict(record.ledger)
    assert {file["role"]: file["url"] for file in answer["files"] if file["url"]} == {
        "record": f"/api/v1/shots/{FULL}/file",
        "report": f"/api/v1/shots/{FULL}/report",
    }


async def test_remarks_and_tags_come_from_the_catalogue(out: Path) -> None:
    answer = await get(out, f"/{QUICK}")
    assert answer["tags"] == ["golden"]
    assert answer["comments"][0]["text"] == "the <b>first</b> of its kind"


async def test_a_whole_waveform_is_its_extremes(out: Path, record: ShotRecord) -> None:
    capture = next(item for item in record.captures if item.channel == "total_current")
    answer = await get(out, f"/{FULL}/waveforms/total_current?points=500")
    values = scale_values(capture)
    assert answer["decimated"] and answer["values"] is None
    assert (len(answer["t"]), answer["samples"]) == (500, values.size)
    assert (min(answer["low"]), max(answer["high"])) == (values.min(), values.max())
    assert (answer["unit"], answer["delay_s"], answer["delay_u95_s"]) == (
        "A",
        capture.delay_s,
        capture.delay_uncertainty_s,
    )
    assert answer["t0_s"] == record.t0_s


async def test_zoomed_in_it_is_the_samples_themselves(out: Path, record: ShotRecord) -> None:
    capture = next(item for item in record.captures if item.channel == "total_current")
    axis, values = time_axis(capture), scale_values(capture)
    first, last = float(axis[SPIKE]), float(axis[SPIKE + 99])
    answer = await get(out, f"/{FULL}/waveforms/total_current?from={first!r}&to={last!r}&points=100")
    assert not answer["decimated"] and answer["low"] is None
    assert answer["t"] == axis[SPIKE : SPIKE + 100].tolist()
    assert answer["values"] == values[SPIKE : SPIKE + 100].tolist()


async def test_a_slow_channel_counts_from_t0_too(out: Path, record: ShotRecord) -> None:
    log = next(item for item in record.slow_logs if item.name == "probe_a")
    valid = np.isfinite(log.value)
    answer = await get(out, f"/{FULL}/waveforms/probe_a?points=10000")
    assert record.t0_s is not None
    assert (answer["reference"], answer["samples"]) == ("t0", int(valid.sum()))
    assert answer["t"] == pytest.approx((log.t_s[valid] - record.t0_s).tolist())
    assert answer["values"] == log.value[valid].tolist()


async def test_an_unknown_channel_is_told_the_known_ones(out: Path) -> None:
    answer = await get(out, f"/{FULL}/waveforms/nonsense", 404)
    assert "nonsense" in answer["detail"] and "total_current" in answer["detail"]


async def test_the_record_is_served_as_it_was_sealed(out: Path, tmp_path: Path) -> None:
    whole = path_of(out, FULL).read_bytes()
    sha256 = hashlib.sha256(whole).hexdigest()
    async with client(make_parts(out)) as browser:
        url = f"/api/v1/shots/{FULL}/file"
        answer = await browser.get(url)
        assert hashlib.sha256(answer.content).hexdigest() == sha256
        assert answer.headers["etag"] == f'"{sha256}"'
        assert answer.headers["content-disposition"] == 'attachment; filename="shot-000001.nxs"'
        again = await browser.get(url, headers={"if-none-match": f'"{sha256}"'})
        assert (again.status_code, again.content) == (304, b"")
        part = await browser.get(url, headers={"range": "bytes=8-15", "if-range": f'"{sha256}"'})
        assert (part.status_code, part.content) == (206, whole[8:16])
        assert part.headers["content-range"] == f"bytes 8-15/{len(whole)}"
        tail = await browser.get(url, headers={"range": "bytes=-4"})
        assert (tail.status_code, tail.content) == (206, whole[-4:])
        beyond = await browser.get(url, headers={"range": f"bytes={len(whole)}-"})
        assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(whole)}")
        for odd in ("bytes=9-1", "bytes=-", "bytes=a-b", "lines=1-2", "bytes=0-1,5-9", "bytes=-0x5"):
            assert (await browser.get(url, headers={"range": odd})).status_code == 200, odd
    copy = tmp_path / "copy.nxs"
    copy.write_bytes(answer.content)
    with h5py.File(copy) as file:
        assert file["/entry/entry_identifier"].asstr()[()] == str(FULL)


async def test_the_report_cannot_ask_anybody(out: Path) -> None:
    async with client(make_parts(out)) as browser:
        answer = await browser.get(f"/api/v1/shots/{FULL}/report")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == REPORT_POLICY
    assert answer.content == path_of(out, FULL, "report.html").read_bytes()


@pytest.fixture
def copied(out: Path, tmp_path: Path) -> Path:
    """A copy of the folder that a test may spoil. A copy is served too: files are found in their shot's subfolder."""
    return Path(shutil.copytree(out, tmp_path / "copy"))


async def test_a_changed_record_is_not_shown_as_the_sealed_one(copied: Path) -> None:
    with h5py.File(path_of(copied, FULL), "r+") as file:
        file["/entry/title"][()] = "better"
    for path in (f"/{FULL}/file", f"/{FULL}/waveforms/total_current"):
        assert "was changed after the shot" in (await get(copied, path, 409))["detail"]
    shown = await get(copied, f"/{FULL}")
    assert "was changed after the shot" in shown["problem"] and shown["channels"] == []
    assert shown["verdict"] == "pass", "what the catalogue knows is shown all the same"


async def test_a_lost_record_is_said(copied: Path) -> None:
    path_of(copied, FULL).unlink()
    assert "is missing from the folder" in (await get(copied, f"/{FULL}/file", 404))["detail"]
    assert "is missing from the folder" in (await get(copied, f"/{FULL}"))["problem"]


@pytest.mark.parametrize(
    "listed",
    [
        "/etc/passwd",
        "../../../etc/passwd",
        "000001-full/../../outside.txt",
        "000001-full/../catalogue.db",
        "000002-full/shot.nxs",
        "000001-full/link.txt",
        "000001-full",
        ".",
    ],
)
async def test_no_catalogue_can_make_the_panel_show_another_file(copied: Path, listed: str) -> None:
    (copied.parent / "outside.txt").write_text("secret")
    (copied / "000001-full" / "link.txt").symlink_to(copied.parent / "outside.txt")
    database = sqlite3.connect(copied / CATALOGUE_NAME)
    database.execute("UPDATE files SET path = ?, sha256 = '' WHERE number = 1 AND role = 'report'", (listed,))
    database.commit()
    database.close()
    assert "is missing from the folder" in (await get(copied, f"/{FULL}/report", 404))["detail"]


async def test_a_shot_that_was_never_recorded_is_shown_with_the_reason(copied: Path) -> None:
    opened = Catalogue.open(copied)
    number = opened.reserve_number(RIG, "2026-11-21T10:00:00+00:00")
    opened.close()
    shown = await get(copied, f"/{number}")
    assert "has no record; it has not ended" in shown["problem"]
    assert "has no record" in (await get(copied, f"/{number}/waveforms/total_current", 404))["detail"]


async def test_a_catalogue_that_was_replaced_is_read_anew(copied: Path, tmp_path: Path) -> None:
    async with client(make_parts(copied)) as browser:
        assert len((await browser.get("/api/v1/shots")).json()["shots"]) == 2
        (copied / CATALOGUE_NAME).unlink()
        assert (await browser.get("/api/v1/shots")).json()["shots"] == []
        Catalogue.open(copied).close()
        assert (await browser.get("/api/v1/shots")).json()["shots"] == []
        opened = Catalogue.open(copied)
        opened.reserve_number(RIG, "2026-11-21T10:00:00+00:00")
        opened.close()
        assert len((await browser.get("/api/v1/shots")).json()["shots"]) == 1


def times(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


async def test_reading_leaves_no_trace(copied: Path) -> None:
    before = times(copied)
    async with client(make_parts(copied)) as browser:
        for path in ("", f"/{FULL}", f"/{FULL}/waveforms/total_current", f"/{FULL}/file", f"/{FULL}/report"):
            assert (await browser.get(f"/api/v1/shots{path}")).status_code == 200
    assert times(copied) == before
