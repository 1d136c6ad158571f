"""``--fault ID[@STEP[:before|during|after]]``: when to inject what, decided from the steps that the core reports."""

from collections.abc import Mapping
from dataclasses import dataclass

from controller.rig.source import Problem, Refused

DURING_S = 0.15
"""``during`` means this long after the step began: longer than one command's round trip, shorter than any wait."""

PHASES = ("before", "during", "after")


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """One fault and its moment. Without a step it is there from the start."""

    fault: str
    step: str = ""
    phase: str = "during"

    @property
    def at_start(self) -> bool:
        """True when the fault is present before the core connects."""
        return not self.step


def parse_fault(text: str, known: Mapping[str, str], steps: tuple[str, ...]) -> FaultSpec:
    """Read one ``--fault``. Raises Refused for an unknown id, step or phase, naming what would be right."""
    fault, _, moment = text.partition("@")
    step, _, phase = moment.partition(":")
    if fault not in known:
        close = [name for name in known if name.split(".")[-1] == fault.split(".")[-1]][:3]
        remedy = f"did you mean {', '.join(close)}?" if close else "`sparkgap faults` lists the ids"
        raise Refused([Problem("--fault", 0, text, f"there is no fault {fault!r}", remedy)])
    if step and step not in steps:
        raise Refused([Problem("--fault", 0, text, f"the profile has no step {step!r}", f"steps: {', '.join(steps)}")])
    if phase and phase not in PHASES:
        raise Refused([Problem("--fault", 0, text, f"{phase!r} is no moment of a step", "before, during or after")])
    return FaultSpec(fault, step, phase or "during")


def due(specs: tuple[FaultSpec, ...], step: str, phase: str) -> tuple[tuple[FaultSpec, float], ...]:
    """Faults to inject when ``step`` reports ``phase`` (enter or done), each with a delay in seconds."""
    moments = {"enter": {"before": 0.0, "during": DURING_S}, "done": {"after": 0.0}}[phase]
    return tuple((spec, moments[spec.phase]) for spec in specs if spec.step == step and spec.phase in moments)
