"""Plays the conditioning decision against the breakdown process: from fault to fault, never pulse by pulse.

Everything that the future depends on is in :class:`Run`, which goes through text. The pulses of a step end at the first
breakdown (the next pulse is inhibited, as the hardware does it) or where the decision wanted to be asked again. The
vacuum is one volume with one pump in closed form (physics.md B6 without outgassing): each burst adds Q/V, which the
pump takes away with the time constant V/S.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from math import exp

from controller.sequencer.conditioning import Action, Because, FaultSeen, Observation, decide, resume
from controller.sequencer.conditioning_recipe import ConditioningRecipe
from controller.sequencer.conditioning_state import ConditioningState, Fault, Phase, from_text, start, to_text
from firmware_sim.plant.breakdown.faults import breakdown_at
from firmware_sim.plant.breakdown.parameters import BreakdownParameters
from firmware_sim.plant.breakdown.points import RandomPoints
from firmware_sim.plant.breakdown.process import OFF, BreakdownState, Drive, advance, fresh


@dataclass(frozen=True, slots=True)
class Bench:
    """What is simulated: recipe, surface, vacuum, and how long a person takes to come after a stop."""

    recipe: ConditioningRecipe
    breakdown: BreakdownParameters
    seed: int
    base_pa: float = 2e-6
    volume_m3: float = 0.02
    pump_m3_per_s: float = 0.02
    person_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class Run:
    """A conditioning under way: decision, action with its end, plant, gas left over, and what became of each pulse."""

    control: ConditioningState
    action: Action
    action_end: int
    plant: BreakdownState
    gas_pulse: int = 0
    gas_pa: float = 0.0
    fired: int = 0
    inhibited: int = 0
    breakdowns: int = 0
    decisions: int = 0
    stops: int = 0

    def to_text(self) -> str:
        """All of it as JSON, without loss."""
        data = asdict(replace(self, control=None, action=replace(self.action, because=None)))  # type: ignore[arg-type]
        data["because"] = self.action.because.name
        return json.dumps({**data, "control": to_text(self.control)}, allow_nan=False)


def run_from_text(text: str, bench: Bench) -> Run:
    """The run of a text, in fresh objects."""
    data = json.loads(text)
    action = Action(**{**data["action"], "because": Because[data.pop("because")]})
    plant = BreakdownState(**{**data["plant"], "drive": Drive(**data["plant"]["drive"])})
    control = from_text(data["control"], bench.recipe)
    return Run(**{**data, "control": control, "action": action, "plant": plant})


Note = Callable[[Run, Observation], None]


def begin(bench: Bench) -> Run:
    """Nothing fired yet."""
    waiting = Action(0.0, 0.0, 1, Because.PRESSURE)
    return Run(start(bench.recipe), waiting, 1, fresh(bench.breakdown))


def play(bench: Bench, run: Run, until: int, note: Note = lambda _run, _seen: None) -> Run:
    """The run at pulse ``until``, wherever in a step that is; ``note`` hears of every decision."""
    points = RandomPoints(bench.seed)
    while run.plant.pulse < until:
        end = until if run.control.phase is Phase.DONE else min(run.action_end, until)
        drive = Drive(run.action.field_v_per_m, run.action.pulse_s) if run.action.fires else OFF
        plant, struck = advance(points, bench.breakdown, run.plant, drive, end)
        pulses = plant.pulse - run.plant.pulse
        fired = pulses if drive.fires else 0
        run = replace(run, plant=plant, fired=run.fired + fired, inhibited=run.inhibited + pulses - fired)
        if struck is not None or plant.pulse == run.action_end:
            run = _decided(bench, points, run, drive, struck, note)
    return run


def pressure_pa(bench: Bench, run: Run) -> float:
    """Pressure before the pulse that comes next."""
    since_s = (run.plant.pulse - run.gas_pulse) / bench.recipe.rate_hz
    return bench.base_pa + run.gas_pa * exp(-since_s * bench.pump_m3_per_s / bench.volume_m3)


def _decided(bench: Bench, points: RandomPoints, run: Run, drive: Drive, struck: int | None, note: Note) -> Run:
    faults: tuple[FaultSeen, ...] = ()
    if struck is not None:
        seen = breakdown_at(points, bench.breakdown, struck, drive.pulse_s)
        faults = tuple(FaultSeen(Fault(latch.kind.value), struck, latch.offset_s) for latch in seen.latches)
        gas_pa = pressure_pa(bench, run) - bench.base_pa + seen.burst_pa_m3 / bench.volume_m3
        run = replace(run, gas_pulse=run.plant.pulse, gas_pa=gas_pa, breakdowns=run.breakdowns + 1)
    pulse = run.plant.pulse
    time_s = pulse / bench.recipe.rate_hz
    shown = Observation(pulse, run.fired, time_s, pressure_pa(bench, run), drive.field_v_per_m, drive.pulse_s, faults)
    control, action = decide(bench.recipe, run.control, shown)
    if control.phase is Phase.STOPPED and time_s - control.time_s >= bench.person_s:
        control, action = resume(bench.recipe, control, pulse, run.fired, time_s)
    stops = run.stops + (control.phase is Phase.STOPPED and run.control.phase is not Phase.STOPPED)
    run = replace(run, control=control, action=action, action_end=pulse + action.pulses, stops=stops)
    run = replace(run, decisions=run.decisions + 1)
    note(run, shown)
    return run
