"""The electromagnetic-launcher bench: a capacitor bank, its pulse formers and a rail load."""
