"""Logs of every process: JSON lines in a rotated file, one file per kind of process so that rotation never races."""

import json
import logging
import logging.handlers
from datetime import UTC, datetime
from pathlib import Path

LOG_BYTES_MAX = 10_000_000
"""Size at which a log file is rotated: a day of ordinary use fits, an editor still opens it."""

LOGS = "logs"
"""Name of the folder of log files inside a folder of shots."""

LOG_FILES_KEPT = 5
"""Rotated files kept beside the live one."""


class JsonLines(logging.Formatter):
    """One JSON object per record: when (UTC), level, who, what, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line without line breaks."""
        fields = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "text": record.getMessage(),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)


def configure_logs(process: str, directory: Path) -> Path:
    """Send this process's log records to ``directory/<process>.jsonl`` and return that path.

    Raises OSError when the folder cannot be made or written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{process}.jsonl"
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=LOG_BYTES_MAX, backupCount=LOG_FILES_KEPT, encoding="utf-8", delay=True
    )
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    for old in [found for found in root.handlers if isinstance(found.formatter, JsonLines)]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    return path
