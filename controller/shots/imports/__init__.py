"""Traces of other makers' files as captures: bytes in, traces out, every length checked before it is believed."""
