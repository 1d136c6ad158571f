"""One run of the core: tasks together, in one TaskGroup, until the engine says that the bench is safe or lost."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

from controller.messages import Message
from controller.rig.model import Rig
from controller.rig.run_rig import RunRig
from controller.runtime.actions import Actions, Captured, Store
from controller.runtime.alarming import Alarming
from controller.runtime.bench import Bench
from controller.runtime.frames import hello_of
from controller.runtime.health import Health
from controller.runtime.heartbeat import Heartbeat
from controller.runtime.offload import Offload
from controller.runtime.orders import ShotTicket
from controller.runtime.pollers import Pollers
from controller.runtime.run_actions import RunActions, RunTools
from controller.runtime.run_values import RunValues
from controller.runtime.runner import Runner
from controller.runtime.situation import Situation, SlowHistory
from controller.runtime.slow_readings import slow_instruments
from controller.safety.charge import BankModel
from controller.safety.watch import WatchLimits
from controller.sequencer.engine import EngineState
from controller.sequencer.plan import Plan
from controller.sequencer.run_plan import RunPlan
from controller.shots.journal_file import JournalFile
from controller.shots.model import SweepLevel
from controller.telemetry.channels import telemetry_channels
from drivers.errors import InstrumentError
from drivers.ports import DelayPlan, RunPlc
from drivers.wire.plc import Flag, PlcEvent, PlcStatus

GATE_MARGIN_S = 100e-6
"""The PLC's gate stays open this much longer than the last programmed delay: fibre links and jitter."""

RUN_LOG_S = 0.25
"""The run block comes with every heartbeat; a record of hours keeps four of its values a second."""

RING_EVENTS = 256
"""Events the PLC's ring holds (bench.md 2)."""


DUMPING = "dumping; the run ends when the PLC proves the bench safe"
OVER = "the run is over already, and what it has learned is being written"

Stop = Callable[[str], str]
"""Takes the energy away for this reason, now, and says in one sentence what happens."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything a run learned; ``recording.py`` makes the shot record of it."""

    state: EngineState
    situation: Situation
    captured: Captured
    plc_events: tuple[PlcEvent, ...]
    start_ns: int
    end_ns: int
    trips: tuple[str, ...] = ()
    levels: tuple[SweepLevel, ...] = ()


@dataclass(frozen=True, slots=True)
class CoreSetup:
    """What a run needs, all opened and checked before."""

    plan: Plan
    rig: Rig
    bench: Bench
    journal: JournalFile
    ticket: ShotTicket
    offload: Offload
    publish: Callable[[Message], None]
    store: Store
    connection_id: int
    first_sequence: int
    virtual: bool
    started_utc: str
    alarming: Alarming | None = None
    conditioning: Path | None = None
    """Folder in which what conditionings have reached is kept per part, beside the journals."""
    fresh: bool = False
    """A conditioning begins anew."""
    provoke: Callable[[str, bool], Awaitable[None]] | None = None
    """Stand-ins: makes a latch come (its name, True) and go again."""


class Core:
    """One run. :meth:`run` ends with the bench proven safe, or with the knowledge that nobody could prove it."""

    def __init__(self, setup: CoreSetup) -> None:
        self._setup = setup
        loop = asyncio.get_running_loop()
        self._start_ns = round(loop.time() * 1e9)
        plan, rig = setup.plan, setup.rig
        self.situation = Situation(self._start_ns, history=_histories(rig, setup.bench))
        health = Health()
        self._heartbeat = Heartbeat(
            setup.bench.plc,
            self.situation,
            health,
            setup.ticket.epoch,
            setup.connection_id,
            setup.first_sequence,
            self._on_status,
            self._on_trouble,
            cast(RunPlc, setup.bench.plc).read_run if plan.run is not None else None,
        )
        self._actions = Actions(
            plan, setup.bench, self.situation, delay_plan(plan, rig), health, self._note, setup.store
        )
        mismatch_v = max(0.02 * rig.bank.max_voltage_v, 20.0)
        limits = WatchLimits(
            max_voltage_v=rig.bank.overvoltage_v,
            mismatch_v=mismatch_v,
            ramp_v_per_s=planned_ramp_v_per_s(plan, rig),
            zero_v=rig.bank.safe_voltage_v,
            above_target_v=plan.tolerance_v + mismatch_v,
        )
        self.situation.bank = bank_model(rig, plan.module_mask, plan.charge_current_a)
        self.runner = Runner(
            plan,
            setup.ticket,
            self.situation,
            self._heartbeat,
            self._actions,
            setup.journal,
            limits,
            health,
            setup.offload,
            setup.publish,
        )
        if plan.run is not None and rig.run is not None:
            self._actions.running = self._running(plan, plan.run, rig.run, health)
        self._pollers = Pollers(rig, self.situation, self.runner, health, setup.publish, setup.alarming)
        self._run_values, self._run_logged_ns = RunValues(rig), -round(RUN_LOG_S * 1e9)

    def _running(self, plan: Plan, run: RunPlan, rated: RunRig, health: Health) -> RunActions:
        setup = self._setup
        tools = RunTools(
            step=lambda: plan.steps[max(self.runner.state.step, 0)],
            held=lambda: self.runner.state.held,
            record=self.runner.record,
            offload=setup.offload,
            rig=setup.rig.name,
            rated_current_a=setup.rig.bank.charge_current_a,
            efficiency=rated.efficiency,
            folder=setup.conditioning,
            fresh=setup.fresh,
            provoke=setup.provoke,
        )
        return RunActions(plan, run, setup.bench, self.situation, health, self._note, tools)

    def hold(self, reason: str) -> None:
        """No further pulses; the run goes on to its end without them. Any other plan goes on as it is."""
        self.runner.hold(reason)

    def stop(self, reason: str) -> str:
        """Abort the run: dump, verify, end. May be called at any time, repeatedly; returns what happens now."""
        over = self.runner.finished.done()
        self.runner.stop(reason)
        return OVER if over else DUMPING

    async def run(self) -> Outcome:
        """Run the plan to its end. Raises only for defects of this program, after asking for a dump."""
        setup = self._setup
        ticket = setup.ticket
        setup.publish(
            hello_of(setup.rig, setup.plan, ticket.number, ticket.shot_id, setup.virtual, "run", setup.started_utc)
        )
        tasks: tuple[tuple[str, Callable[[], Awaitable[None]]], ...] = (
            ("heartbeat", self._heartbeat.run),
            ("sequence", self.runner.work),
            ("frames", self._pollers.frames),
            ("charger", lambda: self._pollers.charger(setup.bench.charger)),
            ("daq", lambda: self._pollers.daq(setup.bench.daq)),
            *(
                (f"slow {name}", partial(self._pollers.slow, setup.bench.others[name]))
                for name in slow_instruments(setup.rig)
            ),
        )
        try:
            async with asyncio.TaskGroup() as group:
                running = [group.create_task(_run(work), name=f"core {name}") for name, work in tasks]
                state = await self.runner.finished
                events = await self._read_ring()
                for task in running:
                    task.cancel()
        except BaseException:
            self._heartbeat.dump()
            raise
        end_ns = self.runner.now_ns()
        captured, trips = self._actions.captured, tuple(self.runner.trips)
        levels = tuple(self._actions.running.levels) if self._actions.running is not None else ()
        return Outcome(state, self.situation, captured, events, self._start_ns, end_ns, trips, levels)

    def _on_status(self, status: PlcStatus, now_ns: int) -> None:
        if self.runner.state.step < 0:
            self.runner.start()
        self.runner.on_status(status, now_ns)
        self._log(status, now_ns)

    def _log(self, status: PlcStatus, now_ns: int) -> None:
        situation = self.situation
        forced = Flag.SELF_TEST_RUNNING in status.flags
        situation.log("probe_a", now_ns, math.nan if forced else status.probe_a_v)
        situation.log("probe_b", now_ns, math.nan if forced else status.probe_b_v)
        for index, voltage_v in enumerate(status.module_v, start=1):
            situation.log(f"module_{index}_voltage", now_ns, voltage_v)
        if situation.run is not None and now_ns - self._run_logged_ns >= RUN_LOG_S * 1e9:
            self._run_logged_ns = now_ns
            for name, value in self._run_values.values(situation, now_ns).items():
                if not math.isnan(value) or situation.history[name].t_s:  # what never says anything is not kept
                    situation.log(name, now_ns, value)

    def _on_trouble(self, text: str, now_ns: int) -> None:
        self.runner.on_trouble(text, now_ns)

    def _note(self, source: str, kind: str, text: str) -> None:
        self.runner.note(source, kind, text)

    async def _read_ring(self) -> tuple[PlcEvent, ...]:
        """The PLC's own account; a PLC that does not answer any more has told it to nobody."""
        status = self.situation.status
        if status is None:
            return ()
        first = max(0, status.event_head - RING_EVENTS)
        try:
            return await self._setup.bench.plc.read_events(first, status.event_head - first)
        except InstrumentError as trouble:
            self._note("plc", "warning", f"its event ring could not be read: {trouble}")
            return ()


async def _run(work: Callable[[], Awaitable[None]]) -> None:
    await work()


def delay_plan(plan: Plan, rig: Rig) -> DelayPlan:
    """The delay generator's plan: a module that is not fired keeps its pair at the last used delay, fibre unplugged."""
    used = [delay for delay in plan.trigger_delays_s if delay is not None]
    last = max(used, default=0.0)
    delays = [last if delay is None else delay for delay in plan.trigger_delays_s]
    padded = (*delays, last, last, last, last)[:4]
    trigger = rig.trigger
    return DelayPlan(
        (padded[0], padded[1], padded[2], padded[3]),
        trigger.width_s,
        trigger.holdoff_s,
        trigger.level_v,
        trigger.trigger_level_v,
    )


def bank_model(rig: Rig, module_mask: int, current_a: float) -> BankModel | None:
    """The confirmed modules as one capacitor with one bleeder; None when none are confirmed."""
    modules = module_mask.bit_count()
    if not modules:
        return None
    bank = rig.bank
    meter_a = rig.run.charger_meter_a if rig.run is not None else 0.0
    return BankModel(modules * bank.module_capacitance_f, modules / bank.bleeder_ohm, current_a, meter_a)


def planned_ramp_v_per_s(plan: Plan, rig: Rig) -> float:
    """How fast the planned current charges the confirmed modules; zero when nothing is charged."""
    bank = bank_model(rig, plan.module_mask, plan.charge_current_a)
    if bank is None:
        return 0.0
    fed_v_per_s = plan.charge_current_a / bank.capacitance_f
    planned = min(fed_v_per_s, plan.charge_rate_v_per_s) if plan.run is not None else fed_v_per_s
    return min(planned, rig.bank.charge_rate_v_per_s)


def gate_s(plan: Plan) -> float:
    """How long the PLC's gate must stay open: the last programmed delay and a margin."""
    return max((delay for delay in plan.trigger_delays_s if delay is not None), default=0.0) + GATE_MARGIN_S


def fire_mask(plan: Plan) -> int:
    """Modules that are to be fired, one bit each."""
    return sum(1 << index for index, delay in enumerate(plan.trigger_delays_s) if delay is not None)


def _histories(rig: Rig, bench: Bench) -> dict[str, SlowHistory]:
    histories = {c.name: SlowHistory(c.unit, c.title) for c in telemetry_channels(rig) if c.name != "target"}
    histories |= {c.name: SlowHistory(c.unit, c.title) for c in rig.channels_of(bench.daq.name)}
    return histories
