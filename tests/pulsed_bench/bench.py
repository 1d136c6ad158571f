"""The pulsed bench as ports: a PLC that runs, instruments that write down what they are told. No plant, no sockets."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from controller.runtime.bench import Bench
from controller.runtime.core import Core, CoreSetup, Outcome
from controller.runtime.offload import inline
from controller.runtime.orders import ShotTicket
from controller.sequencer.plan import Plan
from drivers.errors import InstrumentError
from drivers.ports import (
    ChargerReading,
    ChillerReading,
    DelayPlan,
    GaugeStatus,
    PressureReading,
    RfPlan,
    ScopeSetup,
    ScopeState,
    SegmentedWaveform,
    SupplyReading,
    Waveform,
)
from drivers.wire.plc import Flag, Input, PlcCommand, PlcEvent, PlcRequest, PlcState, PlcStatus, Refusal, Trip
from drivers.wire.plc_run import InhibitCause, PlcRunStatus, RunFlag, decode_run
from tests.benchmarks.reaction_bench import HOLDING
from tests.pulsed_bench import rig

INPUTS = HOLDING.inputs | Input.SECOND_CONSENT | Input.CONTACTOR_CLOSED
ARMED = {PlcState.OPENING, PlcState.CHARGE, PlcState.FLOAT, PlcState.RUN}
WARM_UP_S = 5.0
HOLD_OFF_S = 1.2
RAMP_V_PER_S = 2000.0


@dataclass
class World:
    """What the bench does by itself. ``causes``: at so many pulses of the rig's counter this latch comes."""

    said: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    state: PlcState = PlcState.SAFE
    voltage_v: float = 0.0
    target_v: float = 0.0
    counter: int = 7
    asked: int = 0
    first: int = 0
    rate_hz: float = 0.0
    drive: bool = False
    causes: dict[int, InhibitCause] = field(default_factory=dict)
    inhibit: InhibitCause = field(default_factory=lambda: InhibitCause(0))
    let_go_s: float = 0.0
    warm_s: float | None = None
    warned_s: float | None = None
    tested: bool = False
    proven: bool = False
    dumped_s: float = 0.0
    trips: Trip = field(default_factory=lambda: Trip(0))
    pressure_pa: float = 1e-6
    refuse: dict[PlcCommand, Refusal] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    rise_k: float = 5.0
    most_drive_dbm: float = -200.0
    _t_s: float = 0.0
    _phase: float = 0.0

    def now_s(self) -> float:
        return asyncio.get_running_loop().time()

    def say(self, text: str) -> None:
        self.said.append(text)

    def live(self) -> None:
        """Up to now, in steps of at most a scan."""
        now_s = self.now_s()
        while self._t_s < now_s:
            step_s = min(0.01, now_s - self._t_s)
            self._t_s += step_s
            self._scan(step_s)

    def _scan(self, step_s: float) -> None:
        if self.inhibit and self._t_s >= self.let_go_s:
            self.inhibit = InhibitCause(0)
        if self.state is PlcState.CHARGE:
            self.voltage_v = min(self.target_v, self.voltage_v + RAMP_V_PER_S * step_s)
            if self.voltage_v >= self.target_v:
                self.state = PlcState.FLOAT
        elif self.state is PlcState.DUMPING:
            self.voltage_v = 0.0
            if self._t_s - self.dumped_s > 0.5:
                self.state, self.proven = PlcState.SAFE, True
        elif self.state is PlcState.RUN and self.rate_hz and not self.inhibit:
            self._phase += self.rate_hz * step_s
            if self._phase >= 1.0:
                self._phase -= 1.0
                self._pulse()

    def _pulse(self) -> None:
        self.counter += 1
        cause = self.causes.pop(self.counter, None)
        if cause is not None:
            self.strike(cause)
        if self.asked and self.counter - self.first >= self.asked:
            self.state = PlcState.FLOAT

    def strike(self, cause: InhibitCause) -> None:
        self.inhibit |= cause
        self.let_go_s = self._t_s + HOLD_OFF_S

    def command(self, request: PlcRequest) -> Refusal:
        command, before = request.command, self.state
        if command is PlcCommand.NONE:
            return Refusal.ACCEPTED
        self.say(command.name)
        if command in self.refuse:
            return self.refuse[command]
        wanted = {
            PlcCommand.PERMIT: (PlcState.SAFE, PlcState.OPENING),
            PlcCommand.CHARGE: (PlcState.OPENING, PlcState.CHARGE),
            PlcCommand.RUN: (PlcState.FLOAT, PlcState.RUN),
            PlcCommand.HOLD: (PlcState.RUN, PlcState.FLOAT),
        }
        if command in wanted:
            if before is not wanted[command][0]:
                return Refusal.WRONG_STATE
            self.state = wanted[command][1]
        if command is PlcCommand.RUN:
            self.asked, self.first = decode_run(request.arguments[:6]).pulses, self.counter
        elif command is PlcCommand.PERMIT:
            self.proven = False
        elif command is PlcCommand.DUMP and before in ARMED:
            self.state, self.dumped_s = PlcState.DUMPING, self._t_s
        elif command is PlcCommand.AUXILIARIES:
            self.warm_s = self._t_s + WARM_UP_S
        elif command is PlcCommand.WARN:
            self.warned_s = self._t_s + 1.0
        elif command is PlcCommand.SELF_TEST:
            self.tested = True
        return Refusal.ACCEPTED

    def fit(self) -> bool:
        return self.warm_s is not None and self._t_s >= self.warm_s


@dataclass
class Plc:
    """The rig PLC."""

    world: World
    name: str = "plc"
    acked: int = 0
    ack: Refusal = Refusal.ACCEPTED
    target_from: Plan | None = None
    before: tuple[PlcState, float] = (PlcState.SAFE, 0.0)

    async def exchange(self, request: PlcRequest) -> PlcStatus:
        world = self.world
        world.live()
        if request.command is PlcCommand.CHARGE and self.target_from is not None:
            world.target_v = self.target_from.charge_voltage_v
        if request.command is not PlcCommand.NONE:
            self.acked, self.ack = request.sequence, world.command(request)
        if self.before[0] is not world.state:
            self.before = (world.state, world.now_s())
        age_ms = round((world.now_s() - self.before[1]) * 1e3)
        flags = Flag(0)
        for flag, holds in (
            (Flag.SELF_TEST_FRESH, world.tested),
            (Flag.WARNED, world.warned_s is not None and world.now_s() >= world.warned_s),
            (Flag.DUMPS_PROVEN_OPEN, world.state in ARMED),
            (Flag.DUMPS_PROVEN_CLOSED, world.state not in ARMED),
            (Flag.ENERGY_SAFE, world.voltage_v < 50.0),
            (Flag.PROOF_OF_SAFE, world.proven),
        ):
            flags |= flag if holds else Flag(0)
        return replace(
            HOLDING, state=world.state, state_age_ms=age_ms, scan=round(world.now_s() * 100) + 1, inputs=INPUTS,
            flags=flags, trips=world.trips, ack_sequence=self.acked, ack=self.ack, probe_a_v=world.voltage_v,
            probe_b_v=world.voltage_v, module_v=(world.voltage_v,), target_v=world.target_v,
        )  # fmt: skip

    async def read_run(self) -> PlcRunStatus:
        world = self.world
        if "run block" in world.broken:
            raise InstrumentError("plc", "no answer")
        flags = RunFlag.WINDOWS_FIT if world.fit() else RunFlag(0)
        values = tuple(world.rise_k if "rise" in name else 12.0 for name in cast(Any, rig().run).windows)
        return PlcRunStatus(
            round(world.now_s() * 100) + 1, flags, world.inhibit, 5, 0, world.counter - world.first, world.asked,
            world.counter, 0, 0, 0, 15, 15, values,
        )  # fmt: skip

    async def read_events(self, first: int, count: int) -> tuple[PlcEvent, ...]:
        return ()


@dataclass
class Charger:
    """The charger."""

    world: World
    name: str = "charger"

    async def configure(self, voltage_v: float, current_a: float) -> None:
        self.world.say(f"charger {current_a:.3g} A")

    async def output(self, on: bool) -> None:
        self.world.say(f"charger {on}")

    async def read(self) -> ChargerReading:
        bank, voltage_v = rig().bank, self.world.voltage_v
        current_a = voltage_v / bank.bleeder_ohm
        if self.world.state is PlcState.CHARGE:
            current_a += bank.module_capacitance_f * RAMP_V_PER_S
        return ChargerReading(voltage_v, current_a, output_on=True, constant_voltage=True)


@dataclass
class Generator:
    """The trigger generator."""

    world: World
    name: str = "trigger_generator"
    plan: DelayPlan | None = None

    async def configure(self, plan: DelayPlan) -> None:
        self.plan = plan

    async def read_back(self) -> DelayPlan:
        assert self.plan is not None
        return self.plan

    async def arm(self) -> None:
        self.world.say("generator armed")

    async def run_at(self, rate_hz: float) -> None:
        self.world.live()
        self.world.say(f"triggers {rate_hz:g} Hz")
        self.world.rate_hz = rate_hz

    async def halt(self) -> None:
        self.world.live()
        self.world.say("triggers off")
        if "generator" in self.world.broken:
            raise InstrumentError(self.name, "no answer")
        self.world.rate_hz = 0.0


@dataclass
class Source:
    """The drive source."""

    world: World
    name: str = "rf_source"
    plan: RfPlan | None = None

    async def configure(self, plan: RfPlan) -> None:
        assert self.world.state is PlcState.FLOAT or self.world.state is PlcState.RUN
        width_ns = (plan.pulse_width_s or 0.0) * 1e9
        self.world.say(f"drive {plan.power_dbm:.2f} dBm {width_ns:.0f} ns")
        self.world.most_drive_dbm = max(self.world.most_drive_dbm, plan.power_dbm)
        self.plan = plan

    async def read_back(self) -> RfPlan:
        assert self.plan is not None
        return self.plan

    async def output(self, on: bool) -> None:
        self.world.live()
        self.world.say(f"drive {'on' if on else 'off'}")
        self.world.drive = on


@dataclass
class Served:
    """A supply, a chiller or a gauge."""

    world: World
    name: str

    async def configure(self, *values: float, **more: Any) -> None:
        self.world.say(f"{self.name} {' '.join(f'{value:g}' for value in values)}")

    async def output(self, on: bool) -> None:
        self.world.say(f"{self.name} {on}")

    async def run(self, on: bool) -> None:
        self.world.say(f"{self.name} {on}")

    async def read(self) -> Any:
        if self.name == "vacuum_gauge":
            if "gauge" in self.world.broken:
                await asyncio.sleep(30.0)
            return {1: PressureReading(GaugeStatus.OK, self.world.pressure_pa)}
        return ChillerReading(22.0, 22.0, None, True) if self.name == "chiller" else SupplyReading(1.0, 1.0, True, True)


@dataclass
class Daq:
    """The data acquisition unit."""

    name: str = "daq"

    async def configure(self, ranges_v: Mapping[str, float]) -> None:
        return None

    async def read(self) -> dict[str, float]:
        return {}


@dataclass
class Scope:
    """The oscilloscope: one segment per pulse since it was armed."""

    world: World
    name: str = "scope"
    setup: ScopeSetup | None = None
    armed_at: int | None = None

    async def configure(self, setup: ScopeSetup) -> None:
        self.setup = setup

    async def read_back(self) -> ScopeSetup:
        assert self.setup is not None
        return self.setup

    async def arm(self) -> None:
        self.world.say("scope armed")
        self.armed_at = self.world.counter

    def _came(self) -> int:
        assert self.armed_at is not None and self.setup is not None
        return min((self.world.counter - self.armed_at) & 0xFFFFFFFF, self.setup.segments)

    async def state(self) -> ScopeState:
        return ScopeState.TRIGGERED if self._came() else ScopeState.ARMED

    async def segments_done(self) -> int:
        return self._came()

    def _wave(self, source: str, raw: Any) -> Waveform:
        return Waveform(source, raw, 1e-9, 0.0, 0, 1e-3, 0.0, 0.0, (-32768, 32767), {})

    async def read_waveform(self, source: str, out: Any = None) -> Waveform:
        return self._wave(source, np.zeros(8, np.int16))

    async def read_train(self, source: str) -> SegmentedWaveform:
        assert self.setup is not None
        came = self._came()
        wave = self._wave(source, np.zeros((came, 8), np.int16))
        return SegmentedWaveform(wave, np.arange(came, dtype=np.int64), self.setup.segments)


@dataclass
class Journal:
    """Writes down what would be written, and what waits for the disk."""

    world: World
    alive: bool = True
    payloads: list[tuple[str, Any]] = field(default_factory=list)

    def append(self, kind: str, payload: Any) -> int:
        self.world.say(f"journal {kind}")
        self.payloads.append((kind, payload))
        return 0

    def barrier(self) -> None:
        self.world.say("barrier")


def make_core(world: World, plan: Plan, folder: Path, fresh: bool = False, provoke: Any = None) -> tuple[Core, Journal]:
    """A core over ``world``; it has begun nothing yet."""
    served = {name: Served(world, name) for name in ("heater_supply", "magnet_supply", "vacuum_gauge", "chiller")}
    bench = Bench(
        cast(Any, Plc(world, target_from=plan)), cast(Any, Charger(world)), cast(Any, Generator(world)),
        {"scope": cast(Any, Scope(world))}, cast(Any, Daq()),
        cast(Any, {"rf_source": Source(world), **served}),
    )  # fmt: skip
    journal = Journal(world)

    async def store(name: str, instrument: str, recorded: Any) -> None:
        world.say(f"stored {name}")

    ticket = ShotTicket(1, "0" * 32, rig().rig_id, 1, 1, 0.005, plan.charge_rate_v_per_s, consent_input=True)
    setup = CoreSetup(
        plan, rig(), bench, cast(Any, journal), ticket, inline, lambda message: world.notes.append(str(message)),
        store, 1, 0, True, "", conditioning=folder, fresh=fresh, provoke=provoke,
    )  # fmt: skip
    return Core(setup), journal


async def run(
    world: World, plan: Plan, folder: Path, fresh: bool = False, provoke: Any = None
) -> tuple[Outcome, Journal]:
    """One whole run."""
    core, journal = make_core(world, plan, folder, fresh, provoke)
    return await core.run(), journal
