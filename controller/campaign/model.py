"""PURE: what a campaign is made of: cells (one fault at one moment of one profile) and their results."""

import shlex
from dataclasses import dataclass
from enum import Enum

from controller.app.faultspec import Phase


class Venue(Enum):
    """Where a cell is run: in one process on virtual time, or with real processes, sockets and ptys."""

    VIRTUAL = "virtual"
    REAL = "real"


@dataclass(frozen=True, slots=True)
class Cell:
    """One hazard (``row`` of the hazard table, in one ``variant``) injected at one moment of one profile."""

    rig: str
    profile: str
    row: str
    variant: str
    step: str
    phase: Phase
    seed: int
    venue: Venue = Venue.VIRTUAL

    @property
    def id(self) -> str:
        """``01.contactor_welded/full/charge:during``: what ``sparkgap campaign --only`` takes.

        With real processes ``@real`` is behind it: some variants are run in both ways.
        """
        where = "" if self.venue is Venue.VIRTUAL else f"@{self.venue.value}"
        return f"{self.row}.{self.variant}/{self.profile}/{self.step}:{self.phase.value}{where}"

    @property
    def replay(self) -> str:
        """The shell command that runs this cell alone. A profile given by its path has to be named again."""
        profile = ("--profile", self.profile) if is_path(self.profile) else ()
        words = ("sparkgap", "campaign", self.rig, *profile, "--only", self.id, "--seed", str(self.seed))
        return shlex.join(words)


def is_path(profile: str) -> bool:
    """Whether a profile is called by the path of its file, not by the name of a shipped one (``app/locate.py``)."""
    return "/" in profile or profile.endswith((".yaml", ".yml"))


class Status(Enum):
    """What became of a cell."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "n/a"


@dataclass(frozen=True, slots=True)
class CellResult:
    """The judgement of one cell.

    ``why`` is one sentence: for FAILED what was expected and what came, for NOT_APPLICABLE the row's reason.
    ``safe_after_s`` is from the fault becoming active to the end of the reaction, ``command_after_s`` to the safe
    command, ``limit_s`` what the row allows for that (None: the row bounds something else). ``bench`` is where the
    bench ended: SAFE, TRIP, LOCKOUT, ...
    """

    cell: Cell
    status: Status
    why: str
    exit: int
    ended: str
    reason: str
    trips: tuple[str, ...]
    bench: str
    safe_after_s: float | None
    limit_s: float | None
    wall_s: float
    command_after_s: float | None = None
