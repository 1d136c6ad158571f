"""The ring of rows against a plain list."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.telemetry import ring as ring_module
from controller.telemetry.frames import RowLayout
from controller.telemetry.ring import ROWS_MAX, RowRing

LAYOUT = RowLayout(0, 0, 0)


def row(seq: int) -> bytes:
    return struct.pack("<dI", seq * 0.5, seq).ljust(LAYOUT.row_bytes, b"\0")


@given(st.integers(1, 7), st.integers(0, 30), st.integers(1, 5), st.integers(0, 40), st.integers(1, 9))
def test_it_is_the_tail_of_everything_that_went_in(capacity: int, total: int, first: int, seq: int, count: int) -> None:
    ring = RowRing(LAYOUT, first, capacity)
    for number in range(first, first + total):
        assert ring.append(row(number)) == number
    kept = list(range(first, first + total))[-capacity:]
    assert (ring.first, ring.head) == (kept[0] if kept else first, first + total - 1)
    if seq in kept:
        assert ring.rows(seq, count) == [row(n) for n in kept if seq <= n < seq + count]
        assert ring.time_s(seq) == seq * 0.5
    else:
        with pytest.raises(IndexError, match=f"row {seq} is not in the ring"):
            ring.rows(seq, count)


@given(st.integers(1, 7), st.integers(0, 20), st.floats(-1.0, 12.0))
def test_since_finds_the_first_row_at_or_after_a_time(capacity: int, total: int, t_s: float) -> None:
    ring = RowRing(LAYOUT, 1, capacity)
    for number in range(1, total + 1):
        ring.append(row(number))
    expected = [n for n in range(ring.first, ring.head + 1) if n * 0.5 >= t_s]
    assert ring.since(t_s) == (expected[0] if expected else ring.head + 1)


def test_a_row_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="a row of 3 bytes; this ring's rows have 24"):
        RowRing(LAYOUT).append(b"abc")


def test_memory_is_bounded_for_wide_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    assert RowRing(LAYOUT).capacity == ROWS_MAX
    monkeypatch.setattr(ring_module, "BYTES_MAX", 4096)
    assert RowRing(RowLayout(0, 0, 100)).capacity == 4096 // RowLayout(0, 0, 100).row_bytes
    assert RowRing(RowLayout(0, 0, 4000)).capacity == 1
