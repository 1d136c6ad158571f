"""PURE: the wires between plant, PLC and trigger chain of one bench.

The plant writes :class:`FieldInputs` (what the PLC's terminals see), the PLC writes :class:`FieldOutputs`
(what its outputs drive). Plain mutable slots on purpose: both are rewritten 100 times a second.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Acts = Callable[[str, str], None]
"""Hears (fault id, what it does) whenever a fault of a stand-in does something: the evidence that a judge asks for."""


def unheard(fault_id: str, what: str) -> None:
    """Nobody listens to what faults do."""


def switch(known: Mapping[str, str], active: dict[str, None], fault_id: str, on: bool) -> None:
    """Enter a fault into ``active`` or strike it out; raises KeyError for one that is not ``known``."""
    if fault_id not in known:
        raise KeyError(fault_id)
    if on:
        active[fault_id] = None
    else:
        active.pop(fault_id, None)


SELF_TEST_PATHS = (
    "door_1",
    "door_2",
    "estop",
    "operator_key",
    "search_complete",
    "ground_stick",
    "hw_overvoltage",
    "probe_a",
    "probe_b",
    "modules",
    "latches",
    "positions",
    "charger_inhibit",
)
"""Interlock paths with a test relay, in the order of ``FieldOutputs.self_test_path`` (1-based).

While the relay of a path is energised its input shows the trip level: a digital input reads False, the switches read
all out, the latches all set, a voltage reads beyond its full scale. Nothing but the PLC's own input is affected.
plc.yaml must list the same names, and so does the controller's side, ``drivers.wire.plc``: a test compares them.
"""
RUN_SELF_TEST_PATHS = (*SELF_TEST_PATHS, "windows", "pulse_latches")
"""Those of a bench that runs: one relay opens every analogue input (it reads NaN), one sets all four pulse latches."""


@dataclass(slots=True)
class FieldOutputs:
    """De-energised (all False) is the safe condition: dumps closed, contactor open, charger inhibited, gates shut.

    ``gate_open_ns`` bounds the gate in time: the plant lets trigger edges through only between the scan of
    the fire pulse and that many nanoseconds later, so that a late edge inside one scan is still refused.
    """

    dump_a_open: bool = False
    dump_b_open: bool = False
    contactor_close: bool = False
    charger_enable: bool = False
    fire: bool = False
    gate_open_ns: int = 0
    horn: bool = False
    beacon: bool = False
    door_lock: bool = False
    self_test_path: int = 0
    """1-based index of the interlock path whose test relay is energised, 0 = none (plc.yaml lists the paths)."""
    pulse_gate: bool = False
    """Benches that run: pulses reach trigger and drive. The rig's latches act beside it, within the pulse."""
    latch_reset: bool = False
    """Lets the arc, VSWR, over-current and vacuum latches go whose cause is over."""
    auxiliaries: int = 0
    """What cools and heats, one bit each in the order of plc.yaml: the one exception to "de-energised is safe".

    Bistable relays: each pulse of the PLC sets or resets one, and without any they stay as they are. So L0, which takes
    the outputs of a dead PLC away, and a restart leave them alone, and ``FieldInputs.auxiliaries`` says where they are.
    """

    def de_energise(self) -> None:
        """What L0 does, and a PLC that starts: all off but the auxiliaries, whose relays need no power to stay."""
        self.dump_a_open = self.dump_b_open = self.contactor_close = self.charger_enable = False
        self.fire = self.horn = self.beacon = self.door_lock = self.pulse_gate = self.latch_reset = False
        self.gate_open_ns = self.self_test_path = 0


@dataclass(slots=True)
class FieldInputs:
    """What the PLC's terminals see. Voltages in volts; ``latches`` and ``positions`` have one bit per module.

    The last four are those of benches that run (plc.yaml has a ``run:`` section). There ``latches`` are currents that
    no open pulse gate allowed: a normal run leaves them clear.
    """

    probe_a_v: float = 0.0
    probe_b_v: float = 0.0
    module_v: list[float] = field(default_factory=list)
    door_1: bool = True
    door_2: bool = True
    estop_ok: bool = True
    operator_key: bool = True
    maintenance_key: bool = False
    search_complete: bool = True
    ground_stick_stowed: bool = True
    local_reset: bool = False
    second_consent: bool = True
    contactor_open: bool = True
    contactor_closed: bool = False
    dump_a_closed: bool = True
    dump_a_open: bool = False
    dump_b_closed: bool = True
    dump_b_open: bool = False
    charger_inhibited: bool = True
    charger_locked_out: bool = False
    zero_current: bool = True
    hw_overvoltage_ok: bool = True
    latches: int = 0
    positions: int = 0b1111
    analogue: list[float] = field(default_factory=list)
    """Window inputs in the order of plc.yaml: milliamperes of those with a live zero, else their own unit."""
    pulse_counter: int = 0
    """The rig's own count of pulses, 32 bits, never reset by software."""
    pulse_latches: int = 0
    """Latched in hardware within the pulse: arc, VSWR, over-current, vacuum (``InhibitCause``); set is bad."""
    auxiliaries: int = 0
    """Positions of the auxiliaries' relays."""
