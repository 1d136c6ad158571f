"""The folder of one run of a cell: gone when the run is over, or left for the worker when failed cells are kept."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_kept: ContextVar[bool] = ContextVar("sparkgap_campaign_kept", default=False)


@contextmanager
def run_folder() -> Iterator[Path]:
    """A fresh folder for one run."""
    if _kept.get():
        yield Path(tempfile.mkdtemp(prefix="run-"))
        return
    with tempfile.TemporaryDirectory(prefix="run-") as folder:
        yield Path(folder)


@contextmanager
def keeping(wanted: bool) -> Iterator[None]:
    """Inside, folders of runs stay where they are: whoever wants that has made the place that they are in."""
    token = _kept.set(wanted)
    try:
        yield
    finally:
        _kept.reset(token)


def keep_log(folder: Path, log: tuple[tuple[int, str], ...]) -> None:
    """Leave the plant's own log beside what the run wrote; nothing where the folder will be gone anyway."""
    if _kept.get():
        text = "".join(f"{t_ns / 1e9:12.6f} s  {line}\n" for t_ns, line in log)
        (folder / "plant.log").write_text(text, encoding="utf-8")
