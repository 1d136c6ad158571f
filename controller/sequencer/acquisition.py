"""PURE: what a profile records: oscilloscope setups, DAQ ranges, instrument classes and measurements, checked."""

from collections.abc import Iterator, Mapping

from controller.rig.fields import closest
from controller.rig.model import Channel, InstrumentSpec, Rig
from controller.rig.source import Path
from controller.rig.units import KINDS, spell
from controller.sequencer.parameters import Resolver
from controller.sequencer.plan import InstrumentClass, Measurement, ScopeChannelPlan, ScopePlan
from controller.sequencer.profile import MeasureFile, ScopeFile
from controller.sequencer.trains import TRAIN_FUNCTIONS, check_segments, check_together

HEADROOM = 1.25
"""A range holds the expected signal and a quarter more, in both directions: a clipped record gives no number."""

SLOW_PORTS = ("RigPlc", "Daq", "CapacitorCharger")
"""Instruments whose channels are logged throughout the shot."""

_NATURAL = {
    "time_of_peak": "s",
    "integral": "{unit} s",
    "action_integral": "{unit}^2 s",
    "dump_tau": "s",
    "sign": "1",
    **dict.fromkeys(("width_min", "width_mean", "width_max", "width_std"), "s"),
    "missing_pulses": "1",
    "calorimetric_deviation": "1",
}
"""Unit of a measurement from its channel's; functions that are not listed give the channel's own unit."""


def scope_plans(resolver: Resolver, rig: Rig) -> tuple[ScopePlan, ...]:
    """The oscilloscope setups; what does not fit is noted in ``resolver``."""
    plans = []
    for name, file in resolver.profile.file.scopes.items():
        path: Path = ("scopes", name)
        spec = next((i for i in rig.instruments if i.name == name), None)
        if spec is None or spec.port != "Oscilloscope":
            scopes = [i.name for i in rig.instruments if i.port == "Oscilloscope"]
            resolver.add(path, f"the rig has no oscilloscope '{name}'", closest(name, scopes))
            continue
        plans.append(_scope_plan(resolver, rig, spec, file, path))
    check_together(resolver, tuple(plans))
    return tuple(plans)


def _scope_plan(resolver: Resolver, rig: Rig, spec: InstrumentSpec, file: ScopeFile, path: Path) -> ScopePlan:
    window_s = resolver.si(file.window, (*path, "window"))
    pretrigger_s = resolver.si(file.pretrigger, (*path, "pretrigger"))
    if not 0.0 < pretrigger_s < window_s:
        problem = f"{spell(pretrigger_s, 's')} of a window of {spell(window_s, 's')} before the trigger"
        resolver.add((*path, "pretrigger"), problem, "write more than 0 s and less than the window")
    channels = tuple(_scope_channels(resolver, rig, spec, file, path))
    if not channels:
        resolver.add((*path, "channels"), "records nothing", "list the channels with their expected magnitude")
    segments = resolver.count(file.segments, (*path, "segments"))
    check_segments(resolver, spec, file, segments, path)
    return ScopePlan(
        instrument=spec.name,
        window_s=window_s,
        pretrigger_s=pretrigger_s,
        points=file.points,
        bits=file.bits,
        trigger_source=_trigger_source(resolver, rig, spec, file, path),
        trigger_level_v=file.level,
        channels=channels,
        segments=segments,
    )


def _trigger_source(resolver: Resolver, rig: Rig, spec: InstrumentSpec, file: ScopeFile, path: Path) -> str:
    if file.trigger == "T0":
        return "EXT"
    for channel in rig.channels_of(spec.name):
        if channel.name == file.trigger and channel.name in file.channels:
            return channel.input
    problem = f"'{file.trigger}' is not recorded by {spec.name}"
    resolver.add((*path, "trigger"), problem, f"use T0 or one of {', '.join(file.channels)}")
    return "EXT"


def _scope_channels(
    resolver: Resolver, rig: Rig, spec: InstrumentSpec, file: ScopeFile, path: Path
) -> Iterator[ScopeChannelPlan]:
    mine = {channel.name: channel for channel in rig.channels_of(spec.name)}
    for name, expected in file.channels.items():
        place: Path = (*path, "channels", name)
        channel = mine.get(name)
        if channel is None:
            resolver.add(place, f"{spec.name} has no channel '{name}'", closest(name, mine))
        elif expected.unit != channel.unit:
            kind, _ = KINDS[channel.unit]
            resolver.add(place, f"is in {expected.unit}, but the channel is in {channel.unit}", f"write {kind}")
        elif not 0.0 < expected.value <= channel.full_scale:
            shown = spell(expected.value, channel.unit)
            full = spell(channel.full_scale, channel.unit)
            resolver.add(place, f"{shown} is not within the channel's full scale", f"write more than 0, up to {full}")
        else:
            range_v = _range_v(spec, channel, expected.value)
            yield ScopeChannelPlan(name, channel.input, range_v, 0.0, channel.impedance)


def _range_v(spec: InstrumentSpec, channel: Channel, expected: float) -> float:
    """The smallest range (peak to peak) with headroom; the largest one when none has (full scale fits it)."""
    needed_v = 2.0 * HEADROOM * expected / abs(channel.scale)
    return next((range_v for range_v in spec.ranges_v if range_v >= needed_v), max(spec.ranges_v, default=needed_v))


def daq_ranges(rig: Rig) -> dict[str, float]:
    """The range in volts of every DAQ input that has a channel: the smallest that holds its full scale."""
    ranges = {}
    for spec in rig.instruments:
        if spec.port != "Daq":
            continue
        for channel in rig.channels_of(spec.name):
            needed_v = channel.full_scale / abs(channel.scale)
            ranges[channel.input] = next((r for r in spec.ranges_v if r >= needed_v), max(spec.ranges_v, default=10.0))
    return ranges


def instrument_classes(
    resolver: Resolver, rig: Rig, energises: bool, triggers: bool, serving: frozenset[str] = frozenset()
) -> dict[str, InstrumentClass]:
    """The instruments that this profile uses and how much the shot depends on each; ``serving`` are used beside."""
    file = resolver.profile.file
    used = {
        spec.name: InstrumentClass(spec.role)
        for spec in rig.instruments
        if spec.name in file.scopes
        or spec.port in ("RigPlc", "Daq")
        or (spec.port == "CapacitorCharger" and energises)
        or (spec.port == "DelayGenerator" and triggers)
        or spec.name in serving
    }
    for name, role in file.instruments.items():
        path: Path = ("instruments", name)
        if name not in used:
            resolver.add(path, f"this profile does not use an instrument '{name}'", closest(name, used))
        elif used[name] is InstrumentClass.SAFETY and role != "safety":
            resolver.add(path, f"{name} is a safety instrument of the rig", "write safety or leave the line out")
        else:
            used[name] = InstrumentClass(role)
    return used


def measurements(resolver: Resolver, rig: Rig, scopes: tuple[ScopePlan, ...]) -> tuple[Measurement, ...]:
    """The measurements with limits in SI; each must look at a channel that this profile records."""
    recorded = {channel.channel for scope in scopes for channel in scope.channels}
    slow = {spec.name for spec in rig.instruments if spec.port in SLOW_PORTS}
    recorded |= {channel.name for channel in rig.channels if channel.instrument in slow}
    trains = {channel.channel: scope.segments for scope in scopes for channel in scope.channels if scope.segments > 1}
    found = []
    for name, file in resolver.profile.file.measure.items():
        path: Path = ("measure", name)
        if file.channel not in recorded:
            remedy = closest(file.channel, sorted(recorded))
            resolver.add((*path, "channel"), f"'{file.channel}' is not recorded by this profile", remedy)
            continue
        if not _fits(resolver, file, trains, (*path, "function")):
            continue
        unit = _NATURAL.get(file.function, "{unit}").format(unit=rig.channel(file.channel).unit)
        lower = _limit(resolver, file, "min", unit, path)
        upper = _limit(resolver, file, "max", unit, path)
        if lower is not None and upper is not None and lower > upper:
            resolver.add((*path, "min"), f"{spell(lower, unit)} is above max", f"write at most {spell(upper, unit)}")
        found.append(Measurement(name, file.channel, file.function, unit, lower, upper, file.title))
    return tuple(found)


def _fits(resolver: Resolver, file: MeasureFile, trains: Mapping[str, int], path: Path) -> bool:
    """A train is measured by its own functions, everything else by the others."""
    segments = trains.get(file.channel, 1)
    of_train = file.function in TRAIN_FUNCTIONS
    if of_train == (segments > 1):
        return True
    if of_train:
        problem, remedy = f"needs a train, and {file.channel} is none", "record it with `segments`, or measure its peak"
    else:
        problem = f"{file.channel} is a train of {segments} segments, not one waveform"
        remedy = f"write one of {', '.join(TRAIN_FUNCTIONS)}"
    resolver.add(path, problem, remedy)
    return False


def _limit(resolver: Resolver, file: MeasureFile, side: str, unit: str, path: Path) -> float | None:
    quantity = file.min if side == "min" else file.max
    if quantity is None:
        return None
    if quantity.unit != unit:
        problem = f"is in {quantity.unit}, but {file.function} of {file.channel} is in {unit}"
        resolver.add((*path, side), problem, f"write a value in {unit}")
        return None
    return quantity.value
