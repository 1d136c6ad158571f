"""PURE: what controller, people and clocks may do on one scan, and what the real ``step`` makes of it.

Arbitrary inputs on every scan would be 2^20 combinations. Three facts keep them few, and each is checked, not assumed:

* One scan's people and facts leave nothing behind but what ``step`` remembers, so only *outcomes* count.
* Inputs are taken good with every command (all 14, token good and bad), and then each input is taken bad by itself with
  every command that did something. A second bad input on the same scan adds a reason to refuse or to trip, never one
  to go on: guards of a row are joined by *and*, causes of a trip by *or*. ``bad_together=2`` (the full run) takes all
  pairs; ``test_bad_inputs_only_add_reasons`` draws any number of them.
* Parts of ``ControlState`` that the machine overwrites or never looks at again are set to nothing by :func:`project`;
  ``test_projection`` shows that ``step`` gives the same with and without them.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import combinations
from typing import Any, NamedTuple

from drivers.wire.plc import PlcCommand, PlcState, Refusal, Trip
from drivers.wire.plc_run import InhibitCause
from firmware_sim.plc.levels import Aim, Band, Facts, Latch, Levels, Proof
from firmware_sim.plc.machine import ControlState, Outputs, step
from firmware_sim.plc.pulses import AT_REST, PulseState, RunSeen
from firmware_sim.plc.settings import Times
from firmware_sim.plc.table import Rules
from tests.formal.bench_levels import RUN_TIMES, SHORT, Terminals

S = PlcState
C = PlcCommand

_READ_AGAIN = int(Trip.KEY | Trip.GROUND_STICK | Trip.DOOR_DISCREPANCY | Trip.WINDOW)
"""Latched causes that a reset still asks about: the others act while dumping, so they are asked about anyway."""
_TIMED = frozenset({S.OPENING, S.CHARGE, S.FLOAT, S.ISOLATE, S.FIREWIN, S.SHOT})
_DUMPED = frozenset({S.DUMPING, S.TRIP})


def project(c: ControlState) -> ControlState:
    """``c`` without what can never be read again. Idempotent."""
    state = c.state
    if state is S.LOCKOUT:
        return ControlState(state=S.LOCKOUT)
    waiting = c.current_wait or c.single
    return c._replace(
        t=c.t if state in _TIMED or (state in _DUMPED and waiting) else 0,
        dump_t=c.dump_t if state in _DUMPED else 0,
        misfire=c.misfire or c.partial,
        partial=False,
        fired=c.fired and state is S.FIREWIN,
        reset_held=c.reset_held and state is S.TRIP,
        trips=c.trips & _READ_AGAIN if state is S.TRIP else 0,
        first_fault=0,
        mismatch=c.mismatch if SHORT.mismatch_debounce > 1 else 0,
        spread=c.spread if SHORT.spread_debounce > 1 else 0,
        discrepancy=c.discrepancy if SHORT.discrepancy_debounce > 1 else 0,
        charger_moving=c.charger_moving if SHORT.charger_travel > 1 else 0,
        pulse=_project_pulse(state, c.pulse),
    )


def _project_pulse(state: PlcState, p: PulseState) -> PulseState:
    """A bench that runs: which cause inhibits is for people to read, and a reset forgets all of it."""
    if not p.ages or state is S.TRIP:
        return AT_REST
    return p._replace(inhibit=int(p.inhibit != 0), exhausted=False, overrun=False)


def relax(c: ControlState) -> ControlState:
    """``project``, and in TRIP also without what only forbids a reset: a superset of what ``step`` does with it."""
    c = project(c)
    return c._replace(trips=0, reset_held=False) if c.state is S.TRIP else c


class Choice(NamedTuple):
    """What the environment did on one scan, for people to read and for ``scan`` to do again."""

    command: PlcCommand = C.NONE
    bad: tuple[str, ...] = ()
    mode: str = ""
    proof: Proof = Proof.HOLDS
    pulses: int = 0

    def __str__(self) -> str:
        words = [self.command.name if self.command else "-", *self.bad, self.mode]
        words.append("" if self.proof is Proof.HOLDS else f"proof {self.proof.name}")
        words.append(f"{self.pulses} pulses" if self.pulses else "")
        return " ".join(word for word in words if word)


_FACTS = {"heartbeat": False, "self_test_fresh": False, "warned": False, "envelope_left": True, "falling": True}
_CONTACTS = ("door_1", "door_2", "operator_key", "search_complete", "ground_stick_stowed", "consent", "positions_ok")
BAD: tuple[str, ...] = (*_CONTACTS, "doors", *_FACTS, "token", "current")
"""Inputs that may be bad. ``doors`` is both at once: a door that really is open; ``current``: zero-current is not."""

_PROBE_BITS = int(Trip.PROBE_INVALID | Trip.PROBE_MISMATCH | Trip.OVERVOLTAGE)
_MODULE_BITS = int(Trip.PROBE_INVALID | Trip.PROBE_MISMATCH | Trip.MODULE_LIMIT | Trip.MODULE_SPREAD)
TESTS: dict[str, tuple[int, dict[str, object]]] = {
    "door_1": (int(Trip.DOOR_1 | Trip.DOOR_DISCREPANCY), {"door_1": False}),
    "estop": (int(Trip.ESTOP), {"estop_ok": False}),
    "hw_overvoltage": (int(Trip.HW_OVERVOLTAGE), {"hw_overvoltage_ok": False}),
    "probe_a": (_PROBE_BITS, {"a": Band.INVALID, "mismatch": True, "aim": Aim.BELOW}),
    "probe_b": (_PROBE_BITS, {"b": Band.INVALID, "mismatch": True, "aim": Aim.BELOW}),
    "modules": (_MODULE_BITS, {"modules": Band.INVALID}),
    "latches": (int(Trip.PREFIRE), {"latch": Latch.SOME}),
    "charger_inhibit": (int(Trip.CHARGER_UNCOMMANDED), {"charger_inhibited": False}),
}
"""Test relay -> (trip bits that do not count meanwhile, what it makes the input read): docs/reference/self-test.md."""

_BIAS = ("probe_a", "probe_b")
_KEYS = ("", "maintenance", "locked out", "maintenance, locked out")
MODES: dict[PlcState, tuple[str, ...]] = {
    S.SAFE: (
        *_KEYS,
        *(f"test {name}" for name in TESTS),
        "test released estop",
        "maintenance, locked out, test released estop",
    ),
    S.TEST: _KEYS,
    S.DUMPING: ("", *(f"test {name}" for name in _BIAS), "test released probe_a"),
    S.TRIP: ("", "reset", "reset, maintenance", *(f"test {name}" for name in _BIAS), "reset, test released probe_a"),
}
"""Keys, buttons and test relays that are neither good nor bad, where the state looks at them."""
_PROOFS = (Proof.HOLDS, Proof.OPEN, Proof.FAILED)
PROOFS: dict[PlcState, tuple[Proof, ...]] = {S.DUMPING: _PROOFS, S.TRIP: _PROOFS}


_INDEX = {name: index for index, name in enumerate(Levels._fields)}


class _Hands(NamedTuple):
    """A choice as it reaches the terminals: values by index of ``Levels``, and the facts with and without a fall."""

    values: tuple[tuple[int, object], ...]
    facts: Facts
    falling: Facts


def _see_run(choice: Choice) -> RunSeen:
    """What only a bench that runs has; on any other all of it is as if it were not there."""
    soft = "window_inhibit" in choice.bad
    causes = int(InhibitCause.ARC) * ("arc" in choice.bad) | int(InhibitCause.WINDOW) * soft
    return RunSeen(causes, soft, choice.pulses, "window_trip" in choice.bad, "window_unfit" not in choice.bad)


@cache
def _hands(choice: Choice, stuck: tuple[tuple[str, bool], ...]) -> _Hands:
    bad, modes = choice.bad, choice.mode.split(", ")
    values: dict[str, object] = {name: name not in bad for name in _CONTACTS}
    if "doors" in bad:
        values["door_1"] = values["door_2"] = False
    values["maintenance_key"] = "maintenance" in modes
    values["charger_locked_out"] = "locked out" in modes
    values["local_reset"] = "reset" in modes
    values.update(stuck)
    if "current" in bad:
        values["zero_current"] = False
    facts: dict[str, Any] = {name: (value if name in bad else not value) for name, value in _FACTS.items()}
    under_test = 0
    if "test" in choice.mode:
        under_test, forced = TESTS[modes[-1].split()[-1]]
        values.update(forced if "released" not in choice.mode else {})
    token = Refusal.BAD_TOKEN if "token" in bad else Refusal.ACCEPTED
    facts["run"] = _see_run(choice)
    told = Facts(command=choice.command, token=token, proof=choice.proof, under_test=under_test, **facts)
    return _Hands(tuple((_INDEX[name], value) for name, value in values.items()), told, told._replace(falling=True))


def bench_part(seen: Terminals) -> list[object]:
    """``Levels`` as a list, with what the bench decides filled in."""
    known = seen._asdict()
    known["zero_current"] = True if seen.zero_current is None else seen.zero_current
    return [known.get(name) for name in Levels._fields]


def make_levels(seen: Terminals, part: list[object], choice: Choice, stuck: tuple[tuple[str, bool], ...]) -> Levels:
    """Everything ``step`` may look at, when people and controller do ``choice``; ``part`` is ``bench_part(seen)``."""
    hands = _hands(choice, stuck)
    values = part.copy()
    for index, value in hands.values:
        values[index] = value
    values[-1] = hands.falling if seen.falling else hands.facts
    return Levels._make(values)


def door_is_open(levels: Levels, stuck: tuple[tuple[str, bool], ...]) -> bool:
    """A door may truly be open: each channel says so, or is stuck and says nothing."""
    held = dict(stuck)
    return (held.get("door_1") is True or not levels.door_1) and (held.get("door_2") is True or not levels.door_2)


class Outcome(NamedTuple):
    """One result of a scan, and the first choice that led there."""

    choice: Choice
    control: ControlState
    out: Outputs
    levels: Levels


_DOORS = ("door_1", "door_2", "doors")
_ARMED_BAD = (*_DOORS, "operator_key", "search_complete", "ground_stick_stowed", "heartbeat")
LOOKED_AT: dict[PlcState, tuple[str, ...]] = {
    S.SAFE: tuple(name for name in BAD if name not in ("envelope_left", "falling", "current")),
    S.TEST: _DOORS,
    S.OPENING: (*_ARMED_BAD, "positions_ok", "token"),
    S.CHARGE: (*_ARMED_BAD, "positions_ok", "falling", "envelope_left"),
    S.FLOAT: (*_ARMED_BAD, "positions_ok", "falling"),
    S.ISOLATE: (*_ARMED_BAD, "positions_ok", "falling", "token", "consent", "current"),
    S.FIREWIN: (*_ARMED_BAD, "positions_ok", "falling", "token", "consent", "current"),
    S.SHOT: _ARMED_BAD,
    S.DUMPING: (*_DOORS, "current"),
    S.TRIP: (*_DOORS, "operator_key", "ground_stick_stowed", "current"),
    S.LOCKOUT: (),
}
"""Inputs of BAD that ``step`` looks at in a state; ``test_inputs_not_looked_at`` shows that the others do nothing."""


class Site(NamedTuple):
    """Which bench it is: its times, and the inputs that ``step`` looks at in each state."""

    times: Times
    looked_at: Mapping[PlcState, tuple[str, ...]]


ONCE = Site(SHORT, LOOKED_AT)
"""The bench that fires once."""
RUN_BAD = ("arc", "window_trip", "window_unfit", "window_inhibit")
COUNTS = (1, 2)
"""Pulses of one scan, where any number may come."""
_RUNNING = ("window_trip", "arc", "window_inhibit")
RUNS = Site(
    SHORT._replace(run=RUN_TIMES),
    {
        **LOOKED_AT,
        S.SAFE: (*LOOKED_AT[S.SAFE], "window_unfit"),
        S.OPENING: (*LOOKED_AT[S.OPENING], "window_trip", "window_unfit"),
        S.CHARGE: (*LOOKED_AT[S.CHARGE], *_RUNNING),
        S.FLOAT: (*LOOKED_AT[S.FLOAT], *_RUNNING, "window_unfit", "token", "consent"),
        S.RUN: (*_ARMED_BAD, "positions_ok", *_RUNNING, "window_unfit", "consent"),
        S.TRIP: (*LOOKED_AT[S.TRIP], "window_trip"),
    },
)
"""A bench that runs."""


def _groups(seen: Terminals, state: PlcState, bad_together: int, site: Site) -> list[tuple[str, ...]]:
    names = [name for name in site.looked_at[state] if name != "current" or seen.zero_current is None]
    names = [name for name in names if name != "falling" or seen.falling is None]
    return [group for size in range(1, bad_together + 1) for group in combinations(names, size)]


def run_choices(
    control: ControlState,
    seen: Terminals,
    stuck: tuple[tuple[str, bool], ...],
    rules: Rules,
    bad_together: int = 1,
    site: Site = ONCE,
) -> Iterator[Outcome]:
    """Every scan that differs: all commands with good inputs, then bad inputs with the commands that did something.

    Under a test relay, and with the proof not holding, inputs are bad only in the full run.
    """
    state = control.state
    groups = _groups(seen, state, bad_together, site)
    part = bench_part(seen)
    for mode in MODES.get(state, ("",)):
        for proof in PROOFS.get(state, (Proof.HOLDS,)):
            if bad_together == 1 and proof is not Proof.HOLDS and state is S.TRIP and mode not in ("", "reset"):
                continue
            quiet = run_choice(control, seen, part, stuck, rules, Choice(C.NONE, (), mode, proof), site)
            yield quiet
            plain = not mode and proof is Proof.HOLDS
            active = [C.NONE]
            for command in PlcCommand if plain else USEFUL[state]:
                if command is not C.NONE:
                    outcome = run_choice(control, seen, part, stuck, rules, Choice(command, (), mode, proof), site)
                    yield outcome
                    if outcome.control != quiet.control or outcome.out.fire != quiet.out.fire:
                        active.append(command)
            if seen.pulses is None:
                for count in COUNTS:
                    for command, bad in (*((one, ()) for one in active), (C.NONE, ("arc",))):
                        choice = Choice(command, bad, mode, proof, count)
                        yield run_choice(control, seen, part, stuck, rules, choice, site)
            if bad_together == 1 and ("test" in mode or proof is not Proof.HOLDS):
                continue
            for group in groups:
                for command in active:
                    outcome = run_choice(control, seen, part, stuck, rules, Choice(command, group, mode, proof), site)
                    yield outcome
                    if outcome.control.state is S.TRIP and state is not S.TRIP:
                        break  # trips come first: a command would change the answer only


USEFUL: dict[PlcState, tuple[PlcCommand, ...]] = {
    S.SAFE: (C.PERMIT, C.ENTER_TEST, C.DUMP),
    S.TEST: (C.REHEARSE, C.LEAVE_TEST, C.DUMP),
    S.DUMPING: (C.DUMP,),
    S.TRIP: (C.DUMP,),
}
"""Commands that may do something in a state with modes; out of order ones are tried with everything good."""


def run_choice(
    control: ControlState,
    seen: Terminals,
    part: list[object],
    stuck: tuple[tuple[str, bool], ...],
    rules: Rules,
    choice: Choice,
    site: Site = ONCE,
) -> Outcome:
    """One scan."""
    levels = make_levels(seen, part, choice, stuck)
    raw, out = step(control, levels, site.times, rules)
    return Outcome(choice, raw, out, levels)
