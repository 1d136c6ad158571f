"""Messages, headers and numbers of SCPI (instruments.md 2.0)."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.wire.scpi import (
    HeaderTable,
    ScpiError,
    Unit,
    format_engineering,
    format_nr1,
    format_nr3,
    format_quoted,
    parse_boolean,
    parse_choice,
    parse_message,
    parse_number,
    parse_quoted,
    split_outside_quotes,
)

TABLE = HeaderTable(
    [
        (":CHANnel<n>:RANGe", "range"),
        (":CHANnel<n>:RANGe?", "range?"),
        (":CHANnel<n>:PROBe:SKEW?", "skew?"),
        (":OPERegister[:EVENt]?", "event?"),
        (":TRIGger[:EDGE]:SOURce", "source"),
    ]
)


def find(message: str) -> list[tuple[str, tuple[int, ...]]]:
    return [TABLE.find(unit) for unit in parse_message(message.encode())]


@pytest.mark.parametrize(
    ("message", "row", "suffixes"),
    [
        ("CHAN1:RANG?", "range?", (1,)),
        (":channel2:range?", "range?", (2,)),
        ("Chan:Range?", "range?", (1,)),
        (":CHANnel4:PROB:SKEW?", "skew?", (4,)),
        ("OPER?", "event?", ()),
        (":OPERegister:EVENt?", "event?", ()),
        (":TRIG:SOUR CHAN1", "source", ()),
        (":TRIGger:EDGE:SOUR EXT", "source", ()),
    ],
)
def test_short_long_and_optional_forms_are_found(message: str, row: str, suffixes: tuple[int, ...]) -> None:
    assert find(message) == [(row, suffixes)]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("CHANN1:RANG?", -113),
        ("CHA1:RANG?", -113),
        ("CHAN1:RANGES?", -113),
        ("CHAN1:RANG1?", -113),
        ("CHAN0:RANG?", -114),
        ("CHAN5:RANG?", -114),
        ("EVENt?", -113),
    ],
)
def test_nothing_between_short_and_long_is_found(message: str, code: int) -> None:
    with pytest.raises(ScpiError) as caught:
        find(message)
    assert caught.value.code == code


def test_a_header_without_colon_continues_at_the_level_of_the_one_before() -> None:
    units = parse_message(b":CHAN1:PROB:SKEW 0;SKEW?;*OPC?;SKEW?;:CHAN2:RANG 4;RANG?")
    assert [unit.path for unit in units] == [
        ("CHAN1", "PROB", "SKEW"),
        ("CHAN1", "PROB", "SKEW"),
        ("*OPC",),
        ("CHAN1", "PROB", "SKEW"),
        ("CHAN2", "RANG"),
        ("CHAN2", "RANG"),
    ]


def test_quotes_protect_separators() -> None:
    (unit,) = parse_message(b""":CHAN1:LAB "a;b,'c'" """)
    assert unit == Unit(("CHAN1", "LAB"), False, ("\"a;b,'c'\"",))
    assert split_outside_quotes("a,'b,c',d", ",") == ["a", "'b,c'", "d"]
    with pytest.raises(ScpiError, match="Invalid string"):
        parse_message(b':CHAN1:LAB "open')


@pytest.mark.parametrize("message", [b"\xff?", b"*IDN?\x01", b"!!", b"? ", b":CHAN1::RANG?", b"3CHAN?"])
def test_bad_messages_are_command_errors(message: bytes) -> None:
    with pytest.raises(ScpiError) as caught:
        parse_message(message)
    assert -199 <= caught.value.code <= -100


@given(st.binary(max_size=200))
def test_any_bytes_parse_or_are_refused(data: bytes) -> None:
    try:
        units = parse_message(data)
    except ScpiError as error:
        assert -300 < error.code < -99
    else:
        assert all(unit.path and unit.path[0] for unit in units)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("1.5", "V", 1.5),
        ("+1.5E+3", "", 1500.0),
        (".5", "", 0.5),
        ("20 ms", "S", 0.02),
        ("20MS", "S", 0.02),
        ("4.5kV", "V", 4500.0),
        ("2 MHZ", "HZ", 2e6),
        ("2 MV", "V", 2e-3),
        ("2MAV", "V", 2e6),
        ("#H1F", "", 31.0),
        ("#B101", "", 5.0),
        ("#Q17", "", 15.0),
    ],
)
def test_numbers(text: str, unit: str, value: float) -> None:
    assert parse_number(text, unit) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "unit", "code"),
    [
        ("nan", "V", -104),
        ("", "V", -104),
        ("1_0", "V", -121),
        ("1,5", "V", -121),
        ("1 parsec", "S", -131),
        ("1 V", "", -138),
        ("#HZZ", "", -121),
        ("--1", "", -121),
    ],
)
def test_bad_numbers(text: str, unit: str, code: int) -> None:
    with pytest.raises(ScpiError) as caught:
        parse_number(text, unit)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("value", "digits", "longest", "text"),
    [
        (40.0, 3, 0, "+40.0E+00"),
        (10.0, 2, 0, "+10E+00"),
        (1.0, 2, 0, "+1.0E+00"),
        (0.0, 6, 0, "+0.00000E+00"),
        (-0.0, 2, 9, "+0.0E+00"),
        (1e-3, 3, 6, "+1.00E-03"),
        (400.0, 2, 0, "+400E+00"),
        (0.00125, 2, 9, "+1.25E-03"),
        (-62.5e-3, 3, 0, "-62.5E-03"),
        (999.96, 3, 0, "+1.00E+03"),
    ],
)
def test_engineering_form(value: float, digits: int, longest: int, text: str) -> None:
    assert format_engineering(value, digits, longest) == text


@given(st.floats(-1e30, 1e30).filter(lambda x: x == 0 or abs(x) > 1e-30))
def test_long_forms_lose_nothing(value: float) -> None:
    assert float(format_nr3(value, 6, 17)) == value
    assert math.isclose(float(format_engineering(value, 3, 9)), value, rel_tol=1e-8)


def test_integers_booleans_choices_and_strings() -> None:
    assert format_nr1(1000) == "+1000"
    assert [parse_boolean(text) for text in ("ON", "off", "1", "0", "2.4", "0.2")] == [
        True,
        False,
        True,
        False,
        True,
        False,
    ]
    assert parse_choice("normal", ("NORMal", "PEAK")) == "NORM"
    assert parse_quoted(format_quoted('a "b" c')) == 'a "b" c'
    for bad, code in (("NORMA", -224), ("7", -141)):
        with pytest.raises(ScpiError) as caught:
            parse_choice(bad, ("NORMal", "PEAK"))
        assert caught.value.code == code
