"""PURE: hazards of control, links, computers and people: rows 09-11, 13, 22-25, 28-33, 37-41 of safety.md 2.3."""

from dataclasses import replace

from controller.app.faultspec import Phase
from controller.campaign.hazard_rows_bench import DECAYS, ESTIMATE, one
from controller.campaign.hazard_types import Excuse, Hazard, Injection, Limit, Variant
from controller.campaign.parts import Parts
from controller.campaign.profiles import Stage

_OVER = Excuse("the run is over or in its last breath, nobody asks any more", frozenset({Stage.EMPTY, Stage.OVER}))
_SAVED = Excuse("what was asked of it is done: nobody speaks to it any more", frozenset({Stage.EMPTY, Stage.OVER}))
_LAST_QUESTION = Excuse(
    "the run ends before the PLC has repeated itself for 0.3 s, and no energy is there",
    phases=frozenset({Phase.DURING}),
    steps=frozenset({"leave_test"}),
)
_UNUSED = Excuse("the plan asks nothing of it", profiles=frozenset({"dump-proof", "noise", "trigger-only"}))
_LATE = Excuse(
    "no energy waits for anybody: what comes late is late, and the PLC dumps by itself",
    frozenset({Stage.DEAD, Stage.COLD, Stage.VERIFY}),
)
_STILL_TRUE = Excuse("what it repeats is still true, or no decision hangs on it")
_STILL_MARKED = Excuse(
    "what it repeats is still true until the dump: nothing but a measured decay can be spoilt, and the record says "
    "that it is",
    frozenset({Stage.CHARGED, Stage.DUMP, Stage.VERIFY}),
    profiles=frozenset({"dump-proof"}),
    marks=True,
)
_STALE_S = 5.0
"""What an instrument repeats is no part of safety (PLC and T7 measure the bank): it has to show before fire."""
_PLC_S = {"stale": 0.3, "slow": 1.0, "garbage": 1.0}
"""The oldest status that may be believed (safety.md 2.3 row 11); row 38 allows 2 s for what is malformed or drips in.
Every other fault of the PLC's link: the PLC's own watchdog of 0.5 s (row 09)."""
_TESTED_S = 0.2
"""While the self-test forces a probe, PROBE_INVALID is the trip that it waits for: 0.1 s to come, 0.1 s to go."""
_LOST_S = 1.0
"""Two misses (safety.md 2.3 row 10), from the first question that is not answered."""
_SLOW_PORTS = frozenset({"PowerSupply", "VacuumGauge", "Chiller", "RfSource"})
_SLOW_LOST_S = 3.5
"""As above where one is asked once a second: what these stand for, windows of the PLC watch meanwhile (row 45). A line
that two supplies share has a longer deadline each."""
_ENDS_BEFORE = Excuse(
    "the run ends before two answers are missing: it is asked once a second, and the pulses are over",
    frozenset({Stage.RUN_DOWN, Stage.VERIFY}),
)
_ASKED_ONCE = Excuse(
    "it makes its pulses by itself: nobody speaks to it between their beginning and their end",
    frozenset({Stage.RUN, Stage.RUN_DOWN, Stage.VERIFY}),
)
_NO_SCOPE = Excuse("no record is asked of a scope", profiles=frozenset({"conditioning", "power-sweep", "trip-check"}))


_OF_PORT = {"Oscilloscope": (_NO_SCOPE,), "DelayGenerator": (_ASKED_ONCE,)}


def _lost(name: str, fault: str, says: tuple[str, ...] = (), *excuses: Excuse, port: str = "") -> Variant:
    slow = port in _SLOW_PORTS
    lost_s = _SLOW_LOST_S if slow else _LOST_S
    marked = (_STILL_MARKED,) if (name, fault) == ("daq", "stale") else ()
    return Variant(
        f"{name}_{fault}",
        one(f"{name}.{fault}"),
        Limit(seconds=_STALE_S if fault == "stale" else lost_s),
        says=(name, *says),
        excuses=(*marked, _OVER, _SAVED, _UNUSED, *_OF_PORT.get(port, (_ENDS_BEFORE,) if slow else ()), *excuses),
    )


def _plc_link(fault: str) -> Variant:
    return Variant(
        f"plc_{fault}",
        one(f"plc.{fault}"),
        Limit(seconds=_PLC_S.get(fault, 0.5), scans=1),
        trips=("HEARTBEAT",),
        says=("plc", "the PLC", "not done within"),
        exits=(3, 4),
        excuses=(*((_LAST_QUESTION,) if fault == "stale" else ()), _OVER),
    )


def _disturbed(name: str, limit: Limit, *excuses: Excuse, **more: tuple[str, ...]) -> Variant:
    return Variant(
        name,
        Injection(disturbance=name),
        limit,
        trips=("HEARTBEAT",),
        says=more.get("says", ()),
        exits=(3, 4),
        excuses=excuses or (_OVER,),
        answers=more.get("answers", ()),
    )


_WATCHDOG = Limit(seconds=0.5, scans=1)
_RESUMED = ("stood still", "status is", "LATE")
_OVERDUE = ("WRONG_STATE", "the PLC went to", "not done within", "no complete answer", "not answered within")
"""What a stopped core finds as it resumes: the PLC has moved on, deadlines of its steps and its calls are over."""
_RIG_STILL = ("status is", "no answer", "no complete answer", "LATE")
_PULSED = Excuse(
    "the pulse is over, and the PLC dumps by itself: nothing that has to be on time is left",
    frozenset({Stage.FIRE}),
    phases=frozenset({Phase.DURING}),
)
_DECAYING = replace(DECAYS, stages=frozenset({Stage.DUMP}), phases=frozenset({Phase.DURING}))
_NEVER_LATE = (_OVER, DECAYS, _DECAYING, _LATE, _PULSED)
_TAKES_AWAY = (
    "a record has a deadline before energy is let in or fired, and this plan fires nothing: "
    "what follows here only takes energy away"
)
_PROOF = frozenset({"dump-proof"})
_SLOW_IN_TIME = (
    Excuse("no energy waits for a record that comes late, and it does come", frozenset({Stage.DEAD}), acted=True),
    Excuse(_TAKES_AWAY, frozenset({Stage.CHARGED, Stage.DUMP}), _PROOF, acted=True),
    Excuse(_TAKES_AWAY, frozenset({Stage.CHARGE}), _PROOF, frozenset({Phase.DURING}), acted=True),
)
_DIED = ("the controller died",)
_PROMISE_S = 0.8
"""What row 24 allows."""
_TASKS = ("heartbeat", "sequence", "frames", "charger", "daq")

_MALFORMED = {
    "CapacitorCharger": ("garbage", "slow", "no_end", "unsolicited"),
    "DelayGenerator": ("garbage", "huge_block", "no_end"),
    "Oscilloscope": ("huge_block", "slow", "unsolicited"),
}
"""Answers of the first instrument of a port; of any other port both of :data:`_USUAL`, of a second instrument one."""
_USUAL = ("garbage", "slow")


def firsts(parts: Parts) -> tuple[tuple[str, str], ...]:
    """(name, port) of the first instrument of every port."""
    first: dict[str, str] = {}
    for name, port in parts.named():
        first.setdefault(port, name)
    return tuple((name, port) for port, name in first.items())


def _links(parts: Parts, *faults: str) -> tuple[Variant, ...]:
    return tuple(_lost(name, fault, port=port) for name, port in parts.named() for fault in faults)


def _malformed(parts: Parts) -> tuple[Variant, ...]:
    first = dict(firsts(parts))
    return tuple(
        _lost(name, fault, port=port)
        for name, port in parts.named()
        for fault in (_MALFORMED.get(port, _USUAL) if name in first else _USUAL[:1])
    )


def control_rows(parts: Parts) -> tuple[Hazard, ...]:
    """Rows whose fault sits in the controller, its links, its computer or its people."""
    return (
        Hazard(
            "09",
            "Controller and rig lose each other",
            "PLC: heartbeat",
            "TRIP and dump by the PLC alone",
            (_plc_link("silent"), _plc_link("close")),
        ),
        Hazard(
            "10",
            "Controller and instrument lose each other",
            "controller: a deadline per call, two misses",
            "the step is aborted; energised: dump",
            _links(parts, "silent", "close"),
        ),
        Hazard(
            "11",
            "Stale data: value and stamp stand still",
            "PLC: the echoed age; controller: ages, the record's own trigger, the witness",
            "invalid: no permission, or abort",
            (
                _plc_link("stale"),
                *(
                    _lost(name, "stale", ("independent reading", *ESTIMATE), _STILL_TRUE, port=port)
                    for name, port in parts.named()
                ),
                Variant(
                    "charger_stuck_voltage",
                    one("charger.stuck_voltage"),
                    Limit(event="no part in safety"),
                    says=("charger",),
                    excuses=(Excuse("the charger's own meter only tells: PLC and T7 measure the bank"),),
                ),
            ),
        ),
        Hazard(
            "13",
            "NaN, infinity, 9.9E37 or nothing that is a number",
            "comparisons that NaN fails; parsers",
            "invalid: trip when armed",
            (
                *(
                    Variant(
                        f"probe_{side}_nan",
                        one(f"plant.probe_{side}_nan"),
                        Limit(scans=1),
                        trips=("PROBE_INVALID",),
                        exits=(3, 4),
                        instead=(frozenset({Stage.COLD, Stage.DEAD}), Limit(seconds=_TESTED_S, scans=1)),
                    )
                    for side in "ab"
                ),
                *(
                    _lost(name, fault, ("independent reading",), port=port)
                    for name, port in firsts(parts)
                    for fault in ("nan", "overflow")
                ),
                _lost("daq", "ain_dead", ("independent reading",)),
                _plc_link("nan"),
                _plc_link("overflow"),
            ),
        ),
        Hazard(
            "22",
            "The controller crashes",
            "PLC: heartbeat",
            "TRIP by the PLC; a new core proves the bench safe and books the shot",
            (_disturbed("core_killed", _WATCHDOG, says=_DIED),),
        ),
        Hazard(
            "23",
            "The controller hangs",
            "PLC: heartbeat",
            "as a crash",
            (_disturbed("core_hung", _WATCHDOG, says=_DIED),),
        ),
        Hazard(
            "24",
            "Half dead: the heartbeat lives, a task does not",
            "controller: promises of every task stop the heartbeat",
            "as a crash, within 800 ms",
            (
                *(
                    _disturbed(
                        f"{name}_{how}",
                        Limit(seconds=_PROMISE_S),
                        _OVER,
                        Excuse(
                            "the run ends before the promise is due",
                            frozenset({Stage.DEAD, Stage.ISOLATE, Stage.FIRE, Stage.DUMP, Stage.VERIFY}),
                        ),
                        says=(*_DIED, "does not answer"),
                    )
                    for name in _TASKS
                    for how in ("hung", "ended")
                ),
            ),
        ),
        Hazard(
            "25",
            "The controller's computer loses its power",
            "PLC: heartbeat; journal with a torn end",
            "as a crash; the journal is recovered",
            (_disturbed("power_lost", _WATCHDOG, says=_DIED),),
        ),
        Hazard(
            "28",
            "The wall clock jumps",
            "none: every deadline is monotonic",
            "no effect on the shot",
            tuple(
                Variant(
                    name,
                    Injection(disturbance=name),
                    Limit(event="no effect"),
                    excuses=(
                        Excuse(
                            "the shot's last label is given, or is just about to be",
                            frozenset({Stage.EMPTY, Stage.OVER}),
                        ),
                        Excuse("the end is labelled wrong by the clock, and the shot is the same", acted=True),
                    ),
                )
                for name in ("clock_forward", "clock_back")
            ),
        ),
        Hazard(
            "29",
            "The monotonic clock stalls: the machine is suspended",
            "PLC: heartbeat; controller: its own gap, the age of the status, deadlines that are over on resume",
            "abort on resume, never catch up",
            (
                _disturbed("core_stalled", Limit(seconds=0.5), *_NEVER_LATE, says=_RESUMED),
                _disturbed("core_stopped", _WATCHDOG, *_NEVER_LATE, says=(*_RESUMED, *_OVERDUE)),
                _disturbed("rig_paused", Limit(seconds=0.7), *_NEVER_LATE, says=_RIG_STILL),
                _disturbed("rig_stopped", Limit(seconds=3.1), *_NEVER_LATE, says=(*_RIG_STILL, "the PLC")),
            ),
        ),
        Hazard(
            "30",
            "The journal's disk is full, broken, read-only or slow",
            "controller: write-ahead fails before the action",
            "not armed; energised: dump, evidence kept in memory and in the PLC",
            tuple(
                replace(
                    _disturbed(name, Limit(event="at the next record"), says=("journal", "could not be written")),
                    exits=(3, 4, 5),
                    excuses=(
                        _OVER,
                        *(_SLOW_IN_TIME if name == "journal_slow" else ()),
                        Excuse(
                            "after the pulse no record has to be on the disk before anything else",
                            frozenset({Stage.VERIFY}),
                        ),
                        _PULSED,
                    ),
                )
                for name in ("journal_full", "journal_error", "journal_readonly", "journal_slow")
            ),
        ),
        Hazard("31", "The MQTT broker is down, slow or flooded", "none needed", "no effect on the control loop", ()),
        Hazard(
            "32",
            "A command is repeated: double click, HTTP retry, replay",
            "PLC: sequence, nonce, one use per token",
            "refused",
            (
                _disturbed(
                    "replayed",
                    Limit(event="1 message"),
                    Excuse("every repeated request is refused, and the shot goes on", acted=True),
                    answers=("BAD_SEQUENCE", "STALE_EPOCH", "LATE", "WRONG_CONNECTION", ""),
                ),
            ),
            due_later="accounts and requests by HTTP: Idempotency-Key and expected state",
        ),
        Hazard(
            "33",
            "Two controllers",
            "PLC: one connection, fenced by epoch",
            "the second is refused",
            tuple(
                _disturbed(
                    name,
                    Limit(event="1 message"),
                    Excuse("the second controller is refused everything, and the shot goes on", acted=True),
                    answers=("WRONG_CONNECTION", "STALE_EPOCH", "BAD_SEQUENCE"),
                )
                for name in ("older_controller", "newer_controller")
            ),
            due_later="leases: two operators at one panel",
        ),
        Hazard("37", "Somebody without rights", "panel: accounts", "401 or 403", (), due_later="accounts and roles"),
        Hazard(
            "38",
            "Malformed answers of an instrument",
            "parsers with bounds, a total deadline, identity",
            "driver fault: abort, dump",
            (
                *_malformed(parts),
                _plc_link("garbage"),
                _plc_link("slow"),
            ),
        ),
        Hazard(
            "39",
            "A wrong unit, a decimal comma, swapped limits",
            "loader: quantities carry units, limits are checked against each other",
            "refused at load",
            tuple(
                _disturbed(
                    name,
                    Limit(event="at load"),
                    Excuse(
                        "files are read once, before the start: the next run is refused, this one goes on", acted=True
                    ),
                    answers=("refused",),
                )
                for name in ("rig_files", "profile_file")
            ),
        ),
        Hazard(
            "40",
            "The wrong rig or instrument at an address",
            "controller: identity and serial number at connect",
            "refused at connect",
            tuple(
                _disturbed(
                    name,
                    Limit(event="at connect"),
                    Excuse("identity is asked at connect: the next run is refused, this one goes on", acted=True),
                    answers=("refused",),
                )
                for name in ("wrong_instruments", "wrong_bench")
            ),
        ),
        Hazard("41", "A profile edited after its approval", "panel: sha-256", "409", (), due_later="approvals"),
    )
