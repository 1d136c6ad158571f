"""``MSIZ`` of the WaveRunner's stand-in: sizes as its remote control manual writes them, K and M included."""

import pytest

from firmware_sim.standalone import STANDALONE


def ask(session: object, request: bytes) -> bytes:
    return b"".join(bytes(chunk.data) for chunk in session.feed(request, 0))  # type: ignore[attr-defined]


@pytest.mark.parametrize(("size", "points"), [("500", 500), ("10K", 10_000), ("1M", 1_000_000), ("0.5m", 500_000)])
def test_sizes_have_suffixes(size: str, points: int) -> None:
    session = STANDALONE["Teledyne LeCroy WaveRunner"](1)["socket"]()
    ask(session, f"MSIZ {size}\n".encode())
    header, held, unit = ask(session, b"MSIZ?\n").split()
    assert (header, float(held), unit) == (b"MSIZ", points, b"SAMPLE")


@pytest.mark.parametrize("size", ["10M", "1G", "M", "100"])
def test_what_it_has_not_is_refused_and_the_size_stays(size: str) -> None:
    session = STANDALONE["Teledyne LeCroy WaveRunner"](1)["socket"]()
    before = ask(session, b"MSIZ?\n")
    ask(session, f"MSIZ {size}\n".encode())
    assert ask(session, b"MSIZ?\n") == before
