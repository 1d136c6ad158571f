"""PURE: what can be broken on a tube bench, by id: its own parts, and those it shares with other benches."""

from collections.abc import Mapping

from firmware_sim.plant.faults import list_faults
from firmware_sim.plant.rf.faults import RF_FAULTS
from firmware_sim.signals import RUN_SELF_TEST_PATHS, SELF_TEST_PATHS

ABSENT = frozenset({"rebound_high", "armature_stuck"})
"""Faults of the capacitor bench that have nothing to break here."""

MODULE_HERE = "module_1_leak"
"""Of a module's faults the only one that a line has: its switch is the thyratron."""

TUBE_FAULTS: Mapping[str, str] = {
    "thyratron_dead": "the thyratron's grid driver is dead: no trigger fires it",
    "thyratron_starved": "the thyratron's reservoir loses voltage: pulses go missing",
    "thyratron_prefires": "the thyratron fires by itself",
    "thyratron_latch_through": "the thyratron recovers too slowly: the recharge finds it conducting",
    "arc_gun": "the tube's gun arcs in every pulse",
    "vacuum_latch_dead": "the ion pump's comparator does not latch",
    "pulse_latch_stuck": "the arc latch does not obey its reset",
    "pulse_counter_stuck": "the rig's pulse counter stands still",
    "pulse_gate_stuck_open": "the pulse gate lets triggers through whatever the PLC says",
    "duty_limiter_dead": "the hardware duty limiter lets every trigger pass",
    "cold_start": "the services were off: nothing is warm when the run begins",
    "drive_off": "the pre-amplifier delivers nothing",
}
"""Fault id -> one line."""

RELAY_FAULTS: Mapping[str, str] = {
    f"selftest_{path}_dead": f"the test relay of interlock path {path} reaches nothing"
    for path in RUN_SELF_TEST_PATHS[len(SELF_TEST_PATHS) :]
}
"""Relays that only a bench that runs has."""

PREFIRE_V = 5e3
"""``thyratron_prefires``: it fires once the line is above this."""


SHARED = frozenset(
    fault
    for fault in list_faults(1)
    if fault not in ABSENT and (not fault.startswith("module_") or fault == MODULE_HERE)
)
"""Faults of parts that both benches have: ``acting.py`` knows when those act."""


def list_tube_faults(utilities: Mapping[str, str]) -> Mapping[str, str]:
    """Every fault of the bench; ``utilities`` are those of its Services."""
    shared = {fault: text for fault, text in list_faults(1).items() if fault in SHARED}
    return {**shared, **RELAY_FAULTS, **TUBE_FAULTS, **RF_FAULTS, **utilities}
