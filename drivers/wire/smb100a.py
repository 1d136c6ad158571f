"""PURE: the dialect of the R&S SMB100A signal generator (instruments.md 2.10, 2.0), for both ends of the wire.

The root node ``SOURce`` is optional. Beside its own pulse commands it takes those of the E8257D that drivers for pulsed
sources send (``PULM:SOURce:INTernal``, ``PULM:INTernal:FREQuency``, ``OUTPut:MODulation``).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from drivers.wire.dialect import BadReply, Dialect, Row, Values
from drivers.wire.scpi import (
    NUMBER_MAX,
    ScpiError,
    Unit,
    format_quoted,
    parse_number,
    parse_quoted,
    refuse_arguments,
    split_outside_quotes,
)
from drivers.wire.scpi_rows import Codec, Count, Quoted, ScpiRow, Switch, Word, choice

LIST_POINTS_MAX = 2000
"""Points of one frequency or level list."""

IMPEDANCE_OHM = 50.0

_LEVEL = re.compile(r"(.*?)\s*(DBM|DBUV|[MUN]?V)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Plain:
    """A number in ``unit`` as R&S prints it: as many of 15 figures as it has, exponents only where they are shorter."""

    unit: str = ""

    def write(self, value: Any) -> str:
        """Text of ``value``."""
        return f"{float(value) + 0.0:.15g}".upper()

    def read(self, text: str) -> float:
        """Value of ``text``; MINimum and MAXimum are minus and plus infinity, 9.9E37 is refused."""
        upper = text.upper()
        if upper in ("MIN", "MINIMUM", "MAX", "MAXIMUM"):
            return -math.inf if upper.startswith("MIN") else math.inf
        value = parse_number(text, self.unit)
        if abs(value) >= NUMBER_MAX:
            raise ScpiError(-222, text)
        return value


@dataclass(frozen=True, slots=True)
class Level:
    """A level in dBm; read also in dBuV and volts (effective, 50 Ohm)."""

    def write(self, value: Any) -> str:
        """Text of ``value``."""
        return Plain().write(value)

    def read(self, text: str) -> float:
        """dBm of ``text``."""
        found = _LEVEL.match(text)
        if found is None or found[2].upper() == "DBM":
            return Plain("DBM").read(text)
        if found[2].upper() == "DBUV":
            volts = 1e-6 * 10.0 ** (parse_number(found[1]) / 20.0)
        else:
            volts = parse_number(text, "V")
        if not 0 < volts < NUMBER_MAX:
            raise ScpiError(-222, text)
        return 10.0 * math.log10(volts * volts / IMPEDANCE_OHM / 1e-3)


@dataclass(frozen=True, slots=True)
class Degrees:
    """A phase in degrees; read also in radians."""

    def write(self, value: Any) -> str:
        """Text of ``value``."""
        return Plain().write(value)

    def read(self, text: str) -> float:
        """Degrees of ``text``."""
        if text.upper().endswith("RAD"):
            return math.degrees(parse_number(text, "RAD"))
        return Plain("DEG").read(text)


@dataclass(frozen=True)
class ListRow:
    """``pattern v,v,v`` and its query: as many values as there are. The values are called ``values``."""

    name: str
    pattern: str
    codec: Codec

    @property
    def answers(self) -> bool:
        """True for a query."""
        return self.pattern.endswith("?")

    @cached_property
    def _row(self) -> ScpiRow:
        return ScpiRow(self.name, self.pattern)

    def request(self, **values: Any) -> bytes:
        """The command with LF; raises ValueError."""
        head = self._row.request()
        if self.answers:
            return head
        return head[:-1] + b" " + ",".join(map(self.codec.write, values["values"])).encode("ascii") + b"\n"

    def parse_request(self, data: bytes) -> Values | None:
        """The values when ``data`` is this command, else None."""
        head, _, rest = data.rstrip(b"\r\n").partition(b" ")
        if self._row.parse_request(head) is None:
            return None
        try:
            return {} if self.answers else {"values": self._read(rest.decode("latin-1"))}
        except ValueError:
            return None

    def read_arguments(self, unit: Unit, suffixes: tuple[int, ...]) -> Values:
        """Values of a unit whose header is known to be this row's. Raises ScpiError."""
        refuse_arguments(unit.arguments, 0 if self.answers else 1, 0 if self.answers else LIST_POINTS_MAX)
        return {} if self.answers else {"values": [self.codec.read(text) for text in unit.arguments]}

    def reply(self, **values: Any) -> bytes:
        """The values with LF; nothing for a command."""
        return self.write_results(values) + b"\n" if self.answers else b""

    def write_results(self, values: Mapping[str, Any]) -> bytes:
        """The reply without its end."""
        return ",".join(map(self.codec.write, values["values"])).encode("ascii")

    def parse_reply(self, data: bytes) -> Values:
        """The reply's values; raises BadReply."""
        try:
            text = data.rstrip(b"\r\n").decode("ascii")
            return {"values": self._read(text)} if self.answers else {}
        except ValueError as error:
            raise BadReply(f"{self.name}: {data[:60]!r}: {error}") from error

    def _read(self, text: str) -> list[Any]:
        return [self.codec.read(part.strip()) for part in split_outside_quotes(text, ",")]


@dataclass(frozen=True, slots=True)
class ErrorItem:
    """One half of an error: number or quoted text, in turn; the value is an int or a str."""

    def write(self, value: Any) -> str:
        """Text of ``value``."""
        return format_quoted(value) if isinstance(value, str) else str(value)

    def read(self, text: str) -> int | str:
        """Value of ``text``."""
        return parse_quoted(text) if text[:1] in "\"'" else Count().read(text)


@dataclass(frozen=True, slots=True)
class Setting:
    """A value that is set and asked: limits and value after ``*RST``, in base units (both unverified)."""

    name: str
    pattern: str
    codec: Codec
    default: Any
    low: float = -math.inf
    high: float = math.inf


_HZ, _S, _PCT, _DB, _ONE = Plain("HZ"), Plain("S"), Plain("PCT"), Plain("DB"), Plain()
_DBM, _DEG, _BIT, _PLAIN = Level(), Degrees(), Switch(), Count(signed=False)
_F_LOW, _F_HIGH = 9e3, 6e9
_P_LOW, _P_HIGH = -145.0, 30.0
_PULSE_S = (1e-8, 100.0)

SETTINGS: tuple[Setting, ...] = (
    Setting("frequency", "[:SOURce]:FREQuency[:CW]", _HZ, 1e9, _F_LOW, _F_HIGH),
    Setting("frequency.mode", "[:SOURce]:FREQuency:MODE", choice("CW", "FIXed", "SWEep", "LIST"), "CW"),
    Setting("frequency.start", "[:SOURce]:FREQuency:STARt", _HZ, 100e6, _F_LOW, _F_HIGH),
    Setting("frequency.stop", "[:SOURce]:FREQuency:STOP", _HZ, 500e6, _F_LOW, _F_HIGH),
    Setting("frequency.offset", "[:SOURce]:FREQuency:OFFSet", _HZ, 0.0, -67e9, 67e9),
    Setting("frequency.multiplier", "[:SOURce]:FREQuency:MULTiplier", _ONE, 1.0, 1.0, 10_000.0),
    Setting("frequency.manual", "[:SOURce]:FREQuency:MANual", _HZ, 100e6, _F_LOW, _F_HIGH),
    Setting("frequency.step", "[:SOURce]:FREQuency:STEP[:INCRement]", _HZ, 1e6, 0.0, 1e9),
    Setting("power", "[:SOURce]:POWer[:LEVel][:IMMediate][:AMPLitude]", _DBM, -30.0, _P_LOW, _P_HIGH),
    Setting("power.mode", "[:SOURce]:POWer:MODE", choice("CW", "FIXed", "SWEep"), "CW"),
    Setting("power.start", "[:SOURce]:POWer:STARt", _DBM, -30.0, _P_LOW, _P_HIGH),
    Setting("power.stop", "[:SOURce]:POWer:STOP", _DBM, -10.0, _P_LOW, _P_HIGH),
    Setting("power.offset", "[:SOURce]:POWer[:LEVel][:IMMediate]:OFFSet", _DB, 0.0, -100.0, 100.0),
    Setting("power.limit", "[:SOURce]:POWer:LIMit[:AMPLitude]", _DBM, 30.0, _P_LOW, _P_HIGH),
    Setting("power.manual", "[:SOURce]:POWer:MANual", _DBM, -30.0, _P_LOW, _P_HIGH),
    Setting("power.alc", "[:SOURce]:POWer:ALC[:STATe]", choice("OFF", "AUTO", "ON"), "AUTO"),
    Setting("phase", "[:SOURce]:PHASe", _DEG, 0.0, -36_000.0, 36_000.0),
    Setting("output", ":OUTPut[:STATe]", _BIT, False),
    Setting("output.modulation", ":OUTPut:MODulation[:STATe]", _BIT, True),
    Setting("modulation", "[:SOURce]:MODulation[:ALL][:STATe]", _BIT, True),
    Setting("am", "[:SOURce]:AM:STATe", _BIT, False),
    Setting("fm", "[:SOURce]:FM:STATe", _BIT, False),
    Setting("pm", "[:SOURce]:PM:STATe", _BIT, False),
    Setting("pulse", "[:SOURce]:PULM:STATe", _BIT, False),
    Setting("pulse.source", "[:SOURce]:PULM:SOURce", choice("INTernal", "EXTernal"), "INT"),
    Setting("pulse.mode", "[:SOURce]:PULM:MODE", choice("SINGle", "DOUBle", "PTRain"), "SING"),
    Setting("pulse.period", "[:SOURce]:PULM:PERiod", _S, 10e-6, 20e-9, 100.0),
    Setting("pulse.width", "[:SOURce]:PULM:WIDTh", _S, 2e-6, *_PULSE_S),
    Setting("pulse.delay", "[:SOURce]:PULM:DELay", _S, 0.0, 0.0, 100.0),
    Setting("pulse.double.delay", "[:SOURce]:PULM:DOUBle:DELay", _S, 3e-6, *_PULSE_S),
    Setting("pulse.double.width", "[:SOURce]:PULM:DOUBle:WIDTh", _S, 2e-6, *_PULSE_S),
    Setting("pulse.polarity", "[:SOURce]:PULM:POLarity", choice("NORMal", "INVerted"), "NORM"),
    Setting(
        "pulse.trigger", "[:SOURce]:PULM:TRIGger:MODE", choice("AUTO", "EXTernal", "EGATe", "SINGle", "ESINgle"), "AUTO"
    ),
    Setting("pulse.trigger.slope", "[:SOURce]:PULM:TRIGger:EXTernal:SLOPe", choice("POSitive", "NEGative"), "POS"),
    Setting("pulse.trigger.impedance", "[:SOURce]:PULM:TRIGger:EXTernal:IMPedance", choice("G50", "G10K"), "G10K"),
    Setting(
        "pulse.internal",
        "[:SOURce]:PULM:SOURce:INTernal",
        choice("SQUare", "FRUN", "TRIGgered", "DOUBlet", "GATEd"),
        "FRUN",
    ),
    Setting("pulse.rate", "[:SOURce]:PULM:INTernal:FREQuency", _HZ, 1e5, 0.01, 5e7),
    Setting("pulse.generator", "[:SOURce]:PGENerator:STATe", _BIT, False),
    Setting("sweep.mode", "[:SOURce]:SWEep[:FREQuency]:MODE", choice("AUTO", "MANual", "STEP"), "AUTO"),
    Setting("sweep.spacing", "[:SOURce]:SWEep[:FREQuency]:SPACing", choice("LINear", "LOGarithmic"), "LIN"),
    Setting("sweep.shape", "[:SOURce]:SWEep[:FREQuency]:SHAPe", choice("SAWTooth", "TRIangle"), "SAWT"),
    Setting("sweep.step", "[:SOURce]:SWEep[:FREQuency]:STEP[:LINear]", _HZ, 1e6, 1e-3, 6e9),
    Setting("sweep.step.log", "[:SOURce]:SWEep[:FREQuency]:STEP:LOGarithmic", _PCT, 1.0, 0.01, 100.0),
    Setting("sweep.points", "[:SOURce]:SWEep[:FREQuency]:POINts", _PLAIN, 401, 2, 10_000_000),
    Setting("sweep.dwell", "[:SOURce]:SWEep[:FREQuency]:DWELl", _S, 0.015, 1e-3, 100.0),
    Setting("sweep.power.mode", "[:SOURce]:SWEep:POWer:MODE", choice("AUTO", "MANual", "STEP"), "AUTO"),
    Setting("sweep.power.shape", "[:SOURce]:SWEep:POWer:SHAPe", choice("SAWTooth", "TRIangle"), "SAWT"),
    Setting("sweep.power.step", "[:SOURce]:SWEep:POWer:STEP[:LOGarithmic]", _DB, 1.0, 0.01, 139.0),
    Setting("sweep.power.points", "[:SOURce]:SWEep:POWer:POINts", _PLAIN, 21, 2, 20_000),
    Setting("sweep.power.dwell", "[:SOURce]:SWEep:POWer:DWELl", _S, 0.015, 1e-3, 100.0),
    Setting("list.mode", "[:SOURce]:LIST:MODE", choice("AUTO", "STEP"), "AUTO"),
    Setting("list.dwell", "[:SOURce]:LIST:DWELl", _S, 0.01, 1e-3, 100.0),
    Setting("list.index", "[:SOURce]:LIST:INDex", _PLAIN, 0, 0, LIST_POINTS_MAX - 1),
    Setting("list.select", "[:SOURce]:LIST:SELect", Quoted(80), "LIST1"),
    Setting("list.trigger", "[:SOURce]:LIST:TRIGger:SOURce", choice("AUTO", "SINGle", "EXTernal"), "AUTO"),
    Setting("trigger.frequency", ":TRIGger:FSWeep:SOURce", choice("AUTO", "SINGle", "EXTernal", "EAUTo"), "AUTO"),
    Setting("trigger.power", ":TRIGger:PSWeep:SOURce", choice("AUTO", "SINGle", "EXTernal", "EAUTo"), "AUTO"),
    Setting("trigger", ":TRIGger[:SWEep]:SOURce", choice("AUTO", "SINGle", "EXTernal", "EAUTo"), "AUTO"),
    Setting("initiate.continuous", ":INITiate:CONTinuous", _BIT, True),
    Setting("reference", "[:SOURce]:ROSCillator:SOURce", choice("INTernal", "EXTernal"), "INT"),
    Setting("unit.power", ":UNIT:POWer", choice("DBM", "DBUV", "V"), "DBM"),
    Setting("display.update", ":SYSTem:DISPlay:UPDate", _BIT, True),
)

ACTIONS: Mapping[str, str] = {
    "sweep.execute": "[:SOURce]:SWEep[:FREQuency]:EXECute",
    "sweep.power.execute": "[:SOURce]:SWEep:POWer:EXECute",
    "sweep.reset": "[:SOURce]:SWEep:RESet[:ALL]",
    "list.execute": "[:SOURce]:LIST:TRIGger:EXECute",
    "list.learn": "[:SOURce]:LIST:LEARn",
    "list.reset": "[:SOURce]:LIST:RESet",
    "list.delete": "[:SOURce]:LIST:DELete:ALL",
    "trigger.frequency.now": ":TRIGger:FSWeep[:IMMediate]",
    "trigger.power.now": ":TRIGger:PSWeep[:IMMediate]",
    "trigger.now": ":TRIGger[:SWEep][:IMMediate]",
    "pulse.trigger.now": "[:SOURce]:PULM:TRIGger[:IMMediate]",
    "initiate": ":INITiate[:IMMediate]",
    "abort": ":ABORt[:SWEep]",
    "preset": ":SYSTem:PRESet",
    "status.preset": ":STATus:PRESet",
}
"""Commands without argument."""

READINGS: Mapping[str, tuple[str, Codec]] = {
    "sweep.running?": ("[:SOURce]:SWEep[:FREQuency]:RUNNing:STATe?", _BIT),
    "sweep.power.running?": ("[:SOURce]:SWEep:POWer:RUNNing:STATe?", _BIT),
    "list.running?": ("[:SOURce]:LIST:RUNNing?", _BIT),
    "list.frequency.points?": ("[:SOURce]:LIST:FREQuency:POINts?", _PLAIN),
    "list.power.points?": ("[:SOURce]:LIST:POWer:POINts?", _PLAIN),
    "error.count?": (":SYSTem:ERRor:COUNt?", _PLAIN),
    "version?": (":SYSTem:VERSion?", Word()),
    "output.impedance?": (":OUTPut:IMPedance?", Word()),
    "operation.condition?": (":STATus:OPERation:CONDition?", _PLAIN),
    "operation.event?": (":STATus:OPERation[:EVENt]?", _PLAIN),
    "questionable.condition?": (":STATus:QUEStionable:CONDition?", _PLAIN),
    "questionable.event?": (":STATus:QUEStionable[:EVENt]?", _PLAIN),
}

CENTRE_SPAN: Mapping[str, str] = {
    "frequency.center": "[:SOURce]:FREQuency:CENTer",
    "frequency.span": "[:SOURce]:FREQuency:SPAN",
}
"""Another way to say start and stop."""

ENABLES: Mapping[str, str] = {
    "operation.enable": ":STATus:OPERation:ENABle",
    "questionable.enable": ":STATus:QUEStionable:ENABle",
}

_COMMON: tuple[ScpiRow, ...] = (
    ScpiRow("idn?", "*IDN?", results={"vendor": Word(), "model": Word(), "serial": Word(), "firmware": Word()}),
    ScpiRow("opc", "*OPC"),
    ScpiRow("opc?", "*OPC?", results={"value": _PLAIN}),
    ScpiRow("cls", "*CLS"),
    ScpiRow("rst", "*RST"),
    ScpiRow("trg", "*TRG"),
    ScpiRow("esr?", "*ESR?", results={"value": _PLAIN}),
    ScpiRow("stb?", "*STB?", results={"value": _PLAIN}),
    ScpiRow("ese", "*ESE", {"value": _PLAIN}),
    ScpiRow("sre", "*SRE", {"value": _PLAIN}),
)


def _setting_rows(name: str, pattern: str, codec: Codec) -> list[Row]:
    """Command and query; a number's query takes MINimum or MAXimum."""
    limits: dict[str, Codec] = {}
    if isinstance(codec, Plain | Level | Degrees):
        limits = {"which": choice("MINimum", "MAXimum", "DEFault")}
    query = ScpiRow(f"{name}?", f"{pattern}?", limits, {"value": codec}, optional=len(limits))
    return [ScpiRow(name, pattern, {"value": codec}), query]


def _build_rows() -> dict[str, Row]:
    rows: list[Row] = list(_COMMON)
    for setting in SETTINGS:
        rows += _setting_rows(setting.name, setting.pattern, setting.codec)
    for name, pattern in CENTRE_SPAN.items():
        rows += _setting_rows(name, pattern, _HZ)
    for name, pattern in ENABLES.items():
        rows += _setting_rows(name, pattern, _PLAIN)
    rows += [ScpiRow(name, pattern) for name, pattern in ACTIONS.items()]
    rows += [ScpiRow(name, pattern, results={"value": codec}) for name, (pattern, codec) in READINGS.items()]
    rows.append(ScpiRow("error?", ":SYSTem:ERRor[:NEXT]?", results={"code": _PLAIN, "text": Quoted(255)}))
    rows.append(ListRow("error.all?", ":SYSTem:ERRor:ALL?", ErrorItem()))
    for name, word, codec in (("frequency", "FREQuency", _HZ), ("power", "POWer", _DBM)):
        pattern = f"[:SOURce]:LIST:{word}"
        rows += [ListRow(f"list.{name}", pattern, codec), ListRow(f"list.{name}?", f"{pattern}?", codec)]
    return {row.name: row for row in rows}


SMB100A = Dialect(
    slug="smb100a",
    model="R&S SMB100A",
    source="instruments.md 2.10 and 2.0 (SMB100A operating manual, chapter remote control commands)",
    rows=_build_rows(),
)
