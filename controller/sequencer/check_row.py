"""PURE: one comparison of ``sparkgap check``: a value against a limit, and what would be right."""

from dataclasses import dataclass

from controller.rig.source import Path
from controller.rig.units import spell


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One comparison in ``unit``. ``field`` is the profile's field to blame; ``remedy`` says what would be right.

    ``ok`` means ``value <= limit``, or ``value >= limit`` when ``at_least``. ``predicted`` marks what the twin said;
    a row that ``warns`` refuses nothing.
    """

    item: str
    value: float
    limit: float
    unit: str
    field: Path = ()
    remedy: str = ""
    at_least: bool = False
    predicted: bool = False
    warns: bool = False

    @property
    def ok(self) -> bool:
        """True when the value respects the limit; a value that is not finite never does."""
        slack = 1e-9 * abs(self.limit)
        if self.at_least:
            return self.value >= self.limit - slack
        return self.value <= self.limit + slack

    @property
    def margin(self) -> float:
        """Distance to the limit in ``unit``; negative when it is broken."""
        return self.value - self.limit if self.at_least else self.limit - self.value

    @property
    def advice(self) -> str:
        """What would be right."""
        return self.remedy or f"write at {'least' if self.at_least else 'most'} {spell(self.limit, self.unit)}"

    @property
    def problem(self) -> str:
        """The broken row as one clause."""
        relation = "is less than the" if self.at_least else "is more than the"
        return f"{self.item} of {spell(self.value, self.unit)} {relation} allowed {spell(self.limit, self.unit)}"
