"""PURE: what the controller knows of the bench, as plain values. Nothing here knows a wire or an instrument."""

from dataclasses import dataclass
from enum import Enum


class BenchState(Enum):
    """The rig PLC's state as the controller sees it; UNKNOWN is the worst case and treated as energised (rule C10)."""

    UNKNOWN = "UNKNOWN"
    SAFE = "SAFE"
    TEST = "TEST"
    OPENING = "OPENING"
    CHARGE = "CHARGE"
    FLOAT = "FLOAT"
    ISOLATE = "ISOLATE"
    FIREWIN = "FIREWIN"
    SHOT = "SHOT"
    RUN = "RUN"
    DUMPING = "DUMPING"
    TRIP = "TRIP"
    LOCKOUT = "LOCKOUT"


ARMED = frozenset(
    {
        BenchState.OPENING,
        BenchState.CHARGE,
        BenchState.FLOAT,
        BenchState.ISOLATE,
        BenchState.FIREWIN,
        BenchState.SHOT,
        BenchState.RUN,
    }
)
"""States in which the dumps may be open."""

DE_ENERGISED = frozenset({BenchState.SAFE, BenchState.TEST, BenchState.TRIP})
"""States in which a proof of safe can hold (bench.md 3: the PLC may still be in TRIP)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything the watch looks at, once per PLC status. Voltages in volts, ages in seconds.

    ``witness_v`` is probe B read a second time by the data acquisition unit, None while it is not measured.
    ``charge_v`` is how high the bank must be by the charge that went into it, within ``charge_doubt_v``; None until the
    charger was read in FLOAT. ``state_age_s`` is the PLC's time in ``state``.
    ``age_s`` is the age of the PLC's newest scan; ``loop_gap_s`` how late this reading is against its schedule.
    """

    state: BenchState
    age_s: float
    loop_gap_s: float
    boot_id: int
    probe_a_v: float
    probe_b_v: float
    witness_v: float | None
    module_v: tuple[float, ...]
    target_v: float
    proven_safe: bool
    journal_alive: bool
    lost_instrument: str
    trips: tuple[str, ...]
    state_age_s: float = 0.0
    charge_v: float | None = None
    charge_doubt_v: float = 0.0
