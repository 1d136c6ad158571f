"""PURE: the stand-in of a Keysight InfiniiVision DSO-X 3014A: panel, acquisition, status (instruments.md 2.0, 2.1).

One object per instrument, shared by its connections (``ScpiSession``). It asks ``volts`` for what its inputs see and
applies its own range, offset, clipping, resolution and noise. Standing alone it shows test signals.
"""

from zlib import crc32

from drivers.wire.dsox import MODEL, OPER_RUN, OPER_WAIT_TRIGGER, TRIGGER_SOURCE
from drivers.wire.scpi import Unit, parse_choice
from firmware_sim.personalities.dsox_commands import Commands
from firmware_sim.personalities.dsox_record import Acquisition
from firmware_sim.personalities.dsox_settings import Settings
from firmware_sim.personalities.scope_engine import FAULTS as SCOPE_FAULTS
from firmware_sim.personalities.scope_engine import ScopeEngine
from firmware_sim.personalities.scope_knobs import Registers, turn_knob
from firmware_sim.personalities.scope_record import ScopeRecord, Volts
from firmware_sim.personalities.scope_run import Mode, condition_bits
from firmware_sim.personalities.scope_signals import panel_signals
from firmware_sim.personalities.status488 import Status488, Stb
from firmware_sim.sessions.scpi import Handler, Reply
from firmware_sim.signals import Acts

VENDOR = "KEYSIGHT TECHNOLOGIES"
FIRMWARE = "02.50.2019022736"

FAULTS = SCOPE_FAULTS


class Dsox:
    """A DSO-X 3014A. ``volts(channel index, times in s)`` is the voltage at an input connector, times relative to T0.

    ``serial`` is the last field but one of ``*IDN?`` (``MY########``); ``seed`` makes its noise its own.
    """

    FAULTS = FAULTS

    def __init__(self, serial: str, volts: Volts, seed: int) -> None:
        self.identification = f"{VENDOR},{MODEL},{serial},{FIRMWARE}"
        self.status = Status488()
        self.settings = Settings()
        key = (seed, crc32(serial.encode()))
        self.engine = ScopeEngine(self.settings, volts, key, self._frame, condition_bits(OPER_RUN, OPER_WAIT_TRIGGER))
        self.run = self.engine.run
        self._registers = Registers(self.settings, Settings)
        self._commands = Commands(self)
        self.run.start(Mode.CONTINUOUS, 0)

    # ------------------------------------------------------------------------------------ the bench

    def trigger(self, t_ns: int, source: str) -> bool:
        """An edge at trigger input ``source`` (``EXT``, ``CHAN2`` ...) at ``t_ns``; True when it was accepted."""
        return self.engine.trigger(t_ns, parse_choice(source, TRIGGER_SOURCE.mnemonics))

    def trigger_from_signal(self, t0_ns: int, search_s: float) -> bool:
        """As :meth:`ScopeEngine.trigger_from_signal`: for scopes triggered by a measured signal."""
        return self.engine.trigger_from_signal(t0_ns, search_s)

    @property
    def record(self) -> Acquisition | None:
        """The record that waveform queries speak of."""
        return self.engine.record

    @property
    def on_act(self) -> Acts:
        """Hears what faults do."""
        return self.engine.on_act

    @on_act.setter
    def on_act(self, listener: Acts) -> None:
        self.engine.on_act = listener

    def front_panel(self, setting: str, value: str) -> None:
        """Somebody turns a knob: ``front_panel(":CHANnel1:RANGe", "4")``. Raises ScpiError for an unknown knob."""
        turn_knob(self.compile, setting, value)

    def inject(self, fault_id: str, on: bool = True) -> None:
        """Switch one of :data:`FAULTS` on or off. Raises KeyError for an unknown one."""
        self.engine.inject(fault_id, on)
        self.settle()

    # ------------------------------------------------------------------------------- ScpiDevice

    def compile(self, unit: Unit) -> Handler:
        """A callable for one unit; raises ScpiError for what the grammar refuses."""
        return self._commands.compile(unit)

    def advance(self, now_ns: int) -> None:
        """Bring the acquisition up to this instant."""
        self.engine.advance(now_ns)
        self.status.settle(self.run.pending)

    def pending(self) -> bool:
        """True while a single acquisition is unfinished."""
        return self.run.pending

    def settle(self) -> None:
        """Tell the status model that pending work may have ended."""
        self.status.settle(self.run.pending)

    def device_bits(self) -> int:
        """TRG and OPER of the status byte."""
        bits = int(Stb.TRG) if self.run.trigger_event else 0
        return bits | (Stb.OPER if self.run.operation_event & self.settings.other.operation_enable else 0)

    def clear_events(self) -> None:
        """``*CLS`` of the scope's own registers."""
        self.run.trigger_event = False
        self.run.armed_event = False
        self.run.operation_event = 0

    def reset(self) -> None:
        """``*RST``: power-on settings, running."""
        self.settings.assign(Settings())
        self.engine.start(Mode.CONTINUOUS)

    def save(self, register: int) -> None:
        """``*SAV``: keep the panel. Raises ScpiError."""
        self._registers.save(register)

    def recall(self, register: int) -> None:
        """``*RCL``: restore the panel, power-on settings for a register never saved. Raises ScpiError."""
        self._registers.recall(register)

    def group_trigger(self) -> Reply:
        """``*TRG`` acts as ``:DIGitize`` of the displayed channels."""
        return self._commands.digitize()

    def self_test(self) -> int:
        """``*TST?``: 0 passed, 1 when the analogue part is broken."""
        return self.engine.self_test()

    def _frame(self, record: ScopeRecord) -> Acquisition:
        return Acquisition(self.settings.copy(), record)


def open_standalone(serial: str, seed: int = 0) -> Dsox:
    """A scope that is wired to nothing but its own test signals; a signal that passes the trigger level triggers it."""
    scope = Dsox(serial, panel_signals, seed)
    scope.engine.trigger_itself()
    return scope
