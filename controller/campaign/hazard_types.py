"""PURE: what the hazard table is made of: limits, excuses, injections, variants, rows."""

from dataclasses import dataclass, replace

from controller.app.faultspec import Phase
from controller.campaign.model import Venue
from controller.campaign.profiles import Moment, Stage

_MARKED = 1
"""Exit code of a shot that was completed and missed a limit, or has no value for one."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The row's time from the fault's first effect to the safe command: the PLC's own declared wait, scans, seconds.

    ``wait`` names a debounce or travel time of the PLC's settings (empty: none), ``scans`` are 10 ms each. ``event``
    stands where the row bounds no time: ``before fire`` means that no pulse may follow.
    """

    scans: int = 0
    seconds: float = 0.0
    wait: str = ""
    event: str = ""

    @property
    def text(self) -> str:
        """For tables: ``contactor_travel + 2 scans``."""
        if self.event:
            return self.event
        parts = [self.wait] if self.wait else []
        parts += [f"{self.scans} scan{'s' if self.scans != 1 else ''}"] if self.scans else []
        parts += [f"{self.seconds * 1e3:g} ms"] if self.seconds else []
        return " + ".join(parts)


@dataclass(frozen=True, slots=True)
class Excuse:
    """Where the outcome may be that of the control: ``stages`` (none: everywhere) and step kinds, with the reason."""

    sentence: str
    stages: frozenset[Stage] = frozenset()
    profiles: frozenset[str] = frozenset()
    """Kinds of shot, or names of profiles; none: every one."""
    phases: frozenset[Phase] = frozenset()
    """Before, during or after the step; none: all of them."""
    steps: frozenset[str] = frozenset()
    """Kinds of step; none: every kind."""
    acted: bool = False
    """The sentence tells what the fault did in vain: a fault that never acted is not covered."""
    noted: str = ""
    """What a warning in the record must say wherever the fault acted."""
    marks: bool = False
    """The run may also end with a measurement out of its limits or without a value: the record then says so."""

    def covers(self, moment: Moment) -> bool:
        """True when this excuse is meant for ``moment``."""
        return (
            (not self.stages or moment.stage in self.stages)
            and (not self.profiles or not self.profiles.isdisjoint((moment.kind, moment.profile)))
            and (not self.phases or moment.phase in self.phases)
            and (not self.steps or moment.step_kind in self.steps)
        )


@dataclass(frozen=True, slots=True)
class Injection:
    """What is done at the moment: ids of ``sparkgap faults`` to switch on, or a disturbance of ``app/disturb.py``.

    ``then`` are ids to switch on ``after_s`` seconds later.
    """

    faults: tuple[str, ...] = ()
    disturbance: str = ""
    then: tuple[str, ...] = ()
    after_s: float = 0.0

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that the plant's log has to know of."""
        return (*self.faults, *filter(None, (self.disturbance,)), *self.then)


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
    answers: tuple[str, ...] = ()
    """What attempts of somebody else may be answered with, at most: refusals of the PLC, or ``refused``."""
    marks: bool = False
    """A measurement out of its limits is a right end of the shot: what it says is in the record."""
    grows: bool = False
    """The fault grows: the limit counts from where the plant says that it acts fully; earlier is right too."""
    instead: tuple[frozenset[Stage], Limit] = (frozenset(), Limit())
    """Stages with another limit, and that limit."""
    inhibits: tuple[str, ...] = ()
    """Causes of the PLC's pulse inhibit that are a right reaction by themselves: pulses stop, the run may go on."""
    armed: bool = False
    """The fault is looked at while the bench is armed only: where it shows before, the limit counts from there on."""
    runs: bool | None = None
    """For benches that run, or for those that fire once; None: for both."""
    venue: Venue = Venue.VIRTUAL

    def at(self, moment: Moment) -> "Variant":
        """The variant with the limit and the ends that hold at ``moment``."""
        stages, limit = self.instead
        rule = self.rule(moment)
        marks = self.marks or (rule is not None and rule.marks)
        exits = (*self.exits, _MARKED) if marks else self.exits
        return replace(self, limit=limit if moment.stage in stages else self.limit, marks=marks, exits=exits)

    def excuse(self, moment: Moment) -> str:
        """Why nothing may happen at ``moment``, empty when something must."""
        rule = self.rule(moment)
        return "" if rule is None else rule.sentence

    def rule(self, moment: Moment) -> Excuse | None:
        """The first rule that covers ``moment``."""
        return next((excuse for excuse in self.excuses if excuse.covers(moment)), None)


@dataclass(frozen=True, slots=True)
class Hazard:
    """One row of safety.md 2.3. ``due_later`` names the issue that what is missing waits for.

    ``note`` says what a limit is made of where safety.md's number counts from another moment, or what is not judged.
    """

    row: str
    title: str
    detector: str
    reaction: str
    variants: tuple[Variant, ...]
    due_later: str = ""
    note: str = ""
    absent: tuple[str, ...] = ()
    """Variants that this bench has no part for, or that another kind of bench has."""
