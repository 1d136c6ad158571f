"""PURE controller-side safety: classify raw readings, step the watch, decide to hold or dump."""
