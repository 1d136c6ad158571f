"""Rows of the stream: the golden bytes, and that whatever goes in comes out."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.messages import ChannelInfo, Frame, Hello, SourceInfo, WordInfo
from controller.telemetry.frames import (
    COUNTDOWN_VALID,
    HEADER,
    ROW_BYTES_MAX,
    STATE_UNKNOWN,
    VALUES_VALID,
    Row,
    RowLayout,
    decode_message,
    encode_row,
    message,
)

VECTORS = Path(__file__).parents[2] / "vectors" / "stream.txt"
GOLDEN = [json.loads(line) for line in VECTORS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
F32 = st.floats(width=32)
LAYOUT = RowLayout(2, 1, 3, ("OFF", "SAFE"))


def numbers(raw: list[Any]) -> tuple[float, ...]:
    return tuple(math.nan if value is None else float(value) for value in raw)


def layout_of(vector: dict[str, Any]) -> RowLayout:
    layout = vector["layout"]
    return RowLayout(layout["sources"], layout["words"], layout["channels"], tuple(layout["states"]))


def frame_of(layout: RowLayout, row: dict[str, Any]) -> Frame:
    return Frame(
        seq=0,
        t_ns=int(row["t_s"] * 1e9),
        values=numbers(row["values"]) if row["flags"] & VALUES_VALID else (),
        plc_state="?" if row["state"] == STATE_UNKNOWN else layout.states[row["state"]],
        step=row["step"],
        countdown_s=row["countdown_s"],
        age_s=0.0,
        words=tuple(row["words"]) if row["flags"] & VALUES_VALID else (),
        ages_s=numbers(row["ages_s"]),
        late_s=row["late_s"],
    )


def same(ours: tuple[float, ...], theirs: tuple[float, ...]) -> bool:
    return [repr(value) for value in ours] == [repr(float(value)) for value in theirs]


@pytest.mark.parametrize("vector", GOLDEN, ids=lambda vector: vector["name"])
def test_golden_bytes(vector: dict[str, Any]) -> None:
    layout, expected = layout_of(vector), bytes.fromhex(vector["hex"])
    rows = [encode_row(layout, frame_of(layout, row), row["seq"]) for row in vector["rows"]]
    assert layout.row_bytes == vector["row_bytes"]
    assert message(rows, vector["first_seq"], layout).hex() == expected.hex()
    assert HEADER.unpack_from(expected)[4] == vector["first_seq"]


@pytest.mark.parametrize("vector", GOLDEN, ids=lambda vector: vector["name"])
def test_golden_numbers(vector: dict[str, Any]) -> None:
    layout = layout_of(vector)
    decoded = decode_message(layout, bytes.fromhex(vector["hex"]))
    assert len(decoded) == len(vector["rows"])
    for row, raw in zip(decoded, vector["rows"], strict=True):
        assert (row.t_s, row.seq, row.step, row.words) == (raw["t_s"], raw["seq"], raw["step"], tuple(raw["words"]))
        assert row.state == (None if raw["state"] == STATE_UNKNOWN else layout.states[raw["state"]])
        assert (row.countdown_s, row.valid) == (raw["countdown_s"], bool(raw["flags"] & VALUES_VALID))
        assert (row.countdown_s is not None) == bool(raw["flags"] & COUNTDOWN_VALID)
        assert row.late_s == raw["late_s"]
        assert same(row.ages_s, numbers(raw["ages_s"]))
        assert same(row.values, numbers(raw["values"]))


@given(
    st.lists(st.tuples(F32, F32, F32), max_size=5),
    st.tuples(F32, F32),
    st.integers(0, 2**32 - 1),
    st.integers(-32768, 32767),
    st.none() | st.floats(width=32, allow_nan=False),
    st.sampled_from(("OFF", "SAFE", "ELSE")),
)
def test_what_goes_in_comes_out(
    rows: list[tuple[float, float, float]],
    ages_s: tuple[float, float],
    word: int,
    step: int,
    countdown_s: float | None,
    state: str,
) -> None:
    frames = [Frame(0, 5, values, state, step, countdown_s, 0.0, (word,), ages_s, 0.25) for values in rows]
    encoded = [encode_row(LAYOUT, frame, 9 + n) for n, frame in enumerate(frames)]
    decoded = decode_message(LAYOUT, message(encoded, 9, LAYOUT))
    name = None if state == "ELSE" else state
    expected = [Row(5e-9, 9 + n, step, name, countdown_s, True, 0.25, ages_s, (word,), v) for n, v in enumerate(rows)]
    assert repr(decoded) == repr(expected)


def test_what_does_not_fit_is_not_there() -> None:
    stray = Frame(0, 0, (1.0, 2.0), "OFF", 0, None, 0.0, (7,), (0.1, 0.2), 0.0)
    (row,) = decode_message(LAYOUT, message([encode_row(LAYOUT, stray, 1)], 1, LAYOUT))
    assert not row.valid
    assert row.words == (0,)
    assert all(math.isnan(value) for value in row.values)
    assert row.ages_s == pytest.approx((0.1, 0.2))
    (row,) = decode_message(LAYOUT, message([encode_row(LAYOUT, Frame(0, 0, (), "OFF", 0, None, 0.0), 1)], 1, LAYOUT))
    assert row.ages_s == (math.inf, math.inf)  # nothing may look fresh


def test_numbers_beyond_their_type_are_clamped() -> None:
    huge = Frame(0, 0, (1e300, -1e300, 1.0), "OFF", 1 << 20, 1e300, 0.0, (1 << 33 | 5,), (1e300, 0.0), -1e300)
    (row,) = decode_message(LAYOUT, message([encode_row(LAYOUT, huge, (1 << 32) + 3)], 3, LAYOUT))
    assert row.values == (math.inf, -math.inf, 1.0)
    assert (row.seq, row.step, row.countdown_s, row.words, row.late_s) == (3, 32767, math.inf, (5,), -math.inf)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "0 bytes"),
        (HEADER.pack(2, 1, LAYOUT.row_bytes, 0, 1, 0), "kind 2"),
        (HEADER.pack(1, 2, LAYOUT.row_bytes, 0, 1, 0), "version 2"),
        (HEADER.pack(1, 1, LAYOUT.row_bytes, 1, 1, 0), "1 rows of"),
        (HEADER.pack(1, 1, 8, 0, 1, 0), "0 rows of 8"),
    ],
)
def test_what_is_no_message_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        decode_message(LAYOUT, data)


def test_the_layout_follows_the_hello() -> None:
    hello = Hello(
        "bench", "", "", 0, "", (ChannelInfo("u", "U", "V"),), (), 0.0, False,
        sources=(SourceInfo("plc", "PLC", 0.1),), words=(WordInfo("inputs", ("A",)),), states=("OFF",),
    )  # fmt: skip
    layout = RowLayout.of(hello)
    assert layout == RowLayout(1, 1, 1, ("OFF",))
    assert (layout.ages_at, layout.words_at, layout.values_at, layout.row_bytes) == (24, 28, 32, 40)


def test_a_row_too_large_for_its_size_field_is_refused() -> None:
    with pytest.raises(ValueError, match=str(ROW_BYTES_MAX)):
        RowLayout(0, 0, ROW_BYTES_MAX // 4)
