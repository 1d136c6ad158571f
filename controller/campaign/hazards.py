"""PURE: the hazard table: every railgun row of safety.md 2.3, how it is injected, and which reaction is right."""

from collections.abc import Mapping
from dataclasses import dataclass

from controller.campaign.model import Venue
from controller.campaign.profiles import Moment, Stage


@dataclass(frozen=True, slots=True)
class Limit:
    """The row's time from the fault's first effect to the safe command: the PLC's own declared wait, scans, seconds.

    ``wait`` names a debounce or travel time of the PLC's settings (empty: none), ``scans`` are 10 ms each.
    """

    scans: int = 0
    seconds: float = 0.0
    wait: str = ""

    @property
    def text(self) -> str:
        """For tables: ``contactor_travel + 2 scans``."""
        parts = [self.wait] if self.wait else []
        parts += [f"{self.scans} scan{'s' if self.scans != 1 else ''}"] if self.scans else []
        parts += [f"{self.seconds * 1e3:g} ms"] if self.seconds else []
        return " + ".join(parts) or "before any energy"


@dataclass(frozen=True, slots=True)
class Excuse:
    """Where the outcome may be that of the control: ``stages`` (none: everywhere) and step kinds, with the reason."""

    sentence: str
    stages: frozenset[Stage] = frozenset()
    profiles: frozenset[str] = frozenset()
    """Kinds of shot; none: every kind."""

    def covers(self, moment: Moment) -> bool:
        """True when this excuse is meant for ``moment``."""
        return (not self.stages or moment.stage in self.stages) and (not self.profiles or moment.kind in self.profiles)


@dataclass(frozen=True, slots=True)
class Injection:
    """What is done at the moment: ids of ``sparkgap faults`` to switch on, or a disturbance of ``app/disturb.py``."""

    faults: tuple[str, ...] = ()
    disturbance: str = ""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way in which a hazard shows.

    ``trips`` are first-fault names of the PLC that are right, ``says`` pieces of the controller's reason (or of a
    refusal) that are right, ``exits`` the exit codes beside the control's own. ``excuses`` say where nothing happens.
    """

    name: str
    injection: Injection
    limit: Limit
    trips: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    exits: tuple[int, ...] = (3,)
    excuses: tuple[Excuse, ...] = ()
    venue: Venue = Venue.VIRTUAL

    def excuse(self, moment: Moment) -> str:
        """Why nothing may happen at ``moment``, empty when something must."""
        return next((excuse.sentence for excuse in self.excuses if excuse.covers(moment)), "")


@dataclass(frozen=True, slots=True)
class Hazard:
    """One row of safety.md 2.3. ``due_later`` names the issue that what is missing waits for."""

    row: str
    title: str
    detector: str
    reaction: str
    variants: tuple[Variant, ...]
    due_later: str = ""


TABLE: tuple[Hazard, ...] = (
    Hazard(
        "36",
        "Emergency stop, and a broken wire of its chain",
        "hard-wired chain, PLC",
        "contactor and charger drop without the PLC, TRIP",
        (
            Variant(
                "estop",
                Injection(("plant.estop",)),
                Limit(scans=2),
                trips=("ESTOP",),
                excuses=(Excuse("the run is over", frozenset({Stage.OVER})),),
            ),
        ),
    ),
)
"""Every row of the railgun bench, by number."""

ROWS: Mapping[str, Hazard] = {hazard.row: hazard for hazard in TABLE}


def find_variant(row: str, name: str) -> Variant:
    """The variant of a cell. Raises KeyError for an unknown row or name."""
    for variant in ROWS[row].variants:
        if variant.name == name:
            return variant
    raise KeyError(f"{row}.{name}")
