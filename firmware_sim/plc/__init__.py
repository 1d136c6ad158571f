"""PURE rig PLC: classify, step, record, with limits of its own."""
