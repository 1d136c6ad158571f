"""PURE physics of the benches: electrical, mechanical, thermal, and the sensors that look at them."""
