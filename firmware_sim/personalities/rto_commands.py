"""PURE: what each row of the RTO dialect does to the stand-in: knobs, actions, readings."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from drivers.wire.rto import CHANNELS, DIVISIONS, KNOBS, ROWS, CatalogRow, RtoRow
from drivers.wire.scpi import HeaderTable, ScpiError, Unit, split_outside_quotes
from drivers.wire.scpi_rows import BlockRow, block_header
from firmware_sim.personalities.rto_export import source_channel
from firmware_sim.personalities.scope_measure import MEASUREMENTS
from firmware_sim.personalities.scope_run import Mode
from firmware_sim.sessions.scpi import Handler, Reply, Wait

if TYPE_CHECKING:
    from firmware_sim.personalities.rto import Rto

HEADERS: HeaderTable[RtoRow] = HeaderTable(
    ((row.pattern, row) for row in ROWS.values() if not row.pattern.startswith("*")), suffix_max=8
)
"""Every header of the dialect, once per process; common commands belong to the session."""

KINDS: Mapping[str, str] = MappingProxyType(
    {"MAX": "maximum", "MIN": "minimum", "PDEL": "peak_to_peak", "MEAN": "average", "AMPL": "amplitude",
     "FREQ": "frequency"}
)  # fmt: skip
NOT_A_NUMBER = b"9.91E+37"
"""A measurement that cannot be made."""

BITS = {"ASC": (0,), "REAL": (32,), "INT": (8, 16)}
"""Data formats and their sizes."""

Values = Mapping[str, Any]


class Commands:
    """Compiles units into handlers bound to one scope."""

    def __init__(self, scope: "Rto") -> None:
        self._scope = scope
        self._actions: Mapping[str, Callable[[Values], Reply]] = {
            "run": lambda _: self._start(Mode.CONTINUOUS),
            "run.continuous": lambda _: self._start(Mode.CONTINUOUS),
            "single": lambda _: self._start(Mode.SINGLE),
            "run.single": lambda _: self._start(Mode.SINGLE),
            "stop": lambda _: self._stop(),
            "trigger.force": lambda _: scope.group_trigger(),
            "channel.scale": lambda values: self._write("channel.range", values["value"] * DIVISIONS, values),
            "timebase.scale": lambda values: self._write("timebase.range", values["value"] * DIVISIONS, values),
            "channel.probe": self._probe,
            "format": self._format,
            "history.current": lambda values: self._select(values["value"]),
            "history.play": lambda _: self._do(scope.player.play),
            "history.stop": lambda _: self._do(scope.player.stop),
            "export.save": lambda _: self._do(scope.player.save),
            "export.source": self._source,
            "measure.source": self._source,
            "file.copy": lambda values: self._copy(values, remove=False),
            "file.move": lambda values: self._copy(values, remove=True),
            "file.delete": lambda values: self._do(lambda: scope.files.delete(values["name"])),
            "file.save": self._save,
            "file.recall": self._recall,
            "file.make_directory": lambda values: self._do(lambda: scope.files.make_directory(values["name"])),
            "file.directory": lambda values: self._do(lambda: scope.files.change_directory(values["name"])),
            "status.preset": lambda _: self._write("operation.enable", 0, {}),
            "data?": self._data,
            "file.data?": self._file_data,
        }
        self._readings: Mapping[str, Callable[[Values], Any]] = {
            "channel.scale?": lambda values: self._get("channel.range", values) / DIVISIONS,
            "timebase.scale?": lambda values: self._get("timebase.range", values) / DIVISIONS,
            "timebase.divisions?": lambda _: DIVISIONS,
            "acquire.available?": lambda _: len(scope.engine.history),
            "acquire.current?": lambda _: scope.engine.run.taken,
            "acquire.sample_rate?": lambda _: self._get("acquire.points", {}) / self._get("timebase.range", {}),
            "history.current?": lambda _: self._selected(),
            "history.time?": lambda _: self._history_time(),
            "operation.condition?": lambda _: scope.engine.run.condition,
            "operation.event?": lambda _: self._take_event(),
            "error.count?": lambda _: scope.status.error_count,
        }

    def compile(self, unit: Unit) -> Handler:
        """A handler for one unit; raises ScpiError."""
        row, suffixes = HEADERS.find(unit)
        values = row.read_arguments(unit, suffixes)
        name = row.name
        if not 1 <= values.get("channel", 1) <= len(CHANNELS):
            raise ScpiError(-114, name)
        action = self._actions.get(name)
        if action is not None:
            return lambda: action(values)
        if not row.answers:
            return lambda: self._write(name, values["value"], values)
        return self._query(row, values)

    # -- queries

    def _query(self, row: RtoRow, values: Values) -> Handler:
        scope, name = self._scope, row.name
        if name == "error?":
            return lambda: scope.status.next_error().encode("ascii")
        if name == "error.all?":
            return self._all_errors
        if name == "measure?":
            return lambda: self._measure(values)
        if isinstance(row, CatalogRow):
            return lambda: row.write_results(self._catalog(values.get("directory", ".")))
        if isinstance(row, BlockRow):
            raise ScpiError(-113, name)
        if name == "data.header?":
            return lambda: row.write_results(scope.engine.require_record().header())
        if name == "format?":
            return lambda: row.write_results(dict(zip(("format", "bits"), scope.panel.form, strict=True)))
        if name == "file.directory?":
            return lambda: row.write_results({"name": scope.files.current})
        reading = self._readings.get(name)
        if reading is not None:
            return lambda: row.write_results({"value": reading(values)})
        index = scope.panel.knobs.place(name[:-1], values)
        return lambda: row.write_results({"value": scope.panel.knobs.get(name[:-1], index)})

    def _get(self, name: str, values: Values) -> Any:
        return self._scope.panel.knobs.get(name, self._scope.panel.knobs.place(name, values))

    def _kept(self) -> int:
        return len(self._scope.engine.history)

    def _take_event(self) -> int:
        run = self._scope.engine.run
        event, run.operation_event = run.operation_event, 0
        return event

    def _all_errors(self) -> Reply:
        """Every error of the queue, oldest first, taken out of it."""
        status = self._scope.status
        found = [status.next_error() for _ in range(max(1, status.error_count))]
        return ",".join(found).encode("ascii")

    def _catalog(self, directory: str) -> Values:
        used, free, entries = self._scope.files.catalog(directory)
        return {"used": used, "free": free, "entries": entries}

    def _measure(self, values: Values) -> Reply:
        record = self._scope.engine.record
        index = self._scope.panel.knobs.place("measure.source", values)
        channel = source_channel(self._scope.panel.knobs.get("measure.source", index))
        if record is None:
            return NOT_A_NUMBER
        step_s = record.record.sweep.range_s / record.points / record.values
        kind = KINDS[values.get("kind", "MAX")]
        value = MEASUREMENTS[f"measure.{kind}?"](record.volts_of(channel), step_s)
        return NOT_A_NUMBER if value is None else f"{value:.9G}".encode("ascii")

    # -- settings

    def _write(self, name: str, value: Any, values: Values) -> Reply:
        knobs = self._scope.panel.knobs
        index = knobs.place(name, values)
        scaled = name in ("channel.range", "channel.offset")
        knobs.check(name, value, knobs.get("channel.probe", index) if scaled else 1.0)
        if name == "channel.type":
            for other in range(KNOBS[name].count):
                knobs.put(name, value, other)
        knobs.put(name, value, index)
        return None

    def _probe(self, values: Values) -> Reply:
        """A new attenuation rescales range, offset and level, as the scope does."""
        knobs, index = self._scope.panel.knobs, values["channel"] - 1
        before = knobs.get("channel.probe", index)
        self._write("channel.probe", values["value"], values)
        for name in ("channel.range", "channel.offset", "trigger.level"):
            knobs.put(name, knobs.get(name, index) * values["value"] / before, index)
        return None

    def _format(self, values: Values) -> Reply:
        kind = values["format"]
        bits = values.get("bits", BITS[kind][0])
        if bits not in BITS[kind]:
            raise ScpiError(-222, "format")
        self._scope.panel.form = (kind, bits)
        return None

    def _source(self, values: Values) -> Reply:
        source_channel(values["value"])
        return self._write("measure.source" if "measurement" in values else "export.source", values["value"], values)

    # -- actions

    def _do(self, job: Callable[[], None]) -> Reply:
        job()
        return None

    def _start(self, mode: Mode) -> Reply:
        self._scope.player.stop()
        self._scope.engine.start(mode)
        return None

    def _stop(self) -> Reply:
        self._scope.engine.run.stop()
        self._scope.player.stop()
        self._scope.settle()
        return None

    def _select(self, number: int) -> Reply:
        """``HISTory:CURRent``: 0 is the newest record, -1 the one before."""
        if not -self._kept() < number <= 0:
            raise ScpiError(-222, "history")
        self._scope.engine.selected = self._kept() - 1 + number
        return None

    def _selected(self) -> int:
        selected = self._scope.engine.selected
        return 0 if selected < 0 else selected - self._kept() + 1

    def _history_time(self) -> float:
        """``TSRelative?``: trigger of the selected record after that of the newest, so zero or less, in s."""
        engine = self._scope.engine
        engine.require_record()
        return (engine.times_ns[engine.selected] - engine.times_ns[-1]) * 1e-9

    def _copy(self, values: Values, remove: bool) -> Reply:
        files = self._scope.files
        files.write(values["target"], files.read(values["source"]))
        if remove:
            files.delete(values["source"])
        return None

    def _save(self, values: Values) -> Reply:
        """``MMEMory:SAV``: the settings as the commands that restore them."""
        knobs = self._scope.panel.knobs
        lines = []
        for name, knob in KNOBS.items():
            for index in range(knob.count):
                names = dict.fromkeys(knob.suffix.split(), 1)
                if knob.count > 1:
                    names[knob.suffix.split()[-1]] = index + 1
                lines.append(ROWS[name].request(**names, value=knobs.get(name, index)))
        self._scope.files.write(values["name"], b"".join(lines))
        return None

    def _recall(self, values: Values) -> Reply:
        """``MMEMory:RCL``. Raises ScpiError -256, and -250 for a file that :meth:`_save` did not write."""
        found: list[tuple[str, Any, Values]] = []
        for line in self._scope.files.read(values["name"]).splitlines():
            head, _, argument = line.decode("latin-1").partition(" ")
            nodes = tuple(head.upper().split(":"))
            try:
                row, suffixes = HEADERS.find(Unit(nodes, False, tuple(split_outside_quotes(argument, ","))))
                held = row.read_arguments(Unit(nodes, False, (argument,)), suffixes)
            except ScpiError as error:
                raise ScpiError(-250, values["name"]) from error
            found.append((row.name, held.get("value"), held))
        for name, value, settings in found:
            self._scope.panel.knobs.put(name, value, self._scope.panel.knobs.place(name, settings))
        return None

    # -- records

    def _data(self, values: Values) -> Reply:
        panel = self._scope.panel
        record = self._scope.engine.require_record()
        border, with_x = panel.knobs.get("data.border"), panel.knobs.get("export.x_values")
        data = record.encode(values["channel"] - 1, panel.form, border, with_x)
        self._scope.engine.held = record if data is None else None
        if data is None:
            return Wait.UNTIL_TICK
        if panel.form[0] == "ASC":
            return data.tobytes()
        return block_header(len(data), 0), data

    def _file_data(self, values: Values) -> Reply:
        data = self._scope.files.read(values["name"])
        return block_header(len(data), 0), memoryview(data)
