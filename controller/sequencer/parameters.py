"""PURE: a profile's parameters with their ranges, and what ``--set name=value`` and ``campaign:`` make of them.

Problems of an override are reported at ``--set``, problems of the profile at its file and line.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from controller.rig.fields import Quantity, closest
from controller.rig.source import Path, Problem, Refused
from controller.rig.units import KINDS, UnitError, parse, spell
from controller.sequencer.profile import ParameterFile, ProfileDocument

OVERRIDE_FILE = "--set"
"""What stands in the place of a file name when an override is wrong."""


@dataclass(slots=True)
class Resolver:
    """Turns quantities of one profile into floats and collects what does not fit on the way."""

    profile: ProfileDocument
    values: Mapping[str, Quantity]
    problems: list[Problem] = field(default_factory=list)

    def si(self, quantity: Quantity, path: Path) -> float:
        """The SI value of a field; an unknown or ill-fitting ``$name`` becomes a problem and reads as zero."""
        if not quantity.reference:
            return quantity.value
        known = self.values.get(quantity.reference)
        if known is None:
            self.add(path, f"there is no parameter '{quantity.reference}'", closest(quantity.reference, self.values))
            return 0.0
        if known.unit != quantity.unit:
            kind, _ = KINDS[quantity.unit]
            remedy = f"declare {quantity.reference} as {kind}"
            self.add(path, f"${quantity.reference} is {KINDS[known.unit][0]}, not {kind}", remedy)
            return 0.0
        if known.value < 0.0:
            self.add(path, f"${quantity.reference} is negative", "give the parameter a range of zero or more")
            return 0.0
        return known.value

    def count(self, quantity: Quantity, path: Path) -> int:
        """A whole number of one or more; anything else becomes a problem and reads as one."""
        number = self.si(quantity, path)
        if number >= 1.0 and number.is_integer():
            return int(number)
        self.add(path, f"{number:g} is no number of things", "write a whole number of one or more")
        return 1

    def add(self, path: Path, problem: str, remedy: str = "") -> None:
        """Note a problem at ``path`` of the profile."""
        self.problems.append(self.profile.document.problem(path, problem, remedy))


def resolve_parameters(profile: ProfileDocument, overrides: Mapping[str, str]) -> Resolver:
    """The values of all parameters, overrides applied.

    Raises :class:`Refused` for an unknown override, another dimension, or a value outside the declared range.
    """
    problems = [*_declaration_problems(profile), *_campaign_problems(profile)]
    values = {name: declared.default for name, declared in profile.file.parameters.items()}
    for name, text in overrides.items():
        if name not in values:
            problem = "the profile has no such parameter"
            problems.append(Problem(OVERRIDE_FILE, 0, name, problem, closest(name, values)))
            continue
        value = _override(profile, name, text)
        if isinstance(value, Problem):
            problems.append(value)
        else:
            values[name] = value
    if problems:
        raise Refused(problems)
    return Resolver(profile, values)


def campaign_overrides(profile: ProfileDocument) -> dict[str, str]:
    """The profile's short set as ``--set`` takes it; empty where it has none and a campaign runs the defaults.

    What stands in it has the right names and ranges once the profile was compiled.
    """
    written = profile.document.data.get("campaign", {})
    return {name: str(written[name]) for name in profile.file.campaign}


def _campaign_problems(profile: ProfileDocument) -> Iterator[Problem]:
    """What would be wrong with ``campaign:`` if it were given with ``--set``, at its own line."""
    declared = profile.file.parameters
    for name, text in campaign_overrides(profile).items():
        complaint: tuple[str, str] | None = ("the profile has no such parameter", closest(name, declared))
        if name in declared:
            _, complaint = _read(declared[name], text)
        if complaint is not None:
            yield profile.document.problem(("campaign", name), *complaint)


def _declaration_problems(profile: ProfileDocument) -> list[Problem]:
    problems = []
    for name, declared in profile.file.parameters.items():
        path: Path = ("parameters", name)
        units = {declared.default.unit, declared.min.unit, declared.max.unit}
        if len(units) > 1:
            problem = f"default, min and max are in {declared.default.unit}, {declared.min.unit}, {declared.max.unit}"
            problems.append(profile.document.problem(path, problem, "write all three as the same kind of quantity"))
        elif not declared.min.value <= declared.default.value <= declared.max.value:
            complaint = _outside(declared.default.value, declared.min, declared.max)
            problems.append(profile.document.problem((*path, "default"), *complaint))
    return problems


def _override(profile: ProfileDocument, name: str, text: str) -> Quantity | Problem:
    value, complaint = _read(profile.file.parameters[name], text)
    return value if complaint is None else Problem(OVERRIDE_FILE, 0, name, *complaint)


def _read(declared: ParameterFile, text: str) -> tuple[Quantity, tuple[str, str] | None]:
    """The value of a parameter; problem and remedy where it is none or outside the range."""
    unit = declared.default.unit
    try:
        value = parse(text, unit, negative=True)
    except UnitError as error:
        return declared.default, (error.problem, error.remedy)
    if not declared.min.value <= value <= declared.max.value:
        return declared.default, _outside(value, declared.min, declared.max)
    return Quantity(unit, value), None


def _outside(value: float, low: Quantity, high: Quantity) -> tuple[str, str]:
    shown = spell(value, low.unit)
    span = f"{spell(low.value, low.unit)} to {spell(high.value, high.unit)}"
    return f"{shown} is outside the range of the parameter", f"write {span}"
