"""PURE: the stand-in of a Tektronix MSO54: as much of its language as learning, arming and reading need.

Source: 5/6-series programmer manual and instruments.md 2.13: replies carry headers until ``HEADER OFF``; ``SET?`` tells
the panel as commands with headers, whatever HEADER says; errors are a bit of ``*ESR?``, then ``ALLev?``; YOFf is
always 0, position and offset are in YZEro.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from drivers.wire.block import header
from drivers.wire.scpi import HeaderTable, ScpiError, Unit, matches_mnemonic, parse_boolean, parse_number
from firmware_sim.personalities.scope_engine import FAULTS
from firmware_sim.personalities.scope_record import Adc, Codes, Volts
from firmware_sim.personalities.scope_run import Mode, Run
from firmware_sim.personalities.scope_signals import panel_signals
from firmware_sim.personalities.single_shot import FrontPanel, start_engine
from firmware_sim.personalities.status488 import Status488
from firmware_sim.sessions.scpi import Handler, Reply, Wait

MODEL = "MSO54"
FIRMWARE = "CF:91.1CT FV:1.38.9.0"
ADC = Adc(span=64_000, centre=32_768, quantum=16, lowest=1, highest=65_535, mark_low=1, mark_high=65_535)
"""Ten divisions of 6400 codes, 12 bits of them converted. [UNV] the number of codes per division of the real scope."""
DIVISIONS = 10
RECORD_MIN, RECORD_MAX = 1_000, 2_000_000
"""Record lengths of this stand-in; the real one has up to 125 M."""
NO_EVENTS = '0,"No events to report - queue empty"'
TRIGGER_STATE = {Run.STOPPED: "SAVE", Run.FILLING: "ARMED", Run.WAITING: "READY", Run.STORING: "TRIGGER"}
SOURCES = {"CH1": "CHAN1", "CH2": "CHAN2", "CH3": "CHAN3", "CH4": "CHAN4", "AUX": "EXT"}
_OUR_SOURCES = {value: key for key, value in SOURCES.items()}
ENCODINGS = ("ASCIi", "RIBinary", "RPBinary", "SRIbinary", "SRPbinary")


class Mso5:
    """An MSO54. ``volts(channel index, times in s)`` is what its inputs see; ``seed`` makes its noise its own."""

    FAULTS = FAULTS

    def __init__(self, serial: str, volts: Volts, seed: int) -> None:
        self.identification = f"TEKTRONIX,{MODEL},{serial},{FIRMWARE}"
        self.status = Status488(signed_zero=False)
        self.panel = FrontPanel(ADC, DIVISIONS)
        self.engine = start_engine(self.panel, serial, volts, seed)
        self.inject = self.engine.inject
        self._out: dict[str, Any] = {"source": "CH1", "encoding": "RIBinary", "width": 1, "start": 1, "stop": 10_000}
        self._header, self._verbose, self._sequence = True, True, False
        self._table = self._rows()

    # ------------------------------------------------------------------------------- ScpiDevice

    def compile(self, unit: Unit) -> Handler:
        """A callable for one unit; raises ScpiError for what the grammar refuses."""
        if unit.path[0].startswith("*"):
            raise ScpiError(-113, unit.path[0])
        (name, action), suffixes = self._table.find(unit)
        numbers = [suffix - 1 for suffix in suffixes]
        if not unit.query:
            if len(unit.arguments) != 1 and name != "TRIGger":
                raise ScpiError(-109 if not unit.arguments else -108)
            return lambda: action(*numbers, *unit.arguments)
        head = ":" + ":".join(unit.path)
        return lambda: self._answer(head, action(*numbers))

    def learn(self) -> bytes:
        """``SET?``: the panel as one line of commands, headers included."""
        panel, out = self.panel, self._out
        stop_after = "SEQUENCE" if self._sequence else "RUNSTOP"
        parts = [
            f":HEADER {int(self._header)};:VERBOSE {int(self._verbose)}",
            f":ACQUIRE:STOPAFTER {stop_after};STATE {int(self._running())};MODE SAMPLE",
            f":HORIZONTAL:SCALE {panel.window_s / 10:.4E};RECORDLENGTH {panel.points}",
            f"POSITION {100 * panel.before:.4f}",
        ]
        for number, own in enumerate(panel.channels, 1):
            ohms = "1.0000E+6" if own.impedance == "ONEM" else "50.0000"
            parts.append(f":CH{number}:SCALE {own.range_v / 10:.4E};OFFSET {own.offset_v:.4E};COUPLING {own.coupling}")
            parts.append(f'TERMINATION {ohms};LABEL:NAME "{own.label}"')
        parts.append(f":TRIGGER:A:EDGE:SOURCE {_OUR_SOURCES[panel.source]};SLOPE RISE")
        parts.append(f":TRIGGER:A:LEVEL:CH1 {panel.level_v:.4E}")
        parts.append(f":TRIGGER:A:MODE {'AUTO' if panel.automatic else 'NORMAL'}")
        parts.append(f":DATA:SOURCE {out['source']};ENCDG {str(out['encoding']).upper()};WIDTH {out['width']}")
        return ";".join(parts).encode("ascii")

    def advance(self, now_ns: int) -> None:
        """Bring the acquisition up to this instant."""
        self.engine.advance(now_ns)
        self.status.settle(self.engine.run.pending)

    def pending(self) -> bool:
        """True while a single sequence is unfinished."""
        return self.engine.run.pending

    def device_bits(self) -> int:
        """None of its own."""
        return 0

    def clear_events(self) -> None:
        """``*CLS``: nothing beside the common registers."""

    def reset(self) -> None:
        """``*RST``: power-on settings, running, and reply headers are back."""
        self.panel.reset()
        self._header, self._verbose, self._sequence = True, True, False
        self.engine.start(Mode.CONTINUOUS)

    def save(self, register: int) -> None:
        """``*SAV``: not modelled. Raises ScpiError -221."""
        raise ScpiError(-221)

    def recall(self, register: int) -> None:
        """``*RCL``: not modelled. Raises ScpiError -221."""
        raise ScpiError(-221)

    def group_trigger(self) -> Reply:
        """``*TRG``: as ``TRIGger FORCe``."""
        self._force()
        return None

    def self_test(self) -> int:
        """``*TST?``: passed."""
        return 0

    # ------------------------------------------------------------------------------------ language

    def _rows(self) -> HeaderTable[tuple[str, Callable[..., Any]]]:
        panel = self.panel
        queries: dict[str, Callable[..., Any]] = {
            "HEADer": lambda: int(self._header),
            "VERBose": lambda: int(self._verbose),
            "SET": self.learn,
            "BUSY": lambda: int(self.pending()),
            "ALLev": self._events,
            "EVENT": self._events,
            "ACQuire:STATE": lambda: int(self._running()),
            "ACQuire:NUMACq": lambda: self.engine.run.taken,
            "ACQuire:STOPAfter": lambda: "SEQUENCE" if self._sequence else "RUNSTOP",
            "TRIGger:STATE": self._trigger_state,
            "TRIGger:A:EDGE:SOUrce": lambda: _OUR_SOURCES[self.panel.source],
            "TRIGger:A:LEVel:CH<n>": lambda n: self.panel.level_v,
            "TRIGger:A:MODe": lambda: "AUTO" if self.panel.automatic else "NORMAL",
            "HORizontal:SCAle": lambda: self.panel.window_s / 10,
            "HORizontal:POSition": lambda: 100.0 * panel.before,
            "HORizontal:RECOrdlength": lambda: self.panel.points,
            "CH<n>:SCAle": lambda n: self.panel.channels[n].range_v / 10,
            "CH<n>:OFFSet": lambda n: self.panel.channels[n].offset_v,
            "CH<n>:COUPling": lambda n: self.panel.channels[n].coupling,
            "CH<n>:TERmination": lambda n: 1e6 if self.panel.channels[n].impedance == "ONEM" else 50.0,
            "CH<n>:LABel:NAMe": lambda n: f'"{self.panel.channels[n].label}"',
            "DATa:SOUrce": lambda: self._out["source"],
            "DATa:SOUrce:AVAILable": lambda: "CH1,CH2,CH3,CH4",
            "DATa:ENCdg": lambda: str(self._out["encoding"]).upper(),
            "DATa:WIDth": lambda: self._out["width"],
            "DATa:STARt": lambda: self._out["start"],
            "DATa:STOP": lambda: self._out["stop"],
            "CURVe": self._curve,
            **{f"WFMOutpre:{name}": self._preamble(name) for name in _PREAMBLE},
        }
        commands: dict[str, Callable[..., Any]] = {
            "HEADer": lambda text: self._flag("_header", text),
            "VERBose": lambda text: self._flag("_verbose", text),
            "ACQuire:STATE": self._state,
            "ACQuire:STOPAfter": self._stop_after,
            "ACQuire:MODe": lambda text: self._choice(text, ("SAMple",)),
            "TRIGger": self._force,
            "TRIGger:A:EDGE:SOUrce": self._source,
            "TRIGger:A:EDGE:SLOpe": lambda text: self._choice(text, ("RISe",)),
            "TRIGger:A:LEVel:CH<n>": lambda n, text: self._set(panel, "level_v", text, 1.0, (-100.0, 100.0)),
            "TRIGger:A:MODe": self._trigger_mode,
            "HORizontal:SCAle": lambda text: self._set(panel, "window_s", text, 10.0, (1e-8, 1e3)),
            "HORizontal:POSition": self._set_position,
            "HORizontal:RECOrdlength": lambda text: self._length(text),
            "CH<n>:SCAle": lambda n, text: self._set(self.panel.channels[n], "range_v", text, 10.0, (5e-3, 100.0)),
            "CH<n>:OFFSet": lambda n, text: self._set(self.panel.channels[n], "offset_v", text, 1.0, (-100.0, 100.0)),
            "CH<n>:COUPling": lambda n, text: self._word(self.panel.channels[n], "coupling", text, ("DC", "AC")),
            "CH<n>:TERmination": self._termination,
            "CH<n>:LABel:NAMe": lambda n, text: setattr(self.panel.channels[n], "label", text.strip("\"'")),
            "DATa:SOUrce": self._data_source,
            "DATa:ENCdg": self._encoding,
            "DATa:WIDth": lambda text: self._integer("width", text, 1, 2),
            "DATa:STARt": lambda text: self._integer("start", text, 1, 1 << 31),
            "DATa:STOP": lambda text: self._integer("stop", text, 1, 1 << 31),
        }
        rows: list[tuple[str, tuple[str, Callable[..., Any]]]] = []
        rows += [(f"{name}?", (name, action)) for name, action in queries.items()]
        rows += [(name, (name, action)) for name, action in commands.items()]
        return HeaderTable(rows)

    def _answer(self, head: str, value: Any) -> Reply:
        if isinstance(value, (Wait, tuple)):
            return (f"{head} ".encode(), *value) if isinstance(value, tuple) and self._header else value
        if isinstance(value, bytes):
            return value
        text = f"{value:.4E}" if isinstance(value, float) else str(value)
        return (f"{head} {text}" if self._header else text).encode("ascii")

    def _events(self) -> str:
        count = self.status.error_count
        return NO_EVENTS if not count else ",".join(self.status.next_error().lstrip("+") for _ in range(count))

    def _running(self) -> bool:
        return self.engine.run.state is not Run.STOPPED

    def _trigger_state(self) -> str:
        run = self.engine.run
        if run.state is not Run.STOPPED and run.mode is Mode.CONTINUOUS and self.panel.automatic:
            return "AUTO"
        return TRIGGER_STATE[run.state]

    def _state(self, text: str) -> None:
        on = matches_mnemonic(text, "RUN") or (not matches_mnemonic(text, "STOP") and parse_boolean(text))
        if on:
            self.engine.start(Mode.SINGLE if self._sequence else Mode.CONTINUOUS)
        else:
            self.engine.run.stop()

    def _stop_after(self, text: str) -> None:
        self._choice(text, ("SEQuence", "RUNSTop"))
        self._sequence = matches_mnemonic(text, "SEQuence")

    def _force(self, text: str = "FORCe") -> None:
        self._choice(text, ("FORCe",))
        self.engine.force()

    def _source(self, text: str) -> None:
        if text.upper() not in SOURCES:
            raise ScpiError(-224, text)
        self.panel.source = SOURCES[text.upper()]

    def _trigger_mode(self, text: str) -> None:
        self._choice(text, ("AUTO", "NORMal"))
        self.panel.automatic = text.upper() == "AUTO"

    def _set_position(self, text: str) -> None:
        """Percent of the record that lies before the trigger."""
        percent = parse_number(text)
        if not 0.0 <= percent <= 100.0:
            raise ScpiError(-222)
        self.panel.before = percent / 100.0

    def _set(self, owner: Any, name: str, text: str, factor: float, limits: tuple[float, float]) -> None:
        value = parse_number(text) * factor
        if not limits[0] <= value <= limits[1]:
            raise ScpiError(-222, name)
        setattr(owner, name, float(f"{value:.4g}"))

    def _length(self, text: str) -> None:
        points = round(parse_number(text))
        if not RECORD_MIN <= points <= RECORD_MAX:
            raise ScpiError(-222)
        self.panel.points = points

    def _word(self, owner: Any, name: str, text: str, words: tuple[str, ...]) -> None:
        self._choice(text, words)
        setattr(owner, name, text.upper())

    def _termination(self, n: int, text: str) -> None:
        ohms = parse_number(text)
        if ohms not in (50.0, 1e6):
            raise ScpiError(-224, text)
        self.panel.channels[n].impedance = "ONEM" if ohms == 1e6 else "FIFT"

    def _choice(self, text: str, words: tuple[str, ...]) -> None:
        if not any(matches_mnemonic(text, word) for word in words):
            raise ScpiError(-224, text)

    def _flag(self, name: str, text: str) -> None:
        setattr(self, name, parse_boolean(text))

    def _data_source(self, text: str) -> None:
        if text.upper() not in ("CH1", "CH2", "CH3", "CH4"):
            raise ScpiError(-224, text)
        self._out["source"] = text.upper()

    def _encoding(self, text: str) -> None:
        found = next((word for word in ENCODINGS if matches_mnemonic(text, word)), None)
        if found is None:
            raise ScpiError(-224, text)
        self._out["encoding"] = found

    def _integer(self, name: str, text: str, least: int, most: int) -> None:
        value = round(parse_number(text))
        if not least <= value <= most:
            raise ScpiError(-222, name)
        self._out[name] = value

    # --------------------------------------------------------------------------------------- record

    def _span(self) -> tuple[int, int]:
        first = int(self._out["start"]) - 1
        return first, max(first + 1, min(int(self._out["stop"]), self.panel.points))

    def _preamble(self, name: str) -> Callable[[], Any]:
        return lambda: _PREAMBLE[name](self)

    def increments(self) -> tuple[float, float, float, float]:
        """Time step and first time, volts per code and volts at code 0, of the record and source at hand."""
        sweep = self.engine.require_record().sweep
        inlet = sweep.inlets[int(str(self._out["source"])[-1]) - 1]
        codes = ADC.span if self._out["width"] == 2 else ADC.span / 256
        return sweep.range_s / self.panel.points, sweep.start_s, inlet.range_v / codes, inlet.centre_v

    def trigger_point(self) -> int:
        """``PT_Off``: the first sample after the trigger, counted from ``DATa:STARt``."""
        step_s, start_s, _, _ = self.increments()
        return int(np.ceil(-start_s / step_s - 1e-9)) - self._span()[0]

    def sub_sample_s(self) -> float:
        """``XZEro``: how much later than the trigger that sample is."""
        step_s, start_s, _, _ = self.increments()
        return (self.trigger_point() + self._span()[0]) * step_s + start_s

    @property
    def width(self) -> int:
        """``DATa:WIDth``: bytes per point."""
        return int(self._out["width"])

    def points(self) -> int:
        """``NR_Pt``."""
        first, last = self._span()
        return last - first

    def _curve(self) -> Any:
        record, (first, last) = self.engine.require_record(), self._span()
        channel = int(str(self._out["source"])[-1]) - 1
        encoding, width = str(self._out["encoding"]), int(self._out["width"])
        form = (encoding, width, first, last)
        data = record.encode(
            channel, self.panel.points, form, lambda codes: _lay_out(codes[first:last], encoding, width)
        )
        if data is None:
            return Wait.UNTIL_TICK
        if encoding == "ASCIi":
            return (data,)
        return header(len(data), len(str(len(data)))), data


def _lay_out(codes: Codes, encoding: str, width: int) -> memoryview:
    """Codes as they travel: signed or positive, most or least significant byte first, or as text."""
    signed = codes.astype(np.int32) - 32_768
    if width == 1:
        signed = signed >> 8
    if encoding == "ASCIi":
        return memoryview(",".join(map(str, signed.tolist())).encode("ascii"))
    values = signed if "RI" in encoding else signed + (128 if width == 1 else 32_768)
    kind = ("i" if "RI" in encoding else "u") + str(width)
    order = "<" if encoding.startswith("S") else ">"
    return values.astype(f"{order}{kind}").view(np.uint8).data


_PREAMBLE: Mapping[str, Callable[[Mso5], Any]] = {
    "NR_Pt": Mso5.points,
    "XINcr": lambda scope: float(scope.increments()[0]),
    "XZEro": lambda scope: float(scope.sub_sample_s()),
    "PT_Off": Mso5.trigger_point,
    "YMUlt": lambda scope: float(scope.increments()[2]),
    "YOFf": lambda scope: 0.0,
    "YZEro": lambda scope: float(scope.increments()[3]),
    "XUNit": lambda scope: '"s"',
    "YUNit": lambda scope: '"V"',
    "BYT_Nr": lambda scope: scope.width,
    "BIT_Nr": lambda scope: 8 * scope.width,
}


def open_standalone(serial: str, seed: int = 0) -> Mso5:
    """A scope that is wired to nothing but its own test signals."""
    return Mso5(serial, panel_signals, seed)
