"""The mimic: the railgun bench's, one of a bench of another kind, and every way to write one that is refused."""

import json
import re
from pathlib import Path

import pytest

from controller.app.preflight import read_rig
from controller.app.published_names import require_known_names
from controller.rig import Refused, load_rig
from controller.rig.mimic import SYMBOLS, Command, Mimic, Position, unknown_names
from controller.runtime.frames import frame_words
from controller.telemetry.channels import telemetry_channels

FOLDER = Path(__file__).parents[3] / "hil_rigs" / "railgun_bench"
RIG = (FOLDER / "rig.yaml").read_bytes()
WITHOUT = re.sub(r"^mimic:\n(?:[ #\n].*\n?)*", "", RIG.decode(), flags=re.MULTILINE)

MICROWAVE = """
mimic:
  areas:
    line: {title: Modulator and tube}
    cooling: {title: Cooling and vacuum, layout: list}
  elements:
    modulator:
      symbol: source
      title: Modulator
      area: line
      at: [0, 0]
      values: [modulator_voltage]
      commanded: {point: outputs.HV_ON, on: "on", off: inhibited}
      proven: {"on": [inputs.HV_READY], inhibited: [not inputs.HV_READY]}
      active: "on"
      travel: 200 ms
      energised: {channels: [modulator_voltage], above: 50}
    tube: {symbol: tube, title: Klystron, area: line, at: [2, 0], trips: [trips.ARC]}
    coupler: {symbol: coupler, title: Coupler, area: line, at: [4, 0], values: [forward_power, reflected_power]}
    dummy_load: {symbol: load, title: Dummy load, area: line, at: [6, 0], trips: [trips.VSWR]}
    drive: {symbol: timer, title: RF drive, area: line, at: [2, 1]}
    vacuum: {symbol: vacuum, title: Vacuum, area: cooling, values: [tube_pressure], trips: [trips.VACUUM]}
    coolant:
      symbol: pump
      title: Coolant
      area: cooling
      values: [coolant_flow]
      commanded: {point: outputs.PUMP, on: running, off: stopped}
      proven: {running: [inputs.FLOW_OK, inputs.PUMP_RUNS], stopped: [not inputs.PUMP_RUNS]}
      active: running
      normal: running
      travel: 5 s
  links:
    - {source: modulator, target: tube}
    - {source: tube, target: coupler}
    - {source: coupler, target: dummy_load}
    - {source: drive, target: tube, kind: trigger, label: drive}
"""


def load_text(mimic: str):
    return load_rig((WITHOUT + mimic).encode(), "rig.yaml")


def changed(old: str, new: str) -> bytes:
    text = RIG.decode()
    assert text.count(old) >= 1, old
    return text.replace(old, new, 1).encode()


def refusal(data: bytes) -> str:
    with pytest.raises(Refused) as caught:
        load_rig(data, "rig.yaml")
    return str(caught.value)


def line_of(data: bytes, text: str) -> int:
    return next(n for n, line in enumerate(data.decode().splitlines(), 1) if text in line)


def test_the_railgun_bench_is_drawn_with_everything_that_holds_energy_or_keeps_people_out():
    rig, _ = read_rig("railgun_bench")
    ids = [element.id for element in rig.mimic.elements]
    assert ids[:3] == ["charger", "contactor", "bus"]
    for part in ("isolator", "module", "switch"):
        assert [name for name in ids if name.startswith(f"{part}_")] == [f"{part}_{n}" for n in (1, 2, 3, 4)]
    wanted = {"dump_a", "dump_b", "fire", "delays", "gate", "load", "door_1", "door_2", "door_lock", "estop"}
    wanted |= {"operator_key", "search_key", "consent_key", "ground_stick", "horn", "beacon"}
    assert wanted <= set(ids)
    contactor = rig.mimic.element("contactor")
    assert contactor.commanded == Command("outputs.CONTACTOR_CLOSE", "closed", "open")
    assert contactor.proven == (
        Position("closed", ("inputs.CONTACTOR_CLOSED",)),
        Position("open", ("inputs.CONTACTOR_OPEN",)),
    )
    with pytest.raises(KeyError):
        rig.mimic.element("nothing")


def test_an_entry_per_module_is_written_out_for_each():
    rig, _ = read_rig("railgun_bench")
    third = rig.mimic.element("module_3")
    assert (third.title, third.column, third.row, third.module) == ("Module 3", 4.5, 3.0, 3)
    assert (third.values, third.energised_by, third.energised_above) == (
        ("module_3_voltage",),
        ("module_3_voltage",),
        50.0,
    )
    assert rig.mimic.element("switch_4").proven[0].points == ("latches.MODULE_4",)
    assert [link.label for link in rig.mimic.links if link.kind == "trigger"][-2:] == ["fibre 3", "fibre 4"]


def test_no_travel_is_shorter_than_what_the_plc_allows():
    """bench.md section 1: a mismatch after travel and bounce plus two scans, never sooner."""
    rig, _ = read_rig("railgun_bench")
    scans_s = 2.0 * rig.limits.scan_s
    assert rig.mimic.element("contactor").travel_s >= rig.limits.contactor_s + scans_s
    for name in ("dump_a", "dump_b"):
        assert rig.mimic.element(name).travel_s >= rig.limits.dump_travel_s + scans_s


def test_every_contact_of_the_plc_is_shown():
    """A point of the PLC that the drawing leaves out is left out on purpose."""
    rig, _ = read_rig("railgun_bench")
    shown = {point for element in rig.mimic.elements for point in element.points()}
    words = {word.name: word.bits for word in frame_words()}
    left_out = {f"{word}.{bit}" for word in ("inputs", "outputs") for bit in words[word] if bit} - shown
    assert left_out == {"inputs.LOCAL_RESET", "inputs.ZERO_CURRENT"}


def test_the_mimic_travels_as_json():
    rig, _ = read_rig("railgun_bench")
    text = json.dumps(rig.mimic.as_json())
    assert json.loads(text)["elements"][0]["commanded"] == {
        "point": "outputs.CHARGER_ENABLE",
        "on": "enabled",
        "off": "inhibited",
    }


def test_a_bench_without_a_mimic_has_an_empty_one():
    assert load_text("").mimic == Mimic()


def test_a_microwave_bench_is_described_without_a_change_of_code():
    mimic = load_text(MICROWAVE).mimic
    assert [area.layout for area in mimic.areas] == ["drawing", "list"]
    assert {element.symbol for element in mimic.elements} <= set(SYMBOLS)
    assert mimic.element("coolant").proven[0] == Position("running", ("inputs.FLOW_OK", "inputs.PUMP_RUNS"))
    words = {
        "inputs": ("HV_READY", "FLOW_OK", "PUMP_RUNS"),
        "outputs": ("HV_ON", "PUMP"),
        "trips": ("ARC", "VSWR", "VACUUM"),
    }
    channels = ("modulator_voltage", "forward_power", "reflected_power", "tube_pressure", "coolant_flow")
    assert unknown_names(mimic, words, channels) == ()
    assert [u.name for u in unknown_names(mimic, {**words, "trips": ("ARC", "", "VACUUM")}, channels)] == ["trips.VSWR"]
    assert [u.name for u in unknown_names(mimic, words, channels[1:])] == ["modulator_voltage", "modulator_voltage"]


def test_the_example_of_the_documentation_loads_and_its_symbols_are_all_there_are():
    page = (FOLDER.parents[1] / "docs" / "how-to" / "draw-a-bench.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert {element.id for element in load_text(example).mimic.elements} == {"modulator", "tube", "coolant"}
    (listed,) = re.findall(r"\*\*Symbols\*\*: ([a-z, \n]+)\.", page)
    assert tuple(listed.replace("\n", " ").replace(",", "").split()) == SYMBOLS


def test_a_name_that_nothing_publishes_is_refused_where_it_stands():
    data = changed("proven:\n        in: [positions.MODULE_<n>]", "proven:\n        in: [positions.MODUL_<n>]")
    data = data.replace(b"values: [charger_voltage, charger_current]", b"values: [charger_volts]")
    rig = load_rig(data, "rig.yaml")
    with pytest.raises(Refused) as caught:
        require_known_names(rig, "rig.yaml")
    first, *others = str(caught.value).splitlines()
    where = f"rig.yaml:{line_of(data, '    charger:')}: mimic.elements.charger"
    assert first == f"{where}: nothing publishes the channel 'charger_volts'; did you mean charger_voltage?"
    where = f"rig.yaml:{line_of(data, '    isolator_<n>:')}: mimic.elements.isolator_<n>"
    assert others[0] == f"{where}: nothing publishes the point 'positions.MODUL_1'; did you mean positions.MODULE_1?"
    assert len(others) == 4


def test_the_railgun_bench_shows_channels_of_the_frame():
    rig, _ = read_rig("railgun_bench")
    names = {channel.name for channel in telemetry_channels(rig)}
    assert {value for element in rig.mimic.elements for value in element.values} == names - {"target"}


REFUSALS = [
    ("symbol: capacitor", "symbol: capacitator", "'capacitator' is not known here; did you mean capacitor?"),
    ("area: guards\n", "area: gards\n", "there is no area 'gards'; did you mean guards?"),
    ("at: [0, 2.5]\n", "at: [0, 2.4]\n", "'2.4' is not accepted; input should be a multiple of 0.5"),
    ("at: [0, 2.5]\n", "note: x\n", "has no place on the drawing; add `at: [column, row]`"),
    ("at: [0, 2.5]\n", "at: [1, 2.5]\n", "contactor stands on the place of charger; give every element its own place"),
    ("travel: 72 ms\n", "travel: 72\n", "the number 72 has no unit; write a time, for example 72 s"),
    ("travel: 72 ms\n", "note: x\n", "is commanded and proven, but nothing says how long it may take"),
    ("on: closed, off: open", "on: closed, off: opened", "'opened' is no position of `proven`; did you mean open?"),
    ("on: closed, off: open", "on: open, off: open", "1 and 0 have the same word; give each its own word"),
    ("active: closed", "active: shut", "'shut' is neither proven nor commanded; use one of closed, open, closed, open"),
    ("normal: released", "normal: relesed", "'relesed' is no position of `proven`; did you mean released?"),
    ("inputs.CONTACTOR_OPEN]", "inputs.contactor_open]", "'inputs.contactor_open' is not accepted"),
    ("module_<n>:\n      per: module\n", "module_<n>:\n", "<n> stands for nothing here; add `per: module`"),
    ("    module_<n>:\n", "    module:\n", "is repeated but its name has no <n>; write module_<n>"),
    ("title: Load\n", "title: Load <n>\n", "<n> stands for nothing here; add `per: module`"),
    (
        "area: guards\n      proven:",
        "area: guards\n      at: [0, 0]\n      proven:",
        "an element of a list has no place",
    ),
    ("labels: [A, B, B DAQ]", "labels: [A, B]", "2 labels for 3 values; give every value its label, or none"),
    ("    load:\n", "    switch_2:\n", "two elements are called 'switch_2'; rename one of them"),
    ("target: contactor}", "target: contacter}", "there is no element 'contacter'; did you mean contactor?"),
    ("target: contactor}", "target: charger}", "charger and charger are not two elements of one drawing"),
    ("target: contactor}", "target: horn}", "charger and horn are not two elements of one drawing"),
    ("target: load, per: module}", "target: load}", "<n> stands for nothing here; add `per: module`"),
    ("target: contactor}", "target: bus, per: module}", "is repeated, but neither end is a module's"),
]


@pytest.mark.parametrize(("old", "new", "said"), REFUSALS)
def test_what_cannot_be_drawn_is_refused_by_file_and_line(old: str, new: str, said: str):
    text = refusal(changed(old, new))
    assert said in text
    assert all(line.startswith("rig.yaml:") and ": mimic." in line for line in text.splitlines())
