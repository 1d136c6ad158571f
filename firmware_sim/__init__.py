"""Stand-ins for the benches: plant physics, rig PLC and instruments that speak the real wire protocols."""
