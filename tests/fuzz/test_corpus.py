"""Every stored input again: no crash, and the same bounds as in the fuzzer (``python -m tests.fuzz``)."""

from collections.abc import Callable

import pytest

from tests.fuzz.bounds import INPUT_MAX, Breach, cpu_bound, held_bytes
from tests.fuzz.corpus import CORPUS, FILES_MAX, stored
from tests.fuzz.engine import Recorder
from tests.fuzz.sessions import Door
from tests.fuzz.targets import TARGETS, Target


@pytest.mark.parametrize("name", TARGETS)
def test_stored_inputs(name: str) -> None:
    run = TARGETS[name].run
    inputs = {path.name: path.read_bytes() for path in stored(name)}
    if not inputs:  # a new target: until it has a corpus (python -m tests.fuzz TARGET --keep) its seeds stand in
        inputs = {f"seed {number}": seed for number, seed in enumerate(TARGETS[name].seeds[:10])}
    assert inputs
    if isinstance(run, Door):
        run.thorough = True
    for file, data in inputs.items():
        try:
            with cpu_bound():
                run(data)
        except (Exception, Breach) as trouble:
            raise AssertionError(f"{file} breaks {name}: {trouble!r}") from trouble


def test_the_corpus_is_small_and_belongs_to_targets() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} <= set(TARGETS)
    for name in TARGETS:
        files = stored(name)
        assert len(files) <= FILES_MAX, name
        assert all(path.stat().st_size < INPUT_MAX for path in files), name


def _spin(data: bytes) -> None:
    while data:
        try:
            data = bytes(data)
        except Exception:
            continue


def _broken(data: bytes) -> None:
    if data.startswith(b"x"):
        raise KeyError("x")


@pytest.mark.parametrize(("run", "why"), [(_spin, "Breach: more than "), (_broken, "KeyError at test_corpus.py")])
def test_a_hang_and_a_crash_are_found(run: Callable[[bytes], None], why: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    recorder = Recorder(Target("broken", run, ()), tmp_path, 1.0, cpu_max_s=0.05)
    for data in (b"", b"x", b"x"):
        recorder(data)
    assert [failure[: len(why)] for failure in recorder.seen] == [why]
    assert [path.read_bytes() for path in tmp_path.glob("crash-*") if path.suffix != ".txt"] == [b"x"]


def test_a_flood_of_answers_and_a_session_that_grows_are_found() -> None:
    from firmware_sim.sessions.base import Chunk

    class Loud:
        waiting = False

        def __init__(self) -> None:
            self.heard: list[bytes] = []

        def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
            self.heard += [bytes(1 << 20) for _ in data]
            return [Chunk(bytes(1 << 20))] if data == b"shout" else []

        def tick(self, now_ns: int) -> list[Chunk]:
            return []

    door = Door(lambda: {"socket": Loud}, "socket", thorough=True)
    door(b"hi")
    with pytest.raises(Breach, match="answer"):
        door(b"shout")
    with pytest.raises(Breach, match="held"):
        door(b"whisper")
    assert held_bytes([bytes(1000), bytes(1000)]) > 2000
