"""The engine walks a plan, and whatever goes wrong it takes the energy away before anything else."""

from dataclasses import dataclass, field, replace

import pytest

from controller.safety.bench import ARMED, BenchState
from controller.sequencer import engine
from controller.sequencer.engine import Cancel, Done, Ending, EngineState, Failed, Finish, Mode, Seen, Start, Stop
from controller.sequencer.steps import Command, Journal, Observation, Perform
from tests.unit.engine.plans import full_plan

B = BenchState
SCAN_NS = 50_000_000


@dataclass
class Bench:
    """A PLC in ten lines: it follows commands at once and dumps by itself after fire."""

    state: BenchState = B.SAFE
    flags: set[str] = field(default_factory=lambda: {"ENERGY_SAFE", "DUMPS_PROVEN_CLOSED"})
    commands: list[str] = field(default_factory=list)
    misfires: bool = False

    MOVES = {  # noqa: RUF012
        "PERMIT": (B.OPENING, {"DUMPS_PROVEN_OPEN"}),
        "CHARGE": (B.FLOAT, {"DUMPS_PROVEN_OPEN", "IN_TOLERANCE"}),
        "ISOLATE": (B.ISOLATE, {"DUMPS_PROVEN_OPEN", "IN_TOLERANCE"}),
        "FIRE_ENABLE": (B.FIREWIN, {"IN_TOLERANCE"}),
        "FIRE": (B.SHOT, set()),
        "DUMP": (B.DUMPING, set()),
        "SELF_TEST": (B.SAFE, {"SELF_TEST_FRESH"}),
        "WARN": (B.SAFE, {"SELF_TEST_FRESH", "WARNED"}),
    }

    def command(self, name: str) -> None:
        self.commands.append(name)
        self.state, self.flags = self.MOVES[name][0], set(self.MOVES[name][1])

    def scan(self) -> None:
        if self.state is B.SHOT:
            self.state, self.flags = B.DUMPING, {"MISFIRE"} if self.misfires else set()
        elif self.state is B.DUMPING:
            kept = self.flags & {"MISFIRE"}
            self.state, self.flags = B.SAFE, {"PROOF_OF_SAFE", "ENERGY_SAFE", "DUMPS_PROVEN_CLOSED"} | kept

    def seen(self, t_ns: int) -> Observation:
        return Observation(t_ns, self.state, frozenset(self.flags), frozenset({"CONTACTOR_OPEN"}), (), 0b1111)


@dataclass
class Drive:
    """Runs the engine against the bench until it finishes; ``hook`` may post an event at any moment."""

    bench: Bench = field(default_factory=Bench)
    state: EngineState = field(default_factory=EngineState)
    t_ns: int = 0
    outputs: list[engine.Output] = field(default_factory=list)
    hold: str = ""

    def post(self, event: engine.Event) -> None:
        self.state, outputs = engine.step(full_plan(), self.state, event)
        self.outputs += outputs
        intents = [o for o in outputs if isinstance(o, Command | Journal | Perform)]
        for intent in intents:
            if isinstance(intent, Command):
                self.bench.command(intent.name)
        held = self.state.mode is Mode.RUN and full_plan().steps[self.state.step].id == self.hold
        if intents and self.state.mode is not Mode.ABORT and not held:
            self.t_ns += 1_000_000
            self.post(Done(self.t_ns))

    def status(self) -> None:
        self.t_ns += SCAN_NS
        self.post(Seen(self.bench.seen(self.t_ns)))
        self.bench.scan()

    def run(self, until_step: str = "", limit: int = 5000) -> None:
        self.hold = until_step
        if self.state.step < 0:
            self.post(Start(self.t_ns))
        for _ in range(limit):
            if self.state.mode is Mode.DONE or full_plan().steps[self.state.step].id == until_step:
                return
            self.status()
        raise AssertionError(f"not finished after {limit} statuses: {self.state}")


def test_a_healthy_shot_walks_every_step_and_fires_once() -> None:
    drive = Drive()
    drive.run()
    assert drive.state.mode is Mode.DONE
    assert (drive.state.ending, drive.state.safe) == (Ending.COMPLETED, True)
    assert drive.bench.commands == ["SELF_TEST", "WARN", "PERMIT", "CHARGE", "ISOLATE", "FIRE_ENABLE", "FIRE"]
    assert drive.outputs.count(Finish()) == 1


def test_every_barrier_precedes_its_command() -> None:
    drive = Drive()
    drive.run()
    flat = [o for o in drive.outputs if isinstance(o, Command | Journal | Perform)]
    for kind, action in (
        ("permit", Command("PERMIT")),
        ("charge_intent", Command("CHARGE")),
        ("scope_arm_intent", Perform("arm")),
        ("fire_token", Command("FIRE_ENABLE")),
        ("fire_intent", Command("FIRE")),
    ):
        assert flat.index(Journal(kind, barrier=True)) < flat.index(action)


@pytest.mark.parametrize("step", [step.id for step in full_plan().steps])
def test_a_stop_at_any_step_dumps_first_and_ends_safe(step: str) -> None:
    drive = Drive()
    drive.run(until_step=step)
    fires = drive.bench.commands.count("FIRE")
    drive.outputs.clear()
    drive.post(Stop(drive.t_ns, "SIGINT"))
    assert drive.outputs[:2] == [Cancel(), Command("DUMP")]
    drive.run()
    assert (drive.state.ending, drive.state.safe) == (Ending.ABORTED, True)
    assert drive.bench.commands.count("FIRE") == fires
    assert drive.bench.state not in ARMED


def test_a_second_stop_changes_nothing() -> None:
    drive = Drive()
    drive.run(until_step="charge")
    drive.post(Stop(drive.t_ns, "SIGINT"))
    after_first = drive.state
    drive.outputs.clear()
    drive.post(Stop(drive.t_ns + 1, "SIGTERM"))
    assert drive.state == after_first
    assert drive.outputs == []


def test_a_failed_intent_dumps() -> None:
    drive = Drive()
    drive.run(until_step="float")
    drive.post(Failed(drive.t_ns, "scope_1: not armed any more"))
    assert Command("DUMP") in drive.outputs
    drive.run()
    assert drive.state.ending is Ending.ABORTED
    assert drive.state.reason == "step float: scope_1: not armed any more"


def test_a_trip_is_named_and_not_taken_for_an_abort() -> None:
    drive = Drive()
    drive.run(until_step="float")
    seen = replace(drive.bench.seen(drive.t_ns + SCAN_NS), state=B.TRIP, trips=("DOOR_1",))
    drive.post(Seen(seen))
    assert drive.state.ending is Ending.TRIPPED
    assert drive.state.reason == "step float: the PLC tripped: DOOR_1"


def test_a_misfire_is_dumped_at_once_and_never_retried() -> None:
    drive = Drive(Bench(misfires=True))
    drive.run()
    assert drive.state.ending is Ending.MISFIRE
    assert drive.state.safe
    assert drive.bench.commands.count("FIRE") == 1


def test_lockout_ends_unsafe_unconfirmed() -> None:
    drive = Drive()
    drive.run(until_step="charge")
    drive.post(Stop(drive.t_ns, "SIGINT"))
    drive.bench.state, drive.bench.flags = B.LOCKOUT, set()
    drive.status()
    assert (drive.state.ending, drive.state.safe) == (Ending.UNSAFE, False)


def test_de_energised_is_not_proof_once_the_dumps_were_open() -> None:
    seen = Observation(0, B.TRIP, frozenset({"ENERGY_SAFE", "DUMPS_PROVEN_CLOSED"}), frozenset(), (), 0)
    assert engine.proven_safe(seen, opened=False)
    assert not engine.proven_safe(seen, opened=True)


def test_energy_that_came_back_during_the_transfer_needs_a_new_proof() -> None:
    """After VERIFY the bench counted as never opened: readings below V_safe were taken for the end of a rebound."""
    drive = Drive()
    drive.run(until_step="transfer")
    low = frozenset({"ENERGY_SAFE", "DUMPS_PROVEN_CLOSED"})

    def tell(flags: frozenset[str]) -> None:
        drive.t_ns += SCAN_NS
        drive.post(Seen(Observation(drive.t_ns, B.TRIP, flags, frozenset(), ("REBOUND",), 0b1111)))

    for _ in range(3):
        tell(low)
        assert drive.state.mode is Mode.ABORT
    assert (drive.state.ending, drive.state.reason) == (Ending.TRIPPED, "step transfer: the PLC tripped: REBOUND")
    tell(low | {"PROOF_OF_SAFE"})
    assert drive.state.safe and drive.state.mode is not Mode.ABORT


def test_a_step_that_never_ends_times_out_with_the_refusal() -> None:
    drive = Drive()
    drive.run(until_step="isolate")
    drive.bench.flags.discard("IN_TOLERANCE")
    for _ in range(450):
        seen = replace(drive.bench.seen(drive.t_ns + SCAN_NS), refusal="GUARD")
        drive.t_ns += SCAN_NS
        if drive.state.mode is not Mode.RUN:
            break
        drive.post(Seen(seen))
    assert drive.state.mode is Mode.ABORT
    assert drive.state.reason == "step isolate: not done within 20 s; the PLC refuses: GUARD"


def test_a_failed_self_test_ends_the_run_at_once_and_says_how_many_paths_passed() -> None:
    drive = Drive()
    drive.run(until_step="self_test")
    drive.hold = ""
    drive.post(Done(drive.t_ns))
    running = Observation(drive.t_ns + 10**8, B.SAFE, frozenset({"SELF_TEST_RUNNING"}), frozenset(), (), 0)
    drive.post(Seen(running))
    assert drive.state.mode is Mode.RUN
    drive.post(Seen(replace(running, t_ns=drive.t_ns + 3 * 10**8, flags=frozenset(), self_test=(2, 9))))
    assert drive.state.mode is Mode.ABORT
    assert drive.state.reason == "step self_test: self-test failed: 2 of 9 interlock paths passed"


def test_countdown_counts_to_zero() -> None:
    drive = Drive()
    drive.run(until_step="countdown")
    start = drive.state.step_ns
    assert engine.countdown_s(full_plan(), drive.state, start) == 1.0
    assert engine.countdown_s(full_plan(), drive.state, start + 400_000_000) == pytest.approx(0.6)
    assert engine.countdown_s(full_plan(), drive.state, start + 2 * 10**9) == 0.0
    assert engine.countdown_s(full_plan(), EngineState(), 0) is None
