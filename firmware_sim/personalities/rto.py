"""PURE: the stand-in of an R&S RTO1024: panel, acquisition with history, files, status (instruments.md 2.0, 2.2).

One object per instrument, shared by its connections (``ScpiSession``). It asks ``volts`` for what its inputs see.
"""

from zlib import crc32

from drivers.wire.rto import OPER_MEASURING, OPER_WAIT_TRIGGER, TRIGGER_SOURCE
from drivers.wire.scpi import Unit, parse_choice
from firmware_sim.personalities import scope_engine
from firmware_sim.personalities.rto_commands import Commands
from firmware_sim.personalities.rto_export import Player
from firmware_sim.personalities.rto_files import Files
from firmware_sim.personalities.rto_panel import RtoPanel, RtoRecord
from firmware_sim.personalities.scope_engine import ScopeEngine
from firmware_sim.personalities.scope_knobs import Registers, turn_knob
from firmware_sim.personalities.scope_record import ScopeRecord, Volts
from firmware_sim.personalities.scope_run import Mode, condition_bits
from firmware_sim.personalities.scope_signals import panel_signals
from firmware_sim.personalities.status488 import Status488, Stb
from firmware_sim.sessions.scpi import Handler, Reply
from firmware_sim.signals import Acts

VENDOR = "Rohde&Schwarz"
NAME = "RTO"
MATERIAL = "1316.1000k14"
"""Part number in ``*IDN?`` [UNV]."""
FIRMWARE = "2.70.1.0"


class Rto:
    """An RTO1024. ``volts(channel index, times in s)`` is the voltage at an input connector, times relative to T0.

    ``serial`` is the second half of the third field of ``*IDN?``; ``seed`` makes its noise its own.
    """

    FAULTS = scope_engine.FAULTS

    def __init__(self, serial: str, volts: Volts, seed: int) -> None:
        self.identification = f"{VENDOR},{NAME},{MATERIAL}/{serial},{FIRMWARE}"
        self.status = Status488(signed_zero=False)
        self.panel = RtoPanel()
        self.files = Files()
        self.player = Player(self)
        key = (seed, crc32(serial.encode()))
        condition = condition_bits(OPER_MEASURING, OPER_WAIT_TRIGGER)
        self.engine: ScopeEngine[RtoRecord] = ScopeEngine(self.panel, volts, key, self._frame, condition)
        self._registers = Registers(self.panel, RtoPanel)
        self._commands = Commands(self)
        self.engine.run.start(Mode.CONTINUOUS, 0)

    # -- the bench

    def trigger(self, t_ns: int, source: str) -> bool:
        """An edge at trigger input ``source`` (``EXT``, ``CHAN2`` ...) at ``t_ns``; True when it was accepted."""
        return self.engine.trigger(t_ns, parse_choice(source, (*TRIGGER_SOURCE.mnemonics, "EXTernal")))

    def trigger_from_signal(self, t0_ns: int, search_s: float) -> bool:
        """As :meth:`ScopeEngine.trigger_from_signal`: for scopes triggered by a measured signal."""
        return self.engine.trigger_from_signal(t0_ns, search_s)

    def front_panel(self, setting: str, value: str) -> None:
        """Somebody turns a knob: ``front_panel("CHANnel1:RANGe", "4")``. Raises ScpiError for an unknown knob."""
        turn_knob(self.compile, setting, value)

    def inject(self, fault_id: str, on: bool = True) -> None:
        """Switch one of :attr:`FAULTS` on or off. Raises KeyError for an unknown one."""
        self.engine.inject(fault_id, on)
        self.settle()

    @property
    def on_act(self) -> Acts:
        """Hears what faults do."""
        return self.engine.on_act

    @on_act.setter
    def on_act(self, listener: Acts) -> None:
        self.engine.on_act = listener

    # -- ScpiDevice

    def compile(self, unit: Unit) -> Handler:
        """A callable for one unit; raises ScpiError for what the grammar refuses."""
        return self._commands.compile(unit)

    def advance(self, now_ns: int) -> None:
        """Bring acquisition and replay up to this instant."""
        self.engine.advance(now_ns)
        self.player.advance(now_ns)
        self.settle()

    def pending(self) -> bool:
        """True while a single acquisition or a replay of the history is unfinished."""
        return self.engine.run.pending or self.player.playing

    def settle(self) -> None:
        """Tell the status model that pending work may have ended."""
        self.status.settle(self.pending())

    def device_bits(self) -> int:
        """OPER of the status byte."""
        enabled = self.panel.knobs.get("operation.enable")
        return int(Stb.OPER) if self.engine.run.operation_event & enabled else 0

    def clear_events(self) -> None:
        """``*CLS`` of the scope's own registers."""
        self.engine.run.operation_event = 0

    def reset(self) -> None:
        """``*RST``: power-on settings, running."""
        self.panel.assign(RtoPanel())
        self.player.stop()
        self.engine.start(Mode.CONTINUOUS)

    def save(self, register: int) -> None:
        """``*SAV``: keep the panel. Raises ScpiError."""
        self._registers.save(register)

    def recall(self, register: int) -> None:
        """``*RCL``: restore the panel, power-on settings for a register never saved. Raises ScpiError."""
        self._registers.recall(register)

    def group_trigger(self) -> Reply:
        """``*TRG`` forces a trigger."""
        self.engine.force()
        return None

    def self_test(self) -> int:
        """``*TST?``: 0 passed, 1 when the analogue part is broken."""
        return self.engine.self_test()

    def _frame(self, record: ScopeRecord) -> RtoRecord:
        return RtoRecord(record, int(self.panel.knobs.get("acquire.points")), 2 if record.sweep.pairs else 1)


def open_standalone(serial: str, seed: int = 0) -> Rto:
    """A scope that is wired to nothing but its own test signals; a signal that passes the trigger level triggers it."""
    scope = Rto(serial, panel_signals, seed)
    scope.engine.trigger_itself()
    return scope
