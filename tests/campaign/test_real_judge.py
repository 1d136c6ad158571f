"""The judge of the real venue: a sound trial passes, and every single thing that can be wrong with one is named."""

from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from controller.app.plc_reader import PlcSaid, RingEntry
from controller.app.supervisor import Outcome
from controller.campaign.deeds import DEEDS
from controller.campaign.judge_real import EXITS, NORMAL, find_problem, find_reaction, highest_lateness_s
from controller.campaign.real_table import BY_NAME, REAL_VARIANTS, Expectation, RealVariant
from controller.campaign.trial_bench import Trial
from controller.campaign.witness import Sight
from controller.messages import Finished
from controller.shots.catalogue import ShotEntry
from controller.shots.journal import GENESIS, encode_record, scan_journal

KILLED = BY_NAME["22", "core_killed"]
PROVEN = ("DUMPS_PROVEN_CLOSED", "ENERGY_SAFE", "PROOF_OF_SAFE")


def sight(at_ms: int, state: str, **values: Any) -> Sight:
    """One line of the witness; by default the bench is charged."""
    known: dict[str, Any] = {
        "scan": at_ms // 10,
        "t_ns": at_ms * 1_000_000,
        "late_ns": 0,
        "worst_ns": 4_000_000,
        "state": state,
        "trips": (),
        "dumping": False,
        "closed": False,
        "highest_v": 900.0,
        "pulses": 0,
        "shots": 0,
    }
    return Sight(**(known | values))


SAFE_AGAIN = {"flags": PROVEN, "dumping": True, "closed": True, "highest_v": 0.2}
TRIPPED = {"trips": ("HEARTBEAT",), **SAFE_AGAIN}


def journal(*kinds: str) -> Any:
    """The scan of a journal with these records."""
    head, data = GENESIS, b""
    for seq, kind in enumerate(kinds):
        record = encode_record(head, seq, kind, {})
        head, data = record[-len(GENESIS) :], data + record
    return scan_journal(data)


DIED = "the controller died after journal record 'charge_intent'"


def entry(ended: str = "interrupted", reason: str = DIED) -> ShotEntry:
    texts = dict.fromkeys(ShotEntry.__dataclass_fields__, "")
    texts |= {"ended": ended, "reason": reason}
    values: dict[str, Any] = {**texts, "number": 1, "tags": (), "comments": (), "files": None}
    return ShotEntry(**values)


def finished(reason: str, code: int = 3) -> Finished:
    return Finished(1, "", "aborted", "aborted", reason, "", "", "", "", code)


def killed_while_charging() -> Trial:
    """SIGKILL to the core at 1000 ms, the PLC's dump at 1480 ms."""
    return Trial(
        outcome=Outcome(3),
        acted_ns=1_000_000_000,
        shown="SIGKILL to core [7]",
        sights=(
            sight(500, "OPENING"),
            sight(900, "CHARGE"),
            sight(1480, "TRIP", trips=("HEARTBEAT",), dumping=True),
            sight(3000, "TRIP", **TRIPPED, last=True),
        ),
        said=PlcSaid("TRIP", PROVEN, 0.2, 50.0, (RingEntry(3, 90, "STATE", "OPENING -> CHARGE", 0.0),)),
        steps=("self_test", "charge"),
        texts=("the core died; recovery 1 verifies",),
        frames_late_max_s=0.005,
        panels=0,
        orphans=(),
        journals={1: journal("opened", "permit", "charge_intent", "recovered")},
        booked=(entry(),),
        again="exit 1",
    )


def test_a_sound_trial_passes_and_its_times_are_those_of_the_scans() -> None:
    trial = killed_while_charging()
    assert find_problem(trial, KILLED) == ""
    reaction = find_reaction(trial)
    assert reaction.after_s == pytest.approx(0.48)
    assert reaction.late_s == pytest.approx(0.004)
    assert (reaction.state, reaction.causes) == ("CHARGE", ("HEARTBEAT",))
    assert highest_lateness_s(trial.sights) == pytest.approx(0.004)


CHARGE, TRIP, LAST = killed_while_charging().sights[1:]
FIRE = tuple(RingEntry(number, 100, "FIRE", "1", 900.0) for number in range(2))
SAID = killed_while_charging().said
TWICE = sight(3000, "TRIP", **TRIPPED, pulses=2, last=True)
TORN = replace(journal("opened", "recovered"), damage=scan_journal(b"S").damage)

WRONG: tuple[tuple[str, dict[str, Any]], ...] = (
    ("the moment never came", {"acted_ns": None}),
    ("nothing shows that it was done", {"shown": ""}),
    ("left behind: core", {"orphans": ("core",)}),
    ("exit 4 instead of [3]", {"outcome": Outcome(4)}),
    ("exit 0 instead of [3]", {"outcome": Outcome(0)}),
    ("as the reason in the catalogue, got ''", {"booked": (entry(reason=""),)}),
    ("as the reason in the run's last word, got 'PLC'", {"outcome": Outcome(3, finished=finished("PLC"))}),
    ("but nobody gave one", {"booked": ()}),
    ("tripped by DOOR_1 instead of HEARTBEAT", {"sights": (CHARGE, sight(1480, "TRIP", trips=("DOOR_1",)), LAST)}),
    ("never commanded the dump", {"sights": (CHARGE, sight(3000, "FLOAT"))}),
    ("the dump was commanded 610 ms later", {"sights": (CHARGE, sight(1610, "TRIP", **TRIPPED), LAST)}),
    ("tripped by CHARGE_ENVELOPE", {"sights": (CHARGE, sight(1480, "TRIP", dumping=True, trips=("CHARGE_ENVELOPE",)))}),
    (
        "somebody sent DUMP",
        {"said": PlcSaid("TRIP", PROVEN, 0.2, 50.0, (RingEntry(4, 99, "COMMAND", "DUMP 0", 0.0),))},
    ),
    ("the rig did not end in order", {"sights": (CHARGE, TRIP)}),
    ("the plant ended with 900 V", {"sights": (CHARGE, TRIP, sight(3000, "TRIP", last=True))}),
    ("the PLC's last word was LOCKOUT", {"sights": (CHARGE, TRIP, structs.replace(LAST, state="LOCKOUT"))}),
    ("the PLC's last word was TRIP", {"sights": (CHARGE, TRIP, structs.replace(LAST, flags=("PROOF_OF_SAFE",)))}),
    ("the PLC never proved", {"sights": (CHARGE, TRIP, structs.replace(LAST, flags=("DUMPS_PROVEN_CLOSED",)))}),
    ("fired more than once: 0 pulses, 2 in the ring", {"said": replace(SAID, ring=FIRE)}),
    ("fired more than once: 2 pulses", {"sights": (CHARGE, TRIP, TWICE)}),
    ("fired without fire_intent", {"said": replace(SAID, ring=FIRE[:1])}),
    ("there is no journal", {"journals": {}}),
    ("journal of shot 1: bad", {"journals": {1: "bad"}}),
    ("is left none behind 'permit'", {"journals": {1: journal("opened", "permit")}}),
    ("is left torn behind 'recovered'", {"journals": {1: TORN}}),
    ("the shot is not booked", {"booked": (entry(""),)}),
    ("the next shot: exit 4", {"again": "exit 4"}),
    ("the next shot: --out: locked", {"again": "--out: locked"}),
)


@pytest.mark.parametrize(("problem", "changed"), WRONG)
def test_every_single_thing_that_is_wrong_is_named(problem: str, changed: dict[str, Any]) -> None:
    found = find_problem(replace(killed_while_charging(), **changed), KILLED)
    assert problem in found


def test_lateness_of_the_scans_is_allowed_for() -> None:
    late = sight(1640, "TRIP", trips=("HEARTBEAT",), dumping=True, worst_ns=50_000_000)
    trial = replace(killed_while_charging(), sights=(CHARGE, late, LAST))
    assert find_problem(trial, KILLED) == ""


def test_an_untouched_shot_has_to_be_completed_and_fired() -> None:
    panel = BY_NAME["22", "panel_killed"]
    last = sight(3000, "SAFE", **SAFE_AGAIN, pulses=1, shots=1, last=True)
    trial = replace(
        killed_while_charging(),
        outcome=Outcome(1),
        sights=(CHARGE, last),
        said=PlcSaid("SAFE", PROVEN, 0.2, 50.0, FIRE[:1]),
        journals={1: journal("opened", "fire_intent", "sealed")},
        booked=(entry("completed"),),
        texts=(),
    )
    assert find_problem(trial, panel) == ""
    assert "the shot ended aborted" in find_problem(replace(trial, booked=(entry("aborted"),)), panel)
    assert "exit 3 instead of [0, 1]" in find_problem(replace(trial, outcome=Outcome(3)), panel)
    unfired = sight(3000, "SAFE", **SAFE_AGAIN, last=True)
    silent = replace(trial, sights=(CHARGE, unfired), said=replace(trial.said, ring=()))
    assert find_problem(silent, panel) == "0 fire pulses where one belongs"


def test_a_core_that_was_only_stopped_has_to_outlive_it() -> None:
    stopped = BY_NAME["29", "core_stopped"]
    trial = replace(killed_while_charging(), core_words="ZeroDivisionError")
    assert find_problem(trial, stopped) == "the core died of it: ZeroDivisionError"
    alive = replace(trial, texts=(), booked=(entry("tripped", "the PLC tripped: HEARTBEAT"),))
    assert find_problem(alive, stopped) == ""
    early = replace(alive, acted_ns=400_000_000, sights=(sight(300, "SAFE", **SAFE_AGAIN), *alive.sights[1:]))
    assert find_problem(replace(early, outcome=Outcome(1)), stopped) == "", "nothing was armed: it may go on"


def test_a_disk_that_fails_after_the_shot_may_leave_something_unwritten() -> None:
    disk = BY_NAME["30", "fsync_eio"]
    over = (sight(900, "DUMPING", **SAFE_AGAIN, pulses=1), sight(3000, "SAFE", **SAFE_AGAIN, pulses=1, last=True))
    trial = replace(
        killed_while_charging(),
        outcome=Outcome(5),
        texts=(),
        sights=over,
        journals={1: journal("opened", "fire_intent")},
        booked=(entry("completed", "journal: fsync failed: Input/output error"),),
    )
    assert find_problem(trial, disk) == ""
    wrong = replace(trial, booked=(entry("completed", "journal: write failed: No space left on device"),))
    assert "expected 'Input/output error' as the reason" in find_problem(wrong, disk)
    assert "No space left on device" in find_problem(wrong, BY_NAME["30", "write_erofs"])
    assert find_problem(wrong, BY_NAME["30", "write_enospc"]) == ""
    assert "exit 5" in find_problem(replace(trial, sights=(CHARGE, TRIP, LAST)), disk)


def test_a_lost_bench_may_refuse_the_next_shot_for_the_right_reason() -> None:
    rig = BY_NAME["26", "rig_killed"]
    silent = "the PLC's status is 0.35 s old: no answer; the PLC does not answer any more"
    trial = replace(
        killed_while_charging(),
        outcome=Outcome(4, finished=finished(silent, 4)),
        sights=(CHARGE,),
        said=PlcSaid(),
        texts=(),
        booked=(entry("unsafe-unconfirmed", silent),),
    )
    assert find_problem(trial, rig) == ""
    assert find_problem(replace(trial, again="rig: shot 1 ended unsafe-unconfirmed"), rig) == ""
    assert "the next shot" in find_problem(replace(trial, again="rig: taken"), rig)


@pytest.mark.parametrize("variant", [v for v in REAL_VARIANTS if v.expectation is not Expectation.UNTOUCHED])
def test_every_deed_that_ends_a_shot_has_reasons_of_its_own(variant: RealVariant) -> None:
    """An exit code alone is no evidence: a shot that ended so for any other reason fails the cell."""
    assert variant.says
    other = replace(killed_while_charging(), booked=(entry("aborted", "scope_1 does not trigger"),), texts=())
    other = replace(other, outcome=Outcome(min(EXITS[variant.expectation] - NORMAL)))
    assert "as the reason in the catalogue, got 'scope_1 does not trigger'" in find_problem(other, variant)


def test_a_trip_of_its_own_is_no_reaction_to_a_disk_that_fails() -> None:
    said = entry("tripped", "journal: write failed: Input/output error")
    trial = replace(killed_while_charging(), booked=(said,), texts=())
    assert find_problem(trial, BY_NAME["30", "write_eio"]) == "tripped by HEARTBEAT instead of nothing"


def test_every_deed_has_a_maker() -> None:
    assert set(DEEDS) | {"power_lost"} == {variant.name for variant in REAL_VARIANTS}
