"""PURE sessions: bytes in, bytes out, for one connection to one instrument."""
