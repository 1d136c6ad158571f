"""A conditioning beside a bench that does what it is told, for the tests of the decision."""

from dataclasses import replace

from controller.sequencer.conditioning import Action, Because, FaultSeen, Observation, commanded, decide
from controller.sequencer.conditioning_recipe import ConditioningRecipe
from controller.sequencer.conditioning_state import ConditioningState, Fault, Phase, Window, start

RECIPE = ConditioningRecipe(
    rate_hz=50.0, start_field_v_per_m=30e6, normal_field_v_per_m=50e6, nominal_field_v_per_m=100e6
)
GOOD_PA, BAD_PA = 2e-6, 2e-4
ARC, GUN, VSWR, VACUUM = Fault.WAVEGUIDE_ARC, Fault.GUN_ARC, Fault.VSWR, Fault.VACUUM


class Played:
    """A conditioning and a bench that does what it is told."""

    def __init__(self, state: ConditioningState, recipe: ConditioningRecipe = RECIPE) -> None:
        self.recipe, self.state = recipe, state
        self.action = Action(*commanded(recipe, state), 1, Because.LEVEL)

    def seen(self, pulses: int, pressure_pa: float = GOOD_PA, faults: tuple[FaultSeen, ...] = ()) -> Observation:
        """After ``pulses`` of the last action."""
        state, action = self.state, self.action
        fired = state.fired + (pulses if action.fires else 0)
        time_s = state.time_s + pulses / self.recipe.rate_hz
        field, pulse_s = action.field_v_per_m, action.pulse_s
        return Observation(state.pulse + pulses, fired, time_s, pressure_pa, field, pulse_s, faults)

    def go(self, pulses: int | None = None, pressure_pa: float = GOOD_PA, fault: Fault | None = None) -> Action:
        """``pulses`` (all of the last action when None), then a decision; ``fault`` in the last of them."""
        count = self.action.pulses if pulses is None else pulses
        faults = () if fault is None else (FaultSeen(fault, self.state.pulse + count - 1, 1e-8),)
        return self.show(self.seen(count, pressure_pa, faults))

    def show(self, seen: Observation) -> Action:
        self.state, self.action = decide(self.recipe, self.state, seen)
        return self.action

    def until_firing(self, at_level: bool = True) -> Action:
        for _ in range(200):
            if self.action.fires and (self.state.drop == 0.0 or not at_level):
                return self.action
            self.go()
        raise AssertionError(f"does not come back: {self.state}")


def running(field: float = 80e6, rung: int = 1, **changes) -> Played:
    state = replace(start(RECIPE), phase=Phase.RUN, working_field_v_per_m=field, rung=rung, pulse=10**6, fired=10**6)
    return Played(replace(state, time_s=20_000.0, pulses_total=10**6, fired_total=10**6, **changes))


def full(breakdowns: int) -> Window:
    return Window(RECIPE.window_pulses, ((RECIPE.window_pulses, breakdowns),))
