"""What a plan asks of a scope, what comes back of it, and what differs: no waiting and no state."""

from dataclasses import fields, replace

from controller.sequencer.plan import ScopePlan
from drivers.ports import Oscilloscope, ScopeChannel, ScopeSetup, SegmentedWaveform, Waveform

CHANGED = "changed_since_arming"
"""Key in a waveform's settings: what had been changed at the scope between arming and transfer."""

Recorded = Waveform | SegmentedWaveform
"""One channel as it was transferred: a single shot, or a train."""


async def read_channel(scope: Oscilloscope, source: str, segments: int) -> Recorded:
    """One channel's record: its waveform, or every segment of its train. Raises InstrumentError."""
    if segments > 1:
        return await scope.read_train(source)
    return await scope.read_waveform(source)


def marked(recorded: Recorded, changes: str) -> Recorded:
    """With what had been changed at the scope among its settings; empty: nothing had."""
    if not changes:
        return recorded
    if isinstance(recorded, SegmentedWaveform):
        return replace(recorded, wave=_with_changes(recorded.wave, changes))
    return _with_changes(recorded, changes)


def _with_changes(waveform: Waveform, changes: str) -> Waveform:
    return replace(waveform, settings={**waveform.settings, CHANGED: changes})


def scope_setup(plan: ScopePlan) -> ScopeSetup:
    """The port's setup of a planned acquisition."""
    return ScopeSetup(
        channels=tuple(
            ScopeChannel(c.source, c.range_v, c.offset_v, "DC", c.impedance, c.channel) for c in plan.channels
        ),
        window_s=plan.window_s,
        pretrigger_s=plan.pretrigger_s,
        trigger_source=plan.trigger_source,
        trigger_level_v=plan.trigger_level_v,
        points=plan.points,
        bits=plan.bits,
        segments=plan.segments,
    )


def differences(before: ScopeSetup, after: ScopeSetup) -> list[str]:
    """What differs between two read-backs, for a person: ``CHAN1 range_v 8 -> 4``."""
    changes = [
        f"{item.name} {getattr(before, item.name)} -> {getattr(after, item.name)}"
        for item in fields(ScopeSetup)
        if item.name != "channels" and getattr(before, item.name) != getattr(after, item.name)
    ]
    for old, new in zip(before.channels, after.channels, strict=True):
        changes += [
            f"{old.source} {item.name} {getattr(old, item.name)} -> {getattr(new, item.name)}"
            for item in fields(ScopeChannel)
            if getattr(old, item.name) != getattr(new, item.name)
        ]
    return changes
