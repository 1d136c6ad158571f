"""PURE: what is done to real processes, by hazard row, and what has to follow. ``real.py`` does it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

KILL_TO_DUMP_S = 0.6
"""From the core's death to the PLC's dump command on real processes, beside the measured lateness of the scans."""


class Expectation(Enum):
    """What a deed of this kind has to lead to; ``judge_real.py`` has the checks."""

    RECOVERED = "the PLC dumps by itself, a new core verifies and books the shot: exit 3"
    ABORTED = "the shot is aborted, the bench verified safe: exit 3, or the shot was over already"
    UNTOUCHED = "the shot is completed as if nothing had happened: exit 0 or 1"
    LOST = "nobody can prove anything any more: exit 4"
    POWERED_AGAIN = "the PLC dumps by itself; the next controller finds the shot and books it, and fires nothing"


@dataclass(frozen=True, slots=True)
class RealVariant:
    """One thing done to real processes. ``limit_s`` bounds the PLC's dump command after it (None: it causes none)."""

    row: str
    name: str
    title: str
    expectation: Expectation
    limit_s: float | None = None
    says: tuple[str, ...] = ()
    """Pieces of the reason, one of which a run that was not completed must have, in its last word and its catalogue."""
    trips: tuple[str, ...] = ()
    """First faults of the PLC that are right after the deed; where it is armed it may also end by its own times."""
    panel: bool = False
    """Whether a page is shown: it takes a second to start, and most of this is not its concern."""


_E = Expectation

_DIED = ("the controller died",)
_BEAT = ("HEARTBEAT",)
_FRAMES = ("task frames does not answer",)
_LOST = ("the PLC does not answer any more",)
_LATE = ("within the deadline", "was not answered within")
"""What somebody was asked before everything stood still is over its deadline when it goes on."""
_STOOD = ("stood still", "the PLC's status is", *_LATE)
_RAMP = ("CHARGE_ENVELOPE",)
"""The scans in which the rig stood still are missing from its ramp."""
_EIO, _FULL, _READ_ONLY = "Input/output error", "No space left on device", "Read-only file system"

REAL_VARIANTS: tuple[RealVariant, ...] = (
    RealVariant("22", "core_killed", "SIGKILL to the core", _E.RECOVERED, KILL_TO_DUMP_S, _DIED, _BEAT),
    RealVariant("22", "core_terminated", "SIGTERM to the core", _E.RECOVERED, KILL_TO_DUMP_S, _DIED, _BEAT),
    RealVariant("22", "panel_killed", "SIGKILL to the panel", _E.UNTOUCHED, panel=True),
    RealVariant("22", "panel_terminated", "SIGTERM to the panel", _E.UNTOUCHED, panel=True),
    RealVariant("23", "panel_stopped", "SIGSTOP to the panel, for good", _E.UNTOUCHED, panel=True),
    RealVariant("23", "core_hung", "SIGSTOP to the core, for good", _E.RECOVERED, KILL_TO_DUMP_S, _DIED, _BEAT),
    RealVariant("23", "core_blocked", "the core's loop waits for ever", _E.RECOVERED, KILL_TO_DUMP_S, _DIED, _BEAT),
    RealVariant("23", "core_spinning", "the core's loop computes for ever", _E.RECOVERED, KILL_TO_DUMP_S, _DIED, _BEAT),
    RealVariant("24", "frames_hung", "the core's task that makes frames hangs", _E.ABORTED, 0.8, _FRAMES, _BEAT),
    RealVariant("24", "heartbeat_hung", "the core's heartbeat task hangs", _E.RECOVERED, 0.8, _DIED, _BEAT),
    RealVariant("25", "power_lost", "SIGKILL to all of the controller", _E.POWERED_AGAIN, KILL_TO_DUMP_S, _DIED, _BEAT),
    RealVariant("26", "rig_killed", "SIGKILL to the rig", _E.LOST, None, _LOST),
    RealVariant("26", "rig_terminated", "SIGTERM to the rig", _E.LOST, None, _LOST),
    RealVariant("26", "rig_hung", "SIGSTOP to the rig, for good", _E.LOST, None, _LOST),
    RealVariant("28", "clock_forward", "the core's wall clock jumps an hour forward", _E.UNTOUCHED),
    RealVariant("28", "clock_back", "the core's wall clock jumps an hour back", _E.UNTOUCHED),
    RealVariant("29", "core_stopped", "the core is stopped for 2 s", _E.ABORTED, KILL_TO_DUMP_S, _STOOD + _BEAT, _BEAT),
    RealVariant("29", "rig_stopped", "the rig stands still for 3 s", _E.ABORTED, None, _STOOD, _BEAT + _RAMP),
    RealVariant("30", "fsync_eio", "fsync of the journal fails", _E.ABORTED, None, (_EIO,)),
    RealVariant("30", "write_eio", "writing to the journal fails", _E.ABORTED, None, (_EIO,)),
    RealVariant("30", "write_enospc", "the journal's disk is full", _E.ABORTED, None, (_FULL,)),
    RealVariant("30", "write_erofs", "the journal's disk is read-only", _E.ABORTED, None, (_READ_ONLY,)),
    RealVariant("31", "broker_killed", "SIGKILL to the MQTT broker", _E.UNTOUCHED, panel=True),
    RealVariant("31", "broker_stopped", "SIGSTOP to the MQTT broker", _E.UNTOUCHED, panel=True),
    RealVariant("31", "broker_flooded", "somebody floods the MQTT broker", _E.UNTOUCHED, panel=True),
)  # fmt: skip
"""Every deed, by row and name: what cells of the real venue are made of."""

REAL_ONLY: Mapping[str, str] = {
    "31": (
        "the panel alone speaks to the broker, in a process of its own, and takes what the core tells without being "
        "waited for; no profile is known to it, and it says the same of every kind of step"
    )
}
"""Rows that nothing on virtual time stands for -> why one profile and one phase are enough."""

BY_NAME: Mapping[tuple[str, str], RealVariant] = {(entry.row, entry.name): entry for entry in REAL_VARIANTS}
"""(row, name) -> the deed."""
