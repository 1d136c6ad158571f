"""Quantities at the edge: what is accepted, and the exact words for what is not."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.rig.units import KINDS, UnitError, parse, parse_any, spell


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("4.5 kV", "V", 4500.0),
        ("4.5kV", "V", 4500.0),
        ("20 ms", "s", 0.02),
        ("20 us", "s", 2e-05),
        ("20 µs", "s", 2e-05),
        ("250 V/s", "V/s", 250.0),
        ("1 mF", "F", 0.001),
        ("100 kohm", "ohm", 1e5),
        ("200 Ω", "ohm", 200.0),
        ("5.5e6 A^2 s", "A^2 s", 5.5e6),
        ("5 %", "1", 0.05),
        (1000, "1", 1000.0),
        ("10 kA/V", "A/V", 1e4),
        ("2e8 A/s/V", "A/s/V", 2e8),
        ("1 min", "s", 60.0),
        ("18 kJ", "J", 18000.0),
    ],
)
def test_accepted(text: object, unit: str, value: float):
    assert parse(text, unit) == value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("3,0 kV", "'3,0 kV' has a decimal comma; write 3.0 kV, not 3,0 kV"),
        (3000, "the number 3000 has no unit; write a voltage, for example 3000 V"),
        ("3000", "the number 3000 has no unit; write a voltage, for example 3000 V"),
        ("20 ms", "'20 ms' is a time, not a voltage; write a voltage, for example 3.0 kV"),
        ("3 KV", "unknown unit 'KV'; write kV, not KV"),
        ("3 furlong", "unknown unit 'furlong'; write a voltage, for example 3.0 kV"),
        ("nan kV", "'nan kV' is not a finite number; write a voltage, for example 3.0 kV"),
        (float("nan"), "'nan' is not a finite number; write a voltage, for example 3.0 kV"),
        (float("inf"), "'inf' is not a finite number; write a voltage, for example 3.0 kV"),
        ("1e999 V", "'1e999 V' is not a finite number; write a voltage, for example 3.0 kV"),
        ("-3 kV", "'-3 kV' is negative; write a voltage of zero or more, for example 3.0 kV"),
        (True, "'True' is not a quantity; write a voltage, for example 3.0 kV"),
        (None, "nothing is not a quantity; write a voltage, for example 3.0 kV"),
        ("three kV", "'three kV' is not a number with a unit; write a voltage, for example 3.0 kV"),
        ("3 V^99999", "'3 V^99999' is not a number with a unit; write a voltage, for example 3.0 kV"),
    ],
)
def test_refused_in_these_words(value: object, message: str):
    with pytest.raises(UnitError) as caught:
        parse(value, "V")
    assert str(caught.value) == message


def test_every_example_is_accepted_and_of_its_own_kind():
    for unit, (_, example) in KINDS.items():
        assert parse(example, unit) > 0.0
        assert parse_any(example)[1] == unit


def test_spelling_for_people():
    assert [spell(3000.0, "V"), spell(1.5e-4, "s"), spell(5.5e6, "A^2 s"), spell(0.0, "V"), spell(0.02, "1")] == [
        "3 kV",
        "150 us",
        "5.5e+06 A^2 s",
        "0 V",
        "0.02",
    ]


@settings(derandomize=True, deadline=None)
@given(st.text(max_size=70) | st.from_regex(r"[-+]?[0-9.]{1,5} ?[kmuVAsF/*^ 0-9]{0,12}", fullmatch=True))
def test_any_text_is_a_number_or_a_unit_error(text: str):
    for unit in ("V", "A^2 s", "1"):
        try:
            assert parse(text, unit) >= 0.0
        except UnitError as error:
            assert error.problem and error.remedy


def test_pint_is_imported_on_first_use_only():
    code = "import sys, controller.rig.units, controller.rig, controller.rig.source; sys.exit('pint' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
