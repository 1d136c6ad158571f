"""The heartbeat's promises to the PLC, against a PLC in a few lines, on virtual time."""

import asyncio
import math
from dataclasses import dataclass, field

import pytest

from controller.runtime.health import Health
from controller.runtime.heartbeat import ACK_MAX_S, PERIOD_S, Heartbeat
from controller.runtime.situation import Situation
from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentError, LinkTimeout
from drivers.ports import Identity
from drivers.wire.plc import Flag, Input, Output, PlcCommand, PlcEvent, PlcRequest, PlcState, PlcStatus, Refusal, Trip


def make_status(scan: int, ack_sequence: int = 0, ack: Refusal = Refusal.ACCEPTED) -> PlcStatus:
    return PlcStatus(
        state=PlcState.SAFE,
        state_age_ms=0,
        boot_id=1,
        scan=scan,
        rig_id=1,
        limits_hash=0,
        epoch=1,
        connection_id=1,
        ack_sequence=ack_sequence,
        ack=ack,
        guards=0,
        nonce=0,
        inputs=Input(0),
        outputs=Output(0),
        flags=Flag(0),
        trips=Trip(0),
        first_fault=0,
        latches=0,
        positions=15,
        confirmed_mask=15,
        probe_a_v=0.0,
        probe_b_v=math.nan,
        module_v=(0.0,) * 4,
        target_v=0.0,
        v_safe_v=50.0,
        shot=0,
        event_head=0,
        self_test_passed=0,
        self_test_total=9,
    )


@dataclass
class ScriptedPlc:
    """Answers a command two exchanges later, as a real PLC that scans in between."""

    name: str = "plc"
    seen: list[tuple[float, PlcRequest]] = field(default_factory=list)
    answers: bool = True
    fails: bool = False
    _last: int = 0
    _pending: list[int] = field(default_factory=list)

    async def exchange(self, request: PlcRequest) -> PlcStatus:
        self.seen.append((asyncio.get_running_loop().time(), request))
        if self.fails:
            raise LinkTimeout(self.name, "no answer")
        acked = self._last
        if self._pending:
            self._last = self._pending.pop()
        if self.answers and request.command is not PlcCommand.NONE:
            self._pending.append(request.sequence)
        return make_status(len(self.seen), acked)

    async def read_events(self, first: int, count: int) -> tuple[PlcEvent, ...]:
        return ()

    async def identify(self) -> Identity:
        return Identity("", "", "", "")

    async def close(self) -> None:
        """Nothing to release."""


@dataclass
class Bench:
    plc: ScriptedPlc = field(default_factory=ScriptedPlc)
    health: Health = field(default_factory=Health)
    trouble: list[str] = field(default_factory=list)

    def heartbeat(self) -> Heartbeat:
        return Heartbeat(self.plc, Situation(0), self.health, 3, 77, 5, lambda status, now: None, self._on_trouble)

    def _on_trouble(self, text: str, now_ns: int) -> None:
        self.trouble.append(text)


async def beat_for(heartbeat: Heartbeat, seconds: float) -> None:
    task = asyncio.get_running_loop().create_task(heartbeat.run(), name="heartbeat")
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.wait([task])


def test_beats_fall_on_t0_plus_n_periods_with_rising_sequence_and_age_echo() -> None:
    bench = Bench()

    async def main() -> None:
        await beat_for(bench.heartbeat(), 1.01)

    run_virtual(main())
    assert [round(t / PERIOD_S, 6) for t, _ in bench.plc.seen] == [float(n) for n in range(21)]
    assert [r.sequence for _, r in bench.plc.seen] == list(range(6, 27))
    assert [r.age_echo for _, r in bench.plc.seen] == [0, *range(1, 21)]
    assert {(r.epoch, r.connection_id) for _, r in bench.plc.seen} == {(3, 77)}


def test_a_command_goes_out_at_once_and_is_answered_by_its_own_acknowledgement() -> None:
    bench = Bench()

    async def main() -> tuple[float, int]:
        heartbeat = bench.heartbeat()
        task = asyncio.get_running_loop().create_task(heartbeat.run(), name="heartbeat")
        await asyncio.sleep(0.52)
        status = await heartbeat.command(PlcCommand.WARN)
        at = asyncio.get_running_loop().time()
        task.cancel()
        await asyncio.wait([task])
        return at, status.ack_sequence

    at, acked = run_virtual(main())
    sent = [(t, r.sequence) for t, r in bench.plc.seen if r.command is PlcCommand.WARN]
    assert [t for t, _ in sent] == pytest.approx([0.52])
    assert acked == sent[0][1]
    assert at == pytest.approx(0.55)


def test_dump_overtakes_a_command_that_waits_and_is_not_repeated_before_a_scan() -> None:
    bench = Bench()

    async def main() -> None:
        heartbeat = bench.heartbeat()
        loop = asyncio.get_running_loop()
        task = loop.create_task(heartbeat.run(), name="heartbeat")
        await asyncio.sleep(0.51)
        asking = loop.create_task(heartbeat.command(PlcCommand.CHARGE), name="asking")
        heartbeat.dump()
        await asyncio.sleep(0.2)
        heartbeat.dump()
        heartbeat.dump()
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.wait([task, asking])

    run_virtual(main())
    commands = [(round(t, 3), r.command) for t, r in bench.plc.seen if r.command is not PlcCommand.NONE]
    assert commands[0] == (0.51, PlcCommand.DUMP)
    assert commands[1] == (0.51, PlcCommand.CHARGE) or commands[1][1] is PlcCommand.CHARGE
    assert [c for _, c in commands].count(PlcCommand.DUMP) == 2


def test_a_command_that_is_never_acknowledged_fails_in_bounded_time() -> None:
    bench = Bench(ScriptedPlc(answers=False))

    async def main() -> float:
        heartbeat = bench.heartbeat()
        task = asyncio.get_running_loop().create_task(heartbeat.run(), name="heartbeat")
        await asyncio.sleep(0.1)
        with pytest.raises(InstrumentError, match=r"PERMIT was not answered within 0\.5 s"):
            await heartbeat.command(PlcCommand.PERMIT)
        at = asyncio.get_running_loop().time()
        task.cancel()
        await asyncio.wait([task])
        return at

    assert run_virtual(main()) == pytest.approx(0.1 + ACK_MAX_S, abs=0.05)


def test_a_failed_exchange_is_reported_and_the_next_beat_is_not_skipped() -> None:
    bench = Bench(ScriptedPlc(fails=True))

    async def main() -> None:
        await beat_for(bench.heartbeat(), 0.21)

    run_virtual(main())
    assert len(bench.plc.seen) == len(bench.trouble) == 5


def test_a_broken_promise_sends_dump_once_and_then_only_looks_on() -> None:
    bench = Bench()
    bench.health.promise("daq", 0, within_s=0.3)

    async def main() -> None:
        await beat_for(bench.heartbeat(), 2.0)

    run_virtual(main())
    ((asked_s, _),) = [(t, request) for t, request in bench.plc.seen if request.command is PlcCommand.DUMP]
    assert asked_s == pytest.approx(0.35)
    later = [request for t, request in bench.plc.seen if t > asked_s]
    assert later and set(later) == {PlcRequest()}, "epoch 0: nobody's question, which feeds no watchdog"
    assert bench.trouble == ["task daq does not answer; the heartbeat stops"]


def test_a_kept_promise_and_a_retired_task_keep_the_heart_beating() -> None:
    health = Health()
    health.promise("daq", 0, within_s=0.3)
    health.promise("charger", 0, within_s=0.1)
    health.retire("charger")
    assert health.overdue(300_000_000) == ""
    assert health.overdue(300_000_001) == "daq"
    health.promise("daq", 300_000_001, within_s=0.3)
    assert health.overdue(500_000_000) == ""


def test_tasks_are_not_blamed_when_the_whole_loop_stood_still() -> None:
    health = Health()
    health.promise("daq", 0, within_s=0.3)
    assert health.overdue(250_000_000) == ""
    assert health.overdue(2_000_000_000) == "", "nobody could run: the loop gap is the watch's business"
    assert health.overdue(2_050_000_000) == ""
    assert health.overdue(2_100_000_000) == "daq", "but now it could"


def test_a_plc_that_repeats_itself_is_trouble() -> None:
    bench = Bench()
    repeated = make_status(7)

    async def exchange(request: PlcRequest) -> PlcStatus:
        bench.plc.seen.append((asyncio.get_running_loop().time(), request))
        return repeated

    async def main() -> None:
        bench.plc.exchange = exchange  # type: ignore[method-assign]
        await beat_for(bench.heartbeat(), 0.5)

    run_virtual(main())
    assert bench.trouble and set(bench.trouble) == {"it repeats its scan 7"}
    assert len(bench.trouble) == pytest.approx((0.5 - 0.3) / PERIOD_S, abs=1)


def test_an_order_whose_asker_was_cancelled_is_never_sent() -> None:
    bench = Bench()

    async def main() -> None:
        heartbeat = bench.heartbeat()
        loop = asyncio.get_running_loop()
        beating = loop.create_task(heartbeat.run(), name="heartbeat")
        await asyncio.sleep(0.12)
        heartbeat.dump()
        asked = loop.create_task(heartbeat.command(PlcCommand.FIRE), name="fire")
        await asyncio.sleep(0.0)
        asked.cancel()
        await asyncio.wait([asked])
        await asyncio.sleep(0.3)
        beating.cancel()
        await asyncio.wait([beating])

    run_virtual(main())
    commands = {request.command for _, request in bench.plc.seen}
    assert commands == {PlcCommand.NONE, PlcCommand.DUMP}


def test_a_dump_that_got_lost_is_sent_again_until_it_is_answered() -> None:
    bench = Bench()

    async def main() -> None:
        heartbeat = bench.heartbeat()
        beating = asyncio.get_running_loop().create_task(heartbeat.run(), name="heartbeat")
        await asyncio.sleep(0.12)
        bench.plc.fails = True
        heartbeat.dump()
        await asyncio.sleep(0.1)
        bench.plc.fails = False
        await asyncio.sleep(0.3)
        beating.cancel()
        await asyncio.wait([beating])

    run_virtual(main())
    dumps = [t for t, request in bench.plc.seen if request.command is PlcCommand.DUMP]
    assert len(dumps) > 2 and dumps[0] == pytest.approx(0.12)
    assert max(dumps) < 0.3, "answered once is enough"


def test_the_last_words_are_repeated_until_somebody_hears_them() -> None:
    bench = Bench()
    bench.health.promise("daq", 0, within_s=0.3)

    async def main() -> None:
        beating = asyncio.get_running_loop().create_task(bench.heartbeat().run(), name="heartbeat")
        await asyncio.sleep(0.31)
        bench.plc.fails = True
        await asyncio.sleep(0.2)
        bench.plc.fails = False
        await asyncio.sleep(0.3)
        beating.cancel()
        await asyncio.wait([beating])

    run_virtual(main())
    late = [(t, request) for t, request in bench.plc.seen if t > 0.31]
    dumps = [(t, request) for t, request in late if request.command is PlcCommand.DUMP]
    assert len(dumps) > 1
    assert {request for t, request in late if t > dumps[-1][0]} == {PlcRequest()}
    assert all(request.epoch == 0 for _, request in dumps[1:]), "it feeds no watchdog"
