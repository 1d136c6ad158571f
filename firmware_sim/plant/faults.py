"""PURE: what can be broken in the plant, by id; :class:`~firmware_sim.plant.bench.BenchPlant` carries it out."""

import re
from collections.abc import Mapping

from firmware_sim.signals import SELF_TEST_PATHS

OFFSET_RATIO = 0.075
"""``probe_x_offset`` adds this share of full scale: far beyond what two probes may differ, far below full scale."""

DRIFT_PER_S = 0.05
"""``probe_x_drift``: the gain rises by this much per second."""

COMMON_GAIN = 0.8
"""``probes_common_gain``: both probes and the T7 read this share of the truth, as behind one faulty divider."""

ACTS_RATIO = 0.001
"""A probe fault acts once the reading is wrong by this share of full scale: 4 V, ten times the noise. So much spoils
the measured decay of a dump proof."""

FULLY_RATIO = 0.02
"""It acts fully once it is wrong by this share: what two probes may differ (safety.md 2.3 row 14)."""

WRONG_RANGE = 0.1
"""``charger_wrong_range``: the charger takes its set-points for this share of what was sent."""

HANG_NS = 150_000_000
"""``module_n_hang``: the switch closes this long after T0: SHOT (100 ms) is over, the dumps are closing."""

MODULE_FAULTS = {
    "uncharged": "the charge resistor is open: it does not follow the others",
    "hang": "the switch closes long after the trigger (hang-fire)",
    "leak": "an extra leak across the capacitor",
    "no_fire": "the switch does not fire",
    "prefire": "the switch closes by itself while charged",
    "late": "the switch closes late",
    "crowbar_open": "the crowbar diode is open: the capacitor rings",
}

_MODULE = re.compile(r"module_(\d+)_(\w+)")
"""Whatever else leaks (a vacuum, a hose) is no module."""

_FIXED = {
    "door_1_open": "door channel 1 opens",
    "door_2_open": "door channel 2 opens",
    "door_open": "the door opens: both channels",
    "door_1_stuck": "door channel 1 keeps reading closed whatever the door does",
    "door_2_stuck": "door channel 2 keeps reading closed whatever the door does",
    "estop": "the emergency stop is pressed",
    "estop_wire_break": "a wire of the emergency-stop chain breaks",
    "key_off": "the operator key is turned off",
    "contactor_welded": "the charge contactor's contacts weld: it never opens",
    "contactor_stuck_open": "the charge contactor never closes",
    "dump_a_stuck_open": "dump relay A never closes",
    "dump_a_stuck_closed": "dump relay A never opens",
    "dump_b_stuck_open": "dump relay B never closes",
    "dump_b_stuck_closed": "dump relay B never opens",
    "contactor_mirror_stuck": "the contactor's mirror contacts keep showing what they show now",
    "contactor_mirror_broken": "neither of the contactor's mirror contacts reads",
    "dump_a_mirror_stuck": "the mirror contacts of dump relay A keep showing what they show now",
    "dump_a_mirror_broken": "neither mirror contact of dump relay A reads",
    "dump_b_mirror_stuck": "the mirror contacts of dump relay B keep showing what they show now",
    "dump_b_mirror_broken": "neither mirror contact of dump relay B reads",
    "overvoltage": "the charger ignores its voltage set-point",
    "charger_runaway": "the charger ignores inhibit, output switch and set-points",
    "charger_setpoint_lost": "the charger forgets its set-points: it delivers nothing",
    "charger_wrong_range": "the charger takes its set-points in the wrong range: a tenth of everything",
    "charger_dead": "the charger delivers nothing",
    "probe_a_open": "probe A's divider is open: it reads zero",
    "probe_a_offset": "probe A reads 7.5 % of its full scale too much",
    "probe_a_drift": "probe A's gain rises by 5 % per second",
    "probe_b_open": "probe B's divider is open: it reads zero",
    "probe_b_offset": "probe B reads 7.5 % of its full scale too much",
    "probe_b_drift": "probe B's gain rises by 5 % per second",
    "probes_frozen": "both probes keep their last readings",
    "voltage_common_gain": "every voltage reads 20 % too little (probes, T7, modules, charger): their common reference",
    "probes_common_gain": "both probes and the T7 read 20 % too little: their common divider is faulty",
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


def module_of(fault: str, *kinds: str) -> int | None:
    """Index (from 0) of the module that ``fault`` is about, when it is one of these ``kinds`` of MODULE_FAULTS."""
    found = _MODULE.fullmatch(fault)
    return int(found[1]) - 1 if found is not None and found[2] in kinds else None


def list_faults(modules: int) -> Mapping[str, str]:
    """Fault id -> one line, for a bench of this many modules."""
    faults = dict(_FIXED)
    for path in SELF_TEST_PATHS:
        faults[f"selftest_{path}_dead"] = f"the test relay of interlock path {path} reaches nothing"
    for number in range(1, modules + 1):
        for name, text in MODULE_FAULTS.items():
            faults[f"module_{number}_{name}"] = f"module {number}: {text}"
    return faults
