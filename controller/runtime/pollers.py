"""The periodic readers beside the heartbeat: charger, data acquisition, what changes slowly, telemetry frames.

All are scheduled at t0 + n * period and keep off the links while the bench is quiet for the pulse.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from controller.messages import Frame, Message
from controller.rig.model import Rig
from controller.runtime.alarming import Alarming
from controller.runtime.frames import FrameMaker
from controller.runtime.health import PING_S, Health
from controller.runtime.situation import Situation
from controller.runtime.slow_readings import READ_S, SLOW_S, SlowReader
from drivers.errors import InstrumentError, LinkBusy
from drivers.ports import CapacitorCharger, Daq, Instrument
from drivers.wire.plc import PlcState

FRAME_S = 0.02
"""Telemetry frame period (design.md 2)."""

CHARGER_S = 0.25
"""The charger's answers take 20 ms each at 9600 baud; it is watched, not steered. This pause, two deadlines of a driver
(0.3 s for the charger, 0.4 s for the DAQ) and ``RETRY_S`` stay below the second of safety.md 2.3 row 10."""

RETRY_S = 0.05
"""After a miss the next try follows so soon, whatever the period: it decides whether the instrument is lost."""

CHARGER_FAST_S = 0.1
"""Period towards the end of a charge: its answers leave that much time."""

CHARGER_FAST_FROM = 0.7
"""Share of the target, by the charge that went in, from which on the charger is read faster."""

DAQ_S = 0.05
"""Data acquisition period while nothing moves fast."""

DAQ_FAST_S = 0.01
"""Period while the bank is being dumped, so that a decay of 0.1 s is seen in ten points."""

BEATLESS_FRAMES_MAX = 150
"""Frames without a round of the heartbeat: 3 s, longer than its longest exchange with a reconnect. Frames are counted,
not seconds: after a standstill of the whole loop both come at once."""

ANSWER_S = 0.7
"""Promise of a poller while it waits for a reading (safety.md 2.3 row 24 allows 0.8 s): a charger that answers its
first question at the driver's deadline, its second as ever and its third not at all takes 0.67 s."""

HELD_MAX = 4
"""Readings in a row that found the line taken by our own commands: those have deadlines below a second."""

MISSES_MAX = 2
"""Readings in a row that may fail before an instrument is lost (safety.md 2.3 row 10)."""


class HeartbeatLost(Exception):
    """The task that speaks with the PLC hangs. Raised to end the core: the PLC has tripped, recovery verifies."""


class Host(Protocol):
    """What the pollers serve: a run, or the watch over an idle bench."""

    def now_ns(self) -> int:
        """The loop's time."""
        ...

    def quiet(self, now_ns: int) -> bool:
        """True while nothing but the PLC may be spoken to."""
        ...

    def note(self, source: str, kind: str, text: str) -> None:
        """Publish an event."""
        ...

    def found(self, instrument: str) -> None:
        """The first reading of an instrument has come."""
        ...

    def lose(self, instrument: str, why: str) -> bool:
        """An instrument has not answered so often that it counts as lost; True: stop asking it."""
        ...

    def step(self) -> int:
        """Index of the step under way, -1 without one."""
        ...

    def countdown_s(self, now_ns: int) -> float | None:
        """Seconds to fire during the countdown, else None."""
        ...


class Pollers:
    """The periodic tasks beside the PLC's."""

    def __init__(
        self,
        rig: Rig,
        situation: Situation,
        host: Host,
        health: Health,
        publish: Callable[[Message], None],
        alarming: Alarming | None = None,
    ) -> None:
        self._situation = situation
        self._host = host
        self._health = health
        self._publish = publish
        self._alarming = alarming
        self._loop = asyncio.get_running_loop()
        daq = next(spec.name for spec in rig.instruments if spec.port == "Daq")
        self._rig, self._daq = rig, daq
        self._daq_channels = [(c.name, c.input, c.scale) for c in rig.channels_of(daq)]
        self._daq_published = frozenset(c.name for c in rig.channels_of(daq) if c.group)
        self._witness = next((c for c in self._daq_channels if c[0] == "probe_b_daq"), None)
        self._maker = FrameMaker(situation, rig)

    async def charger(self, charger: CapacitorCharger) -> None:
        """Read the charger every quarter of a second until it is lost, faster towards the end of a charge."""
        await self._poll("charger", charger.name, self._charger_period_s, lambda: self._read_charger(charger))

    async def daq(self, daq: Daq) -> None:
        """Read the data acquisition unit until it is lost, faster while the bank is being dumped."""
        await self._poll("daq", daq.name, self._daq_period_s, lambda: self._read_daq(daq))

    async def slow(self, instrument: Instrument) -> None:
        """Read what changes slowly once a second, until the instrument is lost."""
        reader = SlowReader(self._rig, instrument)

        async def read() -> None:
            values = await reader.read()
            self._situation.take_polled(instrument.name, values, self._host.now_ns())

        await self._poll(f"slow {instrument.name}", instrument.name, lambda: SLOW_S, read, READ_S)

    async def frames(self) -> None:
        """Publish a telemetry frame every 20 ms; each says how late it is against its place in the schedule."""
        start, slot, beats, missed = self._loop.time(), 0, 0, 0
        while True:
            now = self._loop.time()
            now_ns = round(now * 1e9)
            late_s = max(0.0, now - (start + slot * FRAME_S))  # timers of whole milliseconds also fire early
            self._health.promise("frames", now_ns, PING_S)
            frame = self._maker.make(now_ns, self._host.step(), self._host.countdown_s(now_ns), late_s)
            self._publish(frame)
            self._judge(frame)
            beats, missed = self._health.beats, (missed + 1 if beats and beats == self._health.beats else 0)
            if missed > BEATLESS_FRAMES_MAX:
                # statuses, and with them every other way out, come from the heartbeat alone: only recovery is left
                raise HeartbeatLost(f"the heartbeat task has not come round within {missed * FRAME_S:g} s")
            slot = max(slot, int((now - start) / FRAME_S)) + 1  # what was missed while asleep is not caught up
            await asyncio.sleep(start + slot * FRAME_S - self._loop.time())

    def _judge(self, frame: Frame) -> None:
        """Alarms only tell: a defect of theirs costs the alarms, never the run."""
        if self._alarming is None:
            return
        try:
            self._alarming.on_frame(frame, self._situation)
        except Exception as defect:
            self._alarming = None
            self._host.note("alarms", "fault", f"alarms are not judged any more: {defect!r}")

    async def _poll(
        self,
        task: str,
        instrument: str,
        period_s: Callable[[], float],
        read: Callable[[], Awaitable[None]],
        answer_s: float = ANSWER_S - PING_S,
    ) -> None:
        due, misses, held, found = self._loop.time(), 0, 0, False
        while instrument not in self._situation.lost_optional:
            now_ns = self._host.now_ns()
            self._health.promise(task, now_ns, answer_s + PING_S)
            if not self._host.quiet(now_ns):
                try:
                    await read()
                    misses = held = 0
                    if not found:
                        found = True
                        self._host.found(instrument)
                except InstrumentError as trouble:
                    if isinstance(trouble, LinkBusy) and held < HELD_MAX:
                        held += 1  # a command of ours has the line, and says itself when nobody answers it
                    else:
                        misses += 1
                        if misses <= MISSES_MAX:  # a lost instrument is news once, not twenty times a second
                            self._host.note(instrument, "warning", str(trouble))
                        if misses >= MISSES_MAX and self._host.lose(instrument, str(trouble)):
                            break
            now = self._loop.time()
            due = max(due + period_s(), now) if misses == 0 else now + min(RETRY_S, period_s())
            self._health.promise(task, round(now * 1e9), due - now + PING_S)
            await asyncio.sleep(due - now)
        self._health.retire(task)

    async def _read_charger(self, charger: CapacitorCharger) -> None:
        reading = await charger.read()
        now_ns = self._host.now_ns()
        self._situation.take_charger(reading, now_ns)

    async def _read_daq(self, daq: Daq) -> None:
        volts = await daq.read()
        now_ns = self._host.now_ns()
        for name, terminal, scale in self._daq_channels:
            if terminal in volts:
                self._situation.log(name, now_ns, volts[terminal] * scale)
        published = {
            name: volts[terminal] * scale
            for name, terminal, scale in self._daq_channels
            if name in self._daq_published and terminal in volts
        }
        if published:
            self._situation.show(self._daq, published, now_ns)
        if self._witness is not None and self._witness[1] in volts:
            self._situation.witness_v = volts[self._witness[1]] * self._witness[2]
            self._situation.witness_ns = now_ns

    def _charger_period_s(self) -> float:
        """The estimate of the charge is as good as the current is known where it falls: near the target."""
        status, tally = self._situation.status, self._situation.tally
        if status is None or status.state is not PlcState.CHARGE:
            return CHARGER_S
        return CHARGER_FAST_S if tally.voltage_v >= CHARGER_FAST_FROM * status.target_v else CHARGER_S

    def _daq_period_s(self) -> float:
        status = self._situation.status
        return DAQ_FAST_S if status is not None and status.state is PlcState.DUMPING else DAQ_S
