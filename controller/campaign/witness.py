"""The rig child of a campaign: the same simulated bench, and what its PLC and plant did, written down as they do it.

``python -m controller.campaign.witness FILE`` takes the place of ``controller.app.rig_process``. FILE gets one JSON
object per line, at every change of the PLC's state, trips or dump command and of the dump contacts, and at the end: a
:class:`Sight`. The stamps are of the clock that all processes of the machine share, so that a campaign can say how
long after a kill the PLC commanded the dump, and how late its scans were.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from controller.app.control import install_uvloop, wake_when_orphaned
from controller.app.plc_reader import flag_names
from controller.app.rig_process import main
from controller.app.rig_sim import SimulatedRig
from controller.app.wall_clock import shared_clock_ns

QUIET_SCANS_MAX = 100
"""A line at least this often (one second), so that a lateness is known near every moment: 200 bytes a second."""


class Sight(msgspec.Struct, frozen=True):
    """The bench after one PLC scan.

    ``t_ns`` is when it was done, ``late_ns`` how late that was against the 10 ms schedule and ``worst_ns`` the worst
    lateness since the line before. ``dumping``: the PLC commands both dump relays closed; ``closed``: both are, by
    the plant; ``highest_v`` is the highest true module voltage; ``pulses`` counts fire pulses, ``shots`` the pulses
    of current that the plant saw. ``flags`` are the PLC's, by name, in the last line only.
    """

    scan: int
    t_ns: int
    late_ns: int
    worst_ns: int
    state: str
    trips: tuple[str, ...]
    dumping: bool
    closed: bool
    highest_v: float
    pulses: int
    shots: int
    flags: tuple[str, ...] = ()
    last: bool = False


class WitnessedRig(SimulatedRig):
    """A simulated bench that writes down what it does. Its first argument is the file."""

    def __init__(self, path: Path, *parts: Any) -> None:
        super().__init__(*parts)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._known: tuple[Any, ...] = ()
        self._quiet = 0
        self._worst_ns = 0
        self._pulses = 0
        self._fired = False

    def _scan(self, t_ns: int) -> Any:
        edges = super()._scan(t_ns)
        now_ns = shared_clock_ns()
        late_ns = now_ns - self._origin_ns - t_ns
        self._worst_ns = max(self._worst_ns, late_ns)
        fire, before = self.plc.outputs.fire, self._fired
        self._fired = fire
        self._pulses += fire and not before
        known = self._known_now()
        self._quiet += 1
        if known != self._known or self._quiet >= QUIET_SCANS_MAX:
            self._known = known
            self._write(now_ns, late_ns)
        return edges

    def _known_now(self) -> tuple[Any, ...]:
        plc, truth = self.plc, self.plant.truth()
        outputs = plc.outputs
        return (
            plc.control.state,
            plc.trips,
            outputs.dump_a_open or outputs.dump_b_open,
            truth.dump_a_closed and truth.dump_b_closed,
            self._pulses,
            truth.pulses,
        )

    def _write(self, now_ns: int, late_ns: int, last: bool = False) -> None:
        state, trips, opened, closed, pulses, _ = self._known_now()
        truth = self.plant.truth()
        sight = Sight(
            scan=self.plc.scan_number,
            t_ns=now_ns,
            late_ns=late_ns,
            worst_ns=self._worst_ns,
            state=state.name,
            trips=tuple(trip.name for trip in type(trips) if trip in trips),
            dumping=not opened,
            closed=closed,
            highest_v=truth.highest_v,
            pulses=pulses,
            shots=truth.pulses,
            flags=flag_names(self.plc.status().flags) if last else (),
            last=last,
        )
        self._quiet, self._worst_ns = 0, 0
        os.write(self._file, msgspec.json.encode(sight) + b"\n")

    async def stop(self) -> None:
        """Write the last line, then stop."""
        self._write(shared_clock_ns(), 0, last=True)
        os.close(self._file)
        await super().stop()


def read_sights(path: Path) -> Sequence[Sight]:
    """What was written down; a last line that a kill cut short is left out."""
    if not path.exists():
        return ()
    whole = [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    return tuple(msgspec.json.decode(line, type=Sight) for line in whole)


if __name__ == "__main__":
    wake_when_orphaned()
    install_uvloop()
    sys.exit(asyncio.run(main(partial(WitnessedRig, Path(sys.argv[1])))))
