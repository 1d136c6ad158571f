"""PURE: the stand-in of a Rigol DS1074Z: panel, acquisition, status (instruments.md 2.0, 2.3).

One object per instrument, shared by its connections (``ScpiSession``). It asks ``volts`` for what its inputs see.
It has no trigger input: only its channels trigger it.
"""

from zlib import crc32

from drivers.wire.ds1000z import MODEL, TRIGGER_SOURCE
from drivers.wire.scpi import Unit, parse_choice
from firmware_sim.personalities import scope_engine
from firmware_sim.personalities.ds1000z_commands import Commands
from firmware_sim.personalities.ds1000z_panel import RigolPanel, RigolRecord
from firmware_sim.personalities.scope_engine import ScopeEngine
from firmware_sim.personalities.scope_knobs import Registers, turn_knob
from firmware_sim.personalities.scope_record import ScopeRecord, Volts
from firmware_sim.personalities.scope_run import Mode
from firmware_sim.personalities.scope_signals import panel_signals
from firmware_sim.personalities.status488 import Status488
from firmware_sim.sessions.scpi import Handler, Reply
from firmware_sim.signals import Acts

VENDOR = "RIGOL TECHNOLOGIES"
FIRMWARE = "00.04.04.SP4"


class Ds1074z:
    """A DS1074Z. ``volts(channel index, times in s)`` is the voltage at an input connector, times relative to T0.

    ``serial`` is the third field of ``*IDN?`` (``DS1ZA#########``); ``seed`` makes its noise its own.
    """

    FAULTS = scope_engine.FAULTS

    def __init__(self, serial: str, volts: Volts, seed: int) -> None:
        self.identification = f"{VENDOR},{MODEL},{serial},{FIRMWARE}"
        self.status = Status488(signed_zero=False)
        self.panel = RigolPanel()
        key = (seed, crc32(serial.encode()))
        self.engine: ScopeEngine[RigolRecord] = ScopeEngine(self.panel, volts, key, self._frame, {})
        self._registers = Registers(self.panel, RigolPanel)
        self._commands = Commands(self)
        self.engine.run.start(Mode.CONTINUOUS, 0)

    # -- the bench

    def trigger(self, t_ns: int, source: str) -> bool:
        """An edge on channel ``source`` at ``t_ns``; True when it was accepted. An ``EXT`` edge is T0 and no more."""
        return self.engine.trigger(t_ns, parse_choice(source, (*TRIGGER_SOURCE.mnemonics, "EXTernal")))

    def trigger_from_signal(self, t0_ns: int, search_s: float) -> bool:
        """As :meth:`ScopeEngine.trigger_from_signal`: for scopes triggered by a measured signal."""
        return self.engine.trigger_from_signal(t0_ns, search_s)

    def front_panel(self, setting: str, value: str) -> None:
        """Somebody turns a knob: ``front_panel(":CHANnel1:RANGe", "4")``. Raises ScpiError for an unknown knob."""
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
        """Bring the acquisition up to this instant."""
        self.engine.advance(now_ns)
        self.settle()

    def pending(self) -> bool:
        """True while a single acquisition is unfinished."""
        return self.engine.run.pending

    def settle(self) -> None:
        """Tell the status model that pending work may have ended."""
        self.status.settle(self.pending())

    def device_bits(self) -> int:
        """No register of its own feeds the status byte."""
        return 0

    def clear_events(self) -> None:
        """``*CLS``: there are no event registers beside the standard one."""

    def reset(self) -> None:
        """``*RST``: power-on settings, running."""
        self.panel.assign(RigolPanel())
        self.engine.start(Mode.CONTINUOUS)

    def save(self, register: int) -> None:
        """``*SAV``: keep the panel. Raises ScpiError."""
        self._registers.save(register)

    def recall(self, register: int) -> None:
        """``*RCL``: restore the panel, power-on settings for a register never saved. Raises ScpiError."""
        self._registers.recall(register)

    def group_trigger(self) -> Reply:
        """``*TRG`` and ``:TFORce``. Raises ScpiError -211 when nothing is armed."""
        self.engine.force()
        return None

    def self_test(self) -> int:
        """``*TST?``: 0 passed, 1 when the analogue part is broken."""
        return self.engine.self_test()

    def _frame(self, record: ScopeRecord) -> RigolRecord:
        return RigolRecord(record, self.panel.copy())


def open_standalone(serial: str, seed: int = 0) -> Ds1074z:
    """A scope that is wired to nothing but its own test signals; a signal that passes the trigger level triggers it."""
    scope = Ds1074z(serial, panel_signals, seed)
    scope.engine.trigger_itself()
    return scope
