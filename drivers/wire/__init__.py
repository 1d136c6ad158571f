"""PURE wire formats, written once and used by drivers and stand-ins alike."""
