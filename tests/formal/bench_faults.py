"""PURE: the hardware faults of the abstract bench: every actuator, contact and probe, both ways, one line each.

``Fault`` names what is broken, ``Condition`` is what one or two of them do together. A fault appears at any scan (or
before the first) and stays. Not here: faults of the controller, the link and people; they are arbitrary anyway.
"""

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

OPEN, CLOSED = 1, 2
"""Positions at which a relay sticks; the numbers of ``Aux``."""

PEOPLE_CONTACTS = (
    "door_1",
    "door_2",
    "operator_key",
    "search_complete",
    "ground_stick_stowed",
    "local_reset",
    "consent",
    "maintenance_key",
    "charger_locked_out",
    "positions_ok",
)
BENCH_CONTACTS = (
    "estop_ok",
    "hw_overvoltage_ok",
    "charger_inhibited",
    "zero_current",
    "contactor_open",
    "contactor_closed",
    "dump_a_open",
    "dump_a_closed",
    "dump_b_open",
    "dump_b_closed",
)
PROBES = ("a", "b", "modules")
PROBE_WAYS = ("frozen", "high_1", "high_3", "high_6", "low_1", "low_3", "invalid")
"""high/low by one level stay within the mismatch limit, by three are beyond it; high by six is full scale, always."""


class Fault(NamedTuple):
    """One broken thing. ``kind`` is relay, contact, probe or other; ``value`` is where it sticks or how it reads."""

    id: str
    kind: str
    part: str
    value: int | str
    text: str


def _relays() -> Iterable[Fault]:
    yield Fault("contactor_welded", "relay", "contactor", CLOSED, "the charge contactor never opens again")
    yield Fault("contactor_never_closes", "relay", "contactor", OPEN, "the charge contactor never closes again")
    for which in "ab":
        yield Fault(f"dump_{which}_stuck_open", "relay", f"dump_{which}", OPEN, f"dump {which} never closes again")
        yield Fault(f"dump_{which}_stuck_closed", "relay", f"dump_{which}", CLOSED, f"dump {which} never opens again")


def _contacts() -> Iterable[Fault]:
    for part in (*PEOPLE_CONTACTS, *BENCH_CONTACTS):
        for value in (0, 1):
            yield Fault(f"{part}={value}", "contact", part, value, f"the PLC always reads {part} as {bool(value)}")


OTHERS = {
    "charger_dead": "the charger delivers nothing",
    "charger_runaway": "the charger ignores its inhibit",
    "estop_chain_dead": "the hard-wired e-stop chain drops nothing; the PLC still reads the button",
    "comparator_dead": "the hardware over-voltage comparator never latches",
    "prefire": "a switch may close by itself at any time (also: the gate stuck open under an arbitrary controller)",
    "no_fire": "the trigger output or every switch is dead: nothing fires",
    "partial_fire": "some switches are dead: the others fire",
    "hang_fire": "nothing fires on command, but a switch may close at any later time",
    "latch_low": "one current latch never sets: all reads as some",
    "latch_high": "one current latch is always set: none reads as some",
    "latches_dead": "no current latch ever sets",
    "rebound": "the dielectric gives back one level at any time, dumps closed or not",
    "spread": "one module leads or lags the others beyond the spread limit while charged",
    "plc_restart": "the PLC restarts in TRIP without knowing what went before, once, at any time",
    "plc_memory": "the PLC finds its memory damaged and starts from the worst case, once, at any time",
}


def _all() -> Iterable[Fault]:
    yield from _relays()
    yield from _contacts()
    for probe in PROBES:
        for way in PROBE_WAYS:
            yield Fault(f"{probe}_{way}", "probe", probe, way, f"reading {probe}: {way.replace('_', ' by ')}")
    for name, text in OTHERS.items():
        yield Fault(name, "other", name, 1, text)


FAULTS: dict[str, Fault] = {fault.id: fault for fault in _all()}
RUN_FAULTS: dict[str, Fault] = {
    name: Fault(name, "other", name, 1, text)
    for name, text in {
        "gate_stuck_open": "pulses come whatever the pulse gate says",
        "counter_dead": "the rig's pulse counter stands still",
        "counter_noise": "the rig's pulse counter counts what is none",
    }.items()
}
"""What else can break on a bench that runs. Its latches and windows are arbitrary anyway."""
RESTARTS = ("plc_restart", "plc_memory")
"""Faults that happen to the PLC's memory: an event, no lasting condition."""


class Condition(NamedTuple):
    """What is broken now. ``ids`` in the order of FAULTS; ``people`` are stuck people's contacts."""

    ids: tuple[str, ...] = ()
    contactor: int = 0
    dump_a: int = 0
    dump_b: int = 0
    people: tuple[tuple[str, bool], ...] = ()
    contacts: tuple[tuple[str, bool], ...] = ()
    probes: tuple[tuple[str, str], ...] = ()
    others: frozenset[str] = frozenset()


HEALTHY = Condition()


@cache
def condition_of(*ids: str) -> Condition:
    """The faults of these ids together. Raises KeyError for an unknown one."""
    faults = [fault for fault in (*FAULTS.values(), *RUN_FAULTS.values()) if fault.id in ids]
    if len(faults) != len(set(ids)):
        raise KeyError(ids)
    stuck = {fault.part: int(fault.value) for fault in faults if fault.kind == "relay"}
    contacts = [(fault.part, bool(fault.value)) for fault in faults if fault.kind == "contact"]
    return Condition(
        tuple(fault.id for fault in faults),
        stuck.get("contactor", 0),
        stuck.get("dump_a", 0),
        stuck.get("dump_b", 0),
        tuple(pair for pair in contacts if pair[0] in PEOPLE_CONTACTS),
        tuple(pair for pair in contacts if pair[0] not in PEOPLE_CONTACTS),
        tuple((fault.part, str(fault.value)) for fault in faults if fault.kind == "probe"),
        frozenset(fault.id for fault in faults if fault.kind == "other"),
    )


def same_part(first: Fault, second: Fault) -> bool:
    """Two faults that exclude each other: one part cannot stick in two places, one probe not read in two ways."""
    return first.kind == second.kind and first.part == second.part
