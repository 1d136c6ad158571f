"""PURE: a bench that pulses a tube: line-type modulator, RF chain, breakdowns and utilities behind one facade."""
