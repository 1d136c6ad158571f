"""What the core knows, as a telemetry frame; the hello beside it says in which order everything stands."""

import math
from enum import IntFlag
from operator import is_not

from controller.messages import ChannelInfo, Frame, Hello, SourceInfo, StepInfo, WordInfo
from controller.rig.model import Rig
from controller.rig.run_rig import RunRig
from controller.runtime.run_values import RunValues, run_words
from controller.runtime.situation import Situation
from controller.safety.bench import BenchState
from controller.sequencer.plan import Plan
from controller.telemetry.channels import telemetry_channels, telemetry_sources
from drivers.wire.plc import MODULES_MAX, Flag, Input, Output, PlcStatus, Trip

NEVER_S = math.inf
"""Age of what was never read."""

_FIXED = 6
"""Values that every frame has beside one per module: two probes, the witness, the set-point, two of the charger."""

_FIXED_SOURCES = 3
"""Instruments that every frame has: PLC, data acquisition, charger."""


def hello_of(rig: Rig, plan: Plan | None, shot: int, shot_id: str, virtual: bool, mode: str, started_utc: str) -> Hello:
    """The bus's first message; without a plan nothing runs and the bench is only watched."""
    return Hello(
        rig=rig.name,
        profile=plan.profile if plan is not None else "",
        title=plan.title if plan is not None else "",
        shot=shot,
        shot_id=shot_id,
        channels=tuple(
            ChannelInfo(c.name, c.title, c.unit, c.source, c.group, c.low, c.high, c.states)
            for c in telemetry_channels(rig)
        ),
        steps=tuple(StepInfo(s.id, s.kind.value, s.timeout_s) for s in plan.steps) if plan is not None else (),
        target_v=plan.charge_voltage_v if plan is not None else 0.0,
        virtual=virtual,
        mode=mode,
        session=f"{mode}-{shot_id}" if shot_id else f"{mode}-{started_utc}",
        rig_title=rig.title,
        started_utc=started_utc,
        sources=tuple(SourceInfo(s.name, s.title, s.stale_after_s) for s in telemetry_sources(rig)),
        words=frame_words(rig.run),
        states=tuple(state.value for state in BenchState),
    )


def frame_words(run: RunRig | None = None) -> tuple[WordInfo, ...]:
    """The digital points of every frame, by the names of the PLC's bits; modules are bits of their own words.

    A bench that pulses (``run``) has more of them, behind the others.
    """
    modules = tuple(f"MODULE_{n}" for n in range(1, MODULES_MAX + 1))
    return (
        WordInfo("inputs", _bit_names(Input)),
        WordInfo("outputs", _bit_names(Output)),
        WordInfo("flags", _bit_names(Flag)),
        WordInfo("trips", _bit_names(Trip)),
        WordInfo("latches", modules),
        WordInfo("positions", modules),
        WordInfo("confirmed", modules),
        *run_words(run),
    )


def _bit_names(points: type[IntFlag]) -> tuple[str, ...]:
    named = {bit.value.bit_length() - 1: str(bit.name) for bit in points}
    return tuple(named.get(index, "") for index in range(max(named) + 1))


class FrameMaker:
    """The frames of one core, in the order of :func:`hello_of`. What no new reading has changed is not made again.

    What is no reading (interference throws probes beyond their full scale) is NaN: people judge by what they see. The
    record keeps every number as it came.
    """

    def __init__(self, situation: Situation, rig: Rig) -> None:
        self._situation = situation
        self._modules = rig.bank.modules
        self._valid = tuple(channel.valid for channel in telemetry_channels(rig))
        self._run = RunValues(rig)
        self._behind = tuple(channel.name for channel in telemetry_channels(rig))[_FIXED + rig.bank.modules :]
        self._sources = tuple(source.name for source in telemetry_sources(rig))[_FIXED_SOURCES:]
        self._known: tuple[object, ...] = ()
        self._sequence = 0
        self._state = BenchState.UNKNOWN.value
        self._words: tuple[int, ...] = ()
        self._values: tuple[float, ...] = ()

    def make(self, now_ns: int, step: int, countdown_s: float | None, late_s: float) -> Frame:
        """The next frame; without any status it carries no values."""
        situation = self._situation
        status = situation.status
        self._sequence += 1
        if status is None:
            return Frame(self._sequence, now_ns, (), self._state, step, None, NEVER_S, late_s=late_s)
        known = (status, situation.charger, situation.witness_v, situation.run, situation.polls, situation.held)
        if len(self._known) != len(known) or any(map(is_not, known, self._known)):
            self._known = known
            self._collect(status, now_ns)
        age_s = (now_ns - situation.status_ns) * 1e-9
        ages_s = (
            age_s,
            NEVER_S if situation.witness_v is None else (now_ns - situation.witness_ns) * 1e-9,
            NEVER_S if situation.charger is None else (now_ns - situation.charger_ns) * 1e-9,
            *[self._age_s(name, now_ns) for name in self._sources],
        )
        return Frame(
            self._sequence,
            now_ns,
            self._values,
            self._state,
            step,
            countdown_s,
            age_s,
            self._words,
            ages_s,
            late_s,
        )

    def _age_s(self, instrument: str, now_ns: int) -> float:
        since_ns = self._situation.polled_ns.get(instrument)
        return NEVER_S if since_ns is None else (now_ns - since_ns) * 1e-9

    def _collect(self, status: PlcStatus, now_ns: int) -> None:
        situation = self._situation
        charger, witness_v = situation.charger, situation.witness_v
        self._state = status.state.name
        self._words = (*_words_of(status), *self._run.words(situation, now_ns))
        behind = situation.polled | self._run.values(situation, now_ns)
        values = (
            status.probe_a_v,
            status.probe_b_v,
            math.nan if witness_v is None else witness_v,
            *self._module_v(status),
            status.target_v,
            math.nan if charger is None else charger.voltage_v,
            math.nan if charger is None else charger.current_a,
            *[behind.get(name, math.nan) for name in self._behind],
        )
        valid = zip(values, self._valid, strict=True)
        self._values = tuple([value if low <= value <= high else math.nan for value, (low, high) in valid])

    def _module_v(self, status: PlcStatus) -> tuple[float, ...]:
        """One value per module of the rig, whatever the PLC counts: one that has just started has seen none yet."""
        missing = self._modules - len(status.module_v)
        return status.module_v if missing == 0 else (*status.module_v[: self._modules], *(math.nan,) * missing)


def _words_of(status: PlcStatus) -> tuple[int, ...]:
    return (
        int(status.inputs),
        int(status.outputs),
        int(status.flags),
        int(status.trips),
        status.latches,
        status.positions,
        status.confirmed_mask,
    )
