"""What there is to choose from: faults, instruments; and who answers at an address. For the command line."""

from collections.abc import Mapping


def fault_catalogue(rig: str) -> Mapping[str, str]:
    """Fault id -> one line, for the stand-ins of a bench."""
    from firmware_sim.faults import catalogue

    return catalogue(rig)
