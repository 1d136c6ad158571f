"""PURE: how long a bank takes to become safe by its bleeders alone. A bound to wait by, never a proof of anything."""

import math
from collections.abc import Sequence
from typing import NamedTuple


class Bleeding(NamedTuple):
    """Rig data. ``tau_s``: a module's bleeder times its capacitance at the upper end of its tolerance.

    ``top_v``: what the bank cannot be above, the threshold of the hardware comparator; ``safe_v``: V_safe.
    """

    tau_s: float
    top_v: float
    safe_v: float


def time_to_safe_s(bleeding: Bleeding, voltages_v: Sequence[float]) -> tuple[float, float]:
    """(seconds until the slowest module is at V_safe, the voltage this starts from) by the bleeders alone.

    ``voltages_v`` are the last readings of probes and modules. The highest counts for every module. Where one is no
    number, or all of them are below V_safe although nobody could prove it, the bank is taken to be as high as it can.
    """
    known = bool(voltages_v) and all(math.isfinite(v) for v in voltages_v)
    highest_v = max(voltages_v) if known else math.inf
    start_v = highest_v if bleeding.safe_v < highest_v < bleeding.top_v else bleeding.top_v
    return bleeding.tau_s * math.log(start_v / bleeding.safe_v), start_v


def wait_text(bleeding: Bleeding, voltages_v: Sequence[float]) -> str:
    """The same for a person."""
    seconds, start_v = time_to_safe_s(bleeding, voltages_v)
    minutes, rest = divmod(math.ceil(seconds), 60)
    return (
        f"from {start_v:.0f} V the bleeders alone need {minutes} min {rest:02d} s to {bleeding.safe_v:.0f} V, "
        "if they are whole: that proves nothing, ground it by hand"
    )
