"""The whole virtual bench in a conditioning, and what its files say about it for the fast simulation beside it.

A structure that breaks down a thousand times as often, and a recipe to go with it, show in ten minutes what takes a
real one weeks. All else is the shipped bench: drivers, PLC, klystron, gauges, latches.
"""

import asyncio
import json
from dataclasses import dataclass, field, replace
from math import log10
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any, ClassVar

import pytest

from controller.app import virtual
from controller.app.folder_lock import LOCK
from controller.app.preflight import read_rig
from controller.app.rig_sim import SimulatedRig
from controller.messages import Event, Finished, Message, RunConfig
from controller.runtime import conditioner
from controller.runtime.conditioner import FAULTS
from controller.runtime.pollers import Pollers
from controller.sequencer.compile import compile_profile
from controller.sequencer.conditioning import Observation, Step
from controller.sequencer.conditioning_recipe import ConditioningRecipe
from controller.sequencer.conditioning_state import ConditioningState, Fault, from_text
from controller.sequencer.profile import load_profile
from controller.sequencer.run_plan import ConditioningPlan
from controller.shots.model import ShotRecord
from controller.shots.reader import read_record
from drivers.ports import Instrument
from firmware_sim.plant.breakdown.faults import Breakdown
from firmware_sim.plant.breakdown.parameters import FaultKind
from firmware_sim.plant.breakdown.process import BreakdownState
from firmware_sim.plant.breakdown.process import Drive as SurfaceDrive
from firmware_sim.plant.modulator.tube import NOMINAL, Drive
from firmware_sim.plant.tube_bench.gate import LATCH_OF
from firmware_sim.plant.tube_bench.parameters import TubeBenchParameters
from firmware_sim.plant.tube_bench.shapes import PulseRequest, Shapes
from firmware_sim.plant.tube_bench.striking import Striking
from firmware_sim.plc.limits import load_limits
from hil_rigs.microwave_bench.plant import parse
from tests.conditioning.timeline import Began, Bench, Clock, Decided, Inhibit, Struck, Vacuum, decided

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "hil_rigs" / "microwave_bench"
PROFILE = ROOT / "configs" / "profiles" / "microwave_bench" / "conditioning.yaml"
SERIAL = "STRUCT-0001"

LINE_V = 24_350.0
"""What the profile charges the store to."""

HASTY_PLANT = {
    "law: {probability: 3.0e-7, field_v_per_m: 100.0e+6, pulse_s: 200.0e-9}": (
        "law: {probability: 3.0e-4, field_v_per_m: 100.0e+6, pulse_s: 200.0e-9}"
    ),
    "surface: {start_strength: 0.6, conditioning_pulses: 1.5e+8}": (
        "surface: {start_strength: 0.62, conditioning_pulses: 3.0e+4, hard_probability: 1.0e-3, update_pulses: 512}"
    ),
}
HASTY_PLC = {
    "retries: 4 ": "retries: 8 ",
    "retry_window_s: 600.0": "retry_window_s: 30.0",
    "resume_s: 60.0": "resume_s: 10.0",
}
"""Faults of weeks within minutes: the PLC's budget and waits are shorter as well."""

HASTY_RECIPE = """  nominal_pulse: 200 ns
  recipe:
    target_rate: 1.0e-3
    goal_rate: 1.0e-4
    raise_fraction: 0.02
    lower_fraction: 0.03
    raise_pulses: 150
    window_pulses: 2000
    soak_pulses: 1500
    goal_pulses: 30000
    recover_fraction: 0.02
    recover_pulses: 50
    second_arc_s: 10.0
    arc_budget: 8
    arc_budget_s: 30.0
    vacuum_wait_s: 5.0
    vacuum_poll_s: 1.0
    pause_s: 2.0
    progress_pulses: 2000
"""


def _replaced(path: Path, changes: dict[str, str]) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text, f"{path}: {old!r}"
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def hasty_bench(folder: Path) -> Path:
    """A copy of the shipped bench with its conditioning profile, hastened; returns its folder."""
    bench = folder / "bench"
    copytree(SHIPPED, bench, ignore=ignore_patterns("__pycache__"))
    (bench / "profiles").mkdir()
    (bench / "profiles" / PROFILE.name).write_bytes(PROFILE.read_bytes())
    _replaced(bench / "plant.yaml", HASTY_PLANT)
    text = (bench / "plant.yaml").read_text(encoding="utf-8")
    head, structure, rest = text.partition("  structure:")
    rest = rest.replace("decay_pulses: 8000.0", "decay_pulses: 80.0", 1)
    (bench / "plant.yaml").write_text(head + structure + rest, encoding="utf-8")
    _replaced(bench / "plc.yaml", HASTY_PLC)
    _replaced(
        bench / "profiles" / PROFILE.name,
        {"  nominal_pulse: 200 ns\n": HASTY_RECIPE, "start_field: 40": "start_field: 50"},
    )
    return bench


# --- what the files say ---------------------------------------------------------------------------------------------


def conditioning_plan(bench: Path) -> ConditioningPlan:
    """The profile's conditioning."""
    path = bench / "profiles" / PROFILE.name
    plan = compile_profile(load_profile(path.read_bytes(), str(path)), read_rig(str(bench))[0], {})
    assert plan.run is not None and plan.run.conditioning is not None
    return plan.run.conditioning


def stated(bench: Path, base_pa: float) -> Bench:
    """The fast simulation's bench from the files: source's resolution, klystron, latches, vacuum, PLC."""
    plan, p = conditioning_plan(bench), parse((bench / "plant.yaml").read_text(encoding="utf-8"))
    shapes = Shapes(p.modulator, p.rf)

    def held(field_v_per_m: float, pulse_s: float) -> tuple[float, float]:
        return plan.field_v_per_m(1e-3 * 10.0 ** (_dbm(plan, field_v_per_m) / 10.0)), pulse_s

    def request(field_v_per_m: float, pulse_s: float) -> PulseRequest:
        watts = 10.0 ** ((_dbm(plan, field_v_per_m) + p.drive.gain_db - 30.0) / 10.0)
        return PulseRequest(LINE_V, Drive(watts, p.drive.delay_s, pulse_s, p.drive.edge_s), NOMINAL)

    def drive(field_v_per_m: float, pulse_s: float) -> SurfaceDrive:
        radiated, surface = shapes.of(request(field_v_per_m, pulse_s)).radiated, p.sites["structure"].surface
        return SurfaceDrive(surface.field_v_per_m * (radiated.power_w / surface.power_w) ** 0.5, radiated.width_s)

    def latches(breakdown: Breakdown, field_v_per_m: float, pulse_s: float) -> tuple[Fault, ...]:
        return _latches(p, shapes, request(field_v_per_m, pulse_s), breakdown)

    vacuum = p.utilities.vacuum
    return Bench(
        recipe=plan.recipe,
        breakdown=p.sites["structure"].breakdown,
        vacuum=Vacuum(
            base_pa,
            vacuum.volume_m3,
            vacuum.volume_m3 / (vacuum.turbo_m3_per_s + vacuum.ion_m3_per_s),
            tuple((gauge.factor, gauge.tau_s) for gauge in vacuum.gauges),
        ),
        inhibit=_inhibit(bench, p),
        held=held,
        drive=drive,
        latches=latches,
        clock=Clock(),
    )


def _dbm(plan: ConditioningPlan, field_v_per_m: float) -> float:
    """The source's resolution is 0.01 dB (instruments.md 2.10)."""
    return round(10.0 * log10(plan.drive_w(field_v_per_m) * 1e3), 2)


def _latches(p: TubeBenchParameters, shapes: Shapes, usual: PulseRequest, breakdown: Breakdown) -> tuple[Fault, ...]:
    """Which latches this breakdown sets, in the controller's order: the pulse is solved with its arc."""
    if breakdown.kind is FaultKind.VACUUM:
        return (Fault.VACUUM,)
    at_s = shapes.of(usual).radiated.from_s + breakdown.latches[0].offset_s
    if breakdown.kind is FaultKind.GUN_ARC:
        struck = replace(usual, tube_arc_s=at_s)
    else:
        arc = p.rf.waveguide_arc if breakdown.kind is FaultKind.WAVEGUIDE_ARC else p.mismatch
        struck = replace(usual, arc=replace(arc, start_s=at_s))
    names = {LATCH_OF[trip].name for trip, when_s in shapes.of(struck).latches.times().items() if when_s is not None}
    return tuple(fault for name, fault in FAULTS.items() if name in names)


def _inhibit(bench: Path, p: TubeBenchParameters) -> Inhibit:
    limits = load_limits((bench / "plc.yaml").read_text(encoding="utf-8"), "plc.yaml")
    assert limits.run is not None
    window = limits.run.windows[0]
    pa_per_torr = 133.322368
    return Inhibit(
        hold_off=100,
        resume=window.resume,
        hold_pa=window.high * pa_per_torr,
        resume_pa=window.resume_high * pa_per_torr,
        latch_pa=p.vacuum_latch.trip_a / p.utilities.vacuum.ion_a_per_pa,
    )


# --- the whole bench ------------------------------------------------------------------------------------------------


@dataclass
class Whole:
    """What a run of the whole bench showed: its events, and when things began."""

    finished: Finished | None = None
    events: list[Struck | Decided] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    rig: SimulatedRig | None = None
    file: str = ""
    record: ShotRecord | None = None
    look_ns: int = 0
    block_ns: int = 0
    pulse_ns: int = 0
    polled_ns: int = 0
    states: list[ConditioningState] = field(default_factory=list)
    """Behind each decision, and beside each what a process killed there leaves: the file's state and the surface."""
    files: list[str] = field(default_factory=list)
    surfaces: list[BreakdownState] = field(default_factory=list)
    raised: list[bool] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        """What it said."""
        return [message.text for message in self.messages if isinstance(message, Event)]

    @property
    def began(self) -> Began:
        """The phases that the fast simulation is given: none of them is an event of the session."""
        return Began(self.look_ns, self.pulse_ns, self.block_ns, self.polled_ns)


def _now_ns() -> int:
    return round(asyncio.get_running_loop().time() * 1e9)


def _watch(patch: pytest.MonkeyPatch, whole: Whole, path: Path) -> None:
    """Look over the shoulders of surface and decision; nothing is changed."""
    strike_now, decide_now, slow_now = Striking.strike, conditioner.decide, Pollers.slow
    run_now = conditioner.Conditioner.run

    def strike(self: Striking, drive: SurfaceDrive) -> Breakdown | None:
        whole.pulse_ns = whole.pulse_ns or _now_ns()
        found = strike_now(self, drive)
        if found is not None:
            whole.events.append(Struck(found.pulse, found.kind.value, found.burst_pa_m3))
        return found

    def decide(recipe: ConditioningRecipe, state: ConditioningState, seen: Observation) -> Step:
        made, action = decide_now(recipe, state, seen)
        whole.events.append(decided(seen, action))
        whole.states.append(made)
        whole.files.append(path.read_text(encoding="utf-8") if path.exists() else "")
        whole.surfaces.append(_surface_of(Kept.made[0]))
        whole.raised.append(action.because.name == "RAISED")
        return made, action

    async def run(self: conditioner.Conditioner, session_s: float) -> None:
        whole.look_ns, whole.block_ns = _now_ns(), self._situation.run_ns
        await run_now(self, session_s)

    async def slow(self: Pollers, instrument: Instrument) -> None:
        if instrument.name == "vacuum_gauge":
            whole.polled_ns = _now_ns()
        await slow_now(self, instrument)

    patch.setattr(Pollers, "slow", slow)
    patch.setattr(Striking, "strike", strike)
    patch.setattr(conditioner, "decide", decide)
    patch.setattr(conditioner.Conditioner, "run", run)


class Kept(SimulatedRig):
    """The simulated bench, kept to be looked at. ``surface`` is what its structure has been through."""

    made: ClassVar[list[SimulatedRig]] = []
    surface: ClassVar[BreakdownState | None] = None

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.made[:] = [self]
        if self.surface is not None:
            striking = _striking(self)
            striking.state, striking.pulse = self.surface, self.surface.pulse
            striking._drive, striking._known_until = self.surface.drive, self.surface.pulse


def _striking(rig: SimulatedRig) -> Striking:
    found: Striking = rig.plant.dispatch._sites["structure"][1]
    return found


def _surface_of(rig: SimulatedRig) -> BreakdownState:
    """The surface as it is now; looking ahead knows it for a pulse of before."""
    striking = _striking(rig)
    striking._catch_up(striking.pulse)
    return striking.state


def state_of(text: str, recipe: ConditioningRecipe) -> ConditioningState:
    """The state in a conditioning's file."""
    return from_text(json.dumps(json.loads(text)["state"]), recipe)


def run_whole(
    bench: Path,
    out: Path,
    session: str,
    seed: int = 1,
    file: str = "",
    surface: BreakdownState | None = None,
) -> Whole:
    """One session of the profile on the whole virtual bench: anew, or from what a ``file`` has kept."""
    whole, folder = Whole(), out / "conditioning"
    path = folder / f"{SERIAL}.json"
    if file:
        folder.mkdir(parents=True)
        (out / LOCK).touch()  # a folder of shots
        path.write_text(file, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        _watch(patch, whole, path)
        patch.setattr(Kept, "surface", surface)
        patch.setattr(virtual, "SimulatedRig", Kept)
        config = RunConfig(str(bench), "conditioning", str(out), seed, {"session": session}, fresh=not file)
        whole.finished = virtual.run_virtual(config, whole.messages.append, lambda: "")
    whole.record = read_record(Path(whole.finished.record))
    whole.rig, whole.file = Kept.made[0], path.read_text(encoding="utf-8") if path.exists() else ""
    return whole
