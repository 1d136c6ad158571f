"""Sparkgap's controller: rig model, safety, sequencing, acquisition, records and the command line."""
