"""What changes slowly and what the PLC says of its pulses, as values and words of a frame."""

import asyncio
import math
from dataclasses import replace
from typing import Any

import pytest

from controller.app.preflight import read_rig
from controller.rig.polled import TORR_PA
from controller.runtime.frames import FrameMaker, hello_of
from controller.runtime.health import Health
from controller.runtime.pollers import Pollers
from controller.runtime.pulse_tally import PulseTally
from controller.runtime.situation import Reached, Situation
from controller.runtime.slow_readings import READ_S, SLOW_S, SlowReader, slow_instruments
from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentError
from drivers.ports import ChillerReading, GaugeStatus, PressureReading, RfReading, SupplyReading
from drivers.wire.plc import PlcState
from drivers.wire.plc_run import InhibitCause, PlcRunStatus, RunFlag
from tests.unit.runtime.test_frames import Idle
from tests.unit.runtime.test_heartbeat import make_status

RIG = read_rig("microwave_bench")[0]
ONCE = read_rig("railgun_bench")[0]
HELLO = hello_of(RIG, None, 0, "", True, "watch", "")
NAMES = [channel.name for channel in HELLO.channels]

BLOCK = PlcRunStatus(
    scan=1,
    flags=RunFlag.PULSE_GATE,
    inhibit=InhibitCause(0),
    retries_left=5,
    run_age_ms=0,
    pulses=0,
    pulses_asked=0,
    pulse_counter=100,
    windows_lost=0,
    windows_dead=0,
    windows_cold=0,
    auxiliaries=0b0101,
    auxiliaries_asked=0b0101,
    window_values=(1e-6, *(float(n) for n in range(1, 12))),
)


def situation() -> Situation:
    found = Situation(0)
    found.status = replace(make_status(1), state=PlcState.RUN, module_v=(1.0,))
    return found


def values(found: Situation, now_ns: int = 0) -> dict[str, float]:
    return dict(zip(NAMES, FrameMaker(found, RIG).make(now_ns, -1, None, 0.0).values, strict=True))


def words(found: Situation, now_ns: int = 0) -> dict[str, list[str]]:
    made = FrameMaker(found, RIG).make(now_ns, -1, None, 0.0).words
    return {
        info.name: [bit for place, bit in enumerate(info.bits) if bit and word >> place & 1]
        for info, word in zip(HELLO.words, made, strict=True)
    }


def test_the_run_block_is_values_in_the_units_of_the_channels_and_points() -> None:
    found = situation()
    found.take_run(BLOCK, 0)
    found.begin_pulses(2000)
    found.take_run(replace(BLOCK, pulse_counter=150, inhibit=InhibitCause.ARC, retries_left=4), 50_000_000)
    found.held = True
    told = values(found, 60_000_000)
    assert told["gun_pressure_plc"] == pytest.approx(1e-6 * TORR_PA)
    assert [told["rf_leakage"], told["dose_rate"]] == pytest.approx([90.0, 1e-5])
    assert (told["tube_flow"], told["load_rise"]) == (2.0, 11.0)
    counted = [told[name] for name in ("pulses", "pulses_asked", "inhibits", "retries_left")]
    assert counted == [50.0, 2000.0, 1.0, 4.0]
    assert words(found, 60_000_000)["run"] == ["PULSE_GATE", "HELD"]
    assert words(found, 60_000_000)["inhibit"] == ["ARC", "ANY"]
    assert words(found, 60_000_000)["auxiliaries"] == ["COOLING", "HEATER"]


def test_an_old_run_block_is_no_block() -> None:
    found = situation()
    found.take_run(BLOCK, 0)
    assert math.isnan(values(found, 301_000_000)["tube_flow"])
    assert words(found, 301_000_000)["auxiliaries"] == []


def test_without_a_conditioning_nothing_is_reached_and_with_one_it_is_shown() -> None:
    found = situation()
    found.take_run(BLOCK, 0)
    assert math.isnan(values(found)["hours_to_goal"]) and math.isnan(values(found)["field"])
    found.reached = Reached(80e6, 1e-7, 10.0, 30.0)
    told = values(found)
    assert [told[name] for name in ("field", "pulse_length", "hours_to_goal", "hours_to_goal_late")] == [
        *(80e6, 1e-7),
        *(10.0, 30.0),
    ]


def test_a_bench_that_fires_once_has_none_of_it() -> None:
    once = hello_of(ONCE, None, 0, "", True, "watch", "")
    assert "pulses" not in [channel.name for channel in once.channels]
    assert [word.name for word in once.words] == [word.name for word in HELLO.words][:7]
    assert slow_instruments(ONCE) == ()
    assert [source.name for source in once.sources] == ["plc", "daq", "charger"]


class Supply:
    name = "heater_supply"

    async def read(self) -> SupplyReading:
        return SupplyReading(20.0, 25.0, True, True)


class Gauge:
    name = "vacuum_gauge"

    async def read(self) -> dict[int, PressureReading]:
        return {1: PressureReading(GaugeStatus.OK, 1e-5), 2: PressureReading(GaugeStatus.UNDER_RANGE, 1e-9)}


class Chiller:
    name = "chiller"

    async def read(self) -> ChillerReading:
        return ChillerReading(25.5, 25.0, None, True)


class Source:
    name = "rf_source"
    on = True

    async def read(self) -> RfReading:
        return RfReading(20.0, self.on)


class Silent(Supply):
    async def read(self) -> SupplyReading:
        await asyncio.Event().wait()
        raise AssertionError


async def read(instrument: Any) -> dict[str, float]:
    return await SlowReader(RIG, instrument).read()


def test_every_port_is_read_in_the_units_of_its_channels() -> None:
    assert set(slow_instruments(RIG)) == {"heater_supply", "magnet_supply", "vacuum_gauge", "chiller", "rf_source"}
    assert run_virtual(read(Supply())) == {"heater_voltage": 20.0, "heater_current": 25.0}
    assert run_virtual(read(Chiller())) == {"chiller_bath": 25.5}
    gauge = run_virtual(read(Gauge()))
    assert gauge["gun_pressure"] == 1e-5 and math.isnan(gauge["window_pressure"])
    assert run_virtual(read(Source())) == {"drive": pytest.approx(0.1)}
    off = Source()
    off.on = False
    assert run_virtual(read(off)) == {"drive": 0.0}


def test_a_reading_has_a_deadline() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        with pytest.raises(InstrumentError, match="heater_supply: no reading within 3 s"):
            await read(Silent())
        return loop.time()

    assert run_virtual(main()) == pytest.approx(READ_S)


def test_what_is_polled_is_in_the_frame_kept_and_grows_old() -> None:
    found = situation()

    async def main() -> None:
        pollers = Pollers(RIG, found, Idle(), Health(), lambda message: None)
        task = asyncio.get_running_loop().create_task(pollers.slow(Supply()))  # type: ignore[arg-type]
        await asyncio.sleep(2.5 * SLOW_S)
        task.cancel()
        await asyncio.wait([task])

    run_virtual(main())
    assert found.polls == 3 and found.polled_ns["heater_supply"] == round(2e9 * SLOW_S)
    frame = FrameMaker(found, RIG).make(round(6e9), -1, None, 0.0)
    ages = dict(zip([source.name for source in HELLO.sources], frame.ages_s, strict=True))
    assert [ages["heater_supply"], ages["chiller"]] == pytest.approx([4.0, math.inf])
    assert values(found)["heater_current"] == 25.0


def counted(*counters: int, gate: RunFlag = RunFlag.PULSE_GATE, rate_hz: float = 50.0) -> int:
    tally = PulseTally()
    for n, counter in enumerate(counters):
        tally.take(replace(BLOCK, pulse_counter=counter, flags=gate), n * 50_000_000, rate_hz)
    return tally.missing


def test_pulses_that_do_not_come_are_counted_while_the_gate_is_open() -> None:
    even = [100 + int(2.5 * n) for n in range(200)]
    assert counted(*even) == 0
    assert counted(*([100] * 60 + even)) == 0, "triggers that have not begun are not missing"
    assert counted(*[100 + int(2.4 * n) for n in range(200)]) == pytest.approx(19, abs=2)
    assert counted(*even[:50], *[even[50]] * 100, gate=RunFlag(0)) == 0, "a shut gate lets nothing pass"
