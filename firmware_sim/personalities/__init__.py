"""PURE instruments: front panel, memory and status model; they read the plant through named probes."""
