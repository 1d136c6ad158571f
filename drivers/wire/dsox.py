"""PURE: the dialect of the Keysight InfiniiVision DSO-X 3014A (instruments.md 2.0, 2.1), for both ends of the wire."""

from collections.abc import Mapping
from itertools import chain
from types import MappingProxyType

from drivers.wire.dialect import Dialect, Row
from drivers.wire.scpi_rows import (
    BlockRow,
    Codec,
    Count,
    CountOr,
    DumpRow,
    Number,
    Quoted,
    ScpiRow,
    Switch,
    Word,
    choice,
    setting,
)

MODEL = "DSO-X 3014A"
CHANNELS = ("CHAN1", "CHAN2", "CHAN3", "CHAN4")
RECORD_POINTS_MAX = 4_000_000
"""Acquisition memory per channel; no header may claim more."""
LABEL_MAX = 10
"""Characters of a channel label; more are cut (instruments.md 2.1)."""

SOURCE = choice("CHANnel1", "CHANnel2", "CHANnel3", "CHANnel4")
TRIGGER_SOURCE = choice("CHANnel1", "CHANnel2", "CHANnel3", "CHANnel4", "EXTernal", "LINE")
COUPLING = choice("DC", "AC")
IMPEDANCE = choice("ONEMeg", "FIFTy")
UNITS = choice("VOLT", "AMPere")
WAVEFORM_FORMAT = choice("BYTE", "WORD", "ASCii")
ACQUIRE_TYPE = choice("NORMal", "AVERage", "HRESolution", "PEAK")
POINTS_MODE = choice("NORMal", "MAXimum", "RAW")
IMAGE_FORMAT = choice("PNG", "BMP", "BMP8bit")
PALETTE = choice("COLor", "GRAYscale")
SWITCH = Switch()
NR1 = Count()
PLAIN = Count(signed=False)
VOLTS_RANGE = Number("V", 3)
VOLTS = Number("V", 6)
SECONDS_RANGE = Number("S", 3, 6)
SECONDS = Number("S", 2, 9)
X_VALUE = Number("", 6, 15, engineering=False)
Y_VALUE = Number("", 6, 9, engineering=False)

FORMAT_CODES: Mapping[str, int] = MappingProxyType({"BYTE": 0, "WORD": 1, "ASC": 4})
"""First preamble field (instruments.md 2.1; 5000-series scopes used 2 for ASCii)."""
TYPE_CODES: Mapping[str, int] = MappingProxyType({"NORM": 0, "PEAK": 1, "AVER": 2, "HRES": 3})
"""Second preamble field."""

PREAMBLE: Mapping[str, Codec] = MappingProxyType(
    {
        "format": NR1,
        "type": NR1,
        "points": NR1,
        "count": NR1,
        "x_increment": X_VALUE,
        "x_origin": X_VALUE,
        "x_reference": NR1,
        "y_increment": Y_VALUE,
        "y_origin": Y_VALUE,
        "y_reference": NR1,
    }
)

# :OPERegister:CONDition bits (instruments.md 2.1)
OPER_RUN = 1 << 3
OPER_WAIT_TRIGGER = 1 << 5

_COMMON = (
    ScpiRow("idn?", "*IDN?", results={"vendor": Word(), "model": Word(), "serial": Word(), "firmware": Word()}),
    ScpiRow("cls", "*CLS"),
    ScpiRow("rst", "*RST"),
    ScpiRow("opc", "*OPC"),
    ScpiRow("opc?", "*OPC?", results={"value": PLAIN}),
    ScpiRow("wai", "*WAI"),
    ScpiRow("trg", "*TRG"),
    ScpiRow("tst?", "*TST?", results={"value": PLAIN}),
    ScpiRow("esr?", "*ESR?", results={"value": PLAIN}),
    ScpiRow("stb?", "*STB?", results={"value": PLAIN}),
    ScpiRow("sav", "*SAV", {"value": PLAIN}),
    ScpiRow("rcl", "*RCL", {"value": PLAIN}),
    *setting("ese", "*ESE", PLAIN),
    *setting("sre", "*SRE", PLAIN),
)

_CHANNEL = tuple(
    chain.from_iterable(
        setting(f"channel.{name}", f":CHANnel<n>:{header}", codec, "channel")
        for name, header, codec in (
            ("range", "RANGe", VOLTS_RANGE),
            ("scale", "SCALe", VOLTS_RANGE),
            ("offset", "OFFSet", VOLTS),
            ("coupling", "COUPling", COUPLING),
            ("impedance", "IMPedance", IMPEDANCE),
            ("display", "DISPlay", SWITCH),
            ("bandwidth_limit", "BWLimit", SWITCH),
            ("invert", "INVert", SWITCH),
            ("label", "LABel", Quoted(LABEL_MAX)),
            ("units", "UNITs", UNITS),
            ("probe", "PROBe", Number("", 2, 6)),
            ("skew", "PROBe:SKEW", SECONDS_RANGE),
        )
    )
)

_CHANNEL_DUMP = DumpRow(
    "channel?",
    ":CHANnel<n>?",
    ":CHAN<n>:",
    {
        "range": ("RANG", VOLTS_RANGE),
        "offset": ("OFFS", VOLTS),
        "coupling": ("COUP", COUPLING),
        "impedance": ("IMP", IMPEDANCE),
        "display": ("DISP", SWITCH),
        "bandwidth_limit": ("BWL", SWITCH),
        "invert": ("INV", SWITCH),
        "label": ("LAB", Quoted(LABEL_MAX)),
        "units": ("UNIT", UNITS),
        "probe": ("PROB", Number("", 2, 6)),
        "skew": ("PROB:SKEW", SECONDS_RANGE),
        "signal_type": ("STYP", choice("SINGle", "DIFFerential")),
    },
    suffix="channel",
)

_TIMEBASE_DUMP = DumpRow(
    "timebase?",
    ":TIMebase?",
    ":TIM:",
    {
        "mode": ("MODE", choice("MAIN", "WINDow", "XY", "ROLL")),
        "reference": ("REF", choice("LEFT", "CENTer", "RIGHt")),
        "range": ("MAIN:RANG", SECONDS_RANGE),
        "position": ("POS", SECONDS),
    },
)

_SETTINGS = tuple(
    chain.from_iterable(
        setting(name, pattern, codec)
        for name, pattern, codec in (
            ("timebase.mode", ":TIMebase:MODE", choice("MAIN", "WINDow", "XY", "ROLL")),
            ("timebase.range", ":TIMebase[:MAIN]:RANGe", SECONDS_RANGE),
            ("timebase.scale", ":TIMebase[:MAIN]:SCALe", SECONDS_RANGE),
            ("timebase.position", ":TIMebase:POSition", SECONDS),
            ("timebase.reference", ":TIMebase:REFerence", choice("LEFT", "CENTer", "RIGHt")),
            ("acquire.type", ":ACQuire:TYPE", ACQUIRE_TYPE),
            ("acquire.mode", ":ACQuire:MODE", choice("RTIMe", "SEGMented", "ETIMe")),
            ("acquire.count", ":ACQuire:COUNt", NR1),
            ("acquire.segments", ":ACQuire:SEGMented:COUNt", NR1),
            ("acquire.segment", ":ACQuire:SEGMented:INDex", NR1),
            ("acquire.complete", ":ACQuire:COMPlete", NR1),
            ("trigger.mode", ":TRIGger:MODE", choice("EDGE", "GLITch", "PATTern")),
            ("trigger.source", ":TRIGger[:EDGE]:SOURce", TRIGGER_SOURCE),
            ("trigger.level", ":TRIGger[:EDGE]:LEVel", VOLTS),
            ("trigger.slope", ":TRIGger[:EDGE]:SLOPe", choice("POSitive", "NEGative", "EITHer", "ALTernate")),
            ("trigger.coupling", ":TRIGger[:EDGE]:COUPling", choice("DC", "AC", "LFReject")),
            ("trigger.sweep", ":TRIGger:SWEep", choice("AUTO", "NORMal")),
            ("trigger.holdoff", ":TRIGger:HOLDoff", Number("S", 3, 6)),
            ("waveform.source", ":WAVeform:SOURce", SOURCE),
            ("waveform.format", ":WAVeform:FORMat", WAVEFORM_FORMAT),
            ("waveform.byteorder", ":WAVeform:BYTeorder", choice("MSBFirst", "LSBFirst")),
            ("waveform.unsigned", ":WAVeform:UNSigned", SWITCH),
            ("waveform.points", ":WAVeform:POINts", CountOr(("NORMal", "MAXimum", "RAW"))),
            ("waveform.points_mode", ":WAVeform:POINts:MODE", POINTS_MODE),
            ("measure.source", ":MEASure:SOURce", SOURCE),
            ("hardcopy.inksaver", ":HARDcopy:INKSaver", SWITCH),
            ("operation.enable", ":OPEE", NR1),
        )
    )
)

_ACTIONS = (
    ScpiRow("run", ":RUN"),
    ScpiRow("stop", ":STOP"),
    ScpiRow("single", ":SINGle"),
    ScpiRow("autoscale", ":AUToscale"),
    ScpiRow("preset", ":SYSTem:PRESet"),
    ScpiRow("digitize", ":DIGitize", {"a": SOURCE, "b": SOURCE, "c": SOURCE, "d": SOURCE}, optional=4),
    ScpiRow("trigger.force", ":TRIGger:FORCe"),
    ScpiRow("display.clear", ":DISPlay:CLEar"),
    ScpiRow("view", ":VIEW", {"source": SOURCE}),
    ScpiRow("blank", ":BLANk", {"source": SOURCE}, optional=1),
)

_READINGS = tuple(
    ScpiRow(name, pattern, results={"value": codec})
    for name, pattern, codec in (
        ("armed?", ":AER?", NR1),
        ("triggered?", ":TER?", NR1),
        ("operation.condition?", ":OPERegister:CONDition?", NR1),
        ("operation.event?", ":OPERegister[:EVENt]?", NR1),
        ("acquire.points?", ":ACQuire:POINts?", NR1),
        ("acquire.sample_rate?", ":ACQuire:SRATe?", Number("", 3, 9)),
        ("waveform.count?", ":WAVeform:COUNt?", NR1),
        ("waveform.type?", ":WAVeform:TYPE?", ACQUIRE_TYPE),
        ("waveform.segments?", ":WAVeform:SEGMented:COUNt?", NR1),
        ("waveform.time_tag?", ":WAVeform:SEGMented:TTAG?", X_VALUE),
        ("waveform.x_increment?", ":WAVeform:XINCrement?", X_VALUE),
        ("waveform.x_origin?", ":WAVeform:XORigin?", X_VALUE),
        ("waveform.x_reference?", ":WAVeform:XREFerence?", NR1),
        ("waveform.y_increment?", ":WAVeform:YINCrement?", Y_VALUE),
        ("waveform.y_origin?", ":WAVeform:YORigin?", Y_VALUE),
        ("waveform.y_reference?", ":WAVeform:YREFerence?", NR1),
    )
)

_MEASUREMENTS = tuple(
    ScpiRow(f"measure.{name}?", f":MEASure:{header}?", {"source": SOURCE}, {"value": Y_VALUE}, optional=1)
    for name, header in (
        ("maximum", "VMAX"),
        ("minimum", "VMIN"),
        ("peak_to_peak", "VPP"),
        ("average", "VAVerage"),
        ("frequency", "FREQuency"),
        ("amplitude", "VAMPlitude"),
    )
)

_OTHERS: tuple[ScpiRow | BlockRow | DumpRow, ...] = (
    _CHANNEL_DUMP,
    _TIMEBASE_DUMP,
    ScpiRow("error?", ":SYSTem:ERRor[:NEXT]?", results={"code": NR1, "text": Quoted(255)}),
    ScpiRow("waveform.preamble?", ":WAVeform:PREamble?", results=PREAMBLE),
    BlockRow("waveform.data?", ":WAVeform:DATA?"),
    BlockRow("display.data?", ":DISPlay:DATA?", {"format": IMAGE_FORMAT, "palette": PALETTE}, optional=2),
)

ROWS: Mapping[str, ScpiRow | BlockRow | DumpRow] = MappingProxyType(
    {row.name: row for row in (*_COMMON, *_CHANNEL, *_SETTINGS, *_ACTIONS, *_READINGS, *_MEASUREMENTS, *_OTHERS)}
)
"""Every row by name: settings come as ``name`` and ``name?``."""


def dialect() -> Dialect:
    """The DSO-X dialect for the golden-vector test and the driver."""
    rows: dict[str, Row] = dict(ROWS)
    return Dialect("dsox", MODEL, "instruments.md 2.0, 2.1", rows)


DSOX = dialect()
