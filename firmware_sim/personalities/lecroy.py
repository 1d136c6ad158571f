"""PURE: the stand-in of a Teledyne LeCroy WaveRunner (MAUI): what learning, arming and reading need of its language.

Source: MAUI remote control manual: ``CHDR SHORT`` until told otherwise, ``INR?`` cleared by reading (bit 0 new signal,
bit 13 trigger ready), ``TRMD``, ``PNSU`` a block, ``WF? ALL`` = ``ALL,#9<length>`` + WAVEDESC + samples. The panel's
text is modelled on the setup files of X-Stream scopes. [UNV] against a real instrument.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from drivers.wire import wavedesc
from drivers.wire.block import header
from drivers.wire.scpi import ScpiError, parse_number
from firmware_sim.personalities.lecroy_text import (
    CHANNELS,
    COUPLINGS,
    name_coupling,
    our_source,
    read_choice,
    read_number,
    read_panel,
    their_source,
)
from firmware_sim.personalities.scope_engine import FAULTS
from firmware_sim.personalities.scope_record import Adc, Codes, Volts
from firmware_sim.personalities.scope_run import Mode, Run
from firmware_sim.personalities.scope_signals import panel_signals
from firmware_sim.personalities.single_shot import FrontPanel, start_engine
from firmware_sim.personalities.status488 import Status488

MODEL = "WAVERUNNER640ZI"
FIRMWARE = "8.5.1"
DIVISIONS = 8
ADC = Adc(span=65_536, centre=32_768, quantum=256, lowest=256, highest=65_280, mark_low=0, mark_high=65_535)
"""Eight divisions of 8192 codes, 8 bits of them converted. [UNV] the number of codes per division."""
NEW_SIGNAL, TRIGGER_READY = 1 << 0, 1 << 13
TRIGGER_MODES = ("AUTO", "NORM", "SINGLE", "STOP")
LONG = {
    "TRIG_MODE": "TRMD",
    "VOLT_DIV": "VDIV",
    "OFFSET": "OFST",
    "TIME_DIV": "TDIV",
    "TRIG_DELAY": "TRDL",
    "TRIG_LEVEL": "TRLV",
    "COUPLING": "CPL",
    "WAVEFORM": "WF",
    "WAVEFORM_SETUP": "WFSU",
    "COMM_FORMAT": "CFMT",
    "COMM_ORDER": "CORD",
    "COMM_HEADER": "CHDR",
    "PANEL_SETUP": "PNSU",
    "TEMPLATE": "TMPL",
    "ARM_ACQUISITION": "ARM",
    "FORCE_TRIGGER": "FRTR",
    "TRIG_SELECT": "TRSE",
}
"""Long header -> short one."""

Answer = bytes | tuple[bytes | memoryview, ...] | None


class LeCroy:
    """A WaveRunner. ``volts(channel index, times in s)`` is what its inputs see; ``seed`` makes its noise its own."""

    FAULTS = FAULTS

    def __init__(self, serial: str, volts: Volts, seed: int) -> None:
        self.identification = f"LECROY,{MODEL},{serial},{FIRMWARE}"
        self.serial = serial
        self.status = Status488(signed_zero=False)
        self.panel = FrontPanel(ADC, DIVISIONS)
        self.engine = start_engine(self.panel, serial, volts, seed)
        self.inject = self.engine.inject
        self._headers = True
        self._word, self._low_first = False, False
        self._inr = 0
        self._sparsing, self._count, self._first = 0, 0, 0
        self._commands = self._command_table()
        self._queries = self._query_table()

    def advance(self, now_ns: int) -> None:
        """Bring the acquisition up to this instant, and its events into the INR register."""
        run = self.engine.run
        state, taken = run.state, run.taken
        self.engine.advance(now_ns)
        if run.armed_event:
            self._inr |= TRIGGER_READY
            run.armed_event = False
        complete = run.state is Run.STOPPED and state is not Run.STOPPED
        if run.taken and (complete or (run.taken != taken and run.mode is Mode.CONTINUOUS)):
            self._inr |= NEW_SIGNAL
        self.status.settle(run.pending)

    def pending(self) -> bool:
        """True while a single acquisition is unfinished."""
        return self.engine.run.pending

    def execute(self, unit: bytes) -> Answer:
        """One command or query of a message, without separators. Raises ScpiError."""
        head, _, rest = unit.partition(b" ")
        path, query = head.decode("latin-1").upper().lstrip(":"), head.endswith(b"?")
        source, colon, name = path.rstrip("?").rpartition(":")
        name = LONG.get(name, name)
        if colon and source not in (*CHANNELS, "EX"):
            raise ScpiError(-113, path)
        channel = CHANNELS.index(source) if source in CHANNELS else None
        if query:
            ask = self._queries.get(name)
            if ask is None:
                raise ScpiError(-113, path)
            value = ask(channel, rest.decode("latin-1").strip())
            return self._answer(f"{source}:{name}" if colon else name, value)
        command = self._commands.get(name)
        if command is None:
            raise ScpiError(-113, path)
        command(channel, rest)
        return None

    def setup_text(self) -> bytes:
        """The front panel as the text that ``PNSU?`` sends."""
        panel = self.panel
        lines = [
            "' XStreamDSO ConfigurationVBScript",
            f'app.Acquisition.TriggerMode = "{self._trigger_mode()}"',
            f"app.Acquisition.Horizontal.HorScale = {panel.window_s / 10:.9g}",
            f"app.Acquisition.Horizontal.HorOffset = {self._delay():.9g}",
            f"app.Acquisition.Horizontal.MaxSamples = {panel.points}",
            f'app.Acquisition.Trigger.Source = "{their_source(panel.source)}"',
            f"app.Acquisition.Trigger.Level = {panel.level_v:.9g}",
        ]
        for number, own in enumerate(self.panel.channels, 1):
            place = f"app.Acquisition.C{number}"
            lines += [
                f"{place}.VerScale = {own.range_v / DIVISIONS:.9g}",
                f"{place}.VerOffset = {-own.offset_v:.9g}",
                f'{place}.Coupling = "{name_coupling(own.coupling, own.impedance)}"',
            ]
        return "\r\n".join(lines).encode("ascii") + b"\r\n"

    # ------------------------------------------------------------------------------------ language

    def _command_table(self) -> Mapping[str, Callable[[int | None, bytes], None]]:
        return {
            "CHDR": lambda _, text: setattr(self, "_headers", read_choice(text, ("SHORT", "LONG", "OFF")) != "OFF"),
            "CORD": lambda _, text: setattr(self, "_low_first", read_choice(text, ("LO", "HI")) == "LO"),
            "CFMT": self._format,
            "WFSU": self._waveform_setup,
            "TRMD": self._set_trigger_mode,
            "ARM": lambda _, text: self._set_trigger_mode(None, b"SINGLE"),
            "STOP": lambda _, text: self.engine.run.stop(),
            "FRTR": lambda _, text: self._force(),
            "VDIV": lambda n, text: self._set(self._own(n), "range_v", text, DIVISIONS, (2e-3, 10.0)),
            "OFST": lambda n, text: self._set(self._own(n), "offset_v", text, -1, (-100.0, 100.0)),
            "CPL": self._set_coupling,
            "TDIV": self._set_time,
            "TRDL": self._set_delay,
            "TRLV": lambda n, text: self._set(self.panel, "level_v", text, 1, (-100.0, 100.0)),
            "TRSE": self._select,
            "MSIZ": self._memory,
            "PNSU": lambda _, data: self._restore(data),
            "*CLS": lambda _, text: self._clear(),
            "*RST": lambda _, text: self._reset(),
            "*ESE": lambda _, text: setattr(self.status, "ese", round(read_number(text)) & 255),
            "*SRE": lambda _, text: setattr(self.status, "sre", round(read_number(text)) & 191),
            "*OPC": lambda _, text: self.status.want_opc(),
            "WAIT": lambda _, text: None,
        }

    def _query_table(self) -> Mapping[str, Callable[[int | None, str], Any]]:
        return {
            "*IDN": lambda n, text: self.identification,
            "*ESR": lambda n, text: self.status.read_esr(),
            "*STB": lambda n, text: self.status.byte(1 if self._inr else 0, False),
            "*OPC": lambda n, text: 1,
            "*TST": lambda n, text: 0,
            "INR": lambda n, text: self._take_inr(),
            "CHDR": lambda n, text: "SHORT" if self._headers else "OFF",
            "CORD": lambda n, text: "LO" if self._low_first else "HI",
            "CFMT": lambda n, text: f"DEF9,{'WORD' if self._word else 'BYTE'},BIN",
            "TRMD": lambda n, text: self._trigger_mode(),
            "TRSE": lambda n, text: f"EDGE,SR,{their_source(self.panel.source)},HT,OFF",
            "TRLV": lambda n, text: (self.panel.level_v, "V"),
            "VDIV": lambda n, text: (self._own(n).range_v / DIVISIONS, "V"),
            "OFST": lambda n, text: (-self._own(n).offset_v, "V"),
            "CPL": lambda n, text: name_coupling(self._own(n).coupling, self._own(n).impedance),
            "TDIV": lambda n, text: (self.panel.window_s / 10, "S"),
            "TRDL": lambda n, text: (self._delay(), "S"),
            "MSIZ": lambda n, text: (float(self.panel.points), "SAMPLE"),
            "WFSU": lambda n, text: f"SP,{self._sparsing},NP,{self._count},FP,{self._first},SN,0",
            "TMPL": lambda n, text: f'"\n{wavedesc.describe_template()}"',
            "PNSU": lambda n, text: _block(self.setup_text()),
            "WF": self._waveform,
        }

    def _answer(self, name: str, value: Any) -> Answer:
        """A reply in the header mode at hand: with CHDR OFF neither header nor unit."""
        lead = f"{name} " if self._headers else ""
        if isinstance(value, tuple) and isinstance(value[0], float):
            return f"{lead}{value[0]:.6G}{' ' + value[1] if self._headers else ''}".encode("ascii")
        if isinstance(value, tuple):
            return (lead.encode("ascii"), *value)
        return f"{lead}{value}".encode("ascii")

    def _own(self, channel: int | None) -> Any:
        if channel is None:
            raise ScpiError(-113)
        return self.panel.channels[channel]

    def _set(self, owner: Any, name: str, text: bytes, factor: float, limits: tuple[float, float]) -> None:
        value = read_number(text)
        if not limits[0] <= value <= limits[1]:
            raise ScpiError(-222)
        setattr(owner, name, value * factor)

    def _set_coupling(self, channel: int | None, text: bytes) -> None:
        own = self._own(channel)
        own.coupling, own.impedance = COUPLINGS[read_choice(text, tuple(COUPLINGS))]

    def _set_time(self, _: int | None, text: bytes) -> None:
        delay_s = self._delay()
        self._set(self.panel, "window_s", text, 10.0, (1e-10, 1e3))
        self._place(delay_s)

    def _delay(self) -> float:
        """``TRDL``: how much later than the screen's middle the trigger lies."""
        return (self.panel.before - 0.5) * self.panel.window_s

    def _set_delay(self, _: int | None, text: bytes) -> None:
        self._place(read_number(text))

    def _place(self, delay_s: float) -> None:
        self.panel.before = min(1.0, 0.5 + delay_s / self.panel.window_s)

    def _select(self, _: int | None, text: bytes) -> None:
        words = [word.strip().upper() for word in text.decode("latin-1").split(",")]
        if words[:1] != ["EDGE"] or "SR" not in words[:-1]:
            raise ScpiError(-224)
        self.panel.source = our_source(words[words.index("SR") + 1])

    def _memory(self, _: int | None, text: bytes) -> None:
        size = text.strip().upper()
        points = round(read_number(size.removesuffix(b"M")) * (1e6 if size.endswith(b"M") else 1.0))
        if not 500 <= points <= 1_000_000:
            raise ScpiError(-222)
        self.panel.points = points

    def _format(self, _: int | None, text: bytes) -> None:
        words = [word.strip() for word in text.decode("latin-1").upper().split(",")]
        if len(words) != 3 or words[0] != "DEF9" or words[1] not in ("BYTE", "WORD") or words[2] != "BIN":
            raise ScpiError(-224)
        self._word = words[1] == "WORD"

    def _waveform_setup(self, _: int | None, text: bytes) -> None:
        words = [word.strip() for word in text.decode("latin-1").upper().split(",")]
        pairs = dict(zip(words[::2], words[1::2], strict=False))
        if len(words) % 2 or not set(pairs) <= {"SP", "NP", "FP", "SN"}:
            raise ScpiError(-224)
        values = {name: round(parse_number(value)) for name, value in pairs.items()}
        if any(value < 0 for value in values.values()):
            raise ScpiError(-222)
        self._sparsing = values.get("SP", self._sparsing)
        self._count = values.get("NP", self._count)
        self._first = values.get("FP", self._first)

    def _trigger_mode(self) -> str:
        run = self.engine.run
        if run.state is Run.STOPPED:
            return "STOP"
        if run.mode is Mode.SINGLE:
            return "SINGLE"
        return "AUTO" if self.panel.automatic else "NORM"

    def _set_trigger_mode(self, _: int | None, text: bytes) -> None:
        mode = read_choice(text, TRIGGER_MODES)
        if mode == "STOP":
            self.engine.run.stop()
        elif mode == "SINGLE":
            self.engine.start(Mode.SINGLE)
        else:
            self.panel.automatic = mode == "AUTO"
            self.engine.start(Mode.CONTINUOUS)

    def _force(self) -> None:
        if not self.engine.run.force(self.engine.now_ns):
            raise ScpiError(-211)

    def _take_inr(self) -> int:
        value, self._inr = self._inr, 0
        return value

    def _clear(self) -> None:
        self.status.clear()
        self._inr = 0

    def _reset(self) -> None:
        self.panel.reset()
        self.engine.start(Mode.CONTINUOUS)

    def _restore(self, data: bytes) -> None:
        """``PNSU``: a block of settings; one that is none is refused whole (-230)."""
        panel, values = self.panel, read_panel(data)
        panel.window_s = 10 * float(values["app.Acquisition.Horizontal.HorScale"])
        self._place(float(values["app.Acquisition.Horizontal.HorOffset"]))
        panel.points = int(values["app.Acquisition.Horizontal.MaxSamples"])
        panel.source = our_source(values["app.Acquisition.Trigger.Source"])
        panel.level_v = float(values["app.Acquisition.Trigger.Level"])
        for number, own in enumerate(self.panel.channels, 1):
            place = f"app.Acquisition.C{number}"
            own.range_v = DIVISIONS * float(values[f"{place}.VerScale"])
            own.offset_v = -float(values[f"{place}.VerOffset"])
            own.coupling, own.impedance = COUPLINGS[values[f"{place}.Coupling"]]
        self._set_trigger_mode(None, values["app.Acquisition.TriggerMode"].encode())

    # --------------------------------------------------------------------------------------- record

    def _waveform(self, channel: int | None, what: str) -> Any:
        what = what.upper() or "ALL"
        if channel is None or what not in ("ALL", "DESC", "DAT1"):
            raise ScpiError(-224)
        record = self.engine.require_record()
        step = max(1, self._sparsing)
        last = min(self.panel.points, self._first + self._count * step) if self._count else self.panel.points
        codes = record.codes(channel, self.panel.points)[self._first : last : step]
        samples = _lay_out(codes, self._word, self._low_first)
        inlet = record.sweep.inlets[channel]
        gain = inlet.range_v / (ADC.span if self._word else ADC.span / 256)
        interval_s = record.sweep.range_s / self.panel.points
        described = wavedesc.encode(
            {
                "DESCRIPTOR_NAME": "WAVEDESC",
                "TEMPLATE_NAME": wavedesc.TEMPLATE,
                "COMM_TYPE": wavedesc.WORD if self._word else wavedesc.BYTE,
                "COMM_ORDER": wavedesc.LOW_FIRST if self._low_first else wavedesc.HIGH_FIRST,
                "WAVE_DESCRIPTOR": wavedesc.SIZE,
                "WAVE_ARRAY_1": len(samples),
                "INSTRUMENT_NAME": f"LECROY{MODEL}"[:16],
                "INSTRUMENT_NUMBER": int("".join(char for char in self.serial if char.isdigit()) or 0) % 100_000,
                "WAVE_ARRAY_COUNT": len(codes),
                "PNTS_PER_SCREEN": self.panel.points,
                "LAST_VALID_PNT": max(0, len(codes) - 1),
                "FIRST_POINT": self._first,
                "SPARSING_FACTOR": step,
                "SUBARRAY_COUNT": 1,
                "SWEEPS_PER_ACQ": 1,
                "VERTICAL_GAIN": gain,
                "VERTICAL_OFFSET": -inlet.centre_v,
                "MAX_VALUE": 32_767.0 if self._word else 127.0,
                "MIN_VALUE": -32_768.0 if self._word else -128.0,
                "NOMINAL_BITS": 8,
                "NOM_SUBARRAY_COUNT": 1,
                "HORIZ_INTERVAL": interval_s * step,
                "HORIZ_OFFSET": record.sweep.start_s + self._first * interval_s,
                "PIXEL_OFFSET": record.sweep.start_s,
                "VERTUNIT": "V",
                "HORUNIT": "S",
                "ACQ_DURATION": 0.0,
                "PROBE_ATT": 1.0,
                "WAVE_SOURCE": channel,
            }
        )
        parts = {"ALL": (described, samples), "DESC": (described,), "DAT1": (samples,)}[what]
        return (f"{what},".encode() + header(sum(map(len, parts)), 9), *parts)


def _lay_out(codes: Codes, word: bool, low_first: bool) -> memoryview:
    signed = codes.astype(np.int32) - 32_768
    if not word:
        return (signed >> 8).astype(np.int8).view(np.uint8).data
    return signed.astype("<i2" if low_first else ">i2").view(np.uint8).data


def _block(data: bytes) -> tuple[bytes, bytes]:
    return header(len(data), 9), data


def open_standalone(serial: str, seed: int = 0) -> LeCroy:
    """A scope that is wired to nothing but its own test signals."""
    return LeCroy(serial, panel_signals, seed)
