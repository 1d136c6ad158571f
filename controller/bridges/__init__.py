"""Outward only: what the panel hears, told to an MQTT broker and to Prometheus. They subscribe to nothing."""
