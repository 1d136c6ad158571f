"""PURE: hazards of measuring and firing: rows 12, 14-21 of safety.md 2.3."""

from controller.app.faultspec import Phase
from controller.campaign.hazard_rows_bench import (
    COLD,
    DEAD_PLAN,
    DECAYS,
    DOOR_OPENS,
    DUMPED,
    EMPTY,
    ESTIMATE,
    LOW,
    OF_RUN,
    one,
)
from controller.campaign.hazard_types import Excuse, Hazard, Injection, Limit, Variant
from controller.campaign.profiles import Stage

_PULSES_OVER = Excuse("the pulses are over, and the line is emptied next", frozenset({Stage.RUN_DOWN}))
_COARSE_METER = Excuse(
    "known gap: the charger's meter resolves a third of so small a charging current, and the estimate cannot see 20 %",
    profiles=frozenset(
        {"single-pulse", "low-voltage", "no-drive", "pulse-train", "power-sweep", "trip-check", "conditioning"}
    ),
)
_MISMATCH = Limit(scans=2, wait="mismatch_debounce")


def _probe(
    name: str,
    *excuses: Excuse,
    trips: tuple[str, ...] = ("PROBE_MISMATCH", "CHARGE_TIME"),
    says: tuple[str, ...] = (),
) -> Variant:
    return Variant(
        name,
        one(f"plant.{name}"),
        _MISMATCH,
        trips=trips,
        says=(
            "probes A and B disagree",
            "the independent reading of probe B disagrees",
            "the PLC went to DUMPING",
            "the PLC refused FIRE",
            *ESTIMATE,
            *OF_RUN,
            *says,
        ),
        exits=(3, 4),
        excuses=(DEAD_PLAN, DECAYS, EMPTY, _FIRED, _PULSES_OVER, *excuses),
        grows=True,
    )


_FROZEN = ("PROBE_MISMATCH", "CHARGE_TIME", "PROBE_INVALID")
"""A probe that freezes in the pulse repeats its interference, which may be no reading at all."""
_UNPROVEN = ("the PLC went to LOCKOUT",)
"""What a frozen reading between V_safe and a mismatch ends in: two probes may differ so much, but it proves nothing."""
_SLOW = Excuse("until fire it drifts by less than two probes may differ", frozenset({Stage.ISOLATE, Stage.FIRE}))
_QUIET = frozenset({Stage.ISOLATE, Stage.FIRE})
"""Within half a second before fire nobody speaks to a scope (bench.md 1); the last look is a second before."""
_FIRED = Excuse(
    "the pulse is over: there is nothing left to fire or to misread",
    frozenset({Stage.FIRE}),
    phases=frozenset({Phase.DURING}),
)
_UNTRIGGERED = Excuse("nothing triggers the delay generator in this plan", profiles=frozenset({"dump-proof", "noise"}))
_TRIGGER_SENT = "the rehearsal's trigger has been"
_REHEARSED = (
    Excuse(_TRIGGER_SENT, phases=frozenset({Phase.DURING, Phase.AFTER}), steps=frozenset({"rehearse"})),
    Excuse(_TRIGGER_SENT, steps=frozenset({"leave_test"})),
)
_FIRES_NOTHING = Excuse("the plan fires nothing", profiles=frozenset({"dump-proof"}))
NO_RECORD = Excuse(
    "no record is asked of a scope", profiles=frozenset({"dump-proof", "conditioning", "power-sweep", "trip-check"})
)
_TAKEN = (
    EMPTY,
    _FIRED,
    NO_RECORD,
    Excuse("the record is taken already, or by command", profiles=frozenset({"noise", "trigger-only"})),
)
_SMALL = Excuse("at this low voltage the reading is not wrong by the 80 V that two probes may differ", profiles=LOW)

SHOT_ROWS: tuple[Hazard, ...] = (
    Hazard(
        "12",
        "A frozen value with an advancing stamp",
        "PLC: A against B, the proof of safe; controller: the independent reading of B",
        "TRIP or dump; LOCKOUT where it stands still between V_safe and what two probes may differ",
        (
            _probe("probe_a_frozen", trips=_FROZEN, says=_UNPROVEN),
            _probe("probe_b_frozen", trips=_FROZEN, says=_UNPROVEN),
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
                exits=(3, 1),
                marks=True,
                instead=(frozenset({Stage.RUN}), Limit(seconds=1.0)),  # between pulses it may be right by chance
                grows=True,  # a slow ramp of 50 V/s takes longer to make it wrong than the row has time
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
            _probe("probe_a_offset", trips=("PROBE_MISMATCH", "CHARGE_ENVELOPE", "REBOUND")),
            _probe("probe_b_offset", trips=("PROBE_MISMATCH", "CHARGE_ENVELOPE", "REBOUND")),
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
                trips=("PROBE_MISMATCH", "MODULE_LIMIT", "CHARGE_ENVELOPE", "CHARGE_TIME", "PREFIRE"),
                says=("LOCKOUT", "the PLC went to DUMPING", "the PLC refused FIRE", *ESTIMATE, *OF_RUN),
                exits=(3, 4),
                excuses=(DEAD_PLAN, DECAYS, EMPTY, _SMALL, _FIRED, _PULSES_OVER),
            ),
            Variant(
                "probes_frozen",
                one("plant.probes_frozen"),
                Limit(event="before fire"),
                trips=(*_FROZEN, "CHARGE_ENVELOPE"),
                says=("LOCKOUT", "the PLC went to DUMPING", *ESTIMATE, *OF_RUN),
                exits=(3, 4),
                excuses=(DEAD_PLAN, DECAYS, EMPTY, _FIRED, _PULSES_OVER),
            ),
            Variant(
                "voltage_common_gain",
                one("plant.voltage_common_gain"),
                Limit(event="before fire"),
                trips=("PREFIRE", "HW_OVERVOLTAGE", "MODULE_LIMIT", "CHARGE_ENVELOPE", "CHARGE_TIME"),
                says=("the PLC went to DUMPING", "the PLC refused FIRE", *ESTIMATE, *OF_RUN),
                exits=(3, 4),
                excuses=(DEAD_PLAN, DECAYS, EMPTY, _SMALL, _FIRED, _PULSES_OVER, _COARSE_METER),
            ),
        ),
    ),
    Hazard(
        "16",
        "A probe reads zero: its divider is open",
        "PLC: A against B; the dwell counts from the dumps' closing, not from the reading",
        "TRIP; no unlock from a zero alone",
        (
            *(_probe(f"probe_{side}_open", trips=("PROBE_MISMATCH", "PREFIRE", "CHARGE_TIME")) for side in "ab"),
            *(
                Variant(
                    f"probe_{side}_open_dumping",
                    Injection(("plant.door_open",), then=(f"plant.probe_{side}_open",), after_s=0.15),
                    Limit(scans=1),
                    trips=("DOOR_1", "DOOR_2"),
                    exits=(3, 4),
                    excuses=(
                        *DOOR_OPENS,
                        Excuse(
                            "so early the dump leaves nothing to misread",
                            frozenset({Stage.PERMIT, Stage.CHARGE, Stage.VERIFY}),
                        ),
                        _FIRED,
                    ),
                )
                for side in "ab"
            ),
        ),
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
                    _FIRED,
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
                runs=False,
                limit=Limit(scans=1, wait="shot", seconds=0.2),
                says=("no module fired", "saw no trigger", "no trigger was recorded"),
                excuses=(
                    EMPTY,
                    _FIRED,
                    _UNTRIGGERED,
                    *_REHEARSED,
                ),
            ),
            Variant(
                "module_1_no_fire",
                one("plant.module_1_no_fire"),
                Limit(scans=1, wait="shot", seconds=0.2),
                says=("only some modules fired",),
                excuses=(DEAD_PLAN, EMPTY, _FIRED, _FIRES_NOTHING),
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
                trips=(
                    "PREFIRE",
                    "PROBE_INVALID",
                ),  # what closes late interferes: the probes read garbage while dumping
                says=("only some modules fired",),
                exits=(3, 4),
                excuses=(DEAD_PLAN, EMPTY, _FIRED, _FIRES_NOTHING),
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
                excuses=(
                    EMPTY,
                    _FIRED,
                    _UNTRIGGERED,
                    *_REHEARSED,
                    Excuse("single shot and hold-off refuse the second edge", acted=True),
                ),
                answers=("the second edge is refused",),
            ),
            Variant(
                "fire_replayed",
                Injection(disturbance="fire_replayed"),
                runs=False,
                limit=Limit(event="nothing happens"),
                excuses=(
                    DEAD_PLAN,
                    EMPTY,
                    _FIRED,
                    _FIRES_NOTHING,
                    Excuse("the PLC takes one FIRE per token and refuses the repeated ones", acted=True),
                ),
                answers=("BAD_SEQUENCE",),
            ),
            Variant(
                "false_trigger",
                one("delay_generator.false_trigger"),
                runs=False,
                limit=Limit(event="before fire"),
                says=("delay_generator", "scope"),
                excuses=(
                    NO_RECORD,
                    Excuse(
                        "the gate is shut, or nobody speaks to it any more",
                        COLD | DUMPED | {Stage.ISOLATE, Stage.FIRE},
                    ),
                ),
            ),
        ),
    ),
    Hazard(
        "21",
        "A scope is not armed, set up otherwise, or does not trigger",
        "controller: read-back at both ends of the hold and 1 s before fire; the record's trigger after it",
        "no fire; or the shot is not complete",
        (
            Variant(
                "not_armed",
                one("scope_1.not_armed"),
                Limit(event="before fire"),
                says=("scope_1",),
                excuses=_TAKEN,
                instead=(_QUIET, Limit(event="at the transfer")),
            ),
            Variant(
                "wrong_setup",
                one("scope_1.wrong_setup"),
                Limit(event="before fire"),
                says=("scope_1",),
                excuses=(
                    NO_RECORD,
                    Excuse("the setting is written afterwards", steps=frozenset({"self_test", "warm_up"})),
                    Excuse(
                        "the setting is written afterwards",
                        phases=frozenset({Phase.BEFORE}),
                        steps=frozenset({"configure"}),
                    ),
                    Excuse(
                        "nobody may ask any more: the record keeps the range it was taken with, and is marked",
                        _QUIET | {Stage.RUN, Stage.RUN_DOWN, Stage.VERIFY, Stage.DEAD},
                        noted="changed at its front panel since arming",
                    ),
                    Excuse("the record is read already", frozenset({Stage.EMPTY, Stage.OVER})),
                ),
                instead=(_QUIET, Limit(event="at the transfer")),
            ),
            Variant(
                "never_triggers",
                one("scope_2.never_triggers"),
                Limit(event="at the transfer"),
                says=("scope_2: no trigger was recorded",),
                excuses=_TAKEN,
            ),
        ),
    ),
)
"""Rows whose fault sits in a probe, a switch, a trigger or a scope."""
