"""Rows refuse what cannot be right, on both sides."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.wire.dg645 import DG645
from drivers.wire.dialect import BadReply, Integer, Real, Template, Text, TextRow
from drivers.wire.probus import FUG_HCK, Error, error_of

VOLTS = TextRow("volts", Template("V? {channel}", {"channel": Integer(1, 4)}), Template("{v}", {"v": Real()}))


@pytest.mark.parametrize(
    "reply", ["NAN", "nan", "inf", "-INF", "9.9E37", "-9.9e+37", "1e999", "", "1,2", "0x10", "1_0"]
)
def test_a_number_that_is_none_is_refused(reply: str) -> None:
    with pytest.raises(BadReply):
        VOLTS.parse_reply(reply.encode())


def test_a_row_may_admit_overflow() -> None:
    row = TextRow("v", Template("V?"), Template("{v}", {"v": Real(special=True)}))
    assert row.parse_reply(b"9.9E37\n") == {"v": 9.9e37}


@pytest.mark.parametrize("values", [{}, {"channel": 0}, {"channel": 5}, {"channel": 1, "more": 2}])
def test_an_illegal_request_is_never_written(values: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        VOLTS.request(**values)


@pytest.mark.parametrize("line", [b"V?", b"V? 5", b"V? x", b"V? 1 2", b"W? 1", b"V?1x", b"V?\xb2"])
def test_another_command_is_not_this_one(line: bytes) -> None:
    assert VOLTS.parse_request(line) is None


@pytest.mark.parametrize("line", [b"V?1", b"v? 1\n", b"  V?   +1  \r\n", b"V?1\0"])
def test_spaces_case_and_terminators_do_not_matter(line: bytes) -> None:
    assert VOLTS.parse_request(line) == {"channel": 1}


def test_a_silent_row_refuses_any_reply() -> None:
    row = TextRow("set", Template("SET {n}", {"n": Integer()}))
    assert row.parse_reply(b"") == {}
    with pytest.raises(BadReply):
        row.parse_reply(b"ok")


def test_text_that_would_break_the_line_is_never_written() -> None:
    row = TextRow("label", Template("LAB {text}", {"text": Text()}))
    with pytest.raises(ValueError):
        row.request(text="a\nFIRE")


@given(st.binary(max_size=200))
def test_no_bytes_crash_a_parser(data: bytes) -> None:
    for dialect in (FUG_HCK, DG645):
        for row in dialect.rows.values():
            request = row.parse_request(data)
            assert request is None or isinstance(request, dict)
            try:
                reply = row.parse_reply(data)
            except BadReply:
                continue
            assert isinstance(reply, dict)


@given(st.integers(2, 9), st.integers(0, 9), st.floats(0, 2000))
def test_a_delay_survives_the_wire_to_a_picosecond(channel: int, reference: int, delay_s: float) -> None:
    sent = DG645["DLAY"].request(channel=channel, reference=reference, delay_s=delay_s)
    got = DG645["DLAY"].parse_request(sent)
    assert got is not None
    assert abs(got["delay_s"] - delay_s) <= 0.51e-12
    assert (got["channel"], got["reference"]) == (channel, reference)


@pytest.mark.parametrize(
    ("reply", "error"),
    [(b"E0", Error.OK), (b"E14\r", Error.WRITE_ONLY), (b"E3", None), (b"M0:1", None), (b"E99", None)],
)
def test_probus_errors(reply: bytes, error: Error | None) -> None:
    assert error_of(reply) is error


def test_blanks_between_fields_are_not_tried_in_every_way() -> None:
    """Text may hold blanks too: what two of them could share out between them must not cost more than a little."""
    row = TextRow("pair", Template("P?"), Template("{a}, {b}", {"a": Text(), "b": Text(r"[^\r\n]+x")}))
    start = time.process_time()
    with pytest.raises(BadReply):
        row.parse_reply(b"\x0c" * 60 + b"," + b"\x0c" * 60)
    assert time.process_time() - start < 1.0
    assert row.parse_reply(b" 1 , 2x ") == {"a": "1 ", "b": "2x"}
