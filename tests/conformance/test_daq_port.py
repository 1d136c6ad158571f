"""What every Daq must do, whatever its model: one row of ``INSTRUMENTS`` each."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

import pytest

from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentError, RemoteWireError
from drivers.ports import Daq, Identity
from drivers.registry import open_t7
from firmware_sim.personalities.labjack_t7 import LabJackT7
from firmware_sim.sessions.base import Session
from firmware_sim.sessions.modbus import ModbusSession
from tests.conformance.port_bench import MODBUS_ASKED, MODBUS_SURVIVES, PortCase, Question, Stage, Trial

INPUTS = {"AIN0": 10.0, "AIN3": 1.0, "AIN13": 10.0}
VOLTS = {"AIN0": 7.5, "AIN3": -0.25, "AIN13": 0.0}
TOLERANCE_V = 2e-3
"""Some steps of a 16-bit converter on its widest range."""
MISS_S = 0.45
"""Two missed readings end within a second (safety.md 2.3 row 10)."""
HEAL_S = 60.0
"""What a line that dripped one byte per second still holds has come after this long."""


@dataclass(frozen=True)
class Row:
    """One implementation. ``make(volts)``: what opens a session, and a switch for a failed conversion."""

    model: str
    identity: str
    other_identity: str
    open: Callable[..., Awaitable[Daq]]
    make: Callable[[Callable[[int], float]], tuple[Callable[[], Session], Callable[[], None]]]
    unknown_input: str
    impossible_v: float
    says: Identity


def make_t7(volts: Callable[[int], float]) -> tuple[Callable[[], Session], Callable[[], None]]:
    device = LabJackT7(470010001, volts)
    return lambda: ModbusSession(device), lambda: device.inject("ain_dead")


T7 = Identity("LabJack", "T7", "470010001", "1.0300")

INSTRUMENTS = (Row("T7", "T7 470010001", "T7 470010002", open_t7, make_t7, "AIN14", 20.0, T7),)


class Bench:
    """One unit on its stage; ``volts`` are at its inputs."""

    def __init__(self, row: Row) -> None:
        self.volts = {int(name[3:]): value for name, value in VOLTS.items()}
        session, self.fail_conversion = row.make(lambda index: self.volts.get(index, 0.0))
        self.stage: Stage[Daq] = Stage("daq", session, row.open, row.identity)


def trial(row: Row) -> Trial:
    """With a voltage that rises and begins anew."""
    bench = Bench(row)

    def turn() -> None:
        bench.volts[0] = bench.volts[0] + 1.0 if bench.volts[0] < 9.0 else -9.0

    def right(found: Mapping[str, float]) -> bool:
        return found == pytest.approx({name: bench.volts[int(name[3:])] for name in INPUTS}, abs=TOLERANCE_V)

    return Trial(
        bench.stage,
        (Question(lambda port: port.read(), right, MISS_S),),
        prepare=lambda port: port.configure(INPUTS),
        commands=(lambda port: port.configure(INPUTS),),
        turn=turn,
    )


PORT_CASES = tuple(
    PortCase(
        "daq", row.model, partial(trial, row), row.says, (row.other_identity,),
        healed_s=HEAL_S, survives=MODBUS_SURVIVES, asked=MODBUS_ASKED,
    )
    for row in INSTRUMENTS
)  # fmt: skip


@pytest.fixture(params=INSTRUMENTS, ids=lambda row: row.model)
def row(request: pytest.FixtureRequest) -> Row:
    found: Row = request.param
    return found


def test_configured_inputs_are_read_by_name_in_volts(row: Row) -> None:
    async def main() -> None:
        bench = Bench(row)
        port = await bench.stage.open()
        assert await port.read() == {}
        await port.configure(INPUTS)
        assert await port.read() == pytest.approx(VOLTS, abs=TOLERANCE_V)
        bench.volts[0] = -3.25
        assert (await port.read())["AIN0"] == pytest.approx(-3.25, abs=TOLERANCE_V)
        await port.configure({"AIN3": 10.0})
        assert await port.read() == pytest.approx({"AIN3": VOLTS["AIN3"]}, abs=TOLERANCE_V)
        await port.close()

    run_virtual(main())


def test_what_it_cannot_do_is_refused_and_the_inputs_stay(row: Row) -> None:
    async def main() -> None:
        port = await Bench(row).stage.open()
        await port.configure(INPUTS)
        for ranges in ({row.unknown_input: 10.0}, {"AIN0": row.impossible_v}, {"AIN0": 1.0, row.unknown_input: 10.0}):
            with pytest.raises(InstrumentError, match="daq"):
                await port.configure(ranges)
            assert await port.read() == pytest.approx(VOLTS, abs=TOLERANCE_V), "nothing was changed"

    run_virtual(main())


def test_a_failed_conversion_is_an_error_and_no_voltage(row: Row) -> None:
    async def main() -> None:
        bench = Bench(row)
        port = await bench.stage.open()
        await port.configure(INPUTS)
        bench.fail_conversion()
        with pytest.raises(RemoteWireError, match="AIN0"):
            await port.read()

    run_virtual(main())
