"""The routes of the panel, one file per subject."""
