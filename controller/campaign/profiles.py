"""PURE: where in a profile a fault goes in: its steps, and how much energy the bench holds at each moment."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from controller.app.faultspec import Phase


class Stage(Enum):
    """How far a shot has come at a moment, as the rules of the hazard table need it."""

    COLD = "before the permit"
    PERMIT = "while the dumps open"
    CHARGE = "while the bank charges"
    CHARGED = "charged, on the charger"
    ISOLATE = "charged, leaving the charger"
    FIRE = "at fire"
    RUN = "while pulses run"
    RUN_DOWN = "when the pulses are over"
    DUMP = "while a dump path is proven"
    VERIFY = "dumping"
    EMPTY = "after the proof of safe"
    OVER = "after the last step"
    DEAD = "in a plan that raises no energy"


_STAGES: Mapping[str, Stage] = {
    "permit": Stage.PERMIT,
    "charge": Stage.CHARGE,
    "float": Stage.CHARGED,
    "countdown": Stage.CHARGED,
    "isolate": Stage.ISOLATE,
    "fire": Stage.FIRE,
    "run": Stage.RUN,
    "sweep": Stage.RUN,
    "trip_check": Stage.RUN,
    "condition": Stage.RUN,
    "run_down": Stage.RUN_DOWN,
    "dump": Stage.DUMP,
    "verify": Stage.VERIFY,
    "transfer": Stage.EMPTY,
}
"""Step kind -> stage; every other kind comes before the permit."""


@dataclass(frozen=True, slots=True)
class ProfileSteps:
    """One shipped profile as a campaign sees it: ``steps`` are (id, kind) in order, ``kind`` is the kind of shot.

    ``overrides`` are the short parameter set that the campaign runs it with.
    """

    name: str
    kind: str
    steps: tuple[tuple[str, str], ...]
    overrides: Mapping[str, str] = field(default_factory=dict)

    @property
    def energises(self) -> bool:
        """True when the plan charges the bank."""
        return any(kind == "permit" for _, kind in self.steps)

    def moments(self) -> Iterator["Moment"]:
        """Every step, before, during and after it."""
        for index, (step, kind) in enumerate(self.steps):
            for phase in Phase:
                yield Moment(self.name, self.kind, step, kind, phase, self._stage(index, phase))

    def moment(self, step: str, phase: Phase) -> "Moment":
        """The moment of one step id. Raises KeyError for an unknown step."""
        for moment in self.moments():
            if moment.step == step and moment.phase is phase:
                return moment
        raise KeyError(step)

    def _stage(self, index: int, phase: Phase) -> Stage:
        """After a step is the beginning of the next one."""
        at = index + 1 if phase is Phase.AFTER else index
        if at >= len(self.steps):
            return Stage.OVER
        kind = self.steps[at][1]
        return _STAGES.get(kind, Stage.COLD) if self.energises or kind == "transfer" else Stage.DEAD


@dataclass(frozen=True, slots=True)
class Moment:
    """One place for a fault: a phase of a step of a profile."""

    profile: str
    kind: str
    step: str
    step_kind: str
    phase: Phase
    stage: Stage
