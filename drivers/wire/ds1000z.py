"""PURE: the dialect of the Rigol DS1074Z oscilloscope (instruments.md 2.3, 2.0), for both ends of the wire.

Limits, values after ``*RST``, memory depths and ``:TRIGger:POSition?`` are from the series' programming guide [UNV].
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from drivers.wire.dialect import Dialect, Row
from drivers.wire.scope_rows import COMMON, PLAIN, Knob, by_name, knob_rows
from drivers.wire.scpi import NUMBER_MAX, ScpiError, parse_choice, parse_number
from drivers.wire.scpi_rows import BlockRow, Codec, Quoted, ScpiRow, Switch, choice

MODEL = "DS1074Z"
CHANNELS = ("CHAN1", "CHAN2", "CHAN3", "CHAN4")
DIVISIONS_X, DIVISIONS_Y = 12, 8
CODES_PER_DIVISION = 25
Y_REFERENCE = 127
SCREEN_POINTS = 1200
"""Points of a NORMal read-out: a hundred per division."""
RECORD_POINTS_MAX = 24_000_000
DEPTHS = (12_000, 120_000, 1_200_000, 12_000_000, 24_000_000)
"""Memory depths with one channel on; halved with two, a quarter with three or four."""
BATCH_POINTS: Mapping[str, int] = MappingProxyType({"BYTE": 250_000, "WORD": 125_000, "ASC": 15_625})
"""Most points of one ``:WAVeform:DATA?`` by format."""
BLOCK_DIGITS = 9
SCALES_S = tuple(
    float(f"{step}e{exponent}")
    for exponent in range(-9, 2)
    for step in (1, 2, 5)
    if 5e-9 <= step * 10.0**exponent <= 50
)
"""Horizontal scales, per division: 5 ns to 50 s in steps of 1-2-5."""

FORMAT_CODES: Mapping[str, int] = MappingProxyType({"BYTE": 0, "WORD": 1, "ASC": 2})
MODE_CODES: Mapping[str, int] = MappingProxyType({"NORM": 0, "MAX": 1, "RAW": 2})
"""First and second preamble field."""


def depths(channels_on: int) -> tuple[int, ...]:
    """The memory depths that can be chosen."""
    divisor = 1 if channels_on <= 1 else 2 if channels_on == 2 else 4
    return tuple(depth // divisor for depth in DEPTHS)


@dataclass(frozen=True, slots=True)
class Scientific:
    """A real number in ``unit``, written ``1.000000e-03`` [UNV]."""

    unit: str = ""

    def write(self, value: Any) -> str:
        """Text of ``value``."""
        return f"{float(value) + 0.0:.6e}"

    def read(self, text: str) -> float:
        """Value of ``text``; 9.9E37 (no value) is refused."""
        value = parse_number(text, self.unit)
        if abs(value) >= NUMBER_MAX:
            raise ScpiError(-222, text)
        return value


@dataclass(frozen=True, slots=True)
class Depth:
    """A memory depth: points, or AUTO."""

    def write(self, value: Any) -> str:
        """Text of ``value``."""
        return str(value)

    def read(self, text: str) -> int | str:
        """Value of ``text``."""
        return parse_choice(text, ("AUTO",)) if text[:1].isalpha() else PLAIN.read(text)


_SWITCH = Switch()
_V, _S, _ONE = Scientific("V"), Scientific("S"), Scientific()
SOURCE = choice("CHANnel1", "CHANnel2", "CHANnel3", "CHANnel4")
TRIGGER_SOURCE = choice("CHANnel1", "CHANnel2", "CHANnel3", "CHANnel4", "AC")
FORMAT = choice("WORD", "BYTE", "ASCii")
ITEM = choice("VMAX", "VMIN", "VPP", "VAVG", "VAMP", "FREQuency")

PREAMBLE: Mapping[str, Codec] = MappingProxyType(
    {
        "format": PLAIN,
        "type": PLAIN,
        "points": PLAIN,
        "count": PLAIN,
        "x_increment": _ONE,
        "x_origin": _ONE,
        "x_reference": PLAIN,
        "y_increment": _ONE,
        "y_origin": PLAIN,
        "y_reference": PLAIN,
    }
)

KNOBS: Mapping[str, Knob] = by_name(
    (
        *(
            Knob(f"channel.{name}", f":CHANnel<n>:{header}", codec, default, low, high, "channel", 4)
            for name, header, codec, default, low, high in (
                ("display", "DISPlay", _SWITCH, False, 0, 1),
                ("range", "RANGe", _V, 8.0, 8e-3, 80.0),
                ("offset", "OFFSet", _V, 0.0, -100.0, 100.0),
                ("coupling", "COUPling", choice("AC", "DC", "GND"), "DC", 0, 0),
                ("bandwidth", "BWLimit", choice("20M", "OFF"), "OFF", 0, 0),
                ("invert", "INVert", _SWITCH, False, 0, 1),
                ("probe", "PROBe", _ONE, 1.0, 1e-2, 1e3),
                ("units", "UNITs", choice("VOLTage", "WATT", "AMPere", "UNKNown"), "VOLT", 0, 0),
                ("vernier", "VERNier", _SWITCH, False, 0, 1),
                ("skew", "TCAL", _S, 0.0, -1e-7, 1e-7),
            )
        ),
        Knob("timebase.mode", ":TIMebase:MODE", choice("MAIN", "XY", "ROLL"), "MAIN", only=frozenset({"MAIN"})),
        Knob("timebase.scale", ":TIMebase[:MAIN]:SCALe", _S, 1e-4, 5e-9, 50.0),
        Knob("timebase.offset", ":TIMebase[:MAIN]:OFFSet", _S, 0.0, -1e3, 1e3),
        Knob("acquire.type", ":ACQuire:TYPE", choice("NORMal", "AVERages", "PEAK", "HRESolution"), "NORM"),
        Knob("acquire.averages", ":ACQuire:AVERages", PLAIN, 2, 2, 1024),
        Knob("acquire.depth", ":ACQuire:MDEPth", Depth(), "AUTO"),
        Knob("trigger.mode", ":TRIGger:MODE", choice("EDGE", "PULSe", "SLOPe", "VIDeo"), "EDGE",
             only=frozenset({"EDGE"})),
        Knob("trigger.sweep", ":TRIGger:SWEep", choice("AUTO", "NORMal", "SINGle"), "AUTO"),
        Knob("trigger.coupling", ":TRIGger:COUPling", choice("AC", "DC", "LFReject", "HFReject"), "DC"),
        Knob("trigger.holdoff", ":TRIGger:HOLDoff", _S, 1.6e-8, 1.6e-8, 10.0),
        Knob("trigger.source", ":TRIGger:EDGe:SOURce", TRIGGER_SOURCE, "CHAN1"),
        Knob("trigger.slope", ":TRIGger:EDGe:SLOPe", choice("POSitive", "NEGative", "RFALl"), "POS",
             only=frozenset({"POS", "NEG"})),
        Knob("trigger.level", ":TRIGger:EDGe:LEVel", _V, 0.0, -4e4, 4e4),
        Knob("waveform.source", ":WAVeform:SOURce", SOURCE, "CHAN1"),
        Knob("waveform.mode", ":WAVeform:MODE", choice("NORMal", "MAXimum", "RAW"), "NORM"),
        Knob("waveform.format", ":WAVeform:FORMat", FORMAT, "BYTE"),
        Knob("waveform.start", ":WAVeform:STARt", PLAIN, 1, 1, RECORD_POINTS_MAX),
        Knob("waveform.stop", ":WAVeform:STOP", PLAIN, SCREEN_POINTS, 1, RECORD_POINTS_MAX),
        Knob("measure.source", ":MEASure:SOURce", SOURCE, "CHAN1"),
    )
)  # fmt: skip
"""Everything that is set and asked, by name. Ranges are eight divisions at the probe tip."""

_ACTIONS = (
    ScpiRow("run", ":RUN"),
    ScpiRow("stop", ":STOP"),
    ScpiRow("single", ":SINGle"),
    ScpiRow("trigger.force", ":TFORce"),
    ScpiRow("clear", ":CLEar"),
    ScpiRow("channel.scale", ":CHANnel<n>:SCALe", {"value": _V}, suffix="channel"),
)

_READINGS = tuple(
    ScpiRow(name, pattern, results={"value": codec})
    for name, pattern, codec in (
        ("trigger.status?", ":TRIGger:STATus?", choice("TD", "WAIT", "RUN", "AUTO", "STOP")),
        ("trigger.position?", ":TRIGger:POSition?", PLAIN),
        ("acquire.sample_rate?", ":ACQuire:SRATe?", _ONE),
        ("waveform.x_increment?", ":WAVeform:XINCrement?", _ONE),
        ("waveform.x_origin?", ":WAVeform:XORigin?", _ONE),
        ("waveform.x_reference?", ":WAVeform:XREFerence?", PLAIN),
        ("waveform.y_increment?", ":WAVeform:YINCrement?", _ONE),
        ("waveform.y_origin?", ":WAVeform:YORigin?", PLAIN),
        ("waveform.y_reference?", ":WAVeform:YREFerence?", PLAIN),
    )
)

RigolRow = ScpiRow | BlockRow

_ALL: tuple[RigolRow, ...] = (
    *COMMON,
    *knob_rows(KNOBS.values()),
    *_ACTIONS,
    *_READINGS,
    ScpiRow("channel.scale?", ":CHANnel<n>:SCALe?", results={"value": _V}, suffix="channel"),
    ScpiRow("error?", ":SYSTem:ERRor[:NEXT]?", results={"code": PLAIN, "text": Quoted(255)}),
    ScpiRow("waveform.preamble?", ":WAVeform:PREamble?", results=PREAMBLE),
    ScpiRow("measure?", ":MEASure:ITEM?", {"item": ITEM, "source": SOURCE}, {"value": _ONE}, optional=1),
    BlockRow("waveform.data?", ":WAVeform:DATA?", digits=BLOCK_DIGITS),
)

ROWS: Mapping[str, RigolRow] = MappingProxyType({row.name: row for row in _ALL})
"""Every row by name: settings come as ``name`` and ``name?``."""


def dialect() -> Dialect:
    """The DS1000Z dialect for the golden-vector test and the driver."""
    rows: dict[str, Row] = dict(ROWS)
    return Dialect("ds1000z", MODEL, "instruments.md 2.0, 2.3", rows)


DS1000Z = dialect()
