"""PURE: hazards of the bench itself: rows 01-08, 12-21, 26, 27, 34-36 of safety.md 2.3."""

from controller.campaign.hazard_types import Excuse, Hazard, Injection, Limit, Variant
from controller.campaign.profiles import Stage

COLD = frozenset({Stage.COLD, Stage.DEAD})
LATE = frozenset({Stage.EMPTY, Stage.OVER})
DUMPED = frozenset({Stage.VERIFY, Stage.EMPTY, Stage.OVER})
DISCHARGED = DUMPED | {Stage.DUMP}
LOW = frozenset({"dump-proof", "polarity"})
"""Kinds of shot whose campaign voltage is so low that some faults show nothing."""

DEAD_PLAN = Excuse("the plan moves no relay and raises no energy, so that nothing shows", frozenset({Stage.DEAD}))
OPEN_ALREADY = Excuse(
    "the dump relay is open already; once closed at the end of the shot it stays closed, as it should",
    frozenset({Stage.PERMIT, Stage.CHARGE, Stage.CHARGED, Stage.ISOLATE, Stage.FIRE, Stage.DUMP}),
)
CHARGED_ALREADY = Excuse(
    "the charger has done its work: until fire the bank loses less than its tolerance",
    frozenset({Stage.CHARGED, Stage.ISOLATE, Stage.FIRE, Stage.DUMP}),
)
CLOSED_ALREADY = Excuse(
    "the contactor is closed already; once open it stays open, as it should",
    frozenset({Stage.CHARGE, Stage.CHARGED, Stage.ISOLATE, Stage.FIRE, Stage.DUMP}),
)
MOVED = Excuse("the relays have made their last move before the next shot", DUMPED)
EMPTY = Excuse("the bank is empty and stays so: there is nothing to read, to leak or to fire", DUMPED)


def one(fault: str) -> Injection:
    """One fault of ``sparkgap faults``."""
    return Injection((fault,))


def _relay(name: str, limit: Limit, trips: tuple[str, ...], exits: tuple[int, ...] = (3,), *excuses: Excuse) -> Variant:
    return Variant(name, one(f"plant.{name}"), limit, trips=trips, exits=exits, excuses=(DEAD_PLAN, MOVED, *excuses))


_CONTACTOR = Limit(scans=2, wait="contactor_travel")
_DUMP = Limit(scans=3, wait="dump_travel")
_CONTACTOR_TRIP = ("CONTACTOR_MISMATCH",)
_DUMP_TRIP = ("DUMP_MISMATCH",)

_MISMATCH = Limit(scans=2, wait="mismatch_debounce", seconds=0.1)
"""SHOT (0.1 s) is blind to what interference could fake."""


ESTIMATE = ("charge-estimate", "the bank does not charge")
"""What the controller's charge estimate says when voltage and charge do not belong together."""


def _probe(name: str, *excuses: Excuse, trips: tuple[str, ...] = ("PROBE_MISMATCH", "CHARGE_TIME")) -> Variant:
    return Variant(
        name,
        one(f"plant.{name}"),
        _MISMATCH,
        trips=trips,
        says=(
            "probes A and B disagree",
            "the independent reading of probe B disagrees",
            "the PLC went to DUMPING",
            *ESTIMATE,
        ),
        exits=(3, 4),
        excuses=(DEAD_PLAN, EMPTY, *excuses),
        grows=True,
    )


_SLOW = Excuse("until fire it drifts by less than two probes may differ", frozenset({Stage.ISOLATE, Stage.FIRE}))
_FIRED = Excuse("the pulse is over: there is nothing left to misread", frozenset({Stage.FIRE}))
_SMALL = Excuse("at this low voltage the reading is not wrong by the 80 V that two probes may differ", profiles=LOW)

BENCH_ROWS: tuple[Hazard, ...] = (
    Hazard(
        "01",
        "Charge contactor welded closed, or its mirror contact broken",
        "PLC: mirror contact differs from the command for longer than its travel",
        "charger inhibited, both dumps, TRIP",
        (
            _relay("contactor_welded", _CONTACTOR, _CONTACTOR_TRIP),
            _relay("contactor_mirror_stuck", _CONTACTOR, _CONTACTOR_TRIP),
            _relay("contactor_mirror_broken", _CONTACTOR, _CONTACTOR_TRIP),
        ),
    ),
    Hazard(
        "02",
        "Charge contactor stuck open",
        "PLC: mirror contact; charge envelope",
        "abort, dump",
        (_relay("contactor_stuck_open", Limit(seconds=2.0), _CONTACTOR_TRIP, (3,), CLOSED_ALREADY),),
    ),
    Hazard(
        "03",
        "One dump relay does not close, or its mirror contact is broken",
        "PLC: mirror contact; decay slower than both paths allow",
        "the other dump, TRIP; no proof of safe from one path alone",
        (
            _relay("dump_a_stuck_open", _DUMP, _DUMP_TRIP, (3, 4)),
            _relay("dump_b_stuck_open", _DUMP, _DUMP_TRIP, (3, 4)),
            _relay("dump_a_mirror_stuck", _DUMP, _DUMP_TRIP, (3, 4)),
            _relay("dump_a_mirror_broken", _DUMP, _DUMP_TRIP, (3, 4)),
            _relay("dump_b_mirror_stuck", _DUMP, _DUMP_TRIP, (3, 4)),
            _relay("dump_b_mirror_broken", _DUMP, _DUMP_TRIP, (3, 4)),
        ),
    ),
    Hazard(
        "04",
        "Both dump relays do not close",
        "PLC: energy left after T_dump",
        "LOCKOUT, latched; the bleeders alone, and nobody claims a proof",
        (
            Variant(
                "both_dumps_stuck_open",
                Injection(("plant.dump_a_stuck_open", "plant.dump_b_stuck_open")),
                _DUMP,
                trips=_DUMP_TRIP,
                exits=(3, 4),
                excuses=(DEAD_PLAN, MOVED),
            ),
        ),
    ),
    Hazard(
        "05",
        "A dump relay stuck closed",
        "PLC: mirror contact while the dumps open",
        "CHARGE refused, or TRIP",
        tuple(
            Variant(
                f"dump_{side}_stuck_closed",
                one(f"plant.dump_{side}_stuck_closed"),
                Limit(scans=1, wait="dump_travel"),
                trips=_DUMP_TRIP,
                says=("the PLC went to dumping",),
                excuses=(DEAD_PLAN, MOVED, OPEN_ALREADY),
            )
            for side in "ab"
        ),
    ),
    Hazard(
        "06",
        "Over-voltage: the charger ignores its set-point",
        "comparator in hardware; PLC: probes, envelope",
        "charger inhibited, TRIP",
        (
            Variant(
                "overvoltage",
                one("plant.overvoltage"),
                Limit(scans=1),
                trips=("CHARGE_ENVELOPE", "CHARGE_TIME", "OVERVOLTAGE", "HW_OVERVOLTAGE", "MODULE_LIMIT"),
                says=("the PLC refused", "the PLC went to DUMPING", *ESTIMATE),
                excuses=(DEAD_PLAN, EMPTY, CHARGED_ALREADY),
                grows=True,
            ),
        ),
    ),
    Hazard(
        "07",
        "Module imbalance",
        "PLC: spread of the modules' own readings",
        "TRIP, dump",
        (
            Variant(
                "module_1_uncharged",
                one("plant.module_1_uncharged"),
                Limit(scans=3, wait="spread_debounce"),
                trips=("MODULE_SPREAD",),
                excuses=(DEAD_PLAN, EMPTY, CHARGED_ALREADY),
                grows=True,
            ),
            Variant(
                "module_1_leak",
                one("plant.module_1_leak"),
                Limit(scans=3, wait="spread_debounce"),
                trips=("MODULE_SPREAD",),
                says=ESTIMATE,
                excuses=(
                    DEAD_PLAN,
                    EMPTY,
                    Excuse("the charger makes up for the leak; until fire it costs less than the 5 % allowed"),
                ),
                grows=True,
            ),
        ),
    ),
    Hazard(
        "08",
        "Run-away or dead charge",
        "PLC: charge envelope and charge timer",
        "TRIP",
        tuple(
            Variant(
                name,
                one(f"plant.{name}"),
                Limit(scans=1, seconds=5.0),
                trips=("CHARGE_ENVELOPE", "CHARGE_TIME", "OVERVOLTAGE", "HW_OVERVOLTAGE", "CHARGER_UNCOMMANDED"),
                says=("the PLC refused", "the PLC went to DUMPING", *ESTIMATE),
                excuses=(DEAD_PLAN, EMPTY, CHARGED_ALREADY),
                grows=name == "charger_runaway",
            )
            for name in ("charger_runaway", "charger_setpoint_lost", "charger_wrong_range", "charger_dead")
        ),
    ),
    Hazard(
        "12",
        "A frozen value with an advancing stamp",
        "PLC: A against B; controller: the independent reading of B",
        "TRIP or dump",
        (
            _probe("probe_a_frozen"),
            _probe("probe_b_frozen"),
            Variant(
                "daq_frozen",
                one("daq.ain_frozen"),
                Limit(seconds=0.5),
                says=("the independent reading of probe B disagrees", *ESTIMATE),
                excuses=(
                    DEAD_PLAN,
                    EMPTY,
                    Excuse(
                        "it stood still at the charged value and is wrong only once the bank is empty",
                        frozenset({Stage.CHARGED, Stage.ISOLATE, Stage.FIRE, Stage.DUMP}),
                    ),
                ),
            ),
        ),
    ),
    Hazard(
        "14",
        "A probe drifts or has a wrong gain or offset",
        "PLC: |A-B| above 80 V for 2 scans",
        "TRIP; unlock only when both are safe",
        (
            _probe("probe_a_gain", _SMALL),
            _probe("probe_b_gain", _SMALL),
            _probe("probe_a_drift", _SMALL, _SLOW),
            _probe("probe_b_drift", _SMALL, _SLOW),
            _probe("probe_a_offset", trips=("PROBE_MISMATCH", "REBOUND")),
            _probe("probe_b_offset", trips=("PROBE_MISMATCH", "REBOUND")),
        ),
    ),
    Hazard(
        "15",
        "Both probes wrong in the same way",
        "PLC: the modules' own readings, the charge estimate",
        "fire refused, or LOCKOUT",
        (
            Variant(
                "probes_common_gain",
                one("plant.probes_common_gain"),
                Limit(event="before fire"),
                trips=("PROBE_MISMATCH", "MODULE_LIMIT", "CHARGE_ENVELOPE", "CHARGE_TIME"),
                says=("LOCKOUT", "the PLC went to DUMPING", *ESTIMATE),
                exits=(3, 4),
                excuses=(DEAD_PLAN, EMPTY, _SMALL, _FIRED),
            ),
            Variant(
                "probes_frozen",
                one("plant.probes_frozen"),
                Limit(event="before fire"),
                trips=("PROBE_MISMATCH", "CHARGE_ENVELOPE", "CHARGE_TIME"),
                says=("LOCKOUT", "the PLC went to DUMPING", *ESTIMATE),
                exits=(3, 4),
                excuses=(DEAD_PLAN, EMPTY, _FIRED),
            ),
        ),
    ),
    Hazard(
        "16",
        "A probe reads zero: its divider is open",
        "PLC: A against B; the dwell counts from the dumps' closing, not from the reading",
        "TRIP; no unlock from a zero alone",
        tuple(_probe(f"probe_{side}_open", trips=("PROBE_MISMATCH", "PREFIRE", "CHARGE_TIME")) for side in "ab"),
    ),
    Hazard(
        "17",
        "Pre-fire: a switch closes by itself",
        "PLC: current latch, or a fall faster than any leak",
        "TRIP, the shot is marked and its record kept",
        tuple(
            Variant(
                f"module_{number}_prefire",
                one(f"plant.module_{number}_prefire"),
                Limit(scans=1),
                trips=("PREFIRE",),
                excuses=(
                    DEAD_PLAN,
                    EMPTY,
                    Excuse("a switch does not close by itself below 500 V (plant.yaml)", profiles=LOW),
                ),
            )
            for number in (1, 2)
        ),
    ),
    Hazard(
        "18",
        "Misfire: fire is commanded and nothing conducts",
        "PLC: current latches at the end of SHOT",
        "dump at once, nobody approaches for 30 s, never again by itself",
        (
            Variant(
                "no_trigger",
                one("delay_generator.no_trigger"),
                Limit(scans=1, wait="shot", seconds=0.2),
                says=("no module fired", "saw no trigger"),
                excuses=(
                    EMPTY,
                    Excuse(
                        "nothing triggers the delay generator in this plan", profiles=frozenset({"dump-proof", "noise"})
                    ),
                    Excuse("the rehearsal's trigger has been"),
                ),
            ),
            Variant(
                "module_1_no_fire",
                one("plant.module_1_no_fire"),
                Limit(scans=1, wait="shot", seconds=0.2),
                says=("only some modules fired",),
                excuses=(DEAD_PLAN, EMPTY, Excuse("the plan fires nothing", profiles=frozenset({"dump-proof"}))),
            ),
        ),
    ),
    Hazard(
        "19",
        "Hang-fire: a switch closes after its window",
        "PLC: as a partial fire; the trigger line is gone at the window's end",
        "dump; what closes late finds the dumps closing",
        (
            Variant(
                "module_1_hang",
                one("plant.module_1_hang"),
                Limit(scans=1, wait="shot", seconds=0.2),
                trips=("PREFIRE",),
                says=("only some modules fired",),
                exits=(3, 4),
                excuses=(DEAD_PLAN, EMPTY, Excuse("the plan fires nothing", profiles=frozenset({"dump-proof"}))),
            ),
        ),
    ),
    Hazard(
        "20",
        "Two triggers for one shot",
        "PLC: one FIRE per token; delay generator: single shot and hold-off",
        "the second is blocked",
        (
            Variant(
                "double_trigger",
                one("delay_generator.double_trigger"),
                Limit(event="nothing happens"),
                excuses=(Excuse("single shot and hold-off refuse the second edge"),),
                answers=("the second edge is refused",),
            ),
            Variant(
                "fire_replayed",
                Injection(disturbance="fire_replayed"),
                Limit(event="nothing happens"),
                excuses=(Excuse("the PLC takes one FIRE per token and refuses the repeated ones"),),
                answers=("BAD_SEQUENCE",),
            ),
            Variant(
                "false_trigger",
                one("delay_generator.false_trigger"),
                Limit(event="before fire"),
                says=("delay_generator", "scope"),
                excuses=(Excuse("the gate is shut, or nobody speaks to it any more"),),
            ),
        ),
    ),
    Hazard(
        "21",
        "A scope is not armed, set up otherwise, or does not trigger",
        "controller: read-back again before the charge, the record's trigger after it",
        "no fire; or the shot is not complete",
        (
            Variant(
                "not_armed",
                one("scope_1.not_armed"),
                Limit(event="before fire, or seen at the transfer"),
                says=("scope_1",),
                excuses=(Excuse("the record is taken already, or no record is asked of it"),),
            ),
            Variant(
                "wrong_setup",
                one("scope_1.wrong_setup"),
                Limit(event="before fire, or kept with the record"),
                says=("scope_1",),
                excuses=(Excuse("the setting is written afterwards, or the record keeps the range it was taken with"),),
            ),
            Variant(
                "never_triggers",
                one("scope_2.never_triggers"),
                Limit(event="at the transfer"),
                says=("scope_2: no trigger was recorded",),
                excuses=(Excuse("its trigger has been, or it is triggered by command"),),
            ),
        ),
    ),
    Hazard(
        "26",
        "The rig PLC loses its power",
        "hard-wired: outputs fall when its scans stop",
        "dumps close, contactor opens, gate shuts, by physics",
        (
            Variant(
                "plc_dead",
                one("plc.dead"),
                Limit(scans=5),
                says=("plc", "the PLC"),
                exits=(3, 4),
                excuses=(Excuse("the run is over", LATE),),
            ),
        ),
    ),
    Hazard(
        "27",
        "The rig PLC restarts during a shot",
        "controller: another boot id; PLC: boots into TRIP",
        "no re-arm without a local reset",
        (
            Variant(
                "plc_reboot",
                one("plc.reboot"),
                Limit(scans=1),
                says=("restarted", "TRIP", "trip"),
                exits=(3, 4),
            ),
        ),
    ),
    Hazard(
        "34",
        "The door opens",
        "PLC: two channels",
        "TRIP",
        (
            Variant(
                "door_open",
                one("plant.door_open"),
                Limit(scans=1),
                trips=("DOOR_1", "DOOR_2"),
                excuses=(
                    Excuse("a door may be open at a bench that is not armed", COLD),
                    Excuse("the bench is safe again: people may walk in", LATE),
                ),
            ),
        ),
    ),
    Hazard(
        "35",
        "The door's two channels disagree",
        "PLC: either channel, and the disagreement",
        "TRIP; the disagreement latches",
        (
            *(
                Variant(
                    f"door_{number}_open",
                    one(f"plant.door_{number}_open"),
                    Limit(scans=1),
                    trips=(f"DOOR_{number}", "DOOR_DISCREPANCY"),
                    excuses=(
                        Excuse("a door may be open at a bench that is not armed", COLD),
                        Excuse("the bench is safe again: people may walk in", LATE),
                    ),
                )
                for number in (1, 2)
            ),
            Variant(
                "door_1_stuck",
                Injection(("plant.door_1_stuck", "plant.door_open")),
                Limit(scans=1),
                trips=("DOOR_2", "DOOR_DISCREPANCY"),
                excuses=(
                    Excuse("a door may be open at a bench that is not armed", COLD),
                    Excuse("the bench is safe again: people may walk in", LATE),
                ),
            ),
        ),
    ),
    Hazard(
        "36",
        "Emergency stop, a broken wire of its chain, the operator's key",
        "hard-wired chain; PLC",
        "contactor and charger drop without the PLC; TRIP",
        (
            Variant("estop", one("plant.estop"), Limit(scans=2), trips=("ESTOP",)),
            Variant("estop_wire_break", one("plant.estop_wire_break"), Limit(scans=2), trips=("ESTOP",)),
            Variant(
                "key_off",
                one("plant.key_off"),
                Limit(scans=2),
                trips=("KEY",),
                excuses=(
                    Excuse("the key enables an armed bench only", COLD),
                    Excuse("the bench is dumping or safe: the key has nothing to forbid", DUMPED),
                ),
            ),
        ),
    ),
)
"""Rows whose fault sits in the plant, the PLC or a trigger chain."""
