"""PURE: what can be broken in the plant, by id; :class:`~firmware_sim.plant.bench.BenchPlant` carries it out."""

from collections.abc import Mapping

from firmware_sim.signals import SELF_TEST_PATHS

PROBE_FAULTS = ("frozen", "gain", "nan")
MODULE_FAULTS = {
    "leak": "an extra leak across the capacitor",
    "no_fire": "the switch does not fire",
    "prefire": "the switch closes by itself while charged",
    "late": "the switch closes late",
    "crowbar_open": "the crowbar diode is open: the capacitor rings",
}

_FIXED = {
    "door_1_open": "door channel 1 opens",
    "door_2_open": "door channel 2 opens",
    "estop": "the emergency stop is pressed",
    "estop_wire_break": "a wire of the emergency-stop chain breaks",
    "key_off": "the operator key is turned off",
    "contactor_welded": "the charge contactor's contacts weld: it never opens",
    "contactor_stuck_open": "the charge contactor never closes",
    "dump_a_stuck_open": "dump relay A never closes",
    "dump_a_stuck_closed": "dump relay A never opens",
    "dump_b_stuck_open": "dump relay B never closes",
    "dump_b_stuck_closed": "dump relay B never opens",
    "overvoltage": "the charger ignores its voltage set-point",
    "charger_runaway": "the charger ignores inhibit, output switch and set-points",
    "charger_dead": "the charger delivers nothing",
    "probe_a_frozen": "probe A keeps its last reading",
    "probe_a_gain": "probe A reads with a wrong gain",
    "probe_a_nan": "probe A delivers no number",
    "probe_b_frozen": "probe B keeps its last reading",
    "probe_b_gain": "probe B reads with a wrong gain",
    "probe_b_nan": "probe B delivers no number",
    "rebound_high": "the dielectric gives back ten times as much",
    "armature_stuck": "the armature is welded to the rails",
    "no_emi": "no electromagnetic interference on a shot (a control, not a fault)",
}


def list_faults(modules: int) -> Mapping[str, str]:
    """Fault id -> one line, for a bench of this many modules."""
    faults = dict(_FIXED)
    for path in SELF_TEST_PATHS:
        faults[f"selftest_{path}_dead"] = f"the test relay of interlock path {path} reaches nothing"
    for number in range(1, modules + 1):
        for name, text in MODULE_FAULTS.items():
            faults[f"module_{number}_{name}"] = f"module {number}: {text}"
    return faults
