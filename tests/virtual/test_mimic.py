"""The drawing of rig.yaml against the bench itself: what a healthy shot shows, and what a welded contactor does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.app.preflight import read_rig
from controller.messages import Frame
from controller.rig.mimic import NEGATION, Element
from controller.runtime.frames import frame_words
from tests.virtual.virtual_bench import Bench, Run

WORDS = {f"{word.name}.{bit}": (n, i) for n, word in enumerate(frame_words()) for i, bit in enumerate(word.bits) if bit}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path / "shots", monkeypatch)


def holds(frame: Frame, point: str) -> bool:
    word, bit = WORDS[point.removeprefix(NEGATION)]
    return bool(frame.words[word] >> bit & 1) is not point.startswith(NEGATION)


def proven(frame: Frame, element: Element) -> list[str]:
    return [p.word for p in element.proven if all(holds(frame, point) for point in p.points)]


def commanded(frame: Frame, element: Element) -> str:
    assert element.commanded is not None
    return element.commanded.on if holds(frame, element.commanded.point) else element.commanded.off


def frames(run: Run) -> Iterator[tuple[float, Frame]]:
    """Frames with the instant of the PLC's status in each, in seconds."""
    for message in run.messages:
        if isinstance(message, Frame) and message.words:
            yield message.t_ns * 1e-9 - message.age_s, message


def longest_difference_s(run: Run, element: Element) -> float:
    longest_s, since_s = 0.0, None
    for status_s, frame in frames(run):
        if proven(frame, element) == [commanded(frame, element)]:
            since_s = None
        else:
            since_s = status_s if since_s is None else since_s
            longest_s = max(longest_s, status_s - since_s)
    return longest_s


def test_in_a_healthy_shot_everything_moves_within_its_travel_and_comes_to_rest(bench: Bench) -> None:
    """All positions are seen, and at rest the right ones: no word is the wrong way round."""
    mimic = read_rig("railgun_bench")[0].mimic
    run = bench.run()
    seen = [frame for _, frame in frames(run)]
    moving = [element for element in mimic.elements if element.commanded is not None and element.proven]
    assert {element.id for element in moving} == {"charger", "contactor", "dump_a", "dump_b"}
    for element in moving:
        assert longest_difference_s(run, element) <= element.travel_s, element.id
        words = {word for frame in seen for word in proven(frame, element)}
        assert words == {position.word for position in element.proven}, element.id
    rest = {"charger": "inhibited", "contactor": "open", "dump_a": "closed", "dump_b": "closed"}
    for frame in (seen[0], seen[-1]):
        assert {name: proven(frame, mimic.element(name)) for name in rest} == {k: [v] for k, v in rest.items()}
    for element in mimic.elements:
        if element.normal:
            assert proven(seen[-1], element) == [element.normal]
    fired = [proven(frame, mimic.element("switch_3")) for frame in seen]
    assert ["quiet"] in fired and ["fired"] in fired


def test_a_welded_contactor_is_a_mismatch(bench: Bench) -> None:
    mimic = read_rig("railgun_bench")[0].mimic
    run = bench.run("plant.contactor_welded@charge")
    contactor = mimic.element("contactor")
    assert longest_difference_s(run, contactor) > contactor.travel_s
    assert any(holds(frame, trip) for _, frame in frames(run) for trip in contactor.trips)
