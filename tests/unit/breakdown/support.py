"""Parameter sets and lists of breakdowns for the tests of the process."""

import numpy as np
import numpy.typing as npt

from firmware_sim.plant.breakdown.parameters import (
    BreakdownParameters,
    ClusterParameters,
    LawParameters,
    SurfaceParameters,
)
from firmware_sim.plant.breakdown.points import RandomPoints
from firmware_sim.plant.breakdown.process import Drive, advance, fresh

FIELD_V_PER_M, PULSE_S = 100e6, 200e-9
AT = Drive(FIELD_V_PER_M, PULSE_S)
FOREVER = 2**44
STEADY = SurfaceParameters(update_pulses=FOREVER)
"""A finished surface: nothing to update."""


def steady(rate: float, branching: float = 0.5, decay_pulses: float = 8000.0) -> BreakdownParameters:
    """A finished surface that breaks down ``rate`` times per pulse at ``AT``."""
    law = LawParameters(rate, FIELD_V_PER_M, PULSE_S)
    return BreakdownParameters(law, ClusterParameters(branching, decay_pulses), STEADY)


def breakdowns(seed: int, parameters: BreakdownParameters, count: int, drive: Drive = AT) -> npt.NDArray[np.int64]:
    """The pulses of the first ``count`` breakdowns."""
    points, state = RandomPoints(seed), fresh(parameters)
    found: list[int] = []
    while len(found) < count:
        state, pulse = advance(points, parameters, state, drive, FOREVER)
        assert pulse is not None
        found.append(pulse)
    return np.array(found)
