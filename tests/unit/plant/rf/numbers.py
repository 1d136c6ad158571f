"""An RF chain in numbers, for the tests: S band, 10 m of WR-284, 4 MW for 5.26 us. [T] typical, [C] chosen."""

import numpy as np

from firmware_sim.plant.rf.chain import RfParameters, TubeOutput
from firmware_sim.plant.rf.coupler import CouplerParameters, guide_delay
from firmware_sim.plant.rf.detectors import LogDetector, Pickup, SquareLawDetector
from firmware_sim.plant.rf.interlocks import Comparator, InterlockParameters
from firmware_sim.plant.rf.line import Arc, LineParameters, LoadParameters

FREQUENCY_HZ = 2.856e9
STEP_S = 2e-9
LINE = LineParameters(delay_s=guide_delay(10.0, FREQUENCY_HZ, 72.136e-3), loss_db=0.2)
LOAD = LoadParameters(-30.0)  # B5
LOG = LogDetector(40.0, 0.02, -70.0, -60.0, 10.0, 20e6)  # [T] 20 mV/dB
DIODE = SquareLawDetector(40.0, 500.0, 0.2, 2.0, 30e6)  # [T] 0.5 mV/uW

INTERLOCKS = InterlockParameters(
    arc_light=Comparator(50e3, 0.1e-6, 1.5e-6),
    arc_current=Comparator(140.0, 0.05e-6, 1.0e-6),
    vswr=Comparator(0.2, 0.2e-6, 1.4e-6),  # 1.5:1
    over_current=Comparator(110.0, 0.5e-6, 1.2e-6),
    light_tau_s=0.1e-6,
    video_tau_s=8e-9,
    forward_floor_w=100e3,
    switch_s=0.4e-6,
)

RF = RfParameters(
    step_s=STEP_S,
    tail_s=1e-6,
    cavities=(),
    line=LINE,
    load=LOAD,
    load_detuned=LoadParameters(-8.0),
    load_missing=LoadParameters(0.0),
    load_structure=LoadParameters(-20.0, loss_db=4.0),  # B5
    coupler=CouplerParameters(50.0, 35.0),  # B5: 50 dB
    load_coupling_db=50.0,
    forward_detector=Pickup(square_law=DIODE),
    reverse_detector=Pickup(log=LOG),
    load_detector=Pickup(square_law=DIODE),
    interlocks=INTERLOCKS,
    blank_tau_s=50e-9,
    window_arc=Arc(0.0, 0.0, 0.0, 0.0, 15e-9),
    waveguide_arc=Arc(0.0, 0.6),
)


def pulse(power_w: float = 4e6, width_s: float = 5.26e-6, edge_s: float = 0.17e-6, amperes: float = 91.0) -> TubeOutput:
    """A trapezoid whose full width at half its power is ``width_s``, on uneven times as a solver makes them."""
    time_s = np.concatenate([np.linspace(-0.3e-6, 0.5e-6, 160), np.linspace(0.505e-6, width_s + 1e-6, 700)])
    half = 0.5 * edge_s
    power = power_w * np.interp(time_s, [-half, half, width_s - half, width_s + half], [0.0, 1.0, 1.0, 0.0])
    return TubeOutput(time_s, power, 0.3 * np.ones_like(time_s), amperes * power / power_w)
