"""The alarms' file: what is kept comes back, and what cannot be read or written costs nobody a run."""

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.app.alarm_file import (
    ASIDE_MAX,
    BYTES_MAX,
    DISK_S,
    PAUSE_S,
    AlarmFile,
    AlarmFileUnusable,
    AlarmKeeper,
    decode_alarms,
    encode_alarms,
    kept_alarms,
)
from controller.app.folder_lock import FolderLock
from controller.app.preflight import prepare_out
from controller.messages import Event, Message
from controller.runtime.offload import inline
from controller.runtime.virtual_loop import run_virtual
from controller.telemetry.alarms import AlarmState, Standing
from tests.unit.telemetry.bench import FRAME_NS, RIG, words

T = TypeVar("T")

KEPT = (
    Standing("trip_door_1", AlarmState.UNACK_ALARM, order=1, count=3, raised_utc="2026-01-01", text="the first"),
    Standing("bank_high_a", AlarmState.RTN_UNACK, count=1, worst=3061.25),
)
NAME = f"alarms.{RIG.name}.json"

STANDINGS = st.builds(
    Standing,
    st.text(st.characters(codec="utf-8"), max_size=40),
    st.sampled_from([state for state in AlarmState if state is not AlarmState.SHELVED]),
    st.none(),
    st.integers(0, 500),
    st.integers(0, 500),
    st.text(st.characters(codec="utf-8"), max_size=30),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8"), max_size=30),
)


@given(st.lists(STANDINGS, max_size=10))
def test_what_is_kept_comes_back(standings: list[Standing]) -> None:
    assert decode_alarms(encode_alarms("rig", standings), "rig") == tuple(standings)


def test_a_shelf_does_not_outlive_its_core() -> None:
    shelved = replace(KEPT[0], shelved_until_ns=5, t_ns=4)
    assert decode_alarms(encode_alarms("rig", [shelved]), "rig") == KEPT[:1]


GOOD = json.loads(encode_alarms("rig", KEPT))


def changed(**standing: object) -> bytes:
    return json.dumps({**GOOD, "standing": [{**GOOD["standing"][0], **standing}]}).encode()


UNUSABLE = [
    (b"", "is damaged"),
    (b"\x00" * 100, "is damaged"),
    (encode_alarms("rig", KEPT)[:-20], "is damaged"),
    (b"[" * 5000, "is damaged"),
    (b"x" * (BYTES_MAX + 1), "is larger than"),
    (json.dumps({**GOOD, "alarms": 2, "shelves": []}).encode(), "is of version 2, and this Sparkgap reads up to"),
    (json.dumps({**GOOD, "rig": "other"}).encode(), "belongs to 'other'"),
    (json.dumps({**GOOD, "more": 1}).encode(), "is damaged"),
    (changed(state="SHELVED"), "is damaged"),
    (changed(state="LOST"), "is damaged"),
    (changed(order=-1), "is damaged"),
    (changed(count=1e9), "is damaged"),
    (changed(count=True), "is damaged"),
    (changed(worst="high"), "is damaged"),
    (changed(text="\ud800"), "is damaged"),
]


@pytest.mark.parametrize(("data", "why"), UNUSABLE, ids=[f"{n}-{why}" for n, (_, why) in enumerate(UNUSABLE)])
def test_what_is_no_alarm_file_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(AlarmFileUnusable, match=why):
        decode_alarms(data, "rig")


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: json.dumps([text]).encode()))
def test_no_bytes_are_more_than_unusable(data: bytes) -> None:
    with pytest.raises(AlarmFileUnusable):
        decode_alarms(data, "rig")


def test_an_unusable_file_is_set_aside_and_a_broken_disk_cannot_fill_itself(tmp_path: Path) -> None:
    file = AlarmFile(tmp_path, "rig")
    assert file.read() == ((), "")
    for number in range(ASIDE_MAX + 2):
        file.path.write_text(f"broken {number}")
        kept, told = file.read()
        assert kept == ()
        name = f"alarms.rig.json.unusable-{min(number + 1, ASIDE_MAX)}"
        assert told.endswith(f"it is set aside as {name}, and the alarms in it are not shown")
        assert (tmp_path / name).read_text() == f"broken {number}"
        assert not file.path.exists()
    assert len(list(tmp_path.iterdir())) == ASIDE_MAX


def test_a_write_is_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = AlarmFile(tmp_path, "rig")
    file.write(KEPT)
    order: list[str] = []
    fsync, rename = os.fsync, os.replace

    def synced(fd: int) -> None:
        order.append("fsync")
        fsync(fd)

    def renamed(source: Path, target: Path) -> None:
        order.append("rename")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    file.write(KEPT[:1])
    assert order == ["fsync", "rename", "fsync"]
    assert file.read() == (KEPT[:1], "")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        file.write(())
    assert file.read() == (KEPT[:1], "")


def test_a_folder_with_alarms_alone_is_ours(tmp_path: Path) -> None:
    AlarmFile(tmp_path, RIG.name).write(KEPT)
    FolderLock(tmp_path, f".alarms.{RIG.name}.lock").release()
    assert prepare_out(tmp_path) == tmp_path


class Disk:
    """A file on no disk at all: counts writes, and refuses them for a while."""

    path = Path("alarms.json")

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.written: list[tuple[float, Any]] = []

    def write(self, standings: Any) -> None:
        if self.refusals:
            self.refusals -= 1
            raise OSError(28, "No space left on device")
        self.written.append((asyncio.get_running_loop().time(), standings))

    def free_bytes(self) -> int:
        return 1000


def keeping(disk: Disk, use: Callable[[AlarmKeeper], Any]) -> tuple[list[str], list[float]]:
    """Run a keeper on virtual time around ``use``."""
    told: list[str] = []
    free: list[float] = []

    async def scene() -> None:
        keeper = AlarmKeeper(disk, inline, told.append)  # type: ignore[arg-type]
        keeper.on_disk = free.append
        async with asyncio.TaskGroup() as group:
            group.create_task(keeper.run(), name="keeper")
            await use(keeper)
            keeper.close()

    run_virtual(scene())
    return told, free


def test_a_change_is_written_at_once_and_further_ones_once_a_second() -> None:
    disk = Disk()

    async def use(keeper: AlarmKeeper) -> None:
        await asyncio.sleep(5.0)
        for number in range(100):
            keeper.keep([Standing(f"a{number}")])
            await asyncio.sleep(0.05)

    keeping(disk, use)
    times = [t for t, _ in disk.written]
    assert times[0] == pytest.approx(5.0)
    assert all(later - earlier >= PAUSE_S - 1e-6 for earlier, later in pairwise(times[:-1]))
    assert len(times) <= 7
    assert disk.written[-1][1][0].id == "a99"


def test_nothing_changed_writes_nothing_and_still_looks_at_the_disk() -> None:
    disk = Disk()
    told, free = keeping(disk, lambda keeper: asyncio.sleep(3.5 * DISK_S))
    assert (disk.written, told) == ([], [])
    assert free == [1000.0] * 4


def test_what_changes_during_a_write_is_written_after_it() -> None:
    disk = Disk()

    async def scene() -> None:
        async def slow(work: Callable[[], T], /) -> T:
            await asyncio.sleep(0.5)
            return work()

        keeper = AlarmKeeper(disk, slow, print)  # type: ignore[arg-type]
        async with asyncio.TaskGroup() as group:
            group.create_task(keeper.run(), name="keeper")
            keeper.keep(KEPT[:1])
            await asyncio.sleep(0.25)
            keeper.keep(KEPT)
            await asyncio.sleep(3.0)
            keeper.close()

    run_virtual(scene())
    assert [standings for _, standings in disk.written] == [KEPT[:1], KEPT]


def test_what_cannot_be_written_is_told_once_and_tried_again() -> None:
    disk = Disk(refusals=3)

    async def use(keeper: AlarmKeeper) -> None:
        keeper.keep(KEPT)
        await asyncio.sleep(5 * DISK_S)

    told, _ = keeping(disk, use)
    assert told == ["alarms cannot be kept in alarms.json: No space left on device"]
    assert [standings for _, standings in disk.written] == [KEPT]


def test_a_keeper_that_cannot_write_at_the_end_ends_nevertheless() -> None:
    disk = Disk(refusals=99)

    async def use(keeper: AlarmKeeper) -> None:
        keeper.keep(KEPT)

    told, _ = keeping(disk, use)
    assert len(told) == 1


def texts(said: list[Message]) -> list[str]:
    return [message.text for message in said if isinstance(message, Event)]


async def live(out: Path | None, *points: str, frames: int = 10) -> list[Message]:
    """One core's life: some frames, and what was said."""
    from controller.messages import Frame
    from controller.runtime.situation import Situation
    from tests.unit.telemetry.bench import AT_REST, CHANNELS, SOURCES

    said: list[Message] = []
    async with kept_alarms(RIG, out, said.append, lambda: "now", inline) as alarming:
        for n in range(1, frames + 1):
            ages = (0.0,) * len(SOURCES)
            row = (0.0,) * len(CHANNELS)
            frame = Frame(n, n * FRAME_NS, row, "SAFE", -1, None, 0.0, words(*AT_REST, *points), ages)
            alarming.on_frame(frame, Situation(0))
    return said


def states(said: list[Message]) -> list[tuple[str, str]]:
    return [(m.id, m.state) for m in said if not isinstance(m, Event)]  # type: ignore[union-attr]


async def test_alarms_outlive_their_core(tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    assert states(await live(out, "trips.DOOR_1")) == [("trip_door_1", "UNACK_ALARM")]
    assert [s.id for s in AlarmFile(out, RIG.name).read()[0]] == ["trip_door_1"]
    assert states(await live(out, "trips.DOOR_1")) == [("trip_door_1", "UNACK_ALARM")]
    assert states(await live(out)) == [("trip_door_1", "LATCH_UNACK")]
    assert states(await live(out)) == [("trip_door_1", "LATCH_UNACK")]


async def test_without_a_folder_nothing_is_kept() -> None:
    assert states(await live(None, "trips.DOOR_1")) == [("trip_door_1", "UNACK_ALARM")]
    assert states(await live(None)) == []


async def test_an_unusable_file_is_told_and_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b'{"alarms": 99}')
    said = await live(tmp_path, "trips.DOOR_1")
    (text,) = texts(said)
    assert text.startswith(f"{tmp_path / NAME} is of version 99")
    assert states(said) == [("trip_door_1", "UNACK_ALARM")]
    assert (tmp_path / f"{NAME}.unusable-1").read_bytes() == b'{"alarms": 99}'
    assert [s.id for s in AlarmFile(tmp_path, RIG.name).read()[0]] == ["trip_door_1"]


async def test_a_folder_that_is_none_is_told_and_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = await live(tmp_path / "file" / "out", "trips.DOOR_1")
    assert len(texts(said)) == 1
    assert states(said) == [("trip_door_1", "UNACK_ALARM")]


async def test_a_second_core_writes_nothing_over_the_first(tmp_path: Path) -> None:
    async with kept_alarms(RIG, tmp_path, lambda message: None, lambda: "", inline):
        said = await live(tmp_path, "trips.DOOR_1")
    (text,) = texts(said)
    assert text.startswith(f"another controller keeps the alarms in {tmp_path}")
    assert not (tmp_path / NAME).exists()


async def test_an_alarm_that_rig_yaml_no_longer_has_is_dropped_aloud(tmp_path: Path) -> None:
    AlarmFile(tmp_path, RIG.name).write([Standing("removed", AlarmState.UNACK_ALARM, order=1, count=1)])
    (text,) = texts(await live(tmp_path))
    assert text.startswith("rig.yaml has no alarm removed any more")


async def test_a_disk_that_does_not_answer_keeps_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.app.alarm_file.PATIENCE_S", 0.01)
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def hang(work: Callable[[], T], /) -> T:
        await asyncio.shield(never)
        return work()

    said: list[Message] = []
    async with kept_alarms(RIG, tmp_path, said.append, lambda: "", hang) as alarming:
        assert alarming.book.standings() == ()
    never.set_result(None)


async def test_a_defect_of_the_keeper_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: AlarmFile) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(AlarmFile, "free_bytes", broken)
    said = await live(tmp_path)
    assert texts(said) == ["alarms were not kept: ZeroDivisionError()"]
