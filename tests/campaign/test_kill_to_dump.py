"""From the core's death to the PLC's dump command on virtual time: every step with an armed bank, all profiles.

The same on real processes, by the PLC's own stamps, is in tests/rig/test_real_processes.py.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from controller.app.locate import find_profile
from controller.app.preflight import read_bounded, read_rig
from controller.app.rig_sim import SimulatedRig
from controller.messages import Message, StepEntered
from controller.sequencer.compile import compile_profile
from controller.sequencer.profile import load_profile
from drivers.wire.plc import ARMED_STATES, PlcRequest, PlcState, PlcStatus, Refusal, Trip
from firmware_sim.plc.link import Link
from tests.virtual.virtual_bench import Bench

LIMIT_MS = 510.0
"""The watchdog's 500 ms and one scan (safety.md 2.3 row 22)."""

QUICK = {
    "full": {"voltage": "1 kV", "hold": "0 s"},
    "partial-bank": {"voltage": "1 kV", "hold": "0 s"},
    "dummy-load": {"voltage": "500 V", "hold": "0 s"},
    "polarity": {"voltage": "100 V", "hold": "0 s"},
    "dump-proof-a": {},
    "dump-proof-b": {},
}
"""Profiles that open the dumps, with their shortest values; the others never do (tested below)."""

NEVER_ARMED = ("noise", "trigger-only")

DELAYS_S = (0.0, 0.137)
"""Death at the moment a step begins, and in the middle of it, between two heartbeats and between two scans."""


def steps_of(profile: str) -> tuple[str, ...]:
    rig, _ = read_rig("railgun_bench")
    path = find_profile(profile, "railgun_bench")
    plan = compile_profile(load_profile(read_bounded(path), str(path)), rig, QUICK.get(profile, {}))
    return tuple(step.id for step in plan.steps)


class Death:
    """The core dies at a moment of a run on virtual time: from then on the PLC hears nothing of it."""

    def __init__(self, bench: Bench, step: str, delay_s: float) -> None:
        self._bench = bench
        self._step = step
        self._delay_s = delay_s
        self._listening: set[int] = set()
        self._dead = False
        self._accepted_ns = 0
        self.state: PlcState | None = None
        self.after_ms: float | None = None
        self.trips = Trip(0)
        bench.each_scan = self._look

    def hear(self, message: Message) -> None:
        """For ``on_message`` of the run."""
        if isinstance(message, StepEntered) and (message.id, message.phase) == (self._step, "enter"):
            self._due_ns = self._bench.rigs[-1].now_ns() + round(self._delay_s * 1e9)
            self._waiting = True

    _waiting = False
    _due_ns = 0

    def _look(self, rig: SimulatedRig) -> None:
        if id(rig) not in self._listening:
            self._listening.add(id(rig))
            self._overhear(rig)
        plc = rig.plc
        if self._dead and self.after_ms is None and not (plc.outputs.dump_a_open or plc.outputs.dump_b_open):
            self.after_ms = (rig.plant.t_ns - self._accepted_ns) / 1e6
            self.trips = plc.trips

    def _overhear(self, rig: SimulatedRig) -> None:
        exchange = rig.plc.exchange

        def hear(request: PlcRequest) -> PlcStatus:
            plc = rig.plc
            if self._waiting and not self._dead and rig.now_ns() >= self._due_ns:
                self._dead = True
                self.state = plc.control.state
            if self._dead:
                return plc.refuse(Refusal.STALE_EPOCH, request.sequence)
            status = exchange(request)
            if plc.link.sequence == request.sequence and plc.link._heard == plc.scan_number:
                self._accepted_ns = rig.now_ns()
            return status

        rig.plc.exchange = hear  # type: ignore[method-assign]


@pytest.fixture
def deaths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, float], Death]:
    bench = Bench(tmp_path / "shots", monkeypatch)

    def run(profile: str, step: str, delay_s: float) -> Death:
        death = Death(bench, step, delay_s)
        bench.run(profile=profile, overrides=QUICK.get(profile, {}), on_message=death.hear)
        return death

    return run


def armed_steps(profile: str) -> tuple[str, ...]:
    """From the permit, which opens the dumps, to the step that closes them."""
    steps = steps_of(profile)
    return steps[steps.index("permit") : steps.index("verify")]


MOMENTS = [
    (profile, step, delay_s)
    for profile in QUICK
    for step in armed_steps(profile)
    for delay_s in (DELAYS_S if profile == "full" else DELAYS_S[1:])
]


@pytest.mark.timeout(300)
def test_from_the_last_heartbeat_to_the_dump(
    deaths: Callable[[str, str, float], Death], figure: Callable[..., None]
) -> None:
    armed = []
    for moment in MOMENTS:
        death = deaths(*moment)
        if death.state not in ARMED_STATES:
            continue
        assert death.after_ms is not None, (moment, death.state)
        assert death.after_ms <= LIMIT_MS, (moment, death.state, death.after_ms)
        assert death.trips in (Trip.HEARTBEAT, Trip(0)), (moment, death.trips)
        armed.append(death)
    states = {death.state for death in armed}
    assert states >= {PlcState.OPENING, PlcState.CHARGE, PlcState.FLOAT, PlcState.ISOLATE}
    worst_ms = max(death.after_ms or 0.0 for death in armed)
    assert worst_ms > LIMIT_MS - 20.0, "a PLC that waits for nothing else takes all of its watchdog time"
    figure("kill_to_dump.virtual_ms", max=round(worst_ms, 1), n=len(armed), states=len(states))


def test_every_shipped_profile_is_here() -> None:
    shipped = {path.stem for path in find_profile("full", "railgun_bench").parent.glob("*.yaml")}
    assert shipped == set(QUICK) | set(NEVER_ARMED)
    assert all("permit" not in steps_of(profile) for profile in NEVER_ARMED)


def test_a_slower_watchdog_is_seen(deaths: Callable[[str, str, float], Death], monkeypatch: pytest.MonkeyPatch) -> None:
    """The measurement can fail: a PLC that waits a tenth of a second longer is over the limit."""
    fresh = Link.fresh
    monkeypatch.setattr(Link, "fresh", lambda link, scan: fresh(link, scan - 10))
    death = deaths("full", "charge", 0.0)
    assert death.after_ms is not None and death.after_ms > LIMIT_MS
