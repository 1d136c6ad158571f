"""Definite blocks, cut anywhere, never larger than asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.wire.block import BadBlock, BlockReader, header, parse_header


@pytest.mark.parametrize(
    ("length", "digits", "expected"),
    [(1000, 8, b"#800001000"), (15865, 9, b"#9000015865"), (5, 1, b"#15"), (0, 8, b"#800000000")],
)
def test_header_as_the_manuals_print_it(length: int, digits: int, expected: bytes) -> None:
    assert header(length, digits) == expected
    assert parse_header(expected) == (len(expected), length)


@pytest.mark.parametrize(("length", "digits"), [(10, 1), (-1, 8), (1, 0), (1, 10)])
def test_a_header_that_does_not_fit_is_refused(length: int, digits: int) -> None:
    with pytest.raises(ValueError):
        header(length, digits)


@given(st.binary(max_size=6000), st.integers(1, 9), st.lists(st.integers(1, 500), min_size=1), st.booleans())
def test_any_cut_gives_the_same_block(data: bytes, digits: int, cuts: list[int], direct: bool) -> None:
    digits = max(digits, len(str(len(data))))
    whole = header(len(data), digits) + data + b"\n"
    out = bytearray(6000)
    reader = BlockReader(out)
    at, number, done = 0, 0, False
    while at < len(whole):
        assert not done
        size = cuts[number % len(cuts)]
        number += 1
        if direct:
            window = reader.window()
            assert len(window) > 0
            piece = whole[at : at + min(size, len(window))]
            window[: len(piece)] = piece
            done = reader.wrote(len(piece))
        else:
            piece = whole[at : at + size]
            done = reader.feed(piece)
        at += len(piece)
    assert done
    assert reader.size == len(data)
    assert out[: len(data)] == data


@pytest.mark.parametrize(
    "data", [b"#9999999999", b"#41001", b"#0", b"#x", b"x", b"#2 5", b"#2-1", b"+1.5", b"#13abcX", b"#13abc\r\n"]
)
def test_what_is_no_block_of_at_most_1000_bytes_is_refused(data: bytes) -> None:
    with pytest.raises(BadBlock):
        BlockReader(bytearray(1000)).feed(data)


def test_a_block_without_terminator_ends_with_its_data() -> None:
    reader = BlockReader(bytearray(3), terminator=b"")
    assert not reader.feed(b"#13ab")
    assert reader.feed(b"c")
