"""PURE: hazards of links and of what comes over them: rows 10, 11, 13, 38 of safety.md 2.3, per instrument."""

from controller.app.faultspec import Phase
from controller.campaign.hazard_rows_bench import ESTIMATE, one
from controller.campaign.hazard_types import Excuse, Hazard, Limit, Variant
from controller.campaign.parts import Parts
from controller.campaign.profiles import Stage

RUN_OVER = Excuse("the run is over or in its last breath, nobody asks any more", frozenset({Stage.EMPTY, Stage.OVER}))
_SAVED = Excuse("what was asked of it is done: nobody speaks to it any more", frozenset({Stage.EMPTY, Stage.OVER}))
_LAST_QUESTION = Excuse(
    "the run ends before the PLC has repeated itself for 0.3 s, and no energy is there",
    phases=frozenset({Phase.DURING}),
    steps=frozenset({"leave_test"}),
)
_UNUSED = Excuse("the plan asks nothing of it", profiles=frozenset({"dump-proof", "noise", "trigger-only"}))
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
_PULSING = frozenset(
    {"single-pulse", "low-voltage", "no-drive", "pulse-train", "power-sweep", "trip-check", "conditioning"}
)
"""Kinds of run with repeated pulses."""
_SLOW_PORTS = frozenset({"PowerSupply", "VacuumGauge", "Chiller", "RfSource"})
_SLOW_LOST_S = 3.5
"""As above where one is asked once a second: what these stand for, windows of the PLC watch meanwhile (row 45). A line
that two supplies share has a longer deadline each."""
_ENDS_BEFORE = Excuse(
    "the run ends before two answers are missing: it is asked once a second, and the pulses are over",
    frozenset({Stage.RUN_DOWN, Stage.VERIFY}),
)
_RUN_ENDS = Excuse(
    "the run ends before two answers are missing: it is asked once a second",
    frozenset({Stage.RUN}),
    frozenset({"single-pulse", "low-voltage", "no-drive", "pulse-train", "trip-check"}),
)
_ASKED_ONCE = Excuse(
    "it makes its pulses by itself: nobody speaks to it between their beginning and their end",
    frozenset({Stage.RUN, Stage.RUN_DOWN, Stage.VERIFY}),
    profiles=_PULSING,
)
_NO_SCOPE = Excuse("no record is asked of a scope", profiles=frozenset({"conditioning", "power-sweep", "trip-check"}))
_SHARED = {"PowerSupply": ("_supply stopped answering",)}
"""Supplies share a line: what breaks it shows at the one that is asked first."""
_OF_PORT = {"Oscilloscope": (_NO_SCOPE,), "DelayGenerator": (_ASKED_ONCE,)}


def _lost(name: str, fault: str, says: tuple[str, ...] = (), *excuses: Excuse, port: str = "") -> Variant:
    slow = port in _SLOW_PORTS
    lost_s = _SLOW_LOST_S if slow else _LOST_S
    marked = (_STILL_MARKED,) if (name, fault) == ("daq", "stale") else ()
    return Variant(
        f"{name}_{fault}",
        one(f"{name}.{fault}"),
        Limit(seconds=_STALE_S if fault == "stale" else lost_s),
        says=(name, *says, *_SHARED.get(port, ())),
        excuses=(
            *marked,
            RUN_OVER,
            _SAVED,
            _UNUSED,
            *_OF_PORT.get(port, (_ENDS_BEFORE, _RUN_ENDS) if slow else ()),
            *excuses,
        ),
    )


def plc_link(fault: str) -> Variant:
    """A fault of the PLC's own link."""
    return Variant(
        f"plc_{fault}",
        one(f"plc.{fault}"),
        Limit(seconds=_PLC_S.get(fault, 0.5), scans=1),
        trips=("HEARTBEAT",),
        says=("plc", "the PLC", "not done within"),
        exits=(3, 4),
        excuses=(*((_LAST_QUESTION,) if fault == "stale" else ()), RUN_OVER),
    )


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


def _row_10(parts: Parts) -> Hazard:
    return Hazard(
        "10",
        "Controller and instrument lose each other",
        "controller: a deadline per call, two misses",
        "the step is aborted; energised: dump",
        _links(parts, "silent", "close"),
    )


def _row_11(parts: Parts) -> Hazard:
    return Hazard(
        "11",
        "Stale data: value and stamp stand still",
        "PLC: the echoed age; controller: ages, the record's own trigger, the witness",
        "invalid: no permission, or abort",
        (
            plc_link("stale"),
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
    )


def _row_13(parts: Parts) -> Hazard:
    return Hazard(
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
            plc_link("nan"),
            plc_link("overflow"),
        ),
    )


def _row_38(parts: Parts) -> Hazard:
    return Hazard(
        "38",
        "Malformed answers of an instrument",
        "parsers with bounds, a total deadline, identity",
        "driver fault: abort, dump",
        (
            *_malformed(parts),
            plc_link("garbage"),
            plc_link("slow"),
        ),
    )


def link_rows(parts: Parts) -> tuple[Hazard, ...]:
    """One set of variants per instrument."""
    return (_row_10(parts), _row_11(parts), _row_13(parts), _row_38(parts))
