"""What the steps with pulses let the instruments do: services, drive, triggers, levels, conditioning.

Every call goes to a port, which has its own deadline. What raises energy comes after its record (sequencer/steps.py).
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from controller.runtime.actions import ActionFailed
from controller.runtime.bench import Bench
from controller.runtime.conditioner import Conditioner, SessionTools
from controller.runtime.conditioning_file import ConditioningFile
from controller.runtime.first_fault import FirstFaultScopes
from controller.runtime.health import Health
from controller.runtime.offload import Offload
from controller.runtime.situation import Situation
from controller.sequencer.conditioning_state import StateRefused
from controller.sequencer.plan import Plan, Step
from controller.sequencer.run_plan import RunPlan
from controller.shots.model import SweepLevel
from drivers.errors import InstrumentError
from drivers.ports import Chiller, PowerSupply, PulseGenerator, RfPlan, RfSource, VacuumGauge

RECHARGE_MARGIN = 1.25
"""The charger's current while pulses come: what recharging takes on average, and a quarter more."""

RAMP_STEP_S = 0.2
"""Between two set-points of a ramp: 1.6 % of one of 12 s, and a line of 9600 baud has time for readings between."""

MILLIWATT_W = 1e-3


def dbm(power_w: float) -> float:
    """A power as sources take it. Raises ValueError for none."""
    return 10.0 * math.log10(power_w / MILLIWATT_W)


def watts(power_dbm: float) -> float:
    """The other way round."""
    return float(MILLIWATT_W * 10.0 ** (power_dbm / 10.0))


@dataclass(frozen=True, slots=True)
class RunTools:
    """What these actions need of the run. ``provoke`` makes a stand-in's load reflect; None: a person does it."""

    step: Callable[[], Step]
    held: Callable[[], bool]
    record: Callable[[str], Awaitable[None]]
    offload: Offload
    rig: str
    rated_current_a: float
    efficiency: float
    folder: Path | None = None
    fresh: bool = False
    provoke: Callable[[str, bool], Awaitable[None]] | None = None


@dataclass(slots=True)
class SourceDrive:
    """The drive source as a conditioning sees it."""

    source: RfSource
    plan: RfPlan

    async def level(self, drive_w: float, width_s: float) -> None:
        """Power and pulse length; the output stays as it was."""
        await self.source.configure(replace(self.plan, power_dbm=dbm(drive_w), pulse_width_s=width_s))

    async def output(self, on: bool) -> None:
        """Drive on or off."""
        await self.source.output(on)

    async def measured(self) -> tuple[float, float]:
        """As the source holds them."""
        held = await self.source.read_back()
        return watts(held.power_dbm), held.pulse_width_s or math.nan


@dataclass(slots=True)
class RunActions:
    """The actions of one plan with pulses; :attr:`table` is looked up beside those of every shot."""

    plan: Plan
    run: RunPlan
    bench: Bench
    situation: Situation
    health: Health
    note: Callable[[str, str, str], None]
    tools: RunTools
    levels: list[SweepLevel] = field(default_factory=list)
    _level_s: float = 0.0
    """Since when a level is measured, in seconds since the start of the run."""
    _conditioner: Conditioner | None = None

    @property
    def table(self) -> Mapping[str, Callable[[], Coroutine[Any, Any, None]]]:
        """The actions by name."""
        return {
            "ready_charger": self.ready_charger,
            "ramp_charger": self.ramp_charger,
            "start_services": self.start_services,
            "set_drive": self.set_drive,
            "drive_on": self.drive_on,
            "start_pulses": self.start_pulses,
            "stop_pulses": self.stop_pulses,
            "begin_level": self.begin_level,
            "end_level": self.end_level,
            "provoke": self.provoke,
            "relent": self.relent,
            "begin_conditioning": self.begin_conditioning,
            "condition": self.condition,
        }

    # rig.yaml was checked: an instrument that is named here is behind the port that is meant

    def _source(self) -> RfSource | None:
        return cast(RfSource, self.bench.others[self.run.source]) if self.run.source else None

    def _generator(self) -> PulseGenerator:
        return cast(PulseGenerator, self.bench.delay)

    def _rf(self, step: Step) -> RfPlan:
        """Each edge of the trigger generator makes one pulse: with a clock of its own it would miss the beam."""
        power_dbm = dbm(step.drive_w) if step.drive_w > 0.0 else dbm(MILLIWATT_W)
        return RfPlan(self.run.frequency_hz, power_dbm, True, step.width_s)

    async def start_services(self) -> None:
        """Chillers first, then heater and magnet: what serves comes before what is served."""
        services = self.run.services
        for row in services.chillers:
            chiller = cast(Chiller, self.bench.others[row.instrument])
            await chiller.configure(row.set_point_c)
            await chiller.run(True)
        for supply in services.supplies:
            instrument = cast(PowerSupply, self.bench.others[supply.instrument])
            await instrument.configure(supply.voltage_v, supply.current_a)
            await instrument.output(True)

    async def ready_charger(self) -> None:
        """Output on at zero volts, with the current that the ramp needs; the PLC still holds the charger off."""
        await self.bench.charger.configure(0.0, self._ramp_a)
        await self.bench.charger.output(True)

    @property
    def _ramp_a(self) -> float:
        return min(self.plan.charge_current_a * RECHARGE_MARGIN, self.tools.rated_current_a)

    async def ramp_charger(self) -> None:
        """Move the charger's set-point to its target, in steps of :data:`RAMP_STEP_S`; a core that dies leaves it."""
        step, loop = self.tools.step(), asyncio.get_running_loop()
        start_s, set_v = loop.time(), 0.0
        while set_v < step.voltage_v:
            self._alive(RAMP_STEP_S)
            set_v = min(step.voltage_v, step.ramp_v_per_s * (loop.time() - start_s))
            await self.bench.charger.configure(set_v, self._ramp_a)
            await asyncio.sleep(RAMP_STEP_S)

    async def set_drive(self) -> None:
        """Drive off, then its level and pulse length, while no pulse comes; and count from here."""
        step, source = self.tools.step(), self._source()
        if source is not None:
            await source.output(False)
            if step.drive_w > 0.0:
                await source.configure(self._rf(step))
        self._begin(step)

    def _begin(self, step: Step) -> None:
        self.situation.begin_pulses(step.pulses)
        asked = {"pulses_asked": step.pulses} if step.pulses else {"duration_s": step.settle_s + step.duration_s}
        self.situation.run_facts = {
            "drive_w": step.drive_w,
            "width_s": step.width_s,
            "rate_hz": self.run.rate_hz,
        } | asked

    async def drive_on(self) -> None:
        """The drive, if the step has one."""
        source = self._source()
        if source is not None and self.tools.step().drive_w > 0.0:
            await source.output(True)

    async def start_pulses(self) -> None:
        """The charger may recharge as fast as the pulses need it, then the triggers come."""
        charge_a = self.plan.bank_capacitance_f * self.plan.charge_voltage_v * self.run.rate_hz
        current_a = max(charge_a * RECHARGE_MARGIN / self.tools.efficiency, self.plan.charge_current_a)
        await self.bench.charger.configure(self.plan.charge_voltage_v, min(current_a, self.tools.rated_current_a))
        await self._generator().run_at(self.run.rate_hz)

    async def stop_pulses(self) -> None:
        """No triggers and no drive, both at once. Raises the first InstrumentError after both were asked."""
        source = self._source()
        asked = [self._generator().halt(), *([source.output(False)] if source is not None else [])]
        for result in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    async def begin_level(self) -> None:
        """From now on the level is measured."""
        self.situation.sums = []
        self._level_s = self._now_s()
        self.situation.begin_pulses(0)

    async def end_level(self) -> None:
        """Means of the PLC's windows while the level was measured, and the power that the load's water took."""
        step, sums = self.tools.step(), self.situation.sums
        self.situation.sums = None
        count = sums[-1] if sums else 0.0
        means = (
            {name: total / count for name, total in zip(self.run.windows, sums or (), strict=False)} if count else {}
        )
        level = SweepLevel(step.id, step.drive_w, self.situation.pulses, self._coupler_w(), self._calorimetric_w(means))
        self.levels.append(level)
        power = "no calorimetric power" if level.calorimetric_w is None else f"{level.calorimetric_w:.1f} W in the load"
        forward = "" if level.coupler_w is None else f", {level.coupler_w:.1f} W behind the coupler"
        self.note("core", "info", f"{step.id}: {level.drive_w * 1e3:.3g} mW, {level.pulses} pulses, {power}{forward}")
        measured = {} if level.calorimetric_w is None else {"calorimetric_w": round(level.calorimetric_w, 3)}
        self.situation.run_facts = self.situation.run_facts | measured

    def _calorimetric_w(self, means: Mapping[str, float]) -> float | None:
        """P = flow x heat per litre x rise (physics.md B7); None for what is no number."""
        heat = self.run.calorimetry
        if heat is None or heat.flow_window not in means or heat.rise_window not in means:
            return None
        power_w = means[heat.flow_window] / 60.0 * heat.heat_j_per_l_k * means[heat.rise_window]
        return power_w if math.isfinite(power_w) else None

    def _coupler_w(self) -> float | None:
        """Mean forward power since the level began; None for no number."""
        heat = self.run.calorimetry
        log = self.situation.history.get(heat.coupler) if heat is not None else None
        if log is None:
            return None
        values = [v for t, v in zip(log.t_s, log.value, strict=True) if t >= self._level_s and math.isfinite(v)]
        return sum(values) / len(values) if values else None

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time() - self.situation.start_ns * 1e-9

    async def provoke(self) -> None:
        """Make the latch come: a stand-in's fault; beside a real load a person does it, and is told to."""
        latch = self.tools.step().latch
        if self.tools.provoke is not None:
            await self.tools.provoke(latch, True)
        else:
            self.note("core", "operator", f"now make {latch} happen: drive is low, the step waits for its latch")

    async def relent(self) -> None:
        """Take the provocation back."""
        if self.tools.provoke is not None:
            await self.tools.provoke(self.tools.step().latch, False)

    async def begin_conditioning(self) -> None:
        """Take up what is kept of the part; the drive is off. Raises ActionFailed for a state that is refused."""
        plan, source, step = self.run.conditioning, self._source(), self.tools.step()
        if plan is None or source is None or self.tools.folder is None:
            raise ActionFailed("conditioning: needs a part, a source and a folder for what is reached")
        await source.output(False)
        self._begin(step)
        services = self.run.services
        gauge = cast(VacuumGauge, self.bench.others[services.gauge]) if services.gauge else None
        tools = SessionTools(
            drive=SourceDrive(source, self._rf(step)),
            gauge=gauge,
            gauge_number=services.gauge_number,
            file=ConditioningFile(self.tools.folder, self.tools.rig, plan.serial),
            offload=self.tools.offload,
            record=self.tools.record,
            note=self.note,
            alive=self._alive,
            scopes=self._first_fault_scopes(),
        )
        self._conditioner = Conditioner(plan, self.situation, tools)
        try:
            await self._conditioner.begin(self.tools.fresh)
        except (StateRefused, OSError) as refused:
            raise ActionFailed(f"conditioning: {refused}") from refused

    def _first_fault_scopes(self) -> FirstFaultScopes:
        """Those that record trains; they were armed by the plan."""
        plans = [plan for plan in self.plan.scopes if plan.segments > 1]
        segments = min((plan.segments for plan in plans), default=0)
        scopes = tuple(self.bench.scopes[plan.instrument] for plan in plans)
        return FirstFaultScopes(scopes, segments, self.run.rate_hz, self.note, asyncio.get_running_loop().time())

    async def condition(self) -> None:
        """One session. Raises ActionFailed when what is reached cannot be kept."""
        if self._conditioner is None:
            raise ActionFailed("conditioning: has not begun")
        try:
            await self._conditioner.run(self.tools.step().duration_s)
        except OSError as trouble:
            raise ActionFailed(f"conditioning: what is reached cannot be kept: {trouble}") from trouble

    def _alive(self, seconds: float) -> None:
        """The intent under way is a long one, and shows that it lives."""
        now_ns = round(asyncio.get_running_loop().time() * 1e9)
        self.health.promise("intent", now_ns, seconds + 2.0)

    async def rest(self) -> None:
        """Safing: triggers and drive off, each tried whatever becomes of the other."""
        try:
            await self.stop_pulses()
        except InstrumentError as trouble:
            self.note("core", "warning", f"triggers or drive: {trouble}")
