"""The benches: one folder each, holding the rig model, the PLC's limits and the simulated plant."""
