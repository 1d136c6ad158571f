"""Where a catalogued file is now: shots are moved and copied together with their catalogue."""

import re
from pathlib import Path

SHOT_FOLDER = re.compile(r"([0-9]{6,})-")
"""How the name of a shot's subfolder begins: its number."""


def locate_file(folder: Path, path: str) -> Path:
    """Where a catalogued file is now: in the shot's subfolder here (``folder`` may be a copy), else where written."""
    written = folder / path  # an absolute path stays what it is
    for index in range(len(written.parts) - 1, -1, -1):
        if SHOT_FOLDER.match(written.parts[index]) and (folder / written.parts[index]).is_dir():
            return folder.joinpath(*written.parts[index:])
    return written


def lies_in_shot(folder: Path, number: int, path: Path) -> bool:
    """Whether ``path``, links followed, is an existing file in the subfolder of shot ``number`` in ``folder``."""
    resolved, root = path.resolve(), folder.resolve()
    if not resolved.is_relative_to(root) or not resolved.is_file():
        return False
    parts = resolved.relative_to(root).parts
    named = SHOT_FOLDER.match(parts[0])
    return len(parts) > 1 and named is not None and int(named[1]) == number
