"""UNSAFE-UNCONFIRMED outlives the process: a run or recovery that could not prove the bench safe leaves a mark.

The mark is a line in a file beside the catalogue; a later line with evidence takes it away. Lines are only ever
added, so that the file tells when and why. What cannot be read counts as a mark. A shot that the catalogue knows no
end of counts as one too: then nobody lived to write it.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.app import preflight
from controller.app.proof import evidence_of, make_safe, unproven_text
from controller.messages import RunConfig
from controller.rig.model import Rig
from controller.rig.source import Problem, Refused
from controller.runtime.offload import Offload
from drivers.ports import RigPlc

FILE_BYTES_MAX = 1_000_000
"""A line is some 300 bytes; a file of this size was not written by this program and counts as a mark."""

UNCONFIRMED, PROVEN = "unconfirmed", "proven"

PROOF_S = 10.0
"""Longest wait for the PLC's proof when a run starts: T_dump and the dwell take 2 s; longer waits are recovery's."""

REMEDY = (
    "it clears by itself when the PLC proves it: find the cause, ground the bank by hand, reset at the local console "
    "(LOCKOUT: by maintenance), then run again"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """Nobody has proven the bench safe since ``utc``."""

    utc: str
    shot: int
    why: str


def mark_file(config: RunConfig, rig: Rig) -> Path:
    """Beside the catalogue when that is a file, else in the folder of the shots."""
    name = f"{preflight.UNCONFIRMED}-{rig.name}.jsonl"
    if not config.catalogue or "://" in config.catalogue:
        return Path(config.out) / name
    place = Path(config.catalogue)
    return (place if place.is_dir() else place.parent) / name


def read_mark(path: Path) -> Mark | None:
    """The standing mark. Never raises: a file that cannot be read is one."""
    try:
        if not path.exists():
            return None
        if path.stat().st_size > FILE_BYTES_MAX:
            return Mark("", 0, f"{path} is larger than this program writes it")
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        if lines[-1]["what"] == PROVEN:
            return None
        return Mark(str(lines[-1]["utc"]), int(lines[-1]["shot"]), str(lines[-1]["why"]))
    except (OSError, ValueError, TypeError, LookupError, RecursionError) as trouble:
        return Mark("", 0, f"{path} cannot be read: {trouble!r}")


def set_mark(path: Path, mark: Mark) -> None:
    """Leave ``mark``. Raises OSError."""
    _append(path, {"what": UNCONFIRMED, "utc": mark.utc, "shot": mark.shot, "why": mark.why})


def clear_mark(path: Path, utc: str, evidence: str) -> None:
    """Take the mark away, if there is one; an unreadable file is set aside first. Raises OSError."""
    mark = read_mark(path)
    if mark is None:
        return
    if not mark.utc:
        os.replace(path, path.with_suffix(".unreadable"))
    _append(path, {"what": PROVEN, "utc": utc, "shot": mark.shot, "why": evidence})


def _append(path: Path, line: dict[str, Any]) -> None:
    new = not path.exists()
    with path.open("ab") as file:
        file.write(json.dumps(line, ensure_ascii=True).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    if new and os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def mark_watch(config: RunConfig, rig: Rig, utc: str) -> str:
    """A watch ended beside a bench that nobody knows to be safe. Returns what went wrong, empty for nothing."""
    try:
        set_mark(mark_file(config, rig), Mark(utc, 0, "a watch ended and nobody knew that the bench was safe"))
    except OSError as trouble:
        return f"the mark that the bench is unproven could not be written: {trouble}"
    return ""


async def require_proof(
    plc: RigPlc,
    rig: Rig,
    path: Path,
    utc: str,
    unfinished: tuple[int, ...],
    offload: Offload,
    tell: Callable[[str], None],
) -> str:
    """Before anything else of a run: a marked bench is dumped and proven safe, or the run is refused.

    ``unfinished`` shots count as a mark and leave one. Returns the evidence that took the mark away, empty when none
    stood. Raises Refused, or OSError when the mark cannot be changed.
    """
    mark = await offload(lambda: read_mark(path))
    if mark is None and not unfinished:
        return ""
    if mark is None:
        left = mark = Mark(utc, unfinished[-1], f"shot {unfinished[-1]} was interrupted and nobody saw its end")
        await offload(lambda: set_mark(path, left))
    tell(f"unsafe-unconfirmed since {mark.utc or 'nobody knows when'} ({mark.why}): the PLC is asked for its proof")
    status, safe = await make_safe(plc, lambda _: None, PROOF_S)
    if not safe or status is None:
        where = "does not answer" if status is None else f"is in {status.state.name} and proves nothing"
        since = mark.utc or "nobody knows when"
        problem = f"not proven safe since {since}: {mark.why}; the PLC {where}; {unproven_text(rig, status)}"
        raise Refused([Problem(rig.name, 0, "unsafe-unconfirmed", problem, REMEDY)])
    evidence = evidence_of(status)
    await offload(lambda: clear_mark(path, utc, evidence))
    tell(f"unsafe-unconfirmed is cleared: {evidence}")
    return evidence
