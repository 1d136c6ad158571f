"""PURE: files that people write. One YAML reader with bounds, and refusals that name file, line and field.

Every configuration file of the project goes through :func:`load`; the caller has read the bytes. Nothing here
raises anything but :class:`Refused` for a bad file.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a file, and what would be right. ``line`` is 1-based, 0 when it is the whole file."""

    file: str
    line: int
    field: str
    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        """``file:line: field: problem; what would be right`` (design.md section 4)."""
        where = f"{self.file}:{self.line}" if self.line else self.file
        what = f"{self.field}: {self.problem}" if self.field else self.problem
        return f"{where}: {what}; {self.remedy}" if self.remedy else f"{where}: {what}"


class Refused(Exception):
    """A file or a request that is refused before anything opens: exit code 2, one line per problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
