"""Instrument drivers: pure wire formats, transports, and ports implemented over both."""
