"""PURE physics of radio-frequency breakdown: when a pulse breaks down, how it shows, how a surface conditions."""
