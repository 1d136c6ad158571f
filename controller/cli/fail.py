"""From an exception to the lines a person reads, and to the log that has the rest."""

import sys
from pathlib import Path


def refusal_lines(error: Exception) -> list[str]:
    """``file:line: field: problem; remedy`` per problem; empty when the exception is not a refusal.

    Unusable records, catalogues and journals are refusals too: each of those exceptions carries its own remedy.
    """
    from controller.rig.source import Refused

    if isinstance(error, Refused):
        return [str(problem) for problem in error.problems]
    return [str(error)] if isinstance(getattr(error, "remedy", None), str) else []


def log_dir() -> Path | None:
    """Where logs go; None when no such folder can be made."""
    from controller.app.locate import data_dir
    from controller.app.logs import LOGS

    path = data_dir() / LOGS
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.stderr.write(f"{path}: {error.strerror}; no log is written\n")
        return None
    return path


def open_log(process: str) -> Path | None:
    """Send this process's log to its file and return the path; None when it cannot be written."""
    from controller.app.logs import configure_logs

    folder = log_dir()
    return configure_logs(process, folder) if folder is not None else None
