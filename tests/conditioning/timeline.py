"""The fast simulation with the times of a whole bench: the same decision, the same process, and what lies between them.

A bench does not act between two pulses. Its PLC scans every 10 ms, its controller hears of that every 50 ms, asks a
gauge on a slow line before it decides, and a latch costs a second of pulses. All of that is stated here as data
(:class:`Clock`), and what the bench does with an order (:class:`Bench`: which field and latches a drive makes) is given
as functions. From one decision to the next everything is in closed form of the time: no pulse is simulated singly.

Times are nanoseconds of the bench. Nothing here ever sees an event of a bench that it is compared with.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import exp

from controller.sequencer.conditioning import Action, FaultSeen, Observation, decide, resume
from controller.sequencer.conditioning_recipe import ConditioningRecipe
from controller.sequencer.conditioning_state import ConditioningState, Fault
from firmware_sim.plant.breakdown.faults import Breakdown, breakdown_at
from firmware_sim.plant.breakdown.parameters import BreakdownParameters
from firmware_sim.plant.breakdown.points import RandomPoints
from firmware_sim.plant.breakdown.process import OFF, BreakdownState, Drive, advance, fresh

LATCHED_MAX = 16
"""Latches that nobody has looked at yet: a bench has one or two."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How long things take, in ns: PLC scan, pulses, run blocks, polls of the controller.

    ``gauge_ns`` are the two questions of one reading on the gauge's line of 9600 baud, ``sampled_ns`` is when in the
    second one the gauge looks. Somebody else reads it every ``others_ns``; who asks first is answered first.
    """

    scan_ns: int = 10_000_000
    period_ns: int = 20_000_000
    block_ns: int = 50_000_000
    poll_ns: int = 50_000_000
    gauge_ns: tuple[int, int] = (12_500_000, 39_583_333)
    sampled_ns: int = 8_333_333
    others_ns: int = 1_000_000_000

    def read_gauge(self, asked_ns: int, others_ns: int) -> tuple[int, int]:
        """When a reading that is asked for at ``asked_ns`` is there, and when it was sampled.

        ``others_ns`` is any reading of the others: all are a multiple of their period away from it.
        """
        whole_ns = sum(self.gauge_ns)
        other_ns = others_ns + (asked_ns + whole_ns - 1 - others_ns) // self.others_ns * self.others_ns
        waiting = [(asked_ns, True, 0)]
        if other_ns + 2 * whole_ns > asked_ns:
            waiting.append((other_ns, False, 0))
        free_ns = 0
        while True:
            waiting.sort()
            since_ns, mine, step = waiting.pop(0)
            begin_ns = max(free_ns, since_ns)
            free_ns = begin_ns + self.gauge_ns[step]
            if mine and step:
                return free_ns, begin_ns + self.sampled_ns
            if not step:
                waiting.append((free_ns, mine, 1))


@dataclass(frozen=True, slots=True)
class Inhibit:
    """What the PLC and the vacuum latch do, from plc.yaml and plant.yaml: scans, Pa, and the latch's own threshold.

    The over-current latch keeps the charger away as well: ``recharge`` triggers find the line too low behind it.
    """

    hold_off: int
    resume: int
    hold_pa: float
    resume_pa: float
    latch_pa: float
    recharge: int = 1


@dataclass(frozen=True, slots=True)
class Vacuum:
    """One volume, one speed, gauges as (factor, time constant in s); the first is the one that the decision reads."""

    base_pa: float
    volume_m3: float
    tau_s: float
    gauges: tuple[tuple[float, float], ...]

    def gauge_pa(self, number: int, burst_pa: float, since_s: float) -> float:
        """What a gauge shows ``since_s`` after a burst."""
        factor, lag_s = self.gauges[number]
        risen = exp(-since_s / self.tau_s) - exp(-since_s / lag_s)
        return factor * (self.base_pa + burst_pa * risen * self.tau_s / (self.tau_s - lag_s))


@dataclass(frozen=True, slots=True)
class Bench:
    """What is simulated. ``held`` is what the source holds of an order, ``drive`` what the surface sees of that.

    Both take and give (field in V/m, length in s). ``latches`` are the faults that a breakdown shows under an order,
    the one that the controller calls the first first; none is possible.
    """

    recipe: ConditioningRecipe
    breakdown: BreakdownParameters
    vacuum: Vacuum
    inhibit: Inhibit
    held: Callable[[float, float], tuple[float, float]]
    drive: Callable[[float, float], Drive]
    latches: Callable[[Breakdown, float, float], tuple[Fault, ...]]
    clock: Clock = Clock()


@dataclass(frozen=True, slots=True)
class Began:
    """When a session began: its first look, the first trigger, the run block of that look, a reading of others.

    Scans are at 0.
    """

    look_ns: int
    pulse_ns: int
    block_ns: int
    polled_ns: int


@dataclass(frozen=True, slots=True)
class Struck:
    """A breakdown: pulse since the bench was switched on, what it was, gas in Pa m3."""

    pulse: int
    kind: str
    burst_pa_m3: float


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision: pulses that it knew of, why, what is done then; faults that it heard of, with their pulses."""

    pulse: int
    because: str
    field_v_per_m: float
    pulse_s: float
    faults: tuple[tuple[str, int], ...] = ()


def decided(seen: Observation, action: Action) -> Decided:
    """The event of one decision."""
    faults = tuple((fault.kind.value, fault.pulse) for fault in seen.faults)
    return Decided(seen.pulse, action.because.name, action.field_v_per_m, action.pulse_s, faults)


@dataclass(slots=True)
class Timeline:
    """One session. ``events`` in their order; ``surface`` and ``state`` are the surface and the decision at its end."""

    bench: Bench
    began: Began
    seed: int
    state: ConditioningState
    surface: BreakdownState
    events: list[Struck | Decided] = field(default_factory=list)
    _points: RandomPoints = field(init=False)
    _next_ns: int = field(init=False)
    _ordered: tuple[float, float] = (0.0, 0.0)
    _held: tuple[float, float] = (0.0, 0.0)
    _on: bool = False
    _counted: int = 0
    _pulse: int = 0
    _fired: int = 0
    _seen_ns: int = 0
    _recent: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=8))
    _latched: deque[tuple[int, int, tuple[Fault, ...]]] = field(default_factory=lambda: deque(maxlen=LATCHED_MAX))
    _gas: tuple[int, float] = (0, 0.0)

    def __post_init__(self) -> None:
        self._points = RandomPoints(self.seed)
        self._next_ns = self.began.pulse_ns

    def run(self, session_ns: int) -> None:
        """From the first look to the end of the session."""
        recipe, clock, now_ns = self.bench.recipe, self.bench.clock, self.began.look_ns
        until_ns = now_ns + session_ns
        self._counted, self._seen_ns = self._counter(now_ns, self.began.block_ns), self.began.block_ns
        self.state, action = resume(recipe, self.state, 0, 0, self._seen_ns * 1e-9)
        if self.state.pulses_total == 0:
            self.state = replace(self.state, drop=0.0)
        while not self.state.phase.ended and now_ns < until_ns:
            now_ns = self._act(action, now_ns)
            now_ns = self._wait(now_ns, min(until_ns, now_ns + round(action.pulses / recipe.rate_hz * 1e9)))
            faults = self._look(now_ns)
            now_ns, sampled_ns = clock.read_gauge(now_ns, self.began.polled_ns)
            self._play(now_ns)
            pressure_pa = self._pressure_pa(sampled_ns)
            self._held = self.bench.held(*self._ordered) if self._on else self._held
            seen = Observation(self._pulse, self._fired, self._seen_ns * 1e-9, pressure_pa, *self._held, faults)
            self.state, action = decide(recipe, self.state, seen)
            self.events.append(decided(seen, action))

    # --- what the controller does -------------------------------------------------------------------------------

    def _act(self, action: Action, now_ns: int) -> int:
        if action.fires:
            if not self._on:
                self._count(now_ns)
            self._ordered, self._on = (action.field_v_per_m, action.pulse_s), True
        elif self._on:
            self._ordered = (0.0, 0.0)
            now_ns += self.bench.clock.block_ns  # it waits for a newer block
            self._count(now_ns)
            self._on = False
        return now_ns

    def _wait(self, now_ns: int, until_ns: int) -> int:
        """Until then, or the first poll that knows of a latch."""
        clock, at_ns = self.bench.clock, now_ns
        while at_ns < until_ns:
            if self._latched:
                heard_ns = self._block_after(self._latched[0][0])
                polls = max(0, -(-(heard_ns - now_ns) // clock.poll_ns))
                return min(until_ns, now_ns + polls * clock.poll_ns)
            at_ns = self._play(until_ns)
        return until_ns

    def _look(self, now_ns: int) -> tuple[FaultSeen, ...]:
        self._count(now_ns)
        found = []
        while self._latched and self._latched[0][0] <= self._seen_ns:
            _, counter, faults = self._latched.popleft()
            found += [FaultSeen(kind, self._pulse - 1 - (self._counted - counter)) for kind in faults]
        return tuple(found)

    def _count(self, now_ns: int) -> None:
        self._seen_ns = self._block(now_ns)
        counter = self._counter(now_ns, self._seen_ns)
        self._pulse += counter - self._counted
        self._fired += counter - self._counted if self._on else 0
        self._counted = counter

    def _block(self, now_ns: int) -> int:
        """The last run block that came before ``now_ns``."""
        clock = self.bench.clock
        return self.began.block_ns + (now_ns - 1 - self.began.block_ns) // clock.block_ns * clock.block_ns

    def _block_after(self, t_ns: int) -> int:
        """The first one that knows what a scan at ``t_ns`` saw."""
        clock = self.bench.clock
        return self.began.block_ns - (self.began.block_ns - t_ns) // clock.block_ns * clock.block_ns

    def _counter(self, now_ns: int, block_ns: int) -> int:
        """The rig's pulse counter as a block before ``now_ns`` has it."""
        self._play(now_ns)
        return self.surface.pulse - sum(count for at_ns, count in self._recent if at_ns > block_ns)

    # --- what the bench does ------------------------------------------------------------------------------------

    def _play(self, until_ns: int) -> int:
        """Pulses up to ``until_ns``, or to a breakdown; returns how far."""
        period_ns = self.bench.clock.period_ns
        while self._next_ns <= until_ns:
            slots = (until_ns - self._next_ns) // period_ns + 1
            drive = self.bench.drive(*self._ordered) if self._ordered[0] else OFF
            before = self.surface.pulse
            self.surface, struck = advance(self._points, self.bench.breakdown, self.surface, drive, before + slots)
            done = self.surface.pulse - before
            at_ns = self._next_ns + (done - 1) * period_ns
            for last in range(min(done, 4) - 1, -1, -1):
                self._recent.append((self._scan(at_ns - last * period_ns), 1))
            self._next_ns = at_ns + period_ns
            if struck is not None:
                self._struck(struck, at_ns, drive)
                return at_ns
        return until_ns

    def _scan(self, t_ns: int) -> int:
        """The first scan that sees what happened at ``t_ns``."""
        scan_ns = self.bench.clock.scan_ns
        return -(-t_ns // scan_ns) * scan_ns

    def _struck(self, pulse: int, at_ns: int, drive: Drive) -> None:
        bench, rule = self.bench, self.bench.inhibit
        breakdown = breakdown_at(self._points, bench.breakdown, pulse, drive.pulse_s)
        faults = bench.latches(breakdown, *self._ordered)
        burst_pa = breakdown.burst_pa_m3 / bench.vacuum.volume_m3
        old_ns, old_pa = self._gas
        burst_pa += old_pa * exp(-(at_ns - old_ns) * 1e-9 / bench.vacuum.tau_s)
        self._gas = at_ns, burst_pa
        scan_ns = self._scan(at_ns)
        peak_pa = bench.vacuum.base_pa + burst_pa * exp(-(scan_ns - at_ns) * 1e-9 / bench.vacuum.tau_s)
        if peak_pa > rule.latch_pa and Fault.VACUUM not in faults:
            faults = (*faults, Fault.VACUUM)
        self.events.append(Struck(pulse, breakdown.kind.value, breakdown.burst_pa_m3))
        if faults:
            self._latched.append((scan_ns, pulse + 1, faults))
            first_ns = scan_ns + self._scans_shut(burst_pa, scan_ns - at_ns) * bench.clock.scan_ns
            missed = -(-(first_ns - self._next_ns) // bench.clock.period_ns)
            missed += rule.recharge if Fault.GUN_ARC in faults else 0
            self._next_ns += missed * bench.clock.period_ns

    def _scans_shut(self, burst_pa: float, late_ns: int) -> int:
        """Scans from the one that sees the latch to the one that lets triggers pass again."""
        rule, clock, soft = self.bench.inhibit, self.bench.clock, 0
        for number in range(len(self.bench.vacuum.gauges)):
            lost, good, scan = False, 0, 0
            while scan < rule.hold_off or (lost and good < rule.resume):
                since_s = (late_ns + scan * clock.scan_ns) * 1e-9
                pressure_pa = self.bench.vacuum.gauge_pa(number, burst_pa, since_s)
                lost = lost or pressure_pa > rule.hold_pa
                good = good + 1 if lost and pressure_pa <= rule.resume_pa else 0
                scan += 1
            soft = max(soft, scan - 2) if lost else soft
        return soft + rule.hold_off + 1

    def _pressure_pa(self, t_ns: int) -> float:
        """What the gauge shows: instruments see the bench as it was on the last scan."""
        since_ns, burst_pa = self._gas
        t_ns -= t_ns % self.bench.clock.scan_ns
        return self.bench.vacuum.gauge_pa(0, burst_pa, max(0, t_ns - since_ns) * 1e-9)


def session(
    bench: Bench,
    began: Began,
    seed: int,
    state: ConditioningState,
    session_s: float,
    surface: BreakdownState | None = None,
) -> Timeline:
    """One session on a fresh surface, or on ``surface``, from the state of the decision."""
    line = Timeline(bench, began, seed, state, surface or fresh(bench.breakdown))
    line.run(round(session_s * 1e9))
    return line
