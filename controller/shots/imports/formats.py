"""PURE: which reader reads which file."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePath

from controller.shots.imports.csv_text import read_csv
from controller.shots.imports.isf import read_isf
from controller.shots.imports.tdms import read_tdms
from controller.shots.imports.trace import FILE_MAX, BadFile, Trace
from controller.shots.imports.trc import read_trc

Reader = Callable[[bytes, str], list[Trace]]

READERS: Mapping[str, Reader] = {
    ".csv": read_csv,
    ".txt": read_csv,
    ".isf": read_isf,
    ".trc": read_trc,
    ".tdms": read_tdms,
}
"""By the end of the file's name, in lower case."""

NAME_MAX = 40


def read_traces(data: bytes, filename: str) -> list[Trace]:
    """The traces of a file, by the end of its name. Raises BadFile."""
    path = PurePath(filename)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise BadFile(f"files ending in {path.suffix!r} are not read", f"give one of {', '.join(READERS)}")
    if len(data) > FILE_MAX:
        raise BadFile(f"it has {len(data)} bytes, more than {FILE_MAX}", "export a shorter trace")
    return reader(data, path.stem)


def channel_names(titles: Iterable[str]) -> Iterator[str]:
    """A legal and distinct channel name for each title, in order: ``Ch1``, ``total_current``, ``total_current_2``."""
    used: set[str] = set()
    for title in titles:
        text = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:NAME_MAX] or "trace"
        base = text if text[0].isalpha() else f"c_{text}"
        name, count = base, 1
        while name in used:
            count += 1
            name = f"{base}_{count}"
        used.add(name)
        yield name
