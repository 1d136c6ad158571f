"""``alarms:`` of rig.yaml: the shipped rules, and every way to write one that is refused, by file and line."""

import re
from pathlib import Path

import pytest

from controller.app.preflight import read_rig
from controller.app.published_names import require_known_names
from controller.rig import Refused, load_rig
from controller.telemetry.alarm_rules import Kind, alarm_rules
from controller.telemetry.alarms import Priority
from drivers.wire.plc import RUN_TRIPS, Trip

FOLDER = Path(__file__).parents[3] / "hil_rigs" / "railgun_bench"
RIG = (FOLDER / "rig.yaml").read_bytes()
WITHOUT = re.sub(r"^alarms:\n(?:[ #\n].*\n?)*", "", RIG.decode(), flags=re.MULTILINE)
ROW = """
alarms:
  one:
    title: An alarm
    priority: high
    guidance: Do this.
"""
LINE = WITHOUT.count("\n") + 3
"""The line of ``one:``; its subject stands on the fourth line after it."""


def refusal(rows: str, text: str = ROW) -> str:
    rig_yaml = (WITHOUT + text + "".join(f"    {row}\n" for row in rows.splitlines())).encode()
    with pytest.raises(Refused) as caught:
        require_known_names(load_rig(rig_yaml, "rig.yaml"), "rig.yaml")
    return str(caught.value)


def test_every_interlock_row_is_a_critical_latching_alarm_without_delay() -> None:
    rig, _ = read_rig("railgun_bench")
    trips = [rule for rule in alarm_rules(rig) if rule.kind is Kind.TRIP]
    assert [rule.id for rule in trips] == [f"trip_{row.id}" for row in rig.interlocks]
    assert [rule.guidance for rule in trips] == [row.guidance for row in rig.interlocks]
    assert {rule.subject for rule in trips} == {trip.name for trip in Trip if trip not in RUN_TRIPS}
    for rule in trips:
        spec = rule.spec
        assert (rule.priority, spec.latching) == (Priority.CRITICAL, True)
        assert (spec.delay_s, spec.return_delay_s, spec.count) == (0.0, 0.0, 0)


def test_the_rules_of_the_bench_are_complete() -> None:
    rig, _ = read_rig("railgun_bench")
    rules = {rule.id: rule for rule in alarm_rules(rig) if rule.kind is not Kind.TRIP}
    assert {rule.subject for rule in rules.values() if rule.kind is Kind.SOURCE} == {"plc", "daq", "charger"}
    assert {rule.subject for rule in rules.values() if rule.kind is Kind.HEALTH} == {
        "journal",
        "instrument",
        "late",
        "disk",
    }
    assert all(rule.guidance and rule.title for rule in rules.values())
    assert len({rule.title for rule in rules.values()}) == len(rules)
    high = rules["bank_high_a"]
    assert (high.high, high.low, high.deadband, high.unit, high.spec.worst) == (3050.0, None, 30.0, "V", 1)
    assert rig.bank.max_voltage_v < 3050.0 < rig.bank.overvoltage_v
    disk = rules["disk_low"]
    assert (disk.low, disk.unit, disk.spec.worst, disk.text) == (1e9, "B", -1, "below 1 GB")
    plc = rules["plc_silent"]
    assert (plc.high, plc.unit, plc.text) == (0.5, "s", "no value for more than 500 ms")
    relay = rules["dump_a_at_rest"]
    assert (relay.subject, relay.healthy, relay.states) == (
        "inputs.DUMP_A_CLOSED",
        True,
        ("SAFE", "TEST", "TRIP", "LOCKOUT"),
    )


def test_a_source_may_be_given_another_age() -> None:
    text = WITHOUT + ROW + "    source: daq\n    above: 1.5 s\n"
    (rule,) = [rule for rule in alarm_rules(load_rig(text.encode(), "rig.yaml")) if rule.id == "one"]
    assert (rule.high, rule.text) == (1.5, "no value for more than 1.5 s")


REFUSED = [
    ("", 0, "alarms.one: looks at nothing; give it exactly one of channel, source, point, state, health"),
    (
        "channel: probe_a\nstate: TRIP",
        0,
        "alarms.one: looks at channel and state; give it exactly one of channel, source, point, state, health",
    ),
    ("channel: probe_a", 0, "alarms.one: `channel` has no bound; add `above or below: ...`"),
    (
        "channel: probe_a\nabove: 3 kV\nbelow: 1 V",
        0,
        "alarms.one: has two bounds; write two alarms: each has its own guidance",
    ),
    ("channel: probe_a\nabove: 3", 5, "alarms.one.above: is in 1, but the channel is in V; write it in V"),
    ("channel: probe_a\nabove: 3 A", 5, "alarms.one.above: is in A, but the channel is in V; write it in V"),
    (
        "channel: probe_a\nabove: 3 V\ndeadband: 1 A",
        6,
        "alarms.one.deadband: is in A; write it in the unit of the bound",
    ),
    (
        "channel: probe_a\nabove: 3 V\ndeadband: -1 V",
        6,
        "alarms.one.deadband: is negative; write how far inside its bound a value is healthy again",
    ),
    (
        "channel: probe_z\nabove: 3 V",
        4,
        "alarms.one.channel: no frame carries the channel 'probe_z'; did you mean probe_b?",
    ),
    (
        "source: scope_1",
        4,
        "alarms.one.source: no value of a frame comes from 'scope_1'; use one of plc, daq, charger",
    ),
    ("source: daq\nbelow: 1 s", 5, "alarms.one.below: `source` has no such bound; write above"),
    ("source: daq\nabove: 1 V", 5, "alarms.one.above: is in V; write it in s"),
    ("source: daq\nabove: 1 s\ndeadband: 1 s", 6, "alarms.one.deadband: belongs to a channel's bound; remove it"),
    (
        "point: flags.MISFIRES",
        4,
        "alarms.one.point: no frame carries the point 'flags.MISFIRES'; did you mean flags.MISFIRE?",
    ),
    ("point: flags.MISFIRE\nabove: 1 V", 5, "alarms.one.above: `point` has no such bound; remove it"),
    ("point: is flags.MISFIRE", 4, "alarms.one.point: 'is flags.MISFIRE' is not accepted; write lower-case letters"),
    ("state: LOCKED", 0, "alarms.one: the PLC has no state 'LOCKED'; use one of UNKNOWN, SAFE"),
    ("point: flags.MISFIRE\nstates: [SAVE]", 0, "alarms.one: the PLC has no state 'SAVE'; did you mean SAFE?"),
    ("health: late", 0, "alarms.one: `health late` has no bound; add `above: ...`"),
    ("health: late\nabove: 1 V", 5, "alarms.one.above: is in V; write it in s"),
    ("health: journal\nabove: 1 s", 5, "alarms.one.above: `health journal` has no such bound; remove it"),
    ("health: disk\nabove: 1 GB", 5, "alarms.one.above: `health disk` has no such bound; write below"),
    ("health: disk\nbelow: 5 mB", 5, "alarms.one.below: is less than 1 MB; write for example `below: 1 GB`"),
    ("health: disc", 4, "alarms.one.health: 'disc' is not known here; did you mean disk?"),
    ("state: TRIP\ncount: 3\ndelay: 1 s", 0, "alarms.one: counts, but within no time; add for example `within: 60 s`"),
    (
        "state: TRIP\nwithin: 1 s",
        5,
        "alarms.one.within: nothing is counted; add for example `count: 3`, or remove it",
    ),
    (
        "state: TRIP\ncount: 3\nwithin: 1 s",
        5,
        "alarms.one.count: without a delay the first occurrence is an alarm, and counting changes nothing; add",
    ),
    ("state: TRIP\ndelay: 2 h", 5, "alarms.one.delay: is longer than an hour; write at most 1 h"),
    ("state: TRIP\ndelay: 5", 5, "alarms.one.delay: the number 5 has no unit"),
    ("state: TRIP\ncolour: red", 5, "alarms.one.colour: unknown key"),
]


@pytest.mark.parametrize(("rows", "offset", "told"), REFUSED, ids=[rows.replace("\n", ", ") for rows, _, _ in REFUSED])
def test_a_wrong_row_is_refused_by_file_and_line(rows: str, offset: int, told: str) -> None:
    first, *others = refusal(rows).splitlines()
    assert first.startswith(f"rig.yaml:{LINE + offset}: {told}"), first
    assert others == []


def test_what_belongs_to_the_interlocks_is_theirs() -> None:
    told = refusal("state: TRIP", ROW.replace("one:", "trip_door_1:"))
    assert "alarms.trip_door_1: names that start with trip_ belong to the rows of interlocks; write for" in told


def test_a_priority_that_nobody_knows_is_refused() -> None:
    assert "alarms.one.priority: 'urgent' is not known here; use one of critical, high, medium, low" in refusal(
        "state: TRIP", ROW.replace("high", "urgent")
    )


def test_more_alarms_than_anybody_can_act_on_are_refused() -> None:
    rows = "".join(ROW.removeprefix("\nalarms:\n").replace("one:", f"a{n}:") + "    state: TRIP\n" for n in range(201))
    with pytest.raises(Refused, match="201 alarms; nobody can act on more than 200"):
        load_rig((WITHOUT + "\nalarms:\n" + rows).encode(), "rig.yaml")


def test_a_trip_that_no_row_explains_is_refused_and_so_is_one_that_the_plc_does_not_have() -> None:
    with pytest.raises(Refused) as caught:
        require_known_names(load_rig(WITHOUT.replace("plc_trip: SEARCH", "plc_trip: SERCH").encode(), "r"), "r")
    told = str(caught.value)
    assert "interlocks.search.plc_trip: the PLC has no trip 'SERCH'; did you mean SEARCH?" in told
    assert "interlocks: no row tells about the trip SEARCH of the PLC; add a row with `plc_trip: SEARCH`" in told
    with pytest.raises(Refused, match="two rows tell about 'KEY'"):
        require_known_names(load_rig(WITHOUT.replace("plc_trip: SEARCH", "plc_trip: KEY").encode(), "r"), "r")
