"""PURE rig model: instruments, channels with calibration chains, limits and interlocks."""
