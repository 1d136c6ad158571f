"""PURE: a line-type modulator and its tube: line, charging, thyratron, transformer, klystron or magnetron."""
