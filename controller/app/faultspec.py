"""``--fault ID[@STEP[:before|during|after]]``: the grammar, the check against what exists, and the moment to inject."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from controller.rig.source import Problem, Refused

DURING_S = 0.15
"""``during`` means this long after the step began: longer than one command's round trip, shorter than any wait."""


def during_s(length_s: float) -> float:
    """The moment ``during`` in a step that takes ``length_s`` undisturbed: its middle, :data:`DURING_S` at most."""
    return min(DURING_S, 0.5 * length_s)


class Phase(Enum):
    """When, relative to a step, a fault goes in: as the step is entered, in the middle of it, or as it is left."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


_MOMENTS = {
    "enter": {Phase.BEFORE: 0.0, Phase.DURING: DURING_S},
    "done": {Phase.AFTER: 0.0},
}
"""What the core reports of a step -> the phases that are due then, with a delay in seconds."""


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """One fault to inject. An empty ``step`` means: from the start, before the controller connects."""

    fault: str
    step: str = ""
    phase: Phase = Phase.DURING

    @property
    def at_start(self) -> bool:
        """True when the fault is present before the core connects."""
        return not self.step


def parse_fault(text: str) -> FaultSpec:
    """Read one ``--fault`` value. Raises ValueError with what would be right."""
    fault, at, place = text.partition("@")
    step, colon, phase = place.partition(":")
    if not fault or (at and not step) or (colon and not phase):
        raise ValueError(f"{text!r} is not a fault; write ID, ID@STEP or ID@STEP:before|during|after")
    try:
        return FaultSpec(fault, step, Phase(phase) if phase else Phase.DURING)
    except ValueError:
        raise ValueError(f"{phase!r} is no moment of a step; use before, during or after") from None


def check_faults(texts: tuple[str, ...], known: Mapping[str, str], steps: tuple[str, ...]) -> tuple[FaultSpec, ...]:
    """Read every ``--fault``. Raises Refused for bad grammar, an unknown id or step, naming what would be right."""
    problems: list[Problem] = []
    specs: list[FaultSpec] = []
    for text in texts:
        try:
            spec = parse_fault(text)
        except ValueError as error:
            problem, _, remedy = str(error).partition("; ")
            problems.append(Problem("--fault", 0, text, problem, remedy))
            continue
        specs.append(spec)
        problems += _unknown(text, spec, known, steps)
    if problems:
        raise Refused(problems)
    return tuple(specs)


def _unknown(text: str, spec: FaultSpec, known: Mapping[str, str], steps: tuple[str, ...]) -> list[Problem]:
    if spec.fault not in known:
        alike = [name for name in known if name.split(".")[-1] == spec.fault.split(".")[-1]]
        close = alike[:3] or difflib.get_close_matches(spec.fault, known, 1)
        remedy = f"did you mean {', '.join(close)}?" if close else "`sparkgap faults` lists the ids"
        return [Problem("--fault", 0, text, f"there is no fault {spec.fault!r}", remedy)]
    if spec.step and spec.step not in steps:
        return [Problem("--fault", 0, text, f"the profile has no step {spec.step!r}", f"steps: {', '.join(steps)}")]
    return []


def due(specs: tuple[FaultSpec, ...], step: str, phase: str) -> tuple[tuple[FaultSpec, float], ...]:
    """Faults to inject when ``step`` reports ``phase`` (enter or done), each with a delay in seconds."""
    moments = _MOMENTS[phase]
    return tuple((spec, moments[spec.phase]) for spec in specs if spec.step == step and spec.phase in moments)
