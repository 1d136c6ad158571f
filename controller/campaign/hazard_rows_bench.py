"""PURE: hazards of the bench itself: rows 01-08, 26, 27, 34-36 of safety.md 2.3."""

from controller.app.faultspec import Phase
from controller.campaign.hazard_types import Excuse, Hazard, Injection, Limit, Variant
from controller.campaign.profiles import Stage

COLD = frozenset({Stage.COLD, Stage.DEAD})
LATE = frozenset({Stage.EMPTY, Stage.OVER})
DOOR_OPENS = (
    Excuse("a door may be open at a bench that is not armed", COLD),
    Excuse("the bench is safe again: people may walk in", LATE),
)
"""Where a door that opens harms nobody."""
DUMPED = frozenset({Stage.VERIFY, Stage.EMPTY, Stage.OVER})
DISCHARGED = DUMPED | {Stage.DUMP}
RUNNING = frozenset({Stage.RUN, Stage.RUN_DOWN})
LOW = frozenset({"dump-proof", "polarity"})
"""Kinds of shot whose campaign voltage is so low that some faults show nothing."""

DEAD_PLAN = Excuse("the plan moves no relay and raises no energy, so that nothing shows", frozenset({Stage.DEAD}))
OPEN_ALREADY = Excuse(
    "the dump relay is open already; once closed at the end of the shot it stays closed, as it should",
    frozenset({Stage.PERMIT, Stage.CHARGE, Stage.CHARGED, Stage.ISOLATE, Stage.FIRE, Stage.DUMP}) | RUNNING,
)
CHARGED_ALREADY = Excuse(
    "the charger has done its work: until fire the bank loses less than its tolerance",
    frozenset({Stage.CHARGED, Stage.ISOLATE, Stage.FIRE, Stage.DUMP}),
)
CLOSED_ALREADY = Excuse(
    "the contactor is closed already; once open it stays open, as it should",
    frozenset({Stage.CHARGE, Stage.CHARGED, Stage.ISOLATE, Stage.FIRE, Stage.DUMP}) | RUNNING,
)
OPENED = (
    Excuse(
        "the contactor has opened and moves no more before the next shot",
        frozenset({Stage.ISOLATE, Stage.DUMP}),
        phases=frozenset({Phase.DURING}),
    ),
    Excuse("the contactor has opened and moves no more before the next shot", frozenset({Stage.FIRE})),
)
MOVED = Excuse("the relays have made their last move before the next shot", DUMPED)
DECAYS = Excuse(
    "the bank is falling already: nothing but its measured decay can be spoilt, and the record says that it is",
    frozenset({Stage.VERIFY}),
    profiles=frozenset({"dump-proof"}),
    marks=True,
)
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


def _path_proven(*profiles: str) -> Excuse:
    """The step that proves one path alone begins with its relay closed; the other relay has its move to come."""
    return Excuse(
        "the path under proof is closed already and stays closed: what has no move to make cannot fail",
        frozenset({Stage.DUMP}),
        frozenset(profiles),
        frozenset({Phase.DURING}),
    )


_A_PROVEN, _B_PROVEN = _path_proven("dump-proof-a"), _path_proven("dump-proof-b")


def _charged(name: str, proven: Excuse, *faults: str) -> Variant:
    """Dumps that fail show after the pulse, on an empty bank; with a door opened they have a charged one to empty.

    The dump's own mismatch may come first where the dumps are just opening.
    """
    return Variant(
        name,
        Injection((*faults, "plant.door_open")),
        Limit(scans=1),
        trips=("DOOR_1", "DOOR_2", *_DUMP_TRIP),
        exits=(3, 4),
        excuses=(
            *DOOR_OPENS,
            Excuse(
                "the dumps are closed and stay closed: what has no move to make cannot fail",
                frozenset({Stage.PERMIT, Stage.VERIFY}),
            ),
            proven,
        ),
    )


ESTIMATE = ("charge-estimate", "the bank does not charge")
"""What the controller's charge estimate says when voltage and charge do not belong together."""

OF_RUN = ("the PLC refused RUN", "the PLC ended RUN by itself", "step run: not done within")
"""How a run with pulses ends whose line does not hold what it should."""

OFF_CHARGER = Excuse(
    "the bank has left the charger, or does so before it is above what its target allows",
    frozenset({Stage.ISOLATE, Stage.FIRE, Stage.DUMP}),
)
_BEYOND = Limit(scans=1, wait="ceiling_ramp")
_BEYOND_HELD = (frozenset({Stage.CHARGED}), Limit(scans=1, wait="tolerance_ramp", seconds=0.1))
_CEILING = (
    "A charger that drives on acts fully 60 V above its set-point, which is the envelope's margin. The PLC's ceiling "
    "is higher by the plan's tolerance, so that its one scan begins `tolerance_ramp` later (80 ms in `full`, 100 ms in "
    "the dump proofs). On the charger the envelope is over: there the controller watches the same "
    "ceiling, reads every 50 ms and acts on the second reading. `ceiling_ramp` is that, but the whole ramp where the "
    "charger is ramped by its set-point: what ignores that one is wrong above the target only"
)
"""Why rows 06 and 08 begin to count so late."""
ABOVE = "the bank is above its target"
"""What the controller says when the charger drives on although the target is reached."""

BENCH_ROWS: tuple[Hazard, ...] = (
    Hazard(
        "01",
        "Charge contactor welded closed, or its mirror contact broken",
        "PLC: mirror contact differs from the command for longer than its travel",
        "charger inhibited, both dumps, TRIP",
        (
            _relay("contactor_welded", _CONTACTOR, _CONTACTOR_TRIP, (3,), *OPENED),
            _relay("contactor_mirror_stuck", _CONTACTOR, _CONTACTOR_TRIP, (3,), *OPENED),
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
            _relay("dump_a_stuck_open", _DUMP, _DUMP_TRIP, (3, 4), _A_PROVEN),
            _relay("dump_b_stuck_open", _DUMP, _DUMP_TRIP, (3, 4), _B_PROVEN),
            _relay("dump_a_mirror_stuck", _DUMP, _DUMP_TRIP, (3, 4), _A_PROVEN),
            _relay("dump_a_mirror_broken", _DUMP, _DUMP_TRIP, (3, 4)),
            _relay("dump_b_mirror_stuck", _DUMP, _DUMP_TRIP, (3, 4), _B_PROVEN),
            _relay("dump_b_mirror_broken", _DUMP, _DUMP_TRIP, (3, 4)),
            _charged("dump_a_stuck_open_charged", _A_PROVEN, "plant.dump_a_stuck_open"),
            _charged("dump_b_stuck_open_charged", _B_PROVEN, "plant.dump_b_stuck_open"),
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
                excuses=(DEAD_PLAN, MOVED, _path_proven("dump-proof")),
            ),
            _charged(
                "both_dumps_stuck_open_charged",
                _path_proven("dump-proof"),
                "plant.dump_a_stuck_open",
                "plant.dump_b_stuck_open",
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
                says=("the PLC went to DUMPING",),
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
        note=_CEILING,
        variants=(
            Variant(
                "overvoltage",
                one("plant.overvoltage"),
                _BEYOND,
                trips=("CHARGE_ENVELOPE", "CHARGE_TIME", "OVERVOLTAGE", "HW_OVERVOLTAGE", "MODULE_LIMIT"),
                says=("the PLC refused", "the PLC went to DUMPING", ABOVE, *ESTIMATE),
                excuses=(DEAD_PLAN, EMPTY, OFF_CHARGER),
                grows=True,
                instead=_BEYOND_HELD,
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
                runs=False,
                trips=("MODULE_SPREAD", "CHARGE_TIME"),  # below the spread's floor of 25 V only the charge is too slow
                says=(*ESTIMATE, "the PLC went to DUMPING", "the PLC refused FIRE"),
                excuses=(
                    DEAD_PLAN,
                    EMPTY,
                    Excuse(
                        "at this low voltage the modules differ by less than the spread's floor of 25 V",
                        frozenset({Stage.CHARGED, Stage.ISOLATE, Stage.FIRE, Stage.DUMP}),
                        profiles=LOW,
                    ),
                    Excuse("the bank has no time to lean before the pulse", frozenset({Stage.FIRE})),
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
        note=_CEILING,
        variants=tuple(
            Variant(
                name,
                one(f"plant.{name}"),
                _BEYOND if name == "charger_runaway" else Limit(scans=1, seconds=5.0),
                trips=("CHARGE_ENVELOPE", "CHARGE_TIME", "OVERVOLTAGE", "HW_OVERVOLTAGE", "CHARGER_UNCOMMANDED"),
                says=("the PLC refused", "the PLC went to DUMPING", ABOVE, *ESTIMATE, *OF_RUN),
                excuses=(DEAD_PLAN, EMPTY, OFF_CHARGER if name == "charger_runaway" else CHARGED_ALREADY),
                grows=name == "charger_runaway",
                instead=_BEYOND_HELD if name == "charger_runaway" else (frozenset(), Limit()),
            )
            for name in ("charger_runaway", "charger_setpoint_lost", "charger_wrong_range", "charger_dead")
        ),
    ),
    Hazard(
        "26",
        "The rig PLC loses its power",
        "hard-wired: outputs fall when its scans stop",
        "dumps close, contactor opens, gate shuts, by physics",
        note="The lock's output falls like every other; the door is not judged here, because a PLC that does not scan "
        "decides nothing: the bench needs a lock that holds without power until the dumps have done their work",
        variants=(
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
                trips=("RESTART",),
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
                excuses=(*DOOR_OPENS,),
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
                    excuses=(*DOOR_OPENS,),
                )
                for number in (1, 2)
            ),
            Variant(
                "door_1_stuck",
                Injection(("plant.door_1_stuck", "plant.door_open")),
                Limit(scans=1),
                trips=("DOOR_2", "DOOR_DISCREPANCY"),
                excuses=(*DOOR_OPENS,),
            ),
        ),
    ),
    Hazard(
        "36",
        "Emergency stop, a broken wire of its chain, the operator's key",
        "hard-wired chain; PLC",
        "contactor and charger drop without the PLC; TRIP",
        (
            Variant("estop", one("plant.estop"), Limit(scans=1), trips=("ESTOP",)),
            Variant("estop_wire_break", one("plant.estop_wire_break"), Limit(scans=1), trips=("ESTOP",)),
            Variant(
                "key_off",
                one("plant.key_off"),
                Limit(scans=1),
                trips=("KEY",),
                excuses=(
                    Excuse("the key enables an armed bench only", COLD),
                    Excuse(
                        "the bench is dumping or safe: the key has nothing to forbid",
                        frozenset({Stage.DUMP}),
                        phases=frozenset({Phase.DURING}),
                    ),
                    Excuse("the bench is dumping or safe: the key has nothing to forbid", DUMPED),
                ),
            ),
        ),
    ),
)
"""Rows whose fault sits in the charge path, the dumps, the PLC or the interlocks."""
