"""PURE: the front panel of the scopes that are learned (MSO5, LeCroy), over the engine of every scope here.

A language (mso5.py, lecroy.py) is put on top. Standing alone such a scope shows the common test signals.
"""

from dataclasses import dataclass, field
from zlib import crc32

from firmware_sim.personalities.scope_engine import Edge, ScopeEngine
from firmware_sim.personalities.scope_record import Adc, Inlet, ScopeRecord, Sweep, Volts
from firmware_sim.personalities.scope_run import Mode, Run

CHANNELS = 4
CONDITION = dict.fromkeys(Run, 0)
"""Neither scope has the operation status register of a DSO-X."""


@dataclass(slots=True)
class Channel:
    """One input, 1:1 probe: full vertical range, and the voltage at the middle of the screen."""

    label: str = ""
    range_v: float = 8.0
    offset_v: float = 0.0
    coupling: str = "DC"
    impedance: str = "ONEM"


@dataclass(slots=True)
class FrontPanel:
    """The knobs that shape a record; ``before`` is the part of the window that lies before the trigger."""

    adc: Adc
    divisions: int
    channels: list[Channel] = field(default_factory=list)
    window_s: float = 1e-3
    before: float = 0.5
    points: int = 10_000
    source: str = "CHAN1"
    level_v: float = 1.0
    automatic: bool = True

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Power-on settings, in place."""
        self.channels[:] = [Channel(range_v=float(self.divisions)) for _ in range(CHANNELS)]
        self.window_s, self.before, self.points = 1e-3, 0.5, 10_000
        self.source, self.level_v, self.automatic = "CHAN1", 1.0, True

    # ------------------------------------------------------------------------------- ScopePanel

    def window(self) -> tuple[float, float]:
        """Time of the first sample relative to the trigger, and length of the record, in s."""
        return -self.before * self.window_s, self.window_s

    def auto(self) -> bool:
        """True when a running scope triggers by itself."""
        return self.automatic

    def segments(self) -> int:
        """One record per acquisition."""
        return 1

    def freeze(self) -> Sweep:
        """The settings that shape a record."""
        inlets = tuple(
            Inlet(own.range_v, own.offset_v, ac=own.coupling == "AC", grounded=own.coupling == "GND")
            for own in self.channels
        )
        start_s, range_s = self.window()
        return Sweep(inlets, start_s, range_s, self.adc)

    def edge(self) -> Edge:
        """The trigger: rising edges only."""
        return Edge(self.source, self.level_v, "POS")

    def scale_channel_1(self, factor: float) -> None:
        """The fault ``wrong_setup``."""
        self.channels[0].range_v *= factor


def start_engine(panel: FrontPanel, serial: str, volts: Volts, seed: int) -> ScopeEngine[ScopeRecord]:
    """The acquisition behind a panel, running; a signal that passes the trigger level triggers it."""
    engine: ScopeEngine[ScopeRecord] = ScopeEngine(
        panel, volts, (seed, crc32(serial.encode())), lambda record: record, CONDITION
    )
    engine.trigger_itself()
    engine.start(Mode.CONTINUOUS)
    return engine
