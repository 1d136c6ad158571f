"""Cells whose running is simple: what a pool, a cluster and the reports are tried with."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from controller.app.faultspec import Phase
from controller.campaign.hazards import Excuse, Hazard, Injection, Limit, Variant
from controller.campaign.model import Cell, CellResult, Status
from controller.campaign.profiles import ProfileSteps

PROFILES = (
    ProfileSteps("full", "full", (("self_test", "self_test"), ("charge", "charge"), ("fire", "fire")), {"hold": "0 s"}),
    ProfileSteps("noise", "noise", (("configure", "configure"), ("transfer", "transfer"))),
)


BEGUN, GATE = "begun", "gate"
"""Files of a :class:`Release`: the named pipe, and the file whose lock is the gate."""


def variant(name: str) -> Variant:
    return Variant(name, Injection((f"plant.{name}",)), Limit(scans=2), excuses=(Excuse("nothing is charged"),))


HAZARDS = (
    Hazard("01", "A contactor that stays closed", "PLC", "TRIP", (variant("welded"), variant("slow"))),
    Hazard("07", "A dump relay <that> stays open", "PLC & probe", "LOCKOUT", (variant("stuck"),)),
    Hazard("32", "Logins", "panel", "refusal", (), "issue 6: logins are not built yet"),
)


def cells(profiles: Sequence[ProfileSteps] = PROFILES, seed: int = 7) -> tuple[Cell, ...]:
    return tuple(
        Cell("railgun_bench", profile.name, hazard.row, variant.name, step, phase, seed)
        for profile in profiles
        for hazard in HAZARDS
        for variant in hazard.variants
        for step, _ in profile.steps
        for phase in Phase
    )


def result(cell: Cell, status: Status = Status.PASSED, why: str = "", **facts: object) -> CellResult:
    made = CellResult(cell, status, why, 3, "tripped", "PLC tripped: ESTOP", ("ESTOP",), "TRIP", 0.3, 0.05, 0.1, 0.02)
    import dataclasses

    return dataclasses.replace(made, **facts)  # type: ignore[arg-type]


def passing(cell: Cell) -> CellResult:
    return result(cell)


def judged(cell: Cell) -> CellResult:
    """Fails at fire, does not apply to noise."""
    if cell.profile == "noise":
        return result(
            cell, Status.NOT_APPLICABLE, "nothing is charged", safe_after_s=None, limit_s=None, command_after_s=None
        )
    if (cell.row, cell.variant, cell.step) == ("01", "slow", "fire"):
        return result(
            cell, Status.FAILED, "expected TRIP within 50 ms, the bench was safe after 80 ms", command_after_s=0.08
        )
    return result(cell)


# --- tasks for the pool: numbers, or (number, a file that remembers) ------------------------------------------------


def square(number: int) -> int:
    return number * number


def lost(task: object, why: str) -> tuple[object, str]:
    return task, why


def dies_always(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def dies_once(task: tuple[int, str]) -> int:
    number, mark = task
    if number == 3 and not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def raises(number: int) -> int:
    if number == 2:
        raise ValueError("two")
    return number * number


def hangs(number: int) -> int:
    if number == 1:
        time.sleep(600)
    return number * number


def starts_a_sleeper(task: tuple[int, str]) -> int:
    """Task 1 leaves a grandchild in a session of its own and then hangs."""
    number, mark = task
    if number == 1:
        sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        Path(mark).write_text(str(sleeper.pid))
        time.sleep(600)
    return number * number


def says_where(number: int) -> str:
    import tempfile

    return tempfile.gettempdir()


def waits_for_release(task: tuple[int, str]) -> int:
    """Says into a named pipe that it has begun, returns once nobody holds the gate; a worker is killed meanwhile."""
    number, folder = task
    with open(Path(folder, BEGUN), "w", encoding="ascii") as pipe:
        pipe.write(f"{number}\n")
    with open(Path(folder, GATE), encoding="ascii") as gate:
        fcntl.flock(gate, fcntl.LOCK_SH)
    return number * number


class Release:
    """What :func:`waits_for_release` waits for: a shut gate in ``folder``, and a pipe that tells who waits there."""

    def __init__(self, folder: Path) -> None:
        os.mkfifo(folder / BEGUN)
        self._pipe = os.open(folder / BEGUN, os.O_RDWR)
        self._begun = open(self._pipe, encoding="ascii")  # noqa: SIM115 - closed by close
        self._gate = open(folder / GATE, "w", encoding="ascii")  # noqa: SIM115 - closed by open
        fcntl.flock(self._gate, fcntl.LOCK_EX)

    def next_begun(self) -> int:
        """The number of the next task that has begun; waits for it."""
        return int(self._begun.readline())

    def open(self) -> None:
        """Let everybody go on."""
        self._gate.close()

    def close(self) -> list[int]:
        """The numbers of the tasks that nobody has asked about yet."""
        os.write(self._pipe, b"-1\n")
        with self._begun:
            return list(iter(self.next_begun, -1))
