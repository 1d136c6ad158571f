"""PURE: what a conditioning knows, and its text: everything that an interrupted one needs to go on days later."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import Enum
from math import isfinite
from typing import Any

from controller.sequencer.conditioning_recipe import ConditioningRecipe

VERSION = 1
"""Of the text. A newer one is refused: it may mean something else by the same word."""

RECENT_MAX = 32
"""First faults that are kept beside the very first: a night's worth, and a line each in a record."""

PROGRESS_MAX = 64
"""Samples of progress that are kept: at 5e6 pulses each, 1,800 hours at 50 Hz."""

WINDOW_BUCKETS = 20
"""A window slides in steps of a twentieth: finer than its own statistical spread by far."""


class StateRefused(ValueError):
    """A kept state that cannot be gone on with; the message says why and what to do."""


class Fault(Enum):
    """What latched (safety.md 2.3, rows 42-44)."""

    WAVEGUIDE_ARC = "waveguide_arc"
    GUN_ARC = "gun_arc"
    VSWR = "vswr"
    VACUUM = "vacuum"

    @property
    def label(self) -> str:
        """For people."""
        return _LABELS[self.value]

    @property
    def is_arc(self) -> bool:
        """Whether the ladder's large step answers it."""
        return self in (Fault.WAVEGUIDE_ARC, Fault.GUN_ARC)


_LABELS = {
    "waveguide_arc": "arc in the waveguide",
    "gun_arc": "arc in the gun",
    "vswr": "reflection",
    "vacuum": "burst of gas",
}


class Phase(Enum):
    """Where a conditioning stands. ``STOPPED`` is left by a person's resume only, ``DONE`` not at all."""

    RUN = "run"
    PAUSE = "pause"
    VACUUM_HOLD = "vacuum_hold"
    STOPPED = "stopped"
    DONE = "done"

    @property
    def ended(self) -> bool:
        """Whether nothing more will be fired."""
        return self in (Phase.STOPPED, Phase.DONE)


@dataclass(frozen=True, slots=True)
class Window:
    """The last ``length`` pulses at level and their breakdowns, in buckets of (pulses, breakdowns), oldest first."""

    length: int
    buckets: tuple[tuple[int, int], ...] = ()

    @property
    def pulses(self) -> int:
        """Pulses in it."""
        return sum(pulses for pulses, _ in self.buckets)

    @property
    def breakdowns(self) -> int:
        """Breakdowns in it."""
        return sum(count for _, count in self.buckets)

    @property
    def full(self) -> bool:
        """Whether as many pulses are in it as it is long."""
        return self.pulses >= self.length

    def add(self, pulses: int, breakdowns: int) -> "Window":
        """The window moved on; a bucket is closed when it holds a twentieth of the length."""
        if not pulses and not breakdowns:
            return self
        kept = list(self.buckets)
        if kept and kept[-1][0] * WINDOW_BUCKETS < self.length:
            last = kept.pop()
            kept.append((last[0] + pulses, last[1] + breakdowns))
        else:
            kept.append((pulses, breakdowns))
        total = sum(count for count, _ in kept)
        while total - kept[0][0] >= self.length:
            total -= kept.pop(0)[0]
        return replace(self, buckets=tuple(kept))


@dataclass(frozen=True, slots=True)
class FirstFault:
    """The fault that came first in a burst, what was on then, and how many latches followed it.

    ``pulse`` counts from the beginning of the conditioning, through every interruption.
    """

    kind: Fault
    pulse: int
    offset_s: float
    field_v_per_m: float
    pulse_s: float
    followers: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """E* after ``fired`` pulses in total, in V/m s^(1/6)."""

    fired: int
    scaled_field: float


@dataclass(frozen=True, slots=True)
class ConditioningState:
    """Plain numbers only; ``decide`` makes the next one.

    ``pulse``, ``fired`` and ``time_s`` are the bench's counters at the last valid observation, which begin anew with
    the bench; ``pulses_total``, ``fired_total`` and ``total_s`` go on through every interruption.
    ``working_field_v_per_m`` is what regulation has reached, ``drop`` the fraction that faults hold it lower for now.
    ``level_pulses`` were fired at level since regulation last decided, ``soaked_pulses`` at nominal field on this rung.
    ``bursts`` counts by first fault, in the order of :class:`Fault`.
    """

    recipe: str
    working_field_v_per_m: float
    window: Window
    goal: Window
    phase: Phase = Phase.VACUUM_HOLD
    pulse: int = 0
    fired: int = 0
    time_s: float = 0.0
    pulses_total: int = 0
    fired_total: int = 0
    total_s: float = 0.0
    since_s: float = 0.0
    good_since_s: float | None = None
    rung: int = 0
    drop: float = 0.0
    level_pulses: int = 0
    soaked_pulses: int = 0
    arcs_s: tuple[float, ...] = ()
    bursts: tuple[int, ...] = (0,) * len(Fault)
    first: FirstFault | None = None
    recent: tuple[FirstFault, ...] = ()
    invalid: int = 0
    invalid_run: int = 0
    progress: tuple[Progress, ...] = ()
    version: int = VERSION


def start(recipe: ConditioningRecipe) -> ConditioningState:
    """A conditioning that has fired nothing: it waits for good vacuum first."""
    return ConditioningState(
        recipe=recipe.digest(),
        working_field_v_per_m=recipe.start_field_v_per_m,
        window=Window(recipe.window_pulses),
        goal=Window(recipe.goal_pulses),
    )


def to_text(state: ConditioningState) -> str:
    """The state as JSON, without loss: floats are written so that they read back to the last bit."""
    data = asdict(state)
    data["phase"] = state.phase.value
    data["bursts"] = {kind.value: count for kind, count in zip(Fault, state.bursts, strict=True)}
    data["first"] = None if state.first is None else _fault_data(state.first)
    data["recent"] = [_fault_data(fault) for fault in state.recent]
    return json.dumps(data, allow_nan=False, sort_keys=True)


def from_text(text: str, recipe: ConditioningRecipe) -> ConditioningState:
    """The state of a text that :func:`to_text` wrote for this very ``recipe``.

    Raises :class:`StateRefused` when the text is no state, is of a newer version or belongs to another recipe.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise StateRefused(f"the kept state is no JSON ({error}); take the copy before it, or start anew") from error
    version = data.get("version") if isinstance(data, dict) else None
    if not isinstance(version, int) or version < 1:
        raise StateRefused("the kept text has no version; take a state that a conditioning wrote")
    if version > VERSION:
        known = f"this program knows up to {VERSION}"
        raise StateRefused(f"the kept state is of version {version}, {known}; go on with the program that wrote it")
    if data.get("recipe") != recipe.digest():
        raise StateRefused(
            f"the kept state belongs to recipe {data.get('recipe')!r}, not to {recipe.digest()!r}; "
            "go on with the recipe it was begun with, or start anew"
        )
    try:
        return _checked(_state(data), recipe)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise StateRefused(f"the kept state is damaged ({problem}); take the copy before it, or start anew") from error


def _fault_data(fault: FirstFault) -> dict[str, Any]:
    return {**asdict(fault), "kind": fault.kind.value}


def _fault(data: Mapping[str, Any]) -> FirstFault:
    return FirstFault(**{**data, "kind": Fault(data["kind"])})


def _window(data: Mapping[str, Any]) -> Window:
    return Window(data["length"], tuple((int(pulses), int(count)) for pulses, count in data["buckets"]))


def _state(data: Mapping[str, Any]) -> ConditioningState:
    return ConditioningState(
        **{
            **data,
            "window": _window(data["window"]),
            "goal": _window(data["goal"]),
            "phase": Phase(data["phase"]),
            "arcs_s": tuple(data["arcs_s"]),
            "bursts": tuple(int(data["bursts"][kind.value]) for kind in Fault),
            "first": None if data["first"] is None else _fault(data["first"]),
            "recent": tuple(_fault(fault) for fault in data["recent"]),
            "progress": tuple(Progress(**sample) for sample in data["progress"]),
        }
    )


def _checked(state: ConditioningState, recipe: ConditioningRecipe) -> ConditioningState:
    """The same state; raises ValueError when it could not have come from this recipe."""
    top = recipe.nominal_field_v_per_m
    numbers = (state.time_s, state.total_s, state.since_s, state.working_field_v_per_m, state.drop, *state.arcs_s)
    sound = {
        "a number is not finite": all(isfinite(number) for number in numbers),
        f"rung {state.rung} is not on the ladder": 0 <= state.rung < recipe.rungs,
        f"field {state.working_field_v_per_m!r} is above nominal": 0.0 < state.working_field_v_per_m <= top,
        f"drop {state.drop!r} is no fraction up to drop_max": 0.0 <= state.drop <= recipe.drop_max,
        "pulses were fired that never were": 0 <= state.fired <= state.pulse
        and 0 <= state.fired_total <= state.pulses_total,
        "a window has another length": (state.window.length, state.goal.length)
        == (recipe.window_pulses, recipe.goal_pulses),
    }
    for problem, holds in sound.items():
        if not holds:
            raise ValueError(problem)
    return state
