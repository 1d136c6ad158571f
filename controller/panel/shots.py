"""Recorded shots for the panel: catalogue and HDF5 records, read-only, on one thread of their own."""

from pathlib import Path


class ShotStore:
    """What is in a folder of shots. ``catalogue`` is a database URL, empty for the file in the folder."""

    def __init__(self, out: Path, catalogue: str) -> None:
        self.out = out
        self.catalogue = catalogue

    def close(self) -> None:
        """End the thread; nothing may be asked after that."""
