"""A taped shot is the same shot again; a changed byte is found; a tape that was cut off is read up to its end."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from controller.app import tape_format, virtual
from controller.app.linked import linked
from controller.app.locate import find_profile
from controller.app.tape import Tape, require_new
from controller.app.tape_diff import differences
from controller.app.tape_format import Begin, Closed, Frame, NoTape, Opened, Reader, Received, Sent
from controller.app.tape_read import read_tape, sort_frames
from controller.app.tape_replay import Replay, replay
from controller.app.tape_tap import TapedSession, taped
from controller.cli.entry import group, invoke
from controller.messages import Finished, RunConfig
from controller.rig.source import Refused
from controller.runtime.virtual_loop import run_virtual
from controller.shots.reader import read_record
from drivers.families.oscilloscope import open_dsox
from drivers.transports.link import Link
from drivers.transports.multidrop import SharedLine
from drivers.transports.route import Hislip
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.base import Chunk
from firmware_sim.standalone import STANDALONE
from tests.unit.links.wire_bench import QUESTIONS, SETUP

RIG = "railgun_bench"
BEGIN = Begin("driver", "2000-01-01T00:00:00+00:00", True, {"it": ("SRS DG645", "socket")})


class Shot:
    """One shot, taped on virtual time and run again from its tape."""

    def __init__(self, folder: Path) -> None:
        self.tape = folder / "shot.tape"
        self.out = folder / "replayed"
        config = RunConfig(
            rig=RIG, profile_path=str(find_profile("polarity", RIG)), out=str(folder / "shots"), tape=str(self.tape)
        )
        self.finished: Finished = virtual.run_virtual(config, lambda message: None, lambda: "")
        self.replayed: Replay = replay(read_tape(self.tape).recordings[0], self.out)


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Shot:
    return Shot(tmp_path_factory.mktemp("tape"))


def frames_of(path: Path) -> list[Frame]:
    return list(Reader(path))


def write(path: Path, frames: list[Frame]) -> Path:
    path.write_bytes(tape_format.MAGIC + b"".join(map(tape_format.encode, frames)))
    return path


def test_a_taped_shot_replays_to_the_same_verdict_and_the_same_samples(shot: Shot) -> None:
    replayed = shot.replayed
    assert replayed.same and replayed.finished.verdict == shot.finished.verdict != ""
    assert replayed.divergences == []
    assert Path(replayed.finished.journal).read_bytes() == Path(shot.finished.journal).read_bytes()
    one, other = (read_record(Path(finished.record)) for finished in (shot.finished, replayed.finished))
    assert len(one.captures) == len(other.captures) > 0
    for first, second in zip(one.captures, other.captures, strict=True):
        assert first.channel == second.channel and np.array_equal(first.raw, second.raw)


def test_taping_changes_nothing(shot: Shot, tmp_path: Path) -> None:
    config = RunConfig(rig=RIG, profile_path=str(find_profile("polarity", RIG)), out=str(tmp_path))
    finished = virtual.run_virtual(config, lambda message: None, lambda: "")
    assert Path(finished.journal).read_bytes() == Path(shot.finished.journal).read_bytes()


def test_one_changed_byte_is_located(shot: Shot, tmp_path: Path) -> None:
    frames = frames_of(shot.tape)
    at, found = next(
        (at, frame)
        for at, frame in enumerate(frames)
        if isinstance(frame, Received) and frame.data.startswith(b"Stanford Research")
    )
    flipped = found.data[:30] + bytes([found.data[30] ^ 1]) + found.data[31:]
    frames[at] = Received(found.t_ns, found.connection, flipped)
    other = write(tmp_path / "flipped.tape", frames)
    (difference,) = differences(read_tape(shot.tape).recordings, read_tape(other).recordings)
    assert (difference.instrument, difference.connection, difference.direction) == ("delay_generator", 1, "from")
    assert (difference.offset, difference.one, difference.other) == (30, found.data[30], found.data[30] ^ 1)
    assert difference.t_ns == found.t_ns and "*IDN?" in difference.row
    told = CliRunner().invoke(group, ["tape", "diff", str(shot.tape), str(other)])
    assert "delay_generator#1 < byte 30" in told.output
    assert invoke(["tape", "diff", str(shot.tape), str(shot.tape)]) == 0
    assert invoke(["tape", "diff", str(shot.tape), str(other)]) == 1


def test_a_changed_answer_changes_the_replay(shot: Shot, tmp_path: Path) -> None:
    """What the drivers get is the tape and nothing else: another identity on it is another instrument."""
    frames = [
        Received(frame.t_ns, frame.connection, frame.data.replace(b"DG645", b"DG999"))
        if isinstance(frame, Received)
        else frame
        for frame in frames_of(shot.tape)
    ]
    with pytest.raises(Refused, match="another instrument"):
        replay(read_tape(write(tmp_path / "other.tape", frames)).recordings[0], tmp_path / "out")


def test_a_request_that_differs_is_named(shot: Shot, tmp_path: Path) -> None:
    frames = frames_of(shot.tape)
    at, found = next(
        (at, frame) for at, frame in enumerate(frames) if isinstance(frame, Sent) and b"DLAY" in frame.data
    )
    frames[at] = Sent(found.t_ns, found.connection, found.data.replace(b"DLAY", b"DLAX"))
    played = replay(read_tape(write(tmp_path / "asked.tape", frames)).recordings[0], tmp_path / "out")
    first = played.divergences[0]
    assert first.instrument == "delay_generator" and first.sent == found.data and b"DLAX" in first.taped


@pytest.mark.parametrize("cut", [1, 9, 100, 5000])
def test_a_tape_that_was_cut_off_is_read_up_to_its_end(shot: Shot, tmp_path: Path, cut: int) -> None:
    whole, content = frames_of(shot.tape), shot.tape.read_bytes()
    short = tmp_path / "short.tape"
    short.write_bytes(content[:-cut])
    reader = Reader(short)
    kept = list(reader)
    assert kept == whole[: len(kept)] and 0 < len(kept) < len(whole)
    assert reader.cut.startswith("cut off at byte")
    assert invoke(["tape", "show", str(short)]) == 0


def test_a_damaged_frame_ends_the_tape_with_a_word(shot: Shot, tmp_path: Path) -> None:
    content = bytearray(shot.tape.read_bytes())
    content[len(content) // 2] ^= 0x40
    damaged = tmp_path / "damaged.tape"
    damaged.write_bytes(content)
    told = read_tape(damaged)
    assert told.cut and told.recordings[0].connections


def test_what_is_no_tape_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    with pytest.raises(NoTape):
        read_tape(tmp_path / "text")
    for arguments in (["tape", "show", "text"], ["tape", "replay", "missing"], ["tape", "diff", "text", "text"]):
        assert invoke([*arguments[:2], *(str(tmp_path / name) for name in arguments[2:])]) == 2
    with pytest.raises(Refused, match="exists already"):
        require_new(str(tmp_path / "text"))
    with pytest.raises(Refused, match="folder does not exist"):
        require_new(str(tmp_path / "nowhere" / "a.tape"))


def on_tape(path: Path, main: Callable[[Tape], object], *, threaded: bool = False, limit: int = 1 << 30) -> list[Frame]:
    async def body() -> None:
        tape = Tape(path, BEGIN, threaded=threaded, limit=limit)
        outcome = main(tape)
        if asyncio.iscoroutine(outcome):
            await outcome
        tape.close()

    run_virtual(body())
    return frames_of(path)


def test_a_tape_is_bounded_and_says_so(tmp_path: Path) -> None:
    def fill(tape: Tape) -> None:
        for _ in range(100):
            tape.put(Sent(0, 1, bytes(1000)))

    frames = on_tape(tmp_path / "full.tape", fill, limit=10_000)
    assert (tmp_path / "full.tape").stat().st_size < 11_000
    assert isinstance(frames[-1], tape_format.Full)
    assert sort_frames(frames)[0].full


def test_the_next_process_goes_on_behind_the_last_whole_frame(tmp_path: Path) -> None:
    path = tmp_path / "two.tape"
    on_tape(path, lambda tape: tape.put(Opened(5, 1, "it")))
    with open(path, "ab") as file:
        file.write(b"\x50\0\0\0torn")
    frames = on_tape(path, lambda tape: tape.put(Opened(7, 1, "it")), threaded=True)
    assert frames == [BEGIN, Opened(5, 1, "it"), BEGIN, Opened(7, 1, "it")]


def test_both_channels_and_a_block_into_memory_are_on_the_tape(tmp_path: Path) -> None:
    """HiSLIP fills the driver's own buffers, and so does a waveform over a socket: through a tape too."""

    async def main(tape: Tape) -> None:
        for transport in ("socket", "hislip"):
            door = STANDALONE["Keysight DSO-X 3014A"](7)[transport]
            connect = linked(lambda door=door: SessionProtocol(door))  # type: ignore[misc]
            route = taped({transport: Hislip(connect) if transport == "hislip" else connect}, tape)[transport]
            scope = await open_dsox(transport, route, identity="")
            prepare = QUESTIONS["oscilloscope"].prepare
            assert prepare is not None
            await prepare(scope)
            assert len((await scope.read_waveform("CHAN1")).raw) == SETUP.points
            await scope.close()
            await asyncio.sleep(0.1)

    frames = on_tape(tmp_path / "scope.tape", main)
    (recording,) = sort_frames(frames)
    assert [connection.instrument for connection in recording.connections] == ["socket", "hislip", "hislip"]
    for connection in recording.connections:
        assert isinstance(connection.events[-1], Closed) and connection.events[-1].by == "driver"
    heard = {
        connection.instrument: sum(len(event.data) for event in connection.events if isinstance(event, Received))
        for connection in recording.connections[:2]
    }
    assert min(heard.values()) > 2000


def test_the_units_of_one_line_are_on_the_tape_once(tmp_path: Path) -> None:
    async def main(tape: Tape) -> None:
        line = SharedLine(linked(lambda: SessionProtocol(STANDALONE["SRS DG645"](0)["socket"])))
        routes = taped({"a": line.drop(6), "b": line.drop(7)}, tape)
        link = Link("a", routes["b"])  # type: ignore[arg-type]
        assert await link.query(b"*ESR?\n", timeout_s=1.0)
        await link.close()
        await asyncio.sleep(0.1)

    frames = on_tape(tmp_path / "line.tape", main)
    assert sum(isinstance(frame, Sent) for frame in frames) == 1


def test_the_stand_ins_side_records_what_the_line_carries_and_when(tmp_path: Path) -> None:
    class Slow:
        waiting = False

        def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
            return [Chunk(b"a", 1000), Chunk(b"", 500), Chunk(b"b")]

        def tick(self, now_ns: int) -> list[Chunk]:
            return []

    async def main(tape: Tape) -> None:
        session = TapedSession(Slow(), tape, "it")
        session.attach(lambda: None)
        session.feed(b"?", 0)
        session.detach()

    frames = on_tape(tmp_path / "stand-in.tape", main)[1:]
    assert frames == [Opened(0, 1, "it"), Sent(0, 1, b"?"), Received(0, 1, b"a"), Received(1500, 1, b"b"),
                      Closed(0, 1, "driver")]  # fmt: skip


def test_a_frame_costs_little(tmp_path: Path) -> None:
    """A shot has some thousand frames; 100 us each would be seen in its timing, a dead loop would not end here."""
    count = 2000
    begin = time.perf_counter()
    on_tape(tmp_path / "fast.tape", lambda tape: [tape.put(Sent(0, 1, bytes(100))) for _ in range(count)])
    assert (time.perf_counter() - begin) / count < 1e-3
