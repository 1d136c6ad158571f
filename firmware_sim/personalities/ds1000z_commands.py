"""PURE: what each row of the DS1000Z dialect does to the stand-in: knobs, actions, readings."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from drivers.wire.ds1000z import (
    BATCH_POINTS,
    BLOCK_DIGITS,
    DIVISIONS_Y,
    FORMAT_CODES,
    MODE_CODES,
    ROWS,
    SCALES_S,
    Y_REFERENCE,
    RigolRow,
    depths,
)
from drivers.wire.scpi import HeaderTable, ScpiError, Unit
from drivers.wire.scpi_rows import BlockRow, block_header
from firmware_sim.personalities.ds1000z_panel import RigolRecord
from firmware_sim.personalities.scope_measure import MEASUREMENTS
from firmware_sim.personalities.scope_record import source_index
from firmware_sim.personalities.scope_run import Mode, Run
from firmware_sim.sessions.scpi import Handler, Reply, Wait

if TYPE_CHECKING:
    from firmware_sim.personalities.ds1000z import Ds1074z

HEADERS: HeaderTable[RigolRow] = HeaderTable(
    (row.pattern, row) for row in ROWS.values() if not row.pattern.startswith("*")
)
"""Every header of the dialect, once per process; common commands belong to the session."""

ITEMS: Mapping[str, str] = MappingProxyType(
    {"VMAX": "maximum", "VMIN": "minimum", "VPP": "peak_to_peak", "VAVG": "average", "VAMP": "amplitude",
     "FREQ": "frequency"}
)  # fmt: skip
NOT_A_NUMBER = b"9.9E37"
"""A measurement that cannot be made."""

FINE_OFFSET_RANGE_V = 4.0
"""Below this range (500 mV per division) the offset reaches 2 V, from it on 100 V [UNV]."""
FINE_OFFSET_V = 2.0

Values = Mapping[str, Any]


class Commands:
    """Compiles units into handlers bound to one scope."""

    def __init__(self, scope: "Ds1074z") -> None:
        self._scope = scope
        self._knobs = scope.panel.knobs
        self._actions: Mapping[str, Callable[[Values], Reply]] = {
            "run": lambda _: self._run(),
            "stop": lambda _: self._stop(),
            "single": lambda _: self._single(),
            "trigger.force": lambda _: scope.group_trigger(),
            "clear": lambda _: self._clear(),
            "channel.scale": lambda values: self._write("channel.range", values["value"] * DIVISIONS_Y, values),
            "channel.range": lambda values: self._write("channel.range", values["value"], values),
            "channel.offset": self._offset,
            "channel.probe": self._probe,
            "channel.display": self._display,
            "timebase.scale": self._scale,
            "acquire.depth": self._depth,
            "acquire.averages": self._averages,
            "trigger.sweep": self._sweep,
            "waveform.data?": lambda _: self._data(),
            "measure?": self._measure,
        }
        self._readings: Mapping[str, Callable[[Values], Any]] = {
            "channel.scale?": lambda values: self._knobs.get("channel.range", values["channel"] - 1) / DIVISIONS_Y,
            "trigger.status?": lambda _: self._status(),
            "trigger.position?": lambda _: self._position(),
            "acquire.sample_rate?": lambda _: scope.panel.sample_rate_hz(),
            **{f"waveform.{name}?": self._preamble_field(name) for name in _PREAMBLE_QUERIES},
        }

    def compile(self, unit: Unit) -> Handler:
        """A handler for one unit; raises ScpiError."""
        row, suffixes = HEADERS.find(unit)
        values = row.read_arguments(unit, suffixes)
        name = row.name
        action = self._actions.get(name)
        if action is not None:
            return lambda: action(values)
        if not row.answers:
            return lambda: self._write(name, values["value"], values)
        if isinstance(row, BlockRow):
            raise ScpiError(-113, name)
        if name == "error?":
            return lambda: self._scope.status.next_error().encode("ascii")
        if name == "waveform.preamble?":
            return lambda: row.write_results(self._preamble())
        reading = self._readings.get(name)
        if reading is not None:
            return lambda: row.write_results({"value": reading(values)})
        index = self._knobs.place(name[:-1], values)
        return lambda: row.write_results({"value": self._knobs.get(name[:-1], index)})

    # -- settings

    def _write(self, name: str, value: Any, values: Values) -> Reply:
        index = self._knobs.place(name, values)
        self._knobs.check(name, value, self._knobs.get("channel.probe", index) if name == "channel.range" else 1.0)
        if name == "channel.range":
            value = float(f"{value:.2e}")
        self._knobs.put(name, value, index)
        return None

    def _offset(self, values: Values) -> Reply:
        index = values["channel"] - 1
        probe = self._knobs.get("channel.probe", index)
        fine = self._knobs.get("channel.range", index) < FINE_OFFSET_RANGE_V * probe
        if abs(values["value"]) > (FINE_OFFSET_V if fine else 100.0) * probe:
            raise ScpiError(-222, "offset")
        self._knobs.put("channel.offset", values["value"], index)
        return None

    def _probe(self, values: Values) -> Reply:
        """A new probe ratio rescales range and offset, as the scope does."""
        index = values["channel"] - 1
        before = self._knobs.get("channel.probe", index)
        self._write("channel.probe", values["value"], values)
        for name in ("channel.range", "channel.offset"):
            self._knobs.put(name, self._knobs.get(name, index) * values["value"] / before, index)
        return None

    def _display(self, values: Values) -> Reply:
        """Channels that are on share the memory: the depth follows."""
        before = depths(self._scope.panel.channels_on())
        self._knobs.put("channel.display", values["value"], values["channel"] - 1)
        held = self._knobs.get("acquire.depth")
        if held != "AUTO":
            self._knobs.put("acquire.depth", depths(self._scope.panel.channels_on())[before.index(held)])
        return None

    def _scale(self, values: Values) -> Reply:
        """The next scale of the 1-2-5 row that is not smaller."""
        self._knobs.check("timebase.scale", values["value"])
        fitting = [scale for scale in SCALES_S if scale >= values["value"] * (1 - 1e-6)]
        self._knobs.put("timebase.scale", fitting[0] if fitting else SCALES_S[-1])
        return None

    def _depth(self, values: Values) -> Reply:
        if values["value"] != "AUTO" and values["value"] not in depths(self._scope.panel.channels_on()):
            raise ScpiError(-222, "depth")
        self._knobs.put("acquire.depth", values["value"])
        return None

    def _averages(self, values: Values) -> Reply:
        self._knobs.check("acquire.averages", values["value"])
        if values["value"] & (values["value"] - 1):
            raise ScpiError(-222, "averages are a power of two")
        self._knobs.put("acquire.averages", values["value"])
        return None

    def _sweep(self, values: Values) -> Reply:
        """SINGle on a running scope is the SINGLE key."""
        self._knobs.put("trigger.sweep", values["value"])
        if values["value"] == "SING" and self._scope.engine.run.state is not Run.STOPPED:
            return self._single()
        return None

    # -- actions

    def _run(self) -> Reply:
        if self._knobs.get("trigger.sweep") == "SING":
            self._knobs.put("trigger.sweep", "AUTO")
        self._scope.engine.start(Mode.CONTINUOUS)
        return None

    def _single(self) -> Reply:
        self._knobs.put("trigger.sweep", "SING")
        self._scope.engine.start(Mode.SINGLE)
        return None

    def _stop(self) -> Reply:
        self._scope.engine.run.stop()
        self._scope.settle()
        return None

    def _clear(self) -> Reply:
        if self._scope.engine.run.state is Run.STOPPED:
            self._scope.engine.forget()
        return None

    # -- readings

    def _status(self) -> str:
        run = self._scope.engine.run
        if run.state is Run.WAITING:
            live = run.mode is Mode.CONTINUOUS and self._scope.panel.auto()
            return "AUTO" if live else "WAIT"
        return {Run.STOPPED: "STOP", Run.FILLING: "RUN", Run.STORING: "TD"}[run.state]

    def _position(self) -> int:
        """Sample of the trigger in memory; -2 before there was one."""
        if not self._scope.engine.run.taken:
            return -2
        start_s, range_s = self._scope.panel.window()
        return max(-1, round(-start_s / range_s * self._scope.panel.memory_points()))

    def _selected(self) -> tuple[RigolRecord, int, int]:
        """Record, channel index and points that waveform queries speak of. RAW needs a stopped scope (-221)."""
        record, mode = self._scope.engine.require_record(), self._knobs.get("waveform.mode")
        stopped = self._scope.engine.run.state is Run.STOPPED
        if mode == "RAW" and not stopped:
            raise ScpiError(-221, "RAW is read in STOP only")
        return record, source_index(self._knobs.get("waveform.source")), record.points(mode != "NORM" and stopped)

    def _preamble(self) -> dict[str, float]:
        record, channel, points = self._selected()
        panel, sweep = record.panel, record.record.sweep
        kind = panel.knobs.get("acquire.type")
        return {
            "format": FORMAT_CODES[self._knobs.get("waveform.format")],
            "type": MODE_CODES[self._knobs.get("waveform.mode")],
            "points": points,
            "count": panel.knobs.get("acquire.averages") if kind == "AVER" else 1,
            "x_increment": sweep.range_s / points,
            "x_origin": sweep.start_s,
            "x_reference": 0,
            "y_increment": panel.y_increment_v(channel),
            "y_origin": panel.y_origin(channel),
            "y_reference": Y_REFERENCE,
        }

    def _preamble_field(self, name: str) -> Callable[[Values], float]:
        return lambda _: self._preamble()[name]

    def _data(self) -> Reply:
        """Points STARt to STOP. Raises ScpiError -222 outside the record, -223 for more than a batch."""
        record, channel, points = self._selected()
        form = self._knobs.get("waveform.format")
        first, last = self._knobs.get("waveform.start"), min(points, self._knobs.get("waveform.stop"))
        if first > last:
            raise ScpiError(-222, "start")
        if last - first + 1 > BATCH_POINTS[form]:
            raise ScpiError(-223, "points of one read")
        data = record.encode(channel, points, form, first, last)
        self._scope.engine.held = record if data is None else None
        return Wait.UNTIL_TICK if data is None else (block_header(len(data), BLOCK_DIGITS), data)

    def _measure(self, values: Values) -> Reply:
        record = self._scope.engine.record
        if record is None:
            return NOT_A_NUMBER
        channel, points = source_index(values.get("source") or self._knobs.get("measure.source")), record.points(False)
        volts = record.record.volts_of(channel, points)
        value = MEASUREMENTS[f"measure.{ITEMS[values['item']]}?"](volts, record.record.sweep.range_s / points)
        return NOT_A_NUMBER if value is None else f"{value:.6e}".encode("ascii")


_PREAMBLE_QUERIES = ("x_increment", "x_origin", "x_reference", "y_increment", "y_origin", "y_reference")
