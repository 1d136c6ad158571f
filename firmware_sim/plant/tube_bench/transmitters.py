"""PURE: 4-20 mA transmitters between the utilities and the PLC's window inputs (safety.md 2.3 rows 42, 45, 46)."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from math import isfinite, log

from firmware_sim.plant.tube_bench.parameters import TransmitterParameters

LOW_MA, HIGH_MA = 3.8, 20.5
"""A live transmitter saturates here (NAMUR NE 43)."""

DEAD_MA = 0.0
"""What a broken transmitter or wire draws."""

Reading = Callable[[], float]


class Transmitters:
    """All of them, in the order of the PLC's windows. Raises ValueError for a reading that is none of ``names``."""

    def __init__(
        self, parameters: Sequence[TransmitterParameters], names: Collection[str], read: Callable[[str], float]
    ) -> None:
        self._all = [(p, partial(read, p.reading), partial(read, p.minus) if p.minus else None) for p in parameters]
        for place, p in enumerate(parameters):
            for key, name in (("reading", p.reading), ("minus", p.minus)):
                if name not in names and (name or key == "reading"):
                    raise ValueError(f"transmitters[{place}].{key}: {name!r} is none of {', '.join(names)}")
            if not p.loop and (p.at_20_ma == p.at_4_ma or (p.logarithmic and min(p.at_4_ma, p.at_20_ma) <= 0.0)):
                raise ValueError(f"transmitters[{place}]: no range from {p.at_4_ma} to {p.at_20_ma}")

    def currents_ma(self) -> list[float]:
        """Milliamperes of every loop."""
        return [_current_ma(p, read(), minus() if minus else 0.0) for p, read, minus in self._all]


def _current_ma(p: TransmitterParameters, reading: float, minus: float) -> float:
    if not isfinite(reading) or not isfinite(minus):
        return DEAD_MA
    if p.loop:
        return 1e3 * reading
    value = p.factor * (reading - minus) + p.offset
    if p.logarithmic:
        if value <= 0.0:
            return LOW_MA
        share = log(value / p.at_4_ma) / log(p.at_20_ma / p.at_4_ma)
    else:
        share = (value - p.at_4_ma) / (p.at_20_ma - p.at_4_ma)
    return min(max(4.0 + 16.0 * share, LOW_MA), HIGH_MA)
