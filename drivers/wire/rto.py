"""PURE: the dialect of the R&S RTO1024 oscilloscope (instruments.md 2.2, 2.0), for both ends of the wire.

Limits, values after ``*RST``, ``ACQuire:CURRent?`` and the operation status bits are from the manual's scheme [UNV].
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from drivers.wire.dialect import BadReply, Dialect, Row, Values
from drivers.wire.scope_rows import COMMON, PLAIN, Knob, by_name, knob_rows
from drivers.wire.scpi import Unit, format_quoted, parse_quoted, split_outside_quotes
from drivers.wire.scpi_rows import BlockRow, Quoted, ScpiRow, Switch, Word, choice
from drivers.wire.smb100a import ErrorItem, ListRow, Plain

MODEL = "RTO1024"
CHANNELS = ("CHAN1", "CHAN2", "CHAN3", "CHAN4")
RECORD_POINTS_MAX = 10_000_000
"""Acquisition memory per channel with all four in use [UNV]; no header may claim more."""
DIVISIONS = 10
"""Horizontal and vertical: ``TIMebase:DIVisions?`` answers it."""
CODE_SPAN = 253
"""8-bit codes of the 10 vertical divisions; in INT,16 each is 256 codes."""
SEGMENTS_MAX = 4096
"""Most records of one acquisition [UNV]."""
EXTERNAL_LEVEL = 5
"""``TRIGger1:LEVel5`` belongs to the external trigger input, 1 to 4 to the channels [UNV]."""
FILE_NAME_MAX = 255
INTERFACE_MESSAGES = frozenset({b"&GTR", b"&GTL", b"&DCL", b"&LLO", b"&NREN", b"&POL", b"&GET"})
"""Interface messages as text lines: clients send &GTR first, &GTL and &DCL at the end."""

# STATus:OPERation:CONDition bits [UNV]
OPER_WAIT_TRIGGER = 1 << 3
OPER_MEASURING = 1 << 4

TRIGGER_SOURCE = choice("CHANnel1", "CHANnel2", "CHANnel3", "CHANnel4", "EXTernanalog", "LINE")
FORMAT = choice("ASCii", "REAL", "INTeger")
MEASUREMENT = choice("MAXimum", "MINimum", "PDELta", "MEAN", "AMPLitude", "FREQuency")
_SWITCH, _TEXT = Switch(), Quoted(FILE_NAME_MAX)
_V, _S, _PCT, _ONE = Plain("V"), Plain("S"), Plain("PCT"), Plain()


@dataclass(frozen=True)
class CatalogRow:
    """``MMEMory:CATalog? 'dir'`` -> bytes used, bytes free, and one quoted ``name,TYPE,size`` per entry."""

    name: str = "file.catalog?"
    pattern: str = "MMEMory:CATalog?"

    @property
    def answers(self) -> bool:
        """Always: it is a query."""
        return True

    @cached_property
    def _row(self) -> ScpiRow:
        return ScpiRow(self.name, self.pattern, {"directory": _TEXT}, optional=1)

    def request(self, **values: Any) -> bytes:
        """The query with LF."""
        return self._row.request(**values)

    def parse_request(self, data: bytes) -> Values | None:
        """The directory when ``data`` is this query, else None."""
        return self._row.parse_request(data)

    def read_arguments(self, unit: Unit, suffixes: tuple[int, ...]) -> Values:
        """As :meth:`ScpiRow.read_arguments`."""
        return self._row.read_arguments(unit, suffixes)

    def reply(self, **values: Any) -> bytes:
        """The listing with LF."""
        return self.write_results(values) + b"\n"

    def write_results(self, values: Mapping[str, Any]) -> bytes:
        """The listing without its end."""
        parts = [str(values["used"]), str(values["free"]), *map(format_quoted, values["entries"])]
        return ",".join(parts).encode("ascii")

    def parse_reply(self, data: bytes) -> Values:
        """The listing's values; raises BadReply."""
        try:
            used, free, *entries = split_outside_quotes(data.rstrip(b"\r\n").decode("ascii"), ",")
            return {"used": int(used), "free": int(free), "entries": [parse_quoted(entry.strip()) for entry in entries]}
        except ValueError as error:
            raise BadReply(f"{self.name}: {data[:60]!r}: {error}") from error


_INPUT = "CHANnel<n>[:WAVeform<n>]"

KNOBS: Mapping[str, Knob] = by_name(
    (
        *(
            Knob(f"channel.{name}", pattern, codec, default, low, high, "channel", 4, only)
            for name, pattern, codec, default, low, high, only in (
                ("state", "CHANnel<n>:STATe", _SWITCH, False, 0, 1, None),
                ("range", "CHANnel<n>:RANGe", _V, 0.5, 1e-2, 1e2, None),
                ("position", "CHANnel<n>:POSition", _ONE, 0.0, -5, 5, None),
                ("offset", "CHANnel<n>:OFFSet", _V, 0.0, -1e2, 1e2, None),
                ("coupling", "CHANnel<n>:COUPling", choice("DC", "DCLimit", "AC"), "DCL", 0, 0, None),
                ("bandwidth", "CHANnel<n>:BANDwidth", choice("FULL", "B800", "B200", "B20"), "FULL", 0, 0, None),
                ("invert", "CHANnel<n>:INVert", _SWITCH, False, 0, 1, None),
                ("ground", "CHANnel<n>:GND", _SWITCH, False, 0, 1, None),
                ("skew", "CHANnel<n>:SKEW:TIME", _S, 0.0, -1e-7, 1e-7, None),
                ("probe", "PROBe<n>:SETup:ATTenuation[:MANual]", _ONE, 1.0, 1e-3, 1e4, None),
                ("type", f"{_INPUT}:TYPE", choice("SAMPle", "PDETect", "HRESolution", "RMS"), "SAMP", 0, 0,
                 frozenset({"SAMP", "PDET", "HRES"})),
                ("arithmetics", f"{_INPUT}:ARIThmetics", choice("OFF", "ENVelope", "AVERage"), "OFF", 0, 0,
                 frozenset({"OFF", "AVER"})),
            )
        ),
        Knob("history.state", f"{_INPUT}:HISTory[:STATe]", _SWITCH, False, suffix="channel"),
        Knob("timebase.range", "TIMebase:RANGe", _S, 1e-7, 250e-12, 500.0),
        Knob("timebase.reference", "TIMebase:REFerence", _PCT, 50.0, 0.0, 100.0),
        Knob("timebase.position", "TIMebase:HORizontal:POSition", _S, 0.0, -1e4, 1e4),
        Knob("acquire.points", "ACQuire:POINts[:VALue]", PLAIN, 1000, 1000, RECORD_POINTS_MAX),
        Knob("acquire.count", "ACQuire:COUNt", PLAIN, 1, 1, 16_777_215),
        Knob("acquire.segmented", "ACQuire:SEGMented:STATe", _SWITCH, False),
        Knob("acquire.segmented_max", "ACQuire:SEGMented:MAX", _SWITCH, False),
        Knob("trigger.source", "TRIGger<n>:SOURce[:SELect]", TRIGGER_SOURCE, "CHAN1", suffix="trigger"),
        Knob("trigger.level", "TRIGger<n>:LEVel<n>[:VALue]", _V, 0.0, -1e3, 1e3, "trigger level", 5),
        Knob("trigger.mode", "TRIGger<n>:MODE", choice("AUTO", "NORMal", "FREerun"), "AUTO", suffix="trigger"),
        Knob("trigger.type", "TRIGger<n>:TYPE", choice("EDGE", "GLITch", "WIDTh", "RUNT", "WINDow"), "EDGE",
             suffix="trigger", only=frozenset({"EDGE"})),
        Knob("trigger.slope", "TRIGger<n>:EDGE:SLOPe", choice("POSitive", "NEGative", "EITHer"), "POS",
             suffix="trigger", only=frozenset({"POS", "NEG"})),
        Knob("data.border", "FORMat:BORDer", choice("LSBFirst", "MSBFirst"), "LSBF"),
        Knob("export.x_values", "EXPort:WAVeform:INCXvalues", _SWITCH, False),
        Knob("export.fast", "EXPort:WAVeform:FASTexport", _SWITCH, True),
        Knob("export.multichannel", "EXPort:WAVeform:MULTichannel", _SWITCH, False),
        Knob("export.logging", "EXPort:WAVeform:DLOGging", _SWITCH, False),
        Knob("export.source", "EXPort:WAVeform:SOURce", Word(), "C1W1"),
        Knob("export.name", "EXPort:WAVeform:NAME", _TEXT, "waveform.bin"),
        Knob("display.update", "SYSTem:DISPlay:UPDate", _SWITCH, True),
        Knob("measure.source", "MEASurement<n>:SOURce", Word(), "C1W1", suffix="measurement", count=8),
        Knob("operation.enable", "STATus:OPERation:ENABle", PLAIN, 0, 0, 65_535),
    )
)  # fmt: skip
"""Everything that is set and asked, by name; ranges are full scale, ten divisions."""

_ACTIONS = (
    ScpiRow("run", "RUN"),
    ScpiRow("run.continuous", "RUNContinous"),
    ScpiRow("single", "SINGle"),
    ScpiRow("run.single", "RUNSingle"),
    ScpiRow("stop", "STOP"),
    ScpiRow("trigger.force", "TRIGger<n>:FORCe", suffix="trigger"),
    ScpiRow("channel.scale", "CHANnel<n>:SCALe", {"value": _V}, suffix="channel"),
    ScpiRow("timebase.scale", "TIMebase:SCALe", {"value": _S}),
    ScpiRow("format", "FORMat[:DATA]", {"format": FORMAT, "bits": PLAIN}, optional=1),
    ScpiRow("history.current", f"{_INPUT}:HISTory:CURRent", {"value": PLAIN}, suffix="channel"),
    ScpiRow("history.play", f"{_INPUT}:HISTory:PLAY", suffix="channel"),
    ScpiRow("history.stop", f"{_INPUT}:HISTory:STOP", suffix="channel"),
    ScpiRow("export.save", "EXPort:WAVeform:SAVE"),
    ScpiRow("file.copy", "MMEMory:COPY", {"source": _TEXT, "target": _TEXT}),
    ScpiRow("file.move", "MMEMory:MOVE", {"source": _TEXT, "target": _TEXT}),
    ScpiRow("file.delete", "MMEMory:DELete", {"name": _TEXT}),
    ScpiRow("file.save", "MMEMory:SAV", {"name": _TEXT}),
    ScpiRow("file.recall", "MMEMory:RCL", {"name": _TEXT}),
    ScpiRow("file.make_directory", "MMEMory:MDIRectory", {"name": _TEXT}),
    ScpiRow("file.directory", "MMEMory:CDIRectory", {"name": _TEXT}),
    ScpiRow("status.preset", "STATus:PRESet"),
)

_READINGS = (
    ScpiRow("channel.scale?", "CHANnel<n>:SCALe?", results={"value": _V}, suffix="channel"),
    ScpiRow("timebase.scale?", "TIMebase:SCALe?", results={"value": _S}),
    ScpiRow("timebase.divisions?", "TIMebase:DIVisions?", results={"value": PLAIN}),
    ScpiRow("acquire.available?", "ACQuire:AVAilable?", results={"value": PLAIN}),
    ScpiRow("acquire.current?", "ACQuire:CURRent?", results={"value": PLAIN}),
    ScpiRow("acquire.sample_rate?", "ACQuire:SRATe[:VALue]?", results={"value": Plain("HZ")}),
    ScpiRow("format?", "FORMat[:DATA]?", results={"format": FORMAT, "bits": PLAIN}),
    ScpiRow("history.current?", f"{_INPUT}:HISTory:CURRent?", results={"value": PLAIN}, suffix="channel"),
    ScpiRow("history.time?", f"{_INPUT}:HISTory:TSRelative?", results={"value": _S}, suffix="channel"),
    ScpiRow("operation.condition?", "STATus:OPERation:CONDition?", results={"value": PLAIN}),
    ScpiRow("operation.event?", "STATus:OPERation[:EVENt]?", results={"value": PLAIN}),
    ScpiRow("file.directory?", "MMEMory:CDIRectory?", results={"name": _TEXT}),
    ScpiRow("error?", "SYSTem:ERRor[:NEXT]?", results={"code": PLAIN, "text": Quoted(255)}),
    ScpiRow("error.count?", "SYSTem:ERRor:COUNt?", results={"value": PLAIN}),
    ScpiRow("measure?", "MEASurement<n>:RESult[:ACTual]?", {"kind": MEASUREMENT}, {"value": _ONE}, "measurement", 1),
    ScpiRow(
        "data.header?",
        f"{_INPUT}:DATA:HEADer?",
        results={"x_start": _S, "x_stop": _S, "points": PLAIN, "values_per_sample": PLAIN},
        suffix="channel",
    ),
)

RtoRow = ScpiRow | BlockRow | ListRow | CatalogRow

_ALL: tuple[RtoRow, ...] = (
    *COMMON,
    *knob_rows(KNOBS.values()),
    *_ACTIONS,
    *_READINGS,
    ListRow("error.all?", "SYSTem:ERRor:ALL?", ErrorItem()),
    BlockRow("data?", f"{_INPUT}:DATA[:VALues]?", suffix="channel", digits=0),
    BlockRow("file.data?", "MMEMory:DATA?", {"name": _TEXT}, digits=0),
    CatalogRow(),
)

ROWS: Mapping[str, RtoRow] = MappingProxyType({row.name: row for row in _ALL})
"""Every row by name: settings come as ``name`` and ``name?``."""


def dialect() -> Dialect:
    """The RTO dialect for the golden-vector test and the driver."""
    rows: dict[str, Row] = dict(ROWS)
    return Dialect("rto", MODEL, "instruments.md 2.0, 2.2", rows)


RTO = dialect()
