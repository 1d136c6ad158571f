"""The ports of :mod:`drivers.ports`, implemented over a dialect and a link."""
