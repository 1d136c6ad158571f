"""PURE: RF from a tube to its load: envelopes, line, arcs, coupler, detectors, interlocks that act inside the pulse."""
