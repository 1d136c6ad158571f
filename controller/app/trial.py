"""A trial: one shot on virtual time that is disturbed at one moment and watched from the bench's own side.

Everything a judge needs is in :class:`Trial`; what it says of voltages, relays and faults comes from the plant and the
PLC, never from the controller.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from controller.app.benches import BuildPlant, plant_builder
from controller.app.disturb import DISTURBANCES, Scene
from controller.app.faultspec import DURING_S, Phase
from controller.app.preflight import Prepared, prepare, prepare_out, read_bounded
from controller.app.recovery import recover
from controller.app.shot import World, run_shot
from controller.app.stalling import StallingLoop
from controller.app.trial_watch import Inhibit, ObservedRig, Point
from controller.app.twin import Prediction, foresee
from controller.app.virtual import label_of, scene_for, world_of
from controller.messages import Event, Finished, Message, RunConfig, StepEntered
from controller.rig.source import Refused
from controller.runtime.offload import inline
from controller.runtime.virtual_loop import Rank, ranked, run_virtual
from controller.sequencer.plan import Plan
from firmware_sim.plant.contract import Edges, Pulse

TAIL_S = 2.0
"""The bench is watched for this long after the run: a fault at the very end has to show, and SAFE stays monitored."""

WARNINGS_MAX = 100
"""Warnings of one run that are kept: a disturbed one gives a handful."""

PATIENCE_S = 3.0
"""A core that is dead or hung is replaced by a recovery after this. The supervisor waits longer for a hung one (30 s);
the bench has dumped by itself within 0.5 s in both cases, and every second here is computed."""

ATTEMPT_S = 30.0
"""Longest wait for somebody's attempt to start beside the run: three benches are opened, one after the other."""

CANCEL_S = 5.0
"""Longest wait for a killed core's coroutine to end: nothing of it reaches the bench any more."""


@dataclass(frozen=True, slots=True)
class Disruption:
    """What is done, and at which moment: faults switched on, and a disturbance by name (empty: none)."""

    faults: tuple[str, ...]
    disturbance: str
    step: str
    phase: Phase
    during_s: float = DURING_S
    """How long after the step's beginning ``during`` is."""
    then: tuple[str, ...] = ()
    after_s: float = 0.0
    """Further faults, and how many seconds later they are switched on."""


@dataclass(frozen=True, slots=True)
class BenchFacts:
    """The PLC's own numbers for this shot, in seconds and volts: what limits are made of.

    ``waits_s`` holds its declared waits by name, and ``tolerance_ramp``: how long the plan's charging current takes to
    raise the bank by the plan's tolerance.
    """

    v_safe_v: float
    dump_s: float
    dwell_s: float
    waits_s: dict[str, float]
    scan_s: float


@dataclass(frozen=True, slots=True)
class Running:
    """What only a bench that runs shows, by plant and PLC.

    ``inhibits`` is every change of the pulse inhibit, ``stray_pulses`` counts those that nothing allowed, ``arc_j`` is
    the most that arcs took in one pulse, ``arc_s`` the longest that drive went on in one that latched, and
    ``services_lost`` are auxiliaries (one bit each) that went off without a fault of their own.
    """

    inhibits: tuple[Inhibit, ...] = ()
    stray_pulses: int = 0
    pulses: int = 0
    arc_j: float = 0.0
    arc_s: float = 0.0
    services_lost: int = 0


NOT_RUNNING = Running()


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a run. Times are nanoseconds since the bench was switched on.

    ``refusal`` is why the run did not start (``finished`` is None then). ``died`` says that the core was replaced by a
    recovery, whose word ``finished`` is then. ``first_faults`` are the PLC's first faults in order, ``trips`` every
    cause it ever latched. ``injected_ns`` is None when the moment never came. ``log`` is the plant's.
    """

    finished: Finished | None
    refusal: str
    died: bool
    points: tuple[Point, ...]
    first_faults: tuple[str, ...]
    trips: tuple[str, ...]
    injected_ns: int | None
    ended_ns: int
    fire_pulses: int
    energised_until_ns: int
    final_v: float
    """The highest true module voltage at the end, of either sign: a pulse may leave a capacitor reversed."""
    raised_v: float
    """How much the bank's voltage rose again after its last safe command, at most."""
    log: tuple[tuple[int, str], ...]
    facts: BenchFacts
    unlocked_v: float = 0.0
    """The highest true module voltage at which a PLC that scans left the door unlocked."""
    steps_s: Mapping[str, float] = field(default_factory=dict)
    """How long each step took that was done, in seconds."""
    warnings: tuple[str, ...] = ()
    """What the controller warned of, as it will stand in the record."""
    running: Running = NOT_RUNNING


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A run checked, predicted and with its plant's files read: everything that equal trials share."""

    prepared: Prepared
    prediction: Prediction
    build: BuildPlant
    pulses: dict[Edges, Pulse] = field(default_factory=dict)

    def in_folder(self, out: Path) -> "Rehearsed":
        """The same run with its shots in another folder. Raises Refused when it cannot be written."""
        config = msgspec.structs.replace(self.prepared.config, out=str(out))
        return replace(self, prepared=replace(self.prepared, config=config, out=prepare_out(out)))


def rehearse(config: RunConfig) -> Rehearsed:
    """Check and predict a run. Raises Refused as :func:`controller.app.preflight.prepare` does."""
    config = msgspec.structs.replace(config, started_utc=label_of(config.seed, 0.0))
    prepared = prepare(config)
    prediction = foresee(prepared.plan, prepared.rig, config.rig)
    return Rehearsed(prepared, prediction, plant_builder(config.rig))


def run_trial(rehearsed: Rehearsed, disruption: Disruption | None = None) -> Trial:
    """Run one shot on virtual time with ``disruption`` (None: the undisturbed control).

    Raises CallbackFailed for a defect of the product, KeyError for a fault or disturbance that does not exist.
    """
    return run_virtual(_Conduct(rehearsed, disruption).supervised(), StallingLoop)


class _Conduct:
    """One trial: the bench, the core on it, the disturbance, and the recovery if the core dies of it."""

    def __init__(self, rehearsed: Rehearsed, disruption: Disruption | None) -> None:
        self._prepared = rehearsed.prepared
        self._prediction = rehearsed.prediction
        self._build = rehearsed.build
        self._pulses = rehearsed.pulses
        self._disruption = disruption
        self._injected_ns: int | None = None
        self._due = False
        self._entered_ns: dict[str, int] = {}
        self._steps_s: dict[str, float] = {}
        self._warnings: list[str] = []

    async def supervised(self) -> Trial:
        """Run in a rank of its own, which no disturbance stops."""
        return await asyncio.get_running_loop().create_task(self._run(), name="trial", context=ranked(Rank.PLC))

    async def _run(self) -> Trial:
        prepared = self._prepared
        loop = asyncio.get_running_loop()
        assert isinstance(loop, StallingLoop)
        rig = ObservedRig(
            prepared.rig,
            self._build(prepared.config.seed),
            read_bounded(prepared.files.plc).decode(),
            str(prepared.files.plc),
            prepared.config.seed,
            inline,
            self._pulses,
        )
        for word in scene_for(prepared):
            rig.press(word)
        scene = Scene(loop, rig, prepared)
        rig.start()
        try:
            finished, refusal, died = await self._shot(scene)
            await asyncio.sleep(TAIL_S)
            if scene.attempt is not None:
                await asyncio.wait([scene.attempt], timeout=ATTEMPT_S)
            trial = _trial(rig, prepared.plan, finished, refusal, died, self._injected_ns)
            return replace(trial, steps_s=self._steps_s, warnings=tuple(self._warnings))
        finally:
            await rig.stop()

    async def _shot(self, scene: Scene) -> tuple[Finished | None, str, bool]:
        """(the last word, why it was refused, whether the core had to be replaced)."""
        world = world_of(self._prepared, self._prediction, scene.connects(), scene.offload, self._publisher(scene))
        world = replace(world, files=False, utc=scene.labels(world.utc))
        scene.core = asyncio.get_running_loop().create_task(
            run_shot(self._prepared, world, lambda stop: None), name="core", context=ranked(Rank.CORE)
        )
        dead = asyncio.get_running_loop().create_task(scene.dead.wait(), name="trial waits")
        await asyncio.wait([scene.core, dead], return_when=asyncio.FIRST_COMPLETED)
        dead.cancel()
        if scene.core.done():
            try:
                return scene.core.result(), "", False
            except Refused as refused:
                return None, "; ".join(f"{p.field}: {p.problem}" for p in refused.problems), False
            except Exception as crash:  # the process would have ended with it: the supervisor recovers
                scene.rig.witness(f"the core ended by itself: {crash!r}")
        await asyncio.sleep(PATIENCE_S)
        await self._bury(scene)
        return await self._recover(scene, world), "", True

    async def _bury(self, scene: Scene) -> None:
        """The dead core's coroutine is put away; its links are cut, so that the bench hears nothing of it."""
        assert scene.core is not None
        scene.cut_links()
        left = [scene.core, *(task for task in asyncio.all_tasks() if task.get_name().startswith("intent "))]
        for task in left:
            task.cancel()
        scene.loop.resume()
        await asyncio.wait(left, timeout=CANCEL_S)
        for task in left:
            if task.done() and not task.cancelled():
                task.exception()  # what a dead core's task made of its cut links is nobody's concern
        scene.lose_tail()

    async def _recover(self, scene: Scene, world: World) -> Finished:
        scene.restart()
        config = msgspec.structs.replace(self._prepared.config, mode="recover")
        fresh = world_of(self._prepared, self._prediction, scene.connects(), inline, lambda message: None)
        work = recover(self._prepared.rig, config, fresh)
        return await asyncio.get_running_loop().create_task(work, name="recovery", context=ranked(Rank.CORE))

    def _publisher(self, scene: Scene) -> Callable[[Message], None]:
        def publish(message: Message) -> None:
            if isinstance(message, StepEntered):
                self._clock(message)
                self._await_moment(scene, message)
            elif isinstance(message, Event) and message.kind == "warning" and len(self._warnings) < WARNINGS_MAX:
                self._warnings.append(f"{message.source}: {message.text}")

        return publish

    def _clock(self, message: StepEntered) -> None:
        if message.phase == "enter":
            self._entered_ns[message.id] = message.t_ns
        else:
            self._steps_s[message.id] = (message.t_ns - self._entered_ns[message.id]) * 1e-9

    def _await_moment(self, scene: Scene, message: StepEntered) -> None:
        disruption = self._disruption
        if disruption is None or self._due or message.id != disruption.step:
            return
        if (message.phase == "enter") is (disruption.phase is not Phase.AFTER):
            self._due = True
            delay_s = disruption.during_s if disruption.phase is Phase.DURING else 0.0
            scene.loop.call_later(delay_s, self._disrupt, scene, disruption, context=ranked(Rank.PLC))

    def _disrupt(self, scene: Scene, disruption: Disruption) -> None:
        self._injected_ns = scene.rig.now_ns()
        for fault in disruption.faults:
            scene.rig.board.switch(fault, True)
        for fault in disruption.then:
            later = scene.rig.board.switch
            scene.loop.call_later(disruption.after_s, later, fault, True, context=ranked(Rank.PLC))
        if disruption.disturbance:
            scene.rig.witness(f"fault {disruption.disturbance} on")
            DISTURBANCES[disruption.disturbance](scene)


def _trial(
    rig: ObservedRig, plan: Plan, finished: Finished | None, refusal: str, died: bool, injected_ns: int | None
) -> Trial:
    plc = rig.plc
    scan_s = plc.limits.scan_s
    waits_s = {name: scans * scan_s for name, scans in plc.times._asdict().items() if isinstance(scans, int)}
    charges = plan.charge_current_a > 0.0
    waits_s["tolerance_ramp"] = plan.tolerance_v * plan.bank_capacitance_f / plan.charge_current_a if charges else 0.0
    waits_s["ceiling_ramp"] = waits_s["tolerance_ramp"]
    if plan.run is not None and charges:  # its set-point is the ramp: what ignores it is wrong above the target only
        waits_s["ceiling_ramp"] = (plan.charge_voltage_v + plan.tolerance_v) / plan.charge_rate_v_per_s
    facts = BenchFacts(plc.bands.safe_v, waits_s["dump"], waits_s["dwell"], waits_s, scan_s)
    return Trial(
        finished=finished,
        refusal=refusal,
        died=died,
        points=tuple(rig.points),
        first_faults=tuple(rig.first_faults),
        trips=tuple(rig.trips_seen),
        injected_ns=injected_ns,
        ended_ns=rig.now_ns(),
        fire_pulses=rig.fire_pulses,
        energised_until_ns=rig.energised_until_ns(plc.bands.safe_v),
        final_v=rig.plant.truth().highest_v,
        raised_v=rig.raised_v,
        log=tuple(rig.plant.log),
        facts=facts,
        unlocked_v=rig.unlocked_v,
        running=_running(rig),
    )


def _running(rig: ObservedRig) -> Running:
    truth = rig.plant.truth()
    stray, lost = rig.stray_pulses, rig.services_lost
    return Running(tuple(rig.inhibits), stray, truth.pulses, truth.arc_j, truth.arc_s, lost)
