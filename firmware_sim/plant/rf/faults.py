"""PURE: what can be broken between tube and load, by id; :mod:`~firmware_sim.plant.rf.chain` carries it out."""

from collections.abc import Mapping

RF_FAULTS: Mapping[str, str] = {
    "load_missing": "the load is missing: the guide ends open, everything comes back",
    "load_detuned": "the load is out of tune",
    "arc_waveguide": "an arc in the waveguide: it reflects nearly everything",
    "arc_window": "an arc at the tube's window that swallows everything",
    "arc_detector_dead": "the optical arc detector sees nothing",
    "vswr_trip_dead": "the reflected-power comparator does not act",
    "over_current_trip_dead": "the tube current comparators do not act",
    "blanking_dead": "a latch does not switch the drive off",
    "coupler_reverse_open": "the cable of the coupler's reverse port is off",
    "coupler_forward_open": "the cable of the coupler's forward port is off",
}
"""Fault id -> one line."""

STRUCTURE = "load_structure"
"""Not a fault: a structure stands in front of the load. It is told to the chain beside the faults of the load."""
