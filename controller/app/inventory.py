"""What there is to choose from: the faults that a bench's stand-ins know. For the command line and for ``--fault``."""

from collections.abc import Mapping

from controller.app.benches import build_plant
from controller.app.preflight import read_rig
from controller.app.rig_sim import fault_lists
from firmware_sim.faults import catalogue


def fault_catalogue(rig: str) -> Mapping[str, str]:
    """Fault id -> one line, for the stand-ins of a bench. Raises Refused for an unknown rig."""
    model, _ = read_rig(rig)
    return catalogue(fault_lists(model, build_plant(rig, 0).FAULTS))
