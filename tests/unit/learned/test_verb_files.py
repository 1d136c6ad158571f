"""Verb files: what is refused, where and with which remedy; formulas; request and reply tables."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.app.learned_scopes import find_verbs, guess_verbs, read_verbs, shipped_verbs
from controller.rig.source import Refused
from controller.sequencer.schema import scope_schema
from drivers.wire import wavedesc
from drivers.wire.formula import BadFormula, Line, parse_formula
from drivers.wire.verbs import BadVerbReply, Condition, Restore, as_block, block_data, block_framer, fill
from tests.unit.learned.bench import SCOPES, SHIPPED

ROOT = Path(__file__).parents[3]
MSO5 = (SCOPES / "mso5.yaml").read_text(encoding="utf-8")


def problems(text: str) -> list[str]:
    with pytest.raises(Refused) as caught:
        read_verbs(text.encode(), "scope.yaml")
    return [str(problem) for problem in caught.value.problems]


def line_of(text: str, wanted: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if wanted in line)


@pytest.mark.parametrize(
    ("old", "new", "field", "said"),
    [
        ("timeout: 60 s", "timeout: 60", "read.timeout", "the number 60 has no unit; write a time"),
        ("(raw - y_offset)", "(raw - yoff)", "read.scaling.volts", "'yoff' is not declared; declared here: points"),
        ("(raw - y_offset)", "(raw * raw)", "read.scaling.volts", "multiplied by each other"),
        ("(raw - y_offset)", "__import__('os')", "read.scaling.volts", "is no number, name or one of"),
        ("(i - trigger_point)", "trigger_point", "read.scaling.time", "does not depend on 'i'; use `i` in it"),
        ("points: points", "points: ponits", "read.block.points", "'ponits' is not declared"),
        ("samples: int16", "samples: int12", "read.block.samples", "'int12' is not known here; did you mean int16?"),
        ("expect: [READY]", "expect: []", "armed", "says not what means yes; give either"),
        ("expect: [READY]", "expekt: [READY]", "armed.expekt", "unknown key; did you mean expect?"),
        ('send: ["{blob}"]', 'send: ["*RST"]', "restore.send", "sends the stored panel nowhere; write {blob}"),
        ("channels: [CH1, CH2, CH3, CH4]", "channels: [CH1, CH1]", "channels", "CH1 stands there twice"),
        ("scope: 1", "scope: 2", "scope", "version 2 is newer than version 1"),
        ("value: reply * 10}       #", "value: 5 + 5}       #", "settings.range.value", "does not depend on 'reply'"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_a_remedy(old: str, new: str, field: str, said: str) -> None:
    text = MSO5.replace(old, new, 1)
    assert text != MSO5
    found = problems(text)
    assert any(line.startswith("scope.yaml:") and f": {field}: " in line and said in line for line in found), found


def test_the_line_is_that_of_the_field() -> None:
    text = MSO5.replace("(raw - y_offset)", "(raw - yoff)")
    assert problems(text)[0].startswith(f"scope.yaml:{line_of(text, 'yoff')}: read.scaling.volts: ")


def test_every_problem_is_said_at_once() -> None:
    text = MSO5.replace("(raw - y_offset)", "(raw - yoff)").replace("points: points", "points: ponits")
    assert len(problems(text)) == 2


def test_the_exported_schema_is_current_and_named_by_the_shipped_files() -> None:
    assert (ROOT / "configs/schema/scope.json").read_text(encoding="utf-8") == scope_schema()
    assert set(SHIPPED) == set(shipped_verbs())
    for name in SHIPPED:
        first = (SCOPES / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0]
        assert first == "# yaml-language-server: $schema=../schema/scope.json"


def test_the_verb_file_is_guessed_from_the_identification() -> None:
    assert guess_verbs("TEKTRONIX,MSO54,C012345,CF:91.1CT FV:1.38.9.0") == "mso5"
    assert guess_verbs("*IDN LECROY,WR,LCRY1,8.5.1") == "lecroy"
    assert guess_verbs("RIGOL TECHNOLOGIES,DS1074Z,DS1,00.04") == ""


# -- golden bytes: typed from the manuals, not made by the tables


def test_requests_and_replies_of_the_mso5() -> None:
    verbs = find_verbs("mso5")[0]
    assert fill(verbs.read.send[0], channel="CH2") == b"DATA:SOURCE CH2\n"
    assert verbs.accepts(b"TEKTRONIX,MSO54,C012345,CF:91.1CT FV:1.38.9.0\n")
    numbers = dict(zip(verbs.read.text_names, (1000, 4e-9, 1e-9, 500, 3.125e-4, 0, 0.1), strict=True))
    assert verbs.read.volts.line(numbers, "raw") == Line(0.1, 3.125e-4)
    time = verbs.read.time.line(numbers, "i")
    assert time.offset == pytest.approx(1e-9 - 2e-6)
    assert time.slope == 4e-9


def test_requests_and_replies_of_the_lecroy() -> None:
    verbs = find_verbs("lecroy")[0]
    reply = b"ALL,#9000000004\x01\x00\x02\x00\n"
    frame = block_framer(verbs.read.prefix, 100)
    assert [frame(bytearray(reply[:count])) for count in (0, 5, 14, 15, 20)] == [0, 0, 0, 20, 20]
    assert bytes(block_data(reply, "ALL,")) == b"\x01\x00\x02\x00"
    assert fill("PNSU {block}", block=as_block(b"{value}")) == b"PNSU #9000000007{value}\n"
    assert verbs.done.holds("8193") == (True, 8193)
    assert verbs.done.holds("INR 8192", seen=1) == (True, 8193)
    assert verbs.armed.holds("1") == (False, 1)


def test_the_verb_file_reads_the_descriptor_where_the_template_puts_it() -> None:
    numbers = find_verbs("lecroy")[0].read.numbers
    letters = {"int32": "i", "float32": "f", "float64": "d"}
    theirs = {"horizontal_interval": "HORIZ_INTERVAL", "horizontal_offset": "HORIZ_OFFSET", "reserved": "RES_DESC1"}
    for name, number in numbers.items():
        place = wavedesc.FIELDS[theirs.get(name, name.upper())]
        assert (number.at, letters[number.type]) == (place.at, place.code), name


def test_the_descriptor_is_at_its_bytes() -> None:
    data = bytearray(346)
    data[:8], data[16:26], data[34:36] = b"WAVEDESC", b"LECROY_2_3", b"\x01\x00"
    data[156:160], data[176:180] = struct.pack("<f", 0.5), struct.pack("<f", 2e-9)
    data[180:188] = struct.pack("<d", -1e-3)
    found = wavedesc.decode(data)
    assert (found["VERTICAL_GAIN"], found["HORIZ_OFFSET"], found["TEMPLATE_NAME"]) == (0.5, -1e-3, "LECROY_2_3")
    assert found["HORIZ_INTERVAL"] == pytest.approx(2e-9)
    with pytest.raises(wavedesc.BadDescriptor):
        wavedesc.decode(data[:345])


def test_a_condition_needs_a_number_for_a_bit() -> None:
    with pytest.raises(BadVerbReply, match="is no number"):
        Condition("INR?", bit=0).holds("WHAT")


def test_what_changes_by_itself_is_not_compared() -> None:
    restore = Restore("SET?", ("{blob}",), None, ignore=(":HEADER", "STATE "))
    assert restore.comparable(b":HEADER 1;:CH1:SCALE 1;STATE 0;OFFSET 2;") == (b":CH1:SCALE 1", b"OFFSET 2")


# -- formulas


@pytest.mark.parametrize(
    ("text", "value"),
    [("1 + 2 * 3", 7.0), ("(1 + 2) * 3", 9.0), ("-2 * -3", 6.0), ("8 / 2 / 2", 2.0), ("1e-3 * a", 2e-3), ("a-1", 1.0)],
)
def test_formulas_mean_what_they_say(text: str, value: float) -> None:
    assert parse_formula(text).value({"a": 2.0}) == pytest.approx(value)


@pytest.mark.parametrize(
    "text", ["", "1 +", "(1", "1)", "1 2", "a b", "* 2", "a.b", "a**2", "'x'", "(" * 99, "1" * 201]
)
def test_what_is_no_formula_is_refused(text: str) -> None:
    with pytest.raises(BadFormula):
        parse_formula(text)


@pytest.mark.parametrize("text", ["1 / 0", "1 / raw", "raw * raw", "b", "1e300 * 1e300"])
def test_what_has_no_finite_line_is_refused(text: str) -> None:
    with pytest.raises(BadFormula):
        parse_formula(text).line({}, "raw")


@given(st.text(alphabet="0123456789.e+-*/() abi_", max_size=60))
def test_any_text_is_a_formula_or_refused(text: str) -> None:
    try:
        formula = parse_formula(text)
        formula.line(dict.fromkeys(formula.names, 1.5), "i")
    except BadFormula:
        pass


@given(st.binary(max_size=60))
def test_any_bytes_are_a_block_or_refused(data: bytes) -> None:
    try:
        size = block_framer("ALL,", 1000)(bytearray(data))
    except ValueError:
        return
    assert 0 <= size <= 1000 + 4 + 11 + 1


def test_an_armed_register_that_clears_needs_a_second_question() -> None:
    text = (SCOPES / "lecroy.yaml").read_text(encoding="utf-8")
    without = "".join(line for line in text.splitlines(True) if "also:" not in line)
    assert any(": armed: " in line and "also" in line for line in problems(without))
