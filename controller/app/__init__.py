"""Composition: the only part of the controller that sees drivers, stand-ins and benches."""
