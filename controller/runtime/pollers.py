"""The periodic readers beside the heartbeat: charger, data acquisition, telemetry frames.

All are scheduled at t0 + n * period and keep off the links while the bench is quiet for the pulse.
"""

import asyncio
from collections.abc import Awaitable, Callable

from controller.messages import Message
from controller.rig.model import Rig
from controller.runtime.bench import Bench
from controller.runtime.frames import frame_of
from controller.runtime.health import Health
from controller.runtime.runner import Runner
from controller.runtime.situation import Situation
from controller.sequencer.plan import InstrumentClass, Plan
from drivers.errors import InstrumentError

FRAME_S = 0.02
"""Telemetry frame period (design.md 2)."""

CHARGER_S = 0.5
"""The charger's answers take 20 ms each at 9600 baud; it is watched, not steered."""

DAQ_S = 0.05
"""Data acquisition period while nothing moves fast."""

DAQ_FAST_S = 0.01
"""Period while the bank is being dumped, so that a decay of 0.1 s is seen in ten points."""

ANSWER_S = 3.0
"""Promise of a poller per reading: longer than any driver's deadline with its reconnect."""

MISSES_MAX = 2
"""Readings in a row that may fail before an instrument is lost (safety.md 2.3 row 10)."""


class Pollers:
    """The three periodic tasks of one run."""

    def __init__(
        self,
        plan: Plan,
        rig: Rig,
        bench: Bench,
        situation: Situation,
        runner: Runner,
        health: Health,
        publish: Callable[[Message], None],
    ) -> None:
        self._plan = plan
        self._bench = bench
        self._situation = situation
        self._runner = runner
        self._health = health
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._daq_channels = [(c.name, c.input, c.scale) for c in rig.channels_of(bench.daq.name)]
        self._witness = next((c for c in self._daq_channels if c[0] == "probe_b_daq"), None)
        self._sequence = 0

    async def charger(self) -> None:
        """Read the charger every half second."""
        await self._poll("charger", self._bench.charger.name, lambda: CHARGER_S, self._read_charger)

    async def daq(self) -> None:
        """Read the data acquisition unit, faster while the bank is being dumped."""
        await self._poll("daq", self._bench.daq.name, self._daq_period_s, self._read_daq)

    async def frames(self) -> None:
        """Publish a telemetry frame every 20 ms."""
        start, count = self._loop.time(), 0
        while True:
            now_ns = self._runner.now_ns()
            late_s = now_ns * 1e-9 - (start + count * FRAME_S)
            self._health.promise("frames", now_ns, ANSWER_S)
            self._sequence += 1
            step, countdown_s = self._runner.state.step, self._runner.countdown_s(now_ns)
            self._publish(frame_of(self._situation, self._sequence, now_ns, step, countdown_s, late_s))
            count = max(count + 1, int((self._loop.time() - start) / FRAME_S) + 1)
            await asyncio.sleep(start + count * FRAME_S - self._loop.time())

    async def _poll(
        self, task: str, instrument: str, period_s: Callable[[], float], read: Callable[[], Awaitable[None]]
    ) -> None:
        due, misses = self._loop.time(), 0
        while instrument not in self._situation.lost_optional:
            now_ns = self._runner.now_ns()
            self._health.promise(task, now_ns, ANSWER_S)
            if not self._runner.quiet(now_ns):
                try:
                    await read()
                    misses = 0
                except InstrumentError as trouble:
                    misses += 1
                    if misses <= MISSES_MAX:  # a lost instrument is news once, not twenty times a second
                        self._runner.note(instrument, "warning", str(trouble))
                    if misses >= MISSES_MAX:
                        self._lose(instrument, str(trouble))
            due = max(due + period_s(), self._loop.time())
            await asyncio.sleep(due - self._loop.time())
        self._health.retire(task)

    def _lose(self, instrument: str, why: str) -> None:
        if self._plan.instruments.get(instrument) is InstrumentClass.OPTIONAL:
            self._situation.lost_optional[instrument] = why
            self._runner.note(instrument, "warning", f"optional instrument lost, the shot goes on: {why}")
        elif not self._situation.lost_required:
            self._situation.lost_required = instrument
            self._runner.stop(f"{instrument} stopped answering: {why}")

    async def _read_charger(self) -> None:
        reading = await self._bench.charger.read()
        now_ns = self._runner.now_ns()
        self._situation.charger, self._situation.charger_ns = reading, now_ns
        self._situation.log("charger_voltage", now_ns, reading.voltage_v)
        self._situation.log("charger_current", now_ns, reading.current_a)

    async def _read_daq(self) -> None:
        volts = await self._bench.daq.read()
        now_ns = self._runner.now_ns()
        for name, terminal, scale in self._daq_channels:
            if terminal in volts:
                self._situation.log(name, now_ns, volts[terminal] * scale)
        if self._witness is not None and self._witness[1] in volts:
            self._situation.witness_v = volts[self._witness[1]] * self._witness[2]
            self._situation.witness_ns = now_ns

    def _daq_period_s(self) -> float:
        status = self._situation.status
        return DAQ_FAST_S if status is not None and status.state.name == "DUMPING" else DAQ_S
