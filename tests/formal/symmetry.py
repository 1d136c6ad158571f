"""PURE: the bench looks the same with probe A and B, or dump A and B, exchanged: half the faults tell of the others.

``step``, the abstract bench and the rules treat the two probes alike, and the two dumps with their commands DUMP_A and
DUMP_B. A fault on a B side is therefore the mirror of one on an A side, and pairs have up to four images of which one
is run. ``test_symmetry.py`` checks the mirror on the real ``step``, the rules and the bench. Doors are no mirror: only
channel 1 has a test relay.
"""

from typing import NamedTuple

from drivers.wire.plc import PlcCommand
from firmware_sim.plc.levels import Levels
from firmware_sim.plc.machine import ControlState, Outputs
from tests.formal.bench_faults import FAULTS
from tests.formal.bench_levels import Drive, Plant, Terminals

_COMMANDS = {PlcCommand.DUMP_A: PlcCommand.DUMP_B, PlcCommand.DUMP_B: PlcCommand.DUMP_A}


class Mirror(NamedTuple):
    """Which of the two exchanges is made."""

    probes: bool
    dumps: bool

    def fault(self, name: str) -> str:
        """The fault that ``name`` becomes."""
        if self.dumps and name.startswith(("dump_a", "dump_b")):
            return f"dump_{'b' if name[5] == 'a' else 'a'}{name[6:]}"
        if self.probes and name.startswith(("a_", "b_")):
            return f"{'b' if name[0] == 'a' else 'a'}{name[1:]}"
        return name

    def pair(self, first: str, second: str) -> tuple[str, str]:
        """The pair of faults that these two become, in the order of FAULTS."""
        one, other = sorted((self.fault(first), self.fault(second)), key=_ORDER.__getitem__)
        return one, other

    def control(self, c: ControlState) -> ControlState:
        """The mirrored memory of the PLC."""
        return c._replace(dump_a_open=c.dump_b_open, dump_b_open=c.dump_a_open) if self.dumps else c

    def outputs(self, out: Outputs) -> Outputs:
        """The mirrored outputs."""
        return out._replace(dump_a_open=out.dump_b_open, dump_b_open=out.dump_a_open) if self.dumps else out

    def drive(self, drive: Drive) -> Drive:
        """What reaches the mirrored coils."""
        return drive._replace(dump_a_open=drive.dump_b_open, dump_b_open=drive.dump_a_open) if self.dumps else drive

    def plant(self, plant: Plant) -> Plant:
        """The mirrored bench."""
        if self.probes:
            a, b, modules = plant.frozen
            plant = plant._replace(frozen=(b, a, modules))
        return plant._replace(dump_a=plant.dump_b, dump_b=plant.dump_a) if self.dumps else plant

    def terminals(self, seen: Terminals) -> Terminals:
        """What the mirrored bench puts on the terminals."""
        seen = seen._replace(a=seen.b, b=seen.a) if self.probes else seen
        return seen._replace(dump_a=seen.dump_b, dump_b=seen.dump_a) if self.dumps else seen

    def levels(self, v: Levels) -> Levels:
        """What the mirrored PLC sees, its command mirrored too."""
        v = v._replace(a=v.b, b=v.a) if self.probes else v
        if not self.dumps:
            return v
        facts = v.facts._replace(command=_COMMANDS.get(v.facts.command, v.facts.command))
        return v._replace(dump_a=v.dump_b, dump_b=v.dump_a, facts=facts)


_ORDER = {name: index for index, name in enumerate(FAULTS)}
MIRRORS = (Mirror(True, False), Mirror(False, True), Mirror(True, True))


def is_first(*faults: str) -> bool:
    """``faults`` (one or two, in the order of FAULTS) come first among their images: the ones that are run."""
    here = [_ORDER[name] for name in faults]
    return all(here <= sorted(_ORDER[mirror.fault(name)] for name in faults) for mirror in MIRRORS)
