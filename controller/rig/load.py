"""PURE: rig.yaml (and the PLC's own plc.yaml beside it) to a :class:`Rig`, or a refusal that names file and line."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any

from controller.rig.alarm_rows import alarm_problems, read_alarms
from controller.rig.fields import require_version, sha256, validate
from controller.rig.mimic_file import mimic_problems, read_mimic
from controller.rig.model import Bank, Channel, InstrumentSpec, Interlock, Limits, Part, Rig, TriggerChain
from controller.rig.plc_limits import read_plc_limits, read_self_test
from controller.rig.polled import bound_problems, input_problems
from controller.rig.run_file import read_run_rig, run_problems, with_plc
from controller.rig.schema import VERSION, BankFile, ChannelFile, InstrumentFile, LimitsFile, PartFile, RigFile
from controller.rig.source import Document, Path, Problem, Refused, load
from controller.rig.units import spell

MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""From version n to n + 1, applied in turn; empty while version 1 is the only one there is."""


PORTS = ("RigPlc", "CapacitorCharger", "DelayGenerator", "Daq")
"""What every bench has: whose the energy is, where it comes from, what lets it go, and a second look at it."""


def load_rig(data: bytes, filename: str, plc_text: bytes | None = None, plc_filename: str = "plc.yaml") -> Rig:
    """The rig described by ``data``.

    ``plc_text`` is the PLC's own limits file when there is one to compare with: limits of the PLC that are looser
    than the rig's are refused. Raises :class:`Refused`, with every problem found.
    """
    document = load(data, filename)
    require_version(document, "rig", VERSION)
    document = _migrate(document)
    file = validate(document, RigFile)
    problems = list(_inconsistencies(document, file))
    if problems:
        raise Refused(problems)
    rig = _rig(file, data, plc_text)
    problems = list(_timing(document, rig))
    plc_limits: dict[str, float] = {}
    paths: tuple[str, ...] = ()
    if plc_text is not None:
        plc = load(plc_text, plc_filename)
        plc_limits, looser = read_plc_limits(plc, rig, filename)
        paths, unread = read_self_test(plc)
        run, misfits = with_plc(rig.run, plc, filename)
        rig = replace(rig, run=run)
        problems += [*looser, *unread, *misfits]
    problems += _input_problems(document, rig)
    if problems:
        raise Refused(problems)
    return replace(rig, plc_limits=plc_limits, self_test_paths=paths)


def _input_problems(document: Document, rig: Rig) -> Iterator[Problem]:
    windows = rig.run.windows if rig.run is not None else ()
    for channel in rig.channels:
        port = rig.instrument(channel.instrument).port
        if port != "RigPlc" or rig.plc_text:  # without the PLC's own file nobody knows its windows
            yield from input_problems(document, ("channels", channel.name), channel, port, windows)


def _migrate(document: Document) -> Document:
    data = document.data
    for version in range(data["rig"], VERSION):
        data = MIGRATIONS[version](data)
    return Document(document.file, data, document.lines)


def _rig(file: RigFile, data: bytes, plc_text: bytes | None) -> Rig:
    trigger = file.trigger
    return Rig(
        name=file.name,
        title=file.title,
        rig_id=file.rig_id,
        bank=_bank(file.bank),
        limits=_limits(file.limits),
        trigger=TriggerChain(
            trigger.instrument, tuple(trigger.pairs), trigger.width, trigger.holdoff, trigger.level, trigger.input_level
        ),
        instruments=tuple(_instrument(name, entry) for name, entry in file.instruments.items()),
        channels=tuple(_channel(name, channel) for name, channel in file.channels.items()),
        interlocks=tuple(
            Interlock(name, row.title, row.plc_trip, row.guidance) for name, row in file.interlocks.items()
        ),
        text=data,
        sha256=sha256(data),
        plc_limits={},
        plc_text=plc_text or b"",
        loads=dict(file.loads),
        mimic=read_mimic(file.mimic, file.bank.modules),
        alarms=read_alarms(file.alarms),
        run=read_run_rig(file.run),
    )


def _instrument(name: str, file: InstrumentFile) -> InstrumentSpec:
    return InstrumentSpec(
        name,
        file.title,
        file.model,
        file.port,
        file.identity,
        file.transport,
        file.role,
        file.serial,
        tuple(sorted(file.ranges)),
        file.line or "",
        file.unit or 0,
    )


def _bank(file: BankFile) -> Bank:
    return Bank(
        modules=file.modules,
        module_capacitance_f=file.module_capacitance,
        rated_voltage_v=file.rated_voltage,
        max_voltage_v=file.max_voltage,
        overvoltage_v=file.overvoltage,
        bleeder_ohm=file.bleeder,
        dump_ohm=file.dump,
        dump_energy_j=file.dump_energy,
        charge_rate_v_per_s=file.charge_rate,
        charge_current_a=file.charge_current,
        tolerance=file.capacitance_tolerance,
        tolerance_v=file.fire_tolerance,
        safe_voltage_v=file.safe_voltage,
        safe_energy_j=file.safe_energy,
        module_current_a=file.module_current,
        tolerance_min_v=file.fire_tolerance_min,
        charge_rate_min_v_per_s=file.charge_rate_min,
    )


def _limits(file: LimitsFile) -> Limits:
    return Limits(
        energy_j=file.energy,
        action_integral_a2s=file.action_integral,
        trigger_delay_s=file.trigger_delay,
        consent_energy_j=file.consent_energy,
        float_s=file.float,
        isolate_s=file.isolate,
        fire_s=file.fire,
        open_s=file.open,
        charge_margin=file.charge_margin,
        dump_margin=file.dump_margin,
        dwell_taus=file.dwell_taus,
        single_dump_voltage_v=file.single_dump_voltage,
        warn_s=file.warn,
        dump_travel_s=file.dump_travel,
        scan_s=file.scan,
        watchdog_s=file.watchdog,
        contactor_s=file.contactor,
    )


def _channel(name: str, file: ChannelFile) -> Channel:
    chain = tuple(_part(part) for part in file.chain)
    return Channel(
        name,
        file.title,
        file.instrument,
        file.input,
        file.unit,
        file.full_scale.value,
        chain,
        file.module,
        file.group or "",
        None if file.low is None else file.low.value,
        None if file.high is None else file.high.value,
        tuple(file.states),
    )


def _part(file: PartFile) -> Part:
    return Part(
        kind=file.kind,
        serial=file.serial,
        factor=1.0 if file.factor is None else file.factor.value,
        sign=file.sign,
        delay_s=file.delay,
        uncertainty=file.uncertainty,
        due=None if file.due is None else date.fromisoformat(file.due),
        delay_uncertainty_s=file.delay_uncertainty,
        termination_ohm=file.termination,
    )


def _inconsistencies(document: Document, file: RigFile) -> Iterator[Problem]:
    yield from _bank_problems(document, file.bank)
    yield from mimic_problems(document, file.mimic, file.bank.modules)
    yield from alarm_problems(document, file.alarms)
    names = ", ".join(file.instruments)
    if file.trigger.instrument not in file.instruments:
        path: Path = ("trigger", "instrument")
        yield document.problem(path, f"there is no instrument '{file.trigger.instrument}'", f"use one of {names}")
    if len(file.trigger.pairs) < file.bank.modules:
        problem = f"{len(file.trigger.pairs)} output pairs for {file.bank.modules} modules"
        yield document.problem(("trigger", "pairs"), problem, "list one output pair per module")
    yield from _line_problems(document, file)
    for port in PORTS:
        if port not in {instrument.port for instrument in file.instruments.values()}:
            yield document.problem(("instruments",), f"none of them is a {port}", f"add one with `port: {port}`")
    yield from run_problems(document, file.run, file.instruments)
    inputs: dict[tuple[str, str], str] = {}
    for name, channel in file.channels.items():
        path = ("channels", name)
        if channel.instrument not in file.instruments:
            problem = f"there is no instrument '{channel.instrument}'"
            yield document.problem((*path, "instrument"), problem, f"use one of {names}")
            continue
        taken = inputs.setdefault((channel.instrument, channel.input), name)
        if taken != name:
            problem = f"{channel.instrument} {channel.input} is already used by {taken}"
            yield document.problem((*path, "input"), problem, "give every channel its own input")
        yield from _channel_problems(document, file, path, channel)


def _line_problems(document: Document, file: RigFile) -> Iterator[Problem]:
    """Instruments on one serial line have addresses of their own there."""
    units: dict[tuple[str, int], str] = {}
    for name, instrument in file.instruments.items():
        path: Path = ("instruments", name, "unit")
        if (instrument.line is None) is not (instrument.unit is None):
            yield document.problem(path, "`line` and `unit` belong together", "write both, or neither")
        elif instrument.line is not None and instrument.transport != "serial":
            yield document.problem(path, "only a serial line has units", "write `transport: serial`")
        elif instrument.line is not None and instrument.unit is not None:
            taken = units.setdefault((instrument.line, instrument.unit), name)
            if taken != name:
                problem = f"unit {instrument.unit} of {instrument.line} is {taken}"
                yield document.problem(path, problem, "give every instrument on a line its own unit")


def _bank_problems(document: Document, bank: BankFile) -> Iterator[Problem]:
    ladder = (
        ("max_voltage", bank.max_voltage, "overvoltage", bank.overvoltage),
        ("overvoltage", bank.overvoltage, "rated_voltage", bank.rated_voltage),
    )
    for lower, low_v, upper, high_v in ladder:
        if not low_v < high_v:
            problem = f"{spell(low_v, 'V')} is not below {upper} ({spell(high_v, 'V')})"
            yield document.problem(("bank", lower), problem, f"write less than {spell(high_v, 'V')}")
    for key in (
        "module_capacitance",
        "bleeder",
        "dump",
        "charge_rate",
        "charge_current",
        "safe_voltage",
        "safe_energy",
    ):
        if getattr(bank, key) <= 0.0:
            yield document.problem(("bank", key), "is zero", "write a value above zero")


_PER_VOLT = {"W": "A"}
"""A watt per volt is an ampere, and a dimension has one name."""


def _channel_problems(document: Document, file: RigFile, path: Path, channel: ChannelFile) -> Iterator[Problem]:
    if channel.module > file.bank.modules:
        problem = f"there is no module {channel.module}"
        yield document.problem((*path, "module"), problem, f"write 1 to {file.bank.modules}, or 0 for none")
    if channel.full_scale.unit != channel.unit or channel.full_scale.value <= 0.0:
        problem = f"is in {channel.full_scale.unit}, but the channel is in {channel.unit}"
        if channel.full_scale.unit == channel.unit:
            problem = "is not above zero"
        yield document.problem((*path, "full_scale"), problem, f"write a value above zero in {channel.unit}")
    yield from bound_problems(document, path, channel.unit, channel.group, {"low": channel.low, "high": channel.high})
    broken = False
    units = []
    for index, part in enumerate(channel.chain):
        place: Path = (*path, "chain", index)
        if part.factor is not None and part.factor.value <= 0.0:
            broken = True
            yield document.problem((*place, "factor"), "is not above zero", "write a positive factor and `sign: -1`")
        if part.factor is not None and part.factor.unit != "1":
            units.append(part.factor.unit)
        if part.due is not None and not _is_date(part.due):
            broken = True
            yield document.problem((*place, "due"), f"'{part.due}' is not a date", "write YYYY-MM-DD")
    plain = channel.unit in ("V", "1") or not channel.chain
    expected = [] if plain else [_PER_VOLT.get(channel.unit, f"{channel.unit}/V")]
    if units != expected:
        broken = True
        problem = f"the factors give {' '.join(units) or 'V/V'}, but the channel is in {channel.unit}"
        remedy = f"give exactly one part a factor in {expected[0]}" if expected else "use plain ratios only"
        yield document.problem((*path, "chain"), problem, remedy)
    ranges = file.instruments[channel.instrument].ranges
    if ranges and not broken:
        yield from _range_problems(document, path, channel, max(ranges))


def _range_problems(document: Document, path: Path, channel: ChannelFile, range_v: float) -> Iterator[Problem]:
    volts = channel.full_scale.value / abs(_channel("", channel).scale)
    if volts > range_v:
        problem = (
            f"full scale is {spell(volts, 'V')} at the input, more than its largest range of {spell(range_v, 'V')}"
        )
        yield document.problem((*path, "full_scale"), problem, "use an attenuator or a smaller full scale")


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _timing(document: Document, rig: Rig) -> Iterator[Problem]:
    """The timing rules of safety.md 3.2 at the highest target voltage."""
    bank, limits = rig.bank, rig.limits
    path: Path = ("bank", "charge_rate")
    blind_v = bank.charge_rate_v_per_s * (limits.watchdog_s + limits.scan_s)
    if blind_v > bank.rated_voltage_v - bank.max_voltage_v:
        problem = f"a dead controller is noticed {spell(blind_v, 'V')} late, the rating is closer to max_voltage"
        yield document.problem(path, problem, "charge more slowly or shorten the watchdog (safety.md 3.2, blind rule)")
    late_v = bank.charge_rate_v_per_s * (2.0 * limits.scan_s + limits.contactor_s)
    if late_v > bank.overvoltage_v - bank.max_voltage_v:
        problem = f"the contactor opens {spell(late_v, 'V')} late, the over-voltage trip is closer to max_voltage"
        yield document.problem(path, problem, "charge more slowly or raise overvoltage (safety.md 3.2, OV rule)")
    full_j = bank.energy_j(bank.max_voltage_v, bank.full_mask)
    if full_j > limits.energy_j:
        problem = f"{spell(limits.energy_j, 'J')} is less than the bank stores at max_voltage ({spell(full_j, 'J')})"
        yield document.problem(("limits", "energy"), problem, "lower max_voltage or raise the rating")
