"""PURE: what a conditioning is asked to do: rates, steps, limits and budgets, all in SI units.

Where the defaults come from: docs/explanation/conditioning.md. A profile sets its own.
"""

import json
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from math import isfinite


class RecipeRefused(ValueError):
    """The recipe contradicts itself. ``problems`` says of each number what is wrong and what would be right."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class ConditioningRecipe:
    """One conditioning. Raises :class:`RecipeRefused` with every problem at once.

    Field: from ``start_field_v_per_m`` up to ``nominal_field_v_per_m`` by ``raise_fraction`` every ``raise_pulses``,
    while the window of ``window_pulses`` holds fewer than ``target_rate`` breakdowns per pulse; down by
    ``lower_fraction`` from twice that on. Pulse length: from ``start_pulse_s`` to ``nominal_pulse_s`` by
    ``pulse_step_s``, each time ``soak_pulses`` at nominal field are done, with the field ``rung_drop`` lower. The goal:
    below ``goal_rate`` with 95 % over ``goal_pulses`` at nominal field and length.

    After a fault: no pulse for ``pause_s``, then lower by ``arc_drop`` (arcs) or ``minor_drop`` (reflection, vacuum),
    back up by ``recover_fraction`` every ``recover_pulses``. A second arc within ``second_arc_s``: down to
    ``normal_field_v_per_m``. ``arc_budget`` arcs within ``arc_budget_s``: stop. Faults in ``burst_s`` are one burst.

    Vacuum: no pulse above ``vacuum_hold_pa``; on when below ``vacuum_resume_pa`` for ``vacuum_wait_s``.
    An input that cannot be: ``invalid_drop`` lower each time, no pulse after ``invalid_budget`` in a row. The measured
    field and length may differ from the asked by ``tolerance``. ``drop_max`` is the deepest that all drops together go.
    After an interruption it goes on ``resume_drop`` lower.
    """

    rate_hz: float
    start_field_v_per_m: float
    normal_field_v_per_m: float
    nominal_field_v_per_m: float
    start_pulse_s: float = 50e-9
    pulse_step_s: float = 50e-9
    nominal_pulse_s: float = 200e-9
    rung_drop: float = 0.10
    target_rate: float = 1e-5
    goal_rate: float = 3e-7
    raise_fraction: float = 0.0025
    lower_fraction: float = 0.005
    raise_pulses: int = 30_000
    window_pulses: int = 300_000
    soak_pulses: int = 1_000_000
    goal_pulses: int = 20_000_000
    arc_drop: float = 0.10
    minor_drop: float = 0.03
    invalid_drop: float = 0.10
    resume_drop: float = 0.20
    drop_max: float = 0.60
    recover_fraction: float = 0.01
    recover_pulses: int = 1_500
    pause_s: float = 5.0
    burst_s: float = 1.0
    second_arc_s: float = 600.0
    arc_budget: int = 5
    arc_budget_s: float = 600.0
    vacuum_hold_pa: float = 1.33e-4
    vacuum_resume_pa: float = 1.33e-5
    vacuum_wait_s: float = 60.0
    vacuum_poll_s: float = 10.0
    invalid_budget: int = 3
    tolerance: float = 0.05
    progress_pulses: int = 5_000_000
    field_exponent: float = 30.0
    pulse_exponent: float = 5.0

    def __post_init__(self) -> None:
        problems = tuple(_problems(self))
        if problems:
            raise RecipeRefused(problems)

    @property
    def rungs(self) -> int:
        """Number of pulse lengths, the first and the nominal included."""
        return round((self.nominal_pulse_s - self.start_pulse_s) / self.pulse_step_s) + 1

    def pulse_s(self, rung: int) -> float:
        """The pulse length of a rung, counted from 0."""
        return min(self.nominal_pulse_s, self.start_pulse_s + rung * self.pulse_step_s)

    def scaled_field(self, field_v_per_m: float, pulse_s: float, rate: float) -> float:
        """Progress of conditioning, E* = E tau^(1/6) / BDR^(1/30) (Degiovanni and others, PRAB 2016; physics.md B8)."""
        stretch = float(pulse_s ** (self.pulse_exponent / self.field_exponent))
        return float(field_v_per_m * stretch / rate ** (1.0 / self.field_exponent))

    def digest(self) -> str:
        """What a kept state is compared with: another recipe has another one."""
        return sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


_FRACTIONS = (
    *("rung_drop", "raise_fraction", "lower_fraction", "arc_drop", "minor_drop", "invalid_drop", "resume_drop"),
    *("drop_max", "recover_fraction", "tolerance", "target_rate", "goal_rate"),
)

_RISING = (
    ("start_field_v_per_m", "nominal_field_v_per_m"),
    ("normal_field_v_per_m", "nominal_field_v_per_m"),
    ("start_pulse_s", "nominal_pulse_s"),
    ("goal_rate", "target_rate"),
    ("minor_drop", "arc_drop"),
    ("arc_drop", "drop_max"),
    ("invalid_drop", "drop_max"),
    ("resume_drop", "drop_max"),
    ("vacuum_resume_pa", "vacuum_hold_pa"),
    ("burst_s", "pause_s"),
    ("raise_pulses", "window_pulses"),
)
"""Pairs of which the first may not be larger than the second."""


def _problems(recipe: ConditioningRecipe) -> list[str]:
    values = {field.name: getattr(recipe, field.name) for field in fields(recipe)}
    kinds = {field.name: field.type for field in fields(recipe)}
    wrong = []
    for name, value in values.items():
        whole = kinds[name] in (int, "int")
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            wrong.append(f"{name}: {value!r} is no {'whole ' if whole else ''}number; write one in SI units")
        elif not isfinite(value) or value <= 0:
            wrong.append(f"{name}: {value!r} cannot be; write a number above zero")
        elif name in _FRACTIONS and value >= 1.0:
            wrong.append(f"{name}: {value!r} is a fraction; write a number above 0 and below 1")
    if wrong:
        return wrong
    wrong += [
        f"{low}: {values[low]!r} is above {high} = {values[high]!r}; write at most that"
        for low, high in _RISING
        if values[low] > values[high]
    ]
    span = (recipe.nominal_pulse_s - recipe.start_pulse_s) / recipe.pulse_step_s
    if abs(span - round(span)) > 1e-6:
        right = f"start_pulse_s + a whole number of steps of {recipe.pulse_step_s!r} s"
        wrong.append(f"nominal_pulse_s: {recipe.nominal_pulse_s!r} is no rung of the ladder; write {right}")
    if recipe.target_rate * recipe.window_pulses < 2.0:
        right = f"at least {2.0 / recipe.target_rate:.0f}, in which the target rate shows two breakdowns"
        wrong.append(f"window_pulses: {recipe.window_pulses} are too few to tell; write {right}")
    if recipe.goal_rate * recipe.goal_pulses < 3.0:
        right = f"at least {3.0 / recipe.goal_rate:.0f}: no breakdown in so many proves the goal with 95 %"
        wrong.append(f"goal_pulses: {recipe.goal_pulses} are too few to prove the goal; write {right}")
    if recipe.vacuum_poll_s > recipe.vacuum_wait_s:
        wrong.append(f"vacuum_poll_s: {recipe.vacuum_poll_s!r} is longer than the wait; write less")
    return wrong
