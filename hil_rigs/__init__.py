"""The benches: one folder each, holding the rig model, the PLC's limits and the simulated plant."""

DEFAULT = "railgun_bench"
"""The bench that commands mean when none is named."""
