"""What every DelayGenerator must do, whatever its model: one row of ``INSTRUMENTS`` each.

A row opens the port over a faulty in-memory link on virtual time, and says what an edge at the trigger input does.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentRefused
from drivers.families.delay_generator import open_dg645
from drivers.families.t560 import open_t560
from drivers.ports import DelayGenerator, DelayPlan, Identity, PulseGenerator
from firmware_sim.personalities.dg645 import DelayGeneratorPanel, OutputEdges
from firmware_sim.personalities.t560 import T560Panel
from firmware_sim.sessions.base import SessionFactory
from firmware_sim.sessions.dg645 import open_dg645_session
from firmware_sim.sessions.t560 import T560Session
from tests.conformance.port_bench import PortCase, Question, Stage, Trial

PLAN = DelayPlan(delays_s=(0.0, 100e-6, 250e-6, 1e-3), width_s=10e-6, holdoff_s=0.0, level_v=5.0, trigger_level_v=1.5)

DEADLINE_S = 5.0
"""Whatever goes wrong on a link, a call ends within the sum of a few exchanges."""

Open = Callable[..., Awaitable[DelayGenerator]]
Edge = Callable[[int], OutputEdges | None]


@dataclass(frozen=True)
class Row:
    """One implementation: ``make`` gives the session factory, the trigger input, and somebody at the front panel."""

    model: str
    open: Open
    make: Callable[[Callable[[OutputEdges], None]], tuple[SessionFactory, Edge, Callable[[bytes], Any]]]
    tampering: tuple[bytes, ...]
    latency_ns: int
    too_long_s: float
    identity: Identity


def make_dg645(on_cycle: Callable[[OutputEdges], None]) -> tuple[SessionFactory, Edge, Callable[[bytes], Any]]:
    panel = DelayGeneratorPanel(on_cycle)
    return lambda: open_dg645_session(panel), panel.trigger_input, lambda line: panel.execute(line, now_ns())


def make_t560(on_cycle: Callable[[OutputEdges], None]) -> tuple[SessionFactory, Edge, Callable[[bytes], Any]]:
    panel = T560Panel(on_cycle)
    return lambda: T560Session(panel), panel.trigger_input, lambda line: panel.execute(line, now_ns())


DG645_TAMPERING = (b"TSRC 5", b"BURM 1", b"DLAY 4,2,1e-6", b"LPOL 2,0", b"LAMP 3,2")
T560_TAMPERING = (b"TR REM", b"TR SYN", b"GA INP", b"TD 5", b"BS OFF", b"CS NEG", b"DW 5u")

SRS = Identity("Stanford Research Systems", "DG645", "s/n001234", "ver1.14.10E")
HIGHLAND = Identity("Highland Technology", "T560", "00123", "22E560-A")

INSTRUMENTS = (
    Row("DG645", open_dg645, make_dg645, DG645_TAMPERING, 0, 2001.0, SRS),
    Row("T560", open_t560, make_t560, T560_TAMPERING, 20, 10.1, HIGHLAND),
)


def now_ns() -> int:
    return round(asyncio.get_running_loop().time() * 1e9)


class Bench:
    """One instrument on its stage."""

    def __init__(self, row: Row) -> None:
        self.cycles: list[OutputEdges] = []
        session, self.edge, self.tamper = row.make(self.cycles.append)
        self.stage: Stage[DelayGenerator] = Stage("delay_generator", session, row.open, row.model)


def trial(row: Row) -> Trial:
    return Trial(
        Bench(row).stage,
        (Question(lambda port: port.read_back(), lambda held: held == PLAN, DEADLINE_S),),
        prepare=lambda port: port.configure(PLAN),
        commands=(lambda port: port.configure(PLAN), lambda port: port.arm()),
    )


PULSED = tuple(row for row in INSTRUMENTS if row.open is open_t560)
"""Implementations of PulseGenerator."""

RATE_HZ = 50.0

PAGE_SURVIVES = frozenset({"nan", "overflow", "huge_block", "unsolicited", "duplicate"})
"""Which model it is stands on a page for people: its numbers, and what comes before or after it, do not matter."""


def pulsing_trial(row: Row) -> Trial:
    """One that triggers by itself; ``halt`` gets through once the link is sound."""
    bench = Bench(row)

    async def halted(port: PulseGenerator) -> None:
        await port.halt()
        came = len(bench.cycles)
        await asyncio.sleep(1.0)
        assert came > 0 and len(bench.cycles) == came, "no trigger after it was told to stop"

    return Trial(
        bench.stage,
        (Question(lambda port: port.identify(), lambda said: said.model == row.identity.model, DEADLINE_S),),
        prepare=lambda port: port.run_at(RATE_HZ),
        commands=(lambda port: port.run_at(RATE_HZ), lambda port: port.halt()),
        afterwards=halted,
    )


PORT_CASES = (
    *(PortCase("delay_generator", row.model, partial(trial, row), row.identity, ("BNC 575",)) for row in INSTRUMENTS),
    *(
        PortCase(
            "delay_generator",
            f"{row.model}, by itself",
            partial(pulsing_trial, row),
            row.identity,
            ("BNC 575",),
            survives=PAGE_SURVIVES,
        )
        for row in PULSED
    ),
)


@pytest.fixture(params=INSTRUMENTS, ids=lambda row: row.model)
def row(request: pytest.FixtureRequest) -> Row:
    found: Row = request.param
    return found


def test_program_arm_trigger_once(row: Row) -> None:
    async def main() -> None:
        bench = Bench(row)
        port = await bench.stage.open()
        await port.configure(PLAN)
        assert await port.read_back() == PLAN
        assert bench.edge(now_ns()) is None, "programmed is not armed"
        assert await port.triggered() is False
        await port.arm()
        assert await port.triggered() is False
        t_ns = now_ns()
        edges = bench.edge(t_ns)
        wanted = [t_ns + row.latency_ns + round(delay_s * 1e9) for delay_s in PLAN.delays_s]
        assert edges == OutputEdges(t_ns, *wanted)
        assert await port.triggered() is True
        assert await port.triggered() is False, "reading clears the latch"
        assert bench.edge(now_ns() + 2_000_000_000) is None, "armed once"
        await asyncio.sleep(0.01)
        await port.arm()
        assert bench.edge(now_ns()) is not None, "and armed again"
        assert await port.triggered() is True
        assert bench.cycles == [], "nothing in a driver fires by command"
        await port.close()

    run_virtual(main())


def test_configure_disarms(row: Row) -> None:
    async def main() -> None:
        bench = Bench(row)
        port = await bench.stage.open()
        await port.configure(PLAN)
        await port.arm()
        await port.configure(replace(PLAN, width_s=20e-6))
        assert (await port.read_back()).width_s == pytest.approx(20e-6)
        assert bench.edge(now_ns()) is None
        assert await port.triggered() is False

    run_virtual(main())


def test_a_front_panel_change_is_found(row: Row) -> None:
    async def main(tampering: bytes) -> None:
        bench = Bench(row)
        port = await bench.stage.open()
        await port.configure(PLAN)
        bench.tamper(tampering)
        with pytest.raises(InstrumentRefused):
            await port.read_back()

    for tampering in row.tampering:
        run_virtual(main(tampering))


@pytest.mark.parametrize("change", ["delay", "width", "trigger level", "holdoff"])
def test_what_it_cannot_do_is_refused_and_nothing_is_armed(row: Row, change: str) -> None:
    plan = {
        "delay": replace(PLAN, delays_s=(0.0, 0.0, 0.0, row.too_long_s)),
        "width": replace(PLAN, width_s=row.too_long_s),
        "trigger level": replace(PLAN, trigger_level_v=9.0),
        "holdoff": replace(PLAN, holdoff_s=1e9),
    }[change]

    async def main() -> None:
        bench = Bench(row)
        port = await bench.stage.open()
        with pytest.raises(InstrumentRefused):
            await port.configure(plan)
        assert bench.edge(now_ns()) is None
        await port.configure(PLAN)
        assert await port.read_back() == PLAN, "the next one is right"

    run_virtual(main())


@pytest.fixture(params=PULSED, ids=lambda row: row.model)
def pulsed(request: pytest.FixtureRequest) -> Row:
    found: Row = request.param
    return found


def test_it_triggers_at_the_rate_until_it_is_halted(pulsed: Row) -> None:
    """Beside its delays, again after a halt, and at another rate."""

    async def main() -> None:
        bench = Bench(pulsed)
        port: Any = await bench.stage.open()
        await port.configure(PLAN)
        for rate_hz in (RATE_HZ, 1.0, 12.5):
            before = len(bench.cycles)
            await port.run_at(rate_hz)
            await asyncio.sleep(10.0)
            await port.halt()
            came = bench.cycles[before:]
            assert len(came) == pytest.approx(10.0 * rate_hz, abs=1)
            gaps_ns = {second.t0_ns - first.t0_ns for first, second in pairwise(came)}
            assert gaps_ns == {round(1e9 / rate_hz)}
            wanted = [came[0].t0_ns + pulsed.latency_ns + round(delay_s * 1e9) for delay_s in PLAN.delays_s]
            assert came[0] == OutputEdges(came[0].t0_ns, *wanted)
            assert bench.edge(now_ns()) is None, "halted is not armed"
        assert await port.read_back() == PLAN
        await port.arm()
        assert bench.edge(now_ns()) is not None

    run_virtual(main())


def test_one_that_triggers_itself_is_not_armed_over(pulsed: Row) -> None:
    async def main() -> None:
        bench = Bench(pulsed)
        port: Any = await bench.stage.open()
        await port.configure(PLAN)
        await port.run_at(RATE_HZ)
        with pytest.raises(InstrumentRefused, match="SYN"):
            await port.arm()
        with pytest.raises(InstrumentRefused, match="SYN"):
            await port.read_back()
        await port.configure(PLAN)
        before = len(bench.cycles)
        await asyncio.sleep(1.0)
        assert len(bench.cycles) == before, "configuring ends it"

    run_virtual(main())


@pytest.mark.parametrize("rate_hz", [0.0, 1e9, float("nan")])
def test_a_rate_that_it_has_not_is_refused_and_nothing_runs(pulsed: Row, rate_hz: float) -> None:
    async def main() -> None:
        bench = Bench(pulsed)
        port: Any = await bench.stage.open()
        await port.configure(PLAN)
        with pytest.raises(InstrumentRefused, match="delay_generator"):
            await port.run_at(rate_hz)
        await asyncio.sleep(1.0)
        assert bench.cycles == []

    run_virtual(main())
