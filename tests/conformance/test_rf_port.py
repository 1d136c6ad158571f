"""What every RfSource must do, whatever its model: one row of ``INSTRUMENTS`` each."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentRefused
from drivers.families.rf_source import open_smb100a
from drivers.ports import Identity, RfPlan, RfSource
from drivers.wire.scpi import parse_message
from firmware_sim.personalities.smb100a import Smb100a
from firmware_sim.personalities.smb100a_pulse import PulseTiming
from firmware_sim.sessions.base import Session
from firmware_sim.sessions.scpi import ScpiSession
from tests.conformance.port_bench import PortCase, Question, Stage, Trial

PLAN = RfPlan(frequency_hz=2.856e9, power_dbm=-5.5, pulse_width_s=2.5e-6, pulse_period_s=10e-3)
TRIGGERED = RfPlan(frequency_hz=2.856e9, power_dbm=18.0, pulse_width_s=3e-6)
GATED = RfPlan(frequency_hz=2.856e9, power_dbm=10.0)
CW = RfPlan(frequency_hz=1.3e9, power_dbm=0.0, pulse_modulation=False)

DEADLINE_S = 4.0


@dataclass(frozen=True)
class Row:
    """One implementation: ``make`` gives the session, the stand-in's panel and its knobs.

    The panel's ``power_dbm`` is what the output carries (None: off), its ``pulses`` how that is pulsed.
    """

    model: str
    open: Callable[..., Awaitable[RfSource]]
    make: Callable[[], tuple[Callable[[], Session], Smb100a, Callable[[bytes], Any]]]
    tampering: tuple[bytes, ...]
    too_high_dbm: float
    too_high_hz: float
    identity: Identity


def make_smb100a() -> tuple[Callable[[], Session], Smb100a, Callable[[bytes], Any]]:
    panel = Smb100a()

    def turn_knobs(line: bytes) -> None:
        for unit in parse_message(line):
            panel.compile(unit)()

    return lambda: ScpiSession(panel), panel, turn_knobs


SMB_TAMPERING = (
    b"FREQ:MODE SWE",
    b"FREQ:OFFS 1MHz",
    b"POW:OFFS 3",
    b"PULM:MODE DOUB",
    b"PULM:TRIG:MODE EGAT",
    b"PULM:POL INV",
    b"PULM:TRIG:EXT:SLOP NEG",
)

SMB = Identity("Rohde&Schwarz", "SMB100A", "1406.6000k02/112233", "3.1.19.15-3.20.390.24")

INSTRUMENTS = (Row("SMB100A", open_smb100a, make_smb100a, SMB_TAMPERING, 500.0, 7e9, SMB),)


class Bench:
    """One source on its stage."""

    def power_dbm(self) -> float | None:
        return self.panel.power_dbm

    def __init__(self, row: Row) -> None:
        session, self.panel, self.tamper = row.make()
        self.stage: Stage[RfSource] = Stage("rf_drive", session, row.open, row.model)


def trial(row: Row) -> Trial:
    return Trial(
        Bench(row).stage,
        (Question(lambda port: port.read_back(), lambda held: held == PLAN, DEADLINE_S),),
        prepare=lambda port: port.configure(PLAN),
        commands=(lambda port: port.configure(PLAN), lambda port: port.output(True)),
    )


PORT_CASES = tuple(
    PortCase("rf_source", row.model, partial(trial, row), row.identity, ("E8257D",)) for row in INSTRUMENTS
)


@pytest.fixture(params=INSTRUMENTS, ids=lambda row: row.model)
def row(request: pytest.FixtureRequest) -> Row:
    found: Row = request.param
    return found


@pytest.mark.parametrize("plan", [PLAN, TRIGGERED, GATED, CW], ids=["clocked", "triggered", "gated", "cw"])
def test_program_and_switch(row: Row, plan: RfPlan) -> None:
    async def main() -> None:
        bench = Bench(row)
        port = await bench.stage.open()
        await port.configure(plan)
        assert await port.read_back() == plan
        assert bench.power_dbm() is None, "programmed is not on"
        assert not (await port.read()).output_on
        await port.output(True)
        assert bench.power_dbm() == pytest.approx(plan.power_dbm)
        reading = await port.read()
        assert reading.output_on and reading.power_dbm == pytest.approx(plan.power_dbm)
        await port.configure(replace(plan, power_dbm=plan.power_dbm - 1))
        assert bench.power_dbm() == pytest.approx(plan.power_dbm - 1)
        await port.output(False)
        assert bench.power_dbm() is None
        await port.close()

    run_virtual(main())


MADE: tuple[tuple[RfPlan, PulseTiming], ...] = (
    (PLAN, PulseTiming(2.5e-6, period_s=10e-3)),
    (TRIGGERED, PulseTiming(3e-6)),
    (GATED, PulseTiming(math.inf)),
    (CW, PulseTiming(math.inf)),
)
"""What a trigger edge makes of each plan: with a period nothing that is in step with it."""


def test_a_pulse_per_trigger_only_without_a_period(row: Row) -> None:
    async def main() -> None:
        bench = Bench(row)
        port = await bench.stage.open()
        for plan, made in (*MADE, *reversed(MADE)):
            await port.configure(plan)
            assert bench.panel.pulses == made, plan

    run_virtual(main())


def test_what_it_cannot_do_is_refused_and_the_old_plan_stays(row: Row) -> None:
    async def main() -> None:
        bench = Bench(row)
        port = await bench.stage.open()
        await port.configure(PLAN)
        with pytest.raises(InstrumentRefused, match="rf_drive"):
            await port.configure(replace(PLAN, power_dbm=row.too_high_dbm))
        assert (await port.read_back()).power_dbm == PLAN.power_dbm
        with pytest.raises(InstrumentRefused, match="rf_drive"):
            await port.configure(replace(PLAN, frequency_hz=row.too_high_hz))
        for senseless in (replace(PLAN, pulse_width_s=None), replace(PLAN, pulse_modulation=False)):
            with pytest.raises(InstrumentRefused, match="period"):
                await port.configure(senseless)
        await port.configure(PLAN)
        assert await port.read_back() == PLAN

    run_virtual(main())


def test_a_front_panel_change_is_found(row: Row) -> None:
    async def main(tampering: bytes) -> None:
        bench = Bench(row)
        port = await bench.stage.open()
        await port.configure(PLAN)
        bench.tamper(tampering)
        with pytest.raises(InstrumentRefused, match="changed"):
            await port.read_back()
        await port.configure(PLAN)
        assert await port.read_back() == PLAN

    for tampering in row.tampering:
        run_virtual(main(tampering))
