"""What a conditioning has reached, kept per part: one JSON file, replaced as a whole and on the disk when that returns.

It is the surface's and not the run's, so it is named after the part's serial number. The folder lies beside the
journals. Blocking work: the caller offloads it.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.sequencer.conditioning_recipe import ConditioningRecipe
from controller.sequencer.conditioning_state import ConditioningState, StateRefused, from_text, start, to_text
from controller.shots.journal_file import sync_folder

VERSION = 1
"""Of the envelope; the state inside has a version of its own. A newer one is refused."""

BYTES_MAX = 1 << 20
"""A state is some 20 kB; more is no state."""

KEPT_MAX = 100
"""States that ``--fresh`` has put aside, per part: a part conditioned anew a hundred times is another part."""

_SERIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class ConditioningFile:
    """The file of one part. ``rig`` and ``serial`` stand in it, so that a copied file is not gone on with elsewhere."""

    folder: Path
    rig: str
    serial: str

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.folder / f"{self.serial}.json"

    def begin(self, recipe: ConditioningRecipe, fresh: bool) -> ConditioningState:
        """The kept state; a new one where there is none, or with ``fresh``, which puts an earlier one aside.

        A new one begins at the recipe's lowest field. Raises StateRefused for a file that cannot be gone on with.
        """
        kept = self.read(recipe, fresh)
        if fresh:
            self._put_aside()
        return start(recipe) if kept is None else kept

    def read(self, recipe: ConditioningRecipe, fresh: bool = False) -> ConditioningState | None:
        """What :meth:`begin` would go on with, None for nothing; changes nothing. Raises StateRefused."""
        if _SERIAL.fullmatch(self.serial) is None:
            raise StateRefused(f"'{self.serial}' is no serial number; write letters, digits, dots and dashes only")
        if fresh:
            return None
        try:
            with self.path.open("rb") as file:
                data = file.read(BYTES_MAX + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateRefused(f"{self.path}: cannot be read: {error.strerror}; check its rights") from None
        if len(data) > BYTES_MAX:
            raise StateRefused(f"{self.path}: {len(data)} bytes are no state; take the copy before it, or --fresh")
        return from_text(self._state_of(data), recipe)

    def keep(self, state: ConditioningState) -> None:
        """Replace the file and return once it is on the disk. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        envelope = {"version": VERSION, "rig": self.rig, "serial": self.serial, "state": json.loads(to_text(state))}
        data = json.dumps(envelope, sort_keys=True, indent=1).encode()
        new = self.path.with_suffix(".new")
        with new.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self.path)
        sync_folder(self.folder)

    def _state_of(self, data: bytes) -> str:
        try:
            envelope: Any = json.loads(data)
            version, owner = envelope["version"], (envelope["rig"], envelope["serial"])
            state = json.dumps(envelope["state"])
        except (ValueError, KeyError, TypeError) as error:
            raise StateRefused(f"{self.path}: is damaged ({error!r}); take a copy of it, or --fresh") from error
        if not isinstance(version, int) or version > VERSION:
            known = f"this program knows up to {VERSION}"
            raise StateRefused(f"{self.path}: version {version!r}, {known}; go on with the program that wrote it")
        if owner != (self.rig, self.serial):
            raise StateRefused(
                f"{self.path}: belongs to {owner[1]} on {owner[0]}, not to {self.serial} on {self.rig}; "
                "put the right file there, or --fresh"
            )
        return state

    def _put_aside(self) -> None:
        if not self.path.exists():
            return
        for number in range(1, KEPT_MAX + 1):
            aside = self.path.with_suffix(f".before-{number}.json")
            if not aside.exists():
                os.rename(self.path, aside)
                sync_folder(self.folder)
                return
        raise StateRefused(f"{self.folder}: {KEPT_MAX} earlier states of {self.serial}; move them elsewhere first")
