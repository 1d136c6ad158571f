"""What the core knows right now, and the slow history that the record keeps. One writer per field, one loop."""

import math
from array import array
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.runtime.pulse_tally import COUNTER_MASK, PulseTally
from controller.safety import charge
from controller.safety.bench import BenchState, Reading
from controller.sequencer.steps import Observation
from drivers.ports import ChargerReading
from drivers.wire.plc import RUN_SELF_TEST_PATHS, Flag, Input, PlcState, PlcStatus, Refusal, Trip
from drivers.wire.plc_run import InhibitCause, PlcRunStatus, RunFlag

LOG_SAMPLES_MAX = 400_000
"""Per slow channel: more than an hour at 100 Hz; then the oldest half is dropped and the record says so."""


EMI_S = 0.25
"""Probe readings are not judged and nothing but the PLC is spoken to until this long after FIRE was sent: 0.2 s after
T0 (bench.md 1, "EMI"), which follows the command by up to three scans and an exchange."""

WITNESS_AGE_S = 0.2
"""An older reading of the data acquisition unit witnesses nothing: the bank charges by 50 V in that time."""


RECHARGE_S = 2.0
"""After the last pulse a store of pulses is full again: at one pulse a second its charger takes most of one. Until then
PLC and data acquisition, which look at different moments, may be kilovolts apart; the PLC compares both probes."""

RUN_AGE_S = 0.3
"""An older run block says nothing: as old as a status may be."""

INHIBITS_MAX = 64
"""Causes of inhibits that nobody has looked at yet: the PLC's budget ends long before."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Where a conditioning stands, for people; NaN where nobody knows, and in every other run."""

    field_v_per_m: float = math.nan
    pulse_s: float = math.nan
    hours_early: float = math.nan
    hours_late: float = math.nan


NOTHING_REACHED = Reached()


@dataclass(slots=True)
class SlowHistory:
    """One slow channel: seconds since the start, and values."""

    unit: str
    title: str
    t_s: "array[float]" = field(default_factory=lambda: array("d"))
    value: "array[float]" = field(default_factory=lambda: array("d"))
    dropped: int = 0

    def halve(self) -> None:
        """Drop the older half."""
        half = LOG_SAMPLES_MAX // 2
        del self.t_s[:half], self.value[:half]
        self.dropped += half


@dataclass(slots=True)
class Situation:
    """The latest of everything. ``status_ns`` is when, on the loop's clock, a status of a newer scan last came: a PLC
    that repeats itself gets older (safety.md 2.3 row 11).
    """

    start_ns: int
    status: PlcStatus | None = None
    status_ns: int = 0
    loop_gap_s: float = 0.0
    bank: charge.BankModel | None = None
    """The confirmed modules; None while nothing is to be charged."""
    tally: charge.Tally = field(default_factory=lambda: charge.Tally(0))
    charge_v: float | None = None
    charge_doubt_v: float = 0.0
    charger: ChargerReading | None = None
    charger_ns: int = 0
    witness_v: float | None = None
    witness_ns: int = 0
    journal_alive: bool = True
    lost_required: str = ""
    lost_optional: dict[str, str] = field(default_factory=dict)
    quiet_ns: int | None = None
    """When the links fall quiet for the pulse, from the countdown's first moment on; None before it."""
    fire_ns: int | None = None
    dump_ns: int | None = None
    safe_ns: int | None = None
    self_tested_ns: int | None = None
    """When the PLC's self-test was first seen fresh; None while it is not."""
    history: dict[str, SlowHistory] = field(default_factory=dict)
    pulsed: bool = False
    """Pulses have come in this permit: what goes into the store since then is no measure of its voltage."""
    run: PlcRunStatus | None = None
    run_ns: int = 0
    pulses_asked: int = 0
    counter_before: int = 0
    """The rig's counter when the step with pulses began."""
    inhibits: deque[tuple[str, int]] = field(default_factory=lambda: deque(maxlen=INHIBITS_MAX))
    """Causes that began to inhibit, each with the rig's counter then; a conditioning takes them from here."""
    sums: list[float] | None = None
    """Sums of the windows' readings while somebody wants their means; the last is how many."""
    run_facts: dict[str, Any] = field(default_factory=dict)
    """What the journal says of the pulses that are asked for."""
    polled: dict[str, float] = field(default_factory=dict)
    """Channels that are read all the time, in their units; NaN: no reading."""
    polled_ns: dict[str, int] = field(default_factory=dict)
    """When each instrument behind :attr:`polled` answered last."""
    polls: int = 0
    """Counts changes of :attr:`polled`."""
    held: bool = False
    """Somebody holds the run."""
    inhibited: int = 0
    """Causes that began to inhibit since the run began."""
    expected: PulseTally = field(default_factory=PulseTally)
    reached: Reached = NOTHING_REACHED

    def take_run(self, run: PlcRunStatus, now_ns: int) -> None:
        """The run block has come; called before the status that came with it is judged."""
        before = InhibitCause(0) if self.run is None else self.run.inhibit
        for cause in InhibitCause:
            if cause in run.inhibit and cause not in before:
                self.inhibits.append((str(cause.name), run.pulse_counter))
                self.inhibited += 1
        self.run, self.run_ns = run, now_ns
        self.expected.take(run, now_ns, self.run_facts.get("rate_hz", 0.0))
        if self.sums is not None:
            values = [*run.window_values, 1.0]
            self.sums = [a + b for a, b in zip(self.sums or [0.0] * len(values), values, strict=True)]

    def take_polled(self, instrument: str, values: Mapping[str, float], now_ns: int) -> None:
        """Readings of channels that are read all the time: published, and kept."""
        self.show(instrument, values, now_ns)
        for name, value in values.items():
            self.log(name, now_ns, value)

    def show(self, instrument: str, values: Mapping[str, float], now_ns: int) -> None:
        """Readings for the telemetry alone."""
        self.polled.update(values)
        self.polled_ns[instrument] = now_ns
        self.polls += 1

    def begin_pulses(self, asked: int) -> None:
        """A step with pulses begins; ``asked`` 0: no number."""
        self.pulses_asked = asked
        self.counter_before = 0 if self.run is None else self.run.pulse_counter
        self.pulsed, self.charge_v = True, None

    @property
    def pulses(self) -> int:
        """Pulses that came since :meth:`begin_pulses`, by the rig's own counter."""
        return 0 if self.run is None else (self.run.pulse_counter - self.counter_before) & COUNTER_MASK

    def run_words(self, now_ns: int) -> frozenset[str]:
        """What the engine is told of the run block (``sequencer/steps.py``); nothing of one that is too old."""
        run = self.run
        if run is None or (now_ns - self.run_ns) * 1e-9 > RUN_AGE_S:
            return frozenset()
        words = {str(flag.name) for flag in RunFlag if flag in run.flags}
        words |= {f"INHIBIT_{cause.name}" for cause in InhibitCause if cause in run.inhibit}
        if not run.inhibit:
            words.add("INHIBIT_CLEAR")
        if 0 < self.pulses_asked <= self.pulses:
            words.add("PULSES_DONE")
        return frozenset(words)

    def take(self, status: PlcStatus, now_ns: int) -> None:
        """A status has come."""
        before = self.status
        if before is None or before.scan != status.scan or before.boot_id != status.boot_id:
            self.status_ns = now_ns
        self.status = status
        if not int(status.flags) & _FRESH:
            self.self_tested_ns = None
        elif self.self_tested_ns is None:
            self.self_tested_ns = now_ns
        self.pulsed = status.state is PlcState.RUN or (self.pulsed and status.state is PlcState.FLOAT)
        if status.state not in _FED:
            self.tally = charge.rest(now_ns, mean_v((status.probe_a_v, status.probe_b_v)))
            self.charge_v = None
        elif int(status.inputs) & _ZERO_CURRENT:
            self.tally = charge.still(self.tally, now_ns)
        else:
            self.tally = charge.begun(self.tally, now_ns)

    def take_charger(self, reading: ChargerReading, now_ns: int) -> None:
        """The charger has been read: its meters, and one more entry in the account of the charge."""
        self.charger, self.charger_ns = reading, now_ns
        self.log("charger_voltage", now_ns, reading.voltage_v)
        self.log("charger_current", now_ns, reading.current_a)
        status = self.status
        if self.bank is None or status is None or status.state not in _FED:
            return
        self.tally = charge.add(self.tally, now_ns, reading.current_a, self.bank)
        if status.state is PlcState.FLOAT and not self.pulsed:
            self.charge_v, self.charge_doubt_v = self.tally.voltage_v, self.tally.doubt_v

    def emi_left_s(self, now_ns: int) -> float:
        """Seconds until the links may be used again after the pulse; zero without one."""
        return 0.0 if self.fire_ns is None else max(0.0, EMI_S - (now_ns - self.fire_ns) * 1e-9)

    def log(self, name: str, t_ns: int, value: float) -> None:
        """Append to a slow channel that was declared in :attr:`history`; others are not kept."""
        history = self.history.get(name)
        if history is None:
            return
        if len(history.t_s) >= LOG_SAMPLES_MAX:
            history.halve()
        history.t_s.append((t_ns - self.start_ns) * 1e-9)
        history.value.append(value)

    def _witness_v(self, status: PlcStatus, now_ns: int) -> float | None:
        """None where it says nothing: too old, or of a store that is recharged after its last pulse."""
        recharging = self.pulsed and status.state is PlcState.FLOAT and status.state_age_ms * 1e-3 <= RECHARGE_S
        return None if recharging or (now_ns - self.witness_ns) * 1e-9 > WITNESS_AGE_S else self.witness_v

    def reading(self, now_ns: int) -> Reading:
        """The watch's view. Raises AttributeError before the first status: nobody may judge nothing."""
        status = self.status
        assert status is not None, "no status yet"
        return Reading(
            state=bench_state(status),
            age_s=(now_ns - self.status_ns) * 1e-9,
            loop_gap_s=self.loop_gap_s,
            boot_id=status.boot_id,
            probe_a_v=status.probe_a_v,
            probe_b_v=status.probe_b_v,
            witness_v=self._witness_v(status, now_ns),
            module_v=status.module_v,
            target_v=status.target_v,
            proven_safe=bool(int(status.flags) & _PROVEN),
            journal_alive=self.journal_alive,
            lost_instrument=self.lost_required,
            trips=trip_names(status.trips),
            state_age_s=status.state_age_ms * 1e-3,
            charge_v=self.charge_v,
            charge_doubt_v=self.charge_doubt_v,
        )


_FED = frozenset({PlcState.CHARGE, PlcState.FLOAT, PlcState.ISOLATE, PlcState.FIREWIN, PlcState.SHOT})
"""States since whose first the charge is counted."""
_ZERO_CURRENT = int(Input.ZERO_CURRENT)
_FRESH = int(Flag.SELF_TEST_FRESH)
_PROVEN = int(Flag.PROOF_OF_SAFE)
_NAMES = {state.name: state for state in BenchState}
_STATES = {state: _NAMES.get(state.name, BenchState.UNKNOWN) for state in PlcState}
_FLAG_NAMES = tuple((flag.value, str(flag.name)) for flag in Flag)
_INPUT_NAMES = tuple((bit.value, str(bit.name)) for bit in Input)
_TRIP_NAMES = tuple((trip.value, str(trip.name)) for trip in Trip)
_cache: dict[tuple[int, int], tuple[frozenset[str], frozenset[str]]] = {}
_CACHE_MAX = 4096
"""Distinct (flags, inputs) words of a run: a few dozen; a PLC that sends noise must not grow it without bound."""


def bench_state(status: PlcStatus) -> BenchState:
    """The PLC's state in the controller's words; one it does not know is the worst case."""
    return _STATES.get(status.state, BenchState.UNKNOWN)


def trip_names(trips: Trip) -> tuple[str, ...]:
    """Names of the active trips, in the order of their bits."""
    value = int(trips)
    return tuple(name for bit, name in _TRIP_NAMES if bit & value) if value else ()


def path_names(failed: int) -> tuple[str, ...]:
    """Names of the interlock paths whose bits are set, in the order in which they are tested."""
    return tuple(name for index, name in enumerate(RUN_SELF_TEST_PATHS) if failed >> index & 1)


def observe(status: PlcStatus, t_ns: int, words: frozenset[str] = frozenset()) -> Observation:
    """The engine's view of one status, and of the run block if there is one (:meth:`Situation.run_words`)."""
    key = (int(status.flags), int(status.inputs))
    names = _cache.get(key)
    if names is None:
        if len(_cache) >= _CACHE_MAX:
            _cache.clear()
        names = (
            frozenset(name for bit, name in _FLAG_NAMES if bit & key[0]),
            frozenset(name for bit, name in _INPUT_NAMES if bit & key[1]),
        )
        _cache[key] = names
    return Observation(
        t_ns=t_ns,
        state=bench_state(status),
        flags=names[0] | words if words else names[0],
        inputs=names[1],
        trips=trip_names(status.trips),
        latches=status.latches,
        refusal="" if status.ack is Refusal.ACCEPTED else status.ack.name,
        self_test=(status.self_test_passed, status.self_test_total),
        self_test_failed=path_names(status.self_test_failed) if status.self_test_failed else (),
    )


def mean_v(values: tuple[float, ...]) -> float:
    """Mean of finite voltages, NaN when there is none."""
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan
