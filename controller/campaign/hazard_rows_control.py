"""PURE: hazards of control, computers and people: rows 09, 22-25, 28-33, 37, 39-41 of safety.md 2.3."""

from dataclasses import replace

from controller.app.faultspec import Phase
from controller.campaign.hazard_rows_bench import DECAYS
from controller.campaign.hazard_rows_links import RUN_OVER, plc_link
from controller.campaign.hazard_types import Excuse, Hazard, Injection, Limit, Variant
from controller.campaign.profiles import Stage

_LATE = Excuse(
    "no energy waits for anybody: what comes late is late, and the PLC dumps by itself",
    frozenset({Stage.DEAD, Stage.COLD, Stage.VERIFY}),
)


def _disturbed(name: str, limit: Limit, *excuses: Excuse, **more: tuple[str, ...]) -> Variant:
    return Variant(
        name,
        Injection(disturbance=name),
        limit,
        trips=("HEARTBEAT",),
        says=more.get("says", ()),
        exits=(3, 4),
        excuses=excuses or (RUN_OVER,),
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
_NEVER_LATE = (RUN_OVER, DECAYS, _DECAYING, _LATE, _PULSED)
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
CONTROL_ROWS: tuple[Hazard, ...] = (
    Hazard(
        "09",
        "Controller and rig lose each other",
        "PLC: heartbeat",
        "TRIP and dump by the PLC alone",
        (plc_link("silent"), plc_link("close")),
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
                    RUN_OVER,
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
                    RUN_OVER,
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
        "39",
        "A wrong unit, a decimal comma, swapped limits",
        "loader: quantities carry units, limits are checked against each other",
        "refused at load",
        tuple(
            _disturbed(
                name,
                Limit(event="at load"),
                Excuse("files are read once, before the start: the next run is refused, this one goes on", acted=True),
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
"""Rows of every bench alike."""
