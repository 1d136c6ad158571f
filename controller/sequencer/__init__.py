"""PURE sequencing: profile schema, compilation to a plan, the engine and verdicts."""
