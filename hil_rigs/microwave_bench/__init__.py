"""The microwave bench: modulator, klystron, water load, conditioning."""
