"""What a pool or a cluster of workers is given to do: tasks, one function for each, and what to say of a lost one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

TASK_LIMIT_S = 180.0
"""Wall time of one task: a virtual cell takes about half a second, a real one at most a minute on a busy machine."""

DEATHS_MAX = 2
"""A task whose worker dies so often is the cause of it."""


@dataclass(frozen=True, slots=True)
class Job(Generic[T, R]):
    """``run`` is a function of a module (workers import it by name), ``tasks`` can be pickled.

    ``lost`` makes a result, in this process, of a task that has none: why is one sentence. ``limit_s`` bounds the
    wall time of one task.
    """

    run: Callable[[T], R]
    tasks: Sequence[T]
    lost: Callable[[T, str], R]
    limit_s: float = TASK_LIMIT_S


class WorkersUnusable(Exception):
    """Workers cannot be had any more, through no fault of a task. One sentence, and a remedy."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy
