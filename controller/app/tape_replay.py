"""A taped run again, on virtual time: every instrument is its tape, the drivers and everything above them are real.

The n-th connection to an instrument is served by its n-th taped one. What the driver sends is compared with the tape;
the answers follow after the taped delays. A request that differs is noted (``Divergence``) and then served as well as
possible: by the taped answer to the same request further on, or, where only counters differ (Modbus), by the next one.
A run that was taped on virtual time replays byte for byte; one from real time need not, because the scheduler's
moments are not on the tape.
"""

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, cast

import msgspec

from controller.app.linked import linked, way_by
from controller.app.preflight import Prepared, prepare
from controller.app.shot import World, run_shot
from controller.app.tape_format import Closed, Received, Sent
from controller.app.tape_read import Connection, Recording
from controller.app.twin import foresee
from controller.app.virtual import label_of
from controller.messages import Finished, Message, RunConfig
from controller.rig.source import Problem, Refused
from controller.runtime.offload import inline
from controller.runtime.virtual_loop import Rank, ranked, run_virtual
from drivers.transports.route import Route

DIVERGENCES_MAX = 1000
"""Differences that are kept; a replay with more has nothing to do with its tape."""

SEARCH_MAX = 200
"""Taped requests that are looked through for one that differs from the next: some seconds of a poller."""

MBAP = 2
"""A Modbus request begins with its transaction number, which a reply repeats."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """The driver sent ``sent`` where the tape has ``taped``, at ``offset`` bytes of what it sent on this connection."""

    instrument: str
    connection: int
    t_ns: int
    offset: int
    sent: bytes
    taped: bytes


@dataclass(slots=True)
class Replay:
    """How a replay went: the taped verdict (empty if the tape does not reach that far) and the run's last word now."""

    taped: str
    finished: Finished
    divergences: list[Divergence] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """The verdict is the taped one."""
        return self.taped == self.finished.verdict


def replay(recording: Recording, out: Path, on_message: Callable[[Message], None] = lambda message: None) -> Replay:
    """Run ``recording`` again; the shot goes to ``out``. Raises Refused as a run does, and for a tape without a run."""
    with tempfile.TemporaryDirectory(prefix="sparkgap-tape-") as folder:
        prepared = prepare(_config_of(recording, Path(folder), out))
        prediction = foresee(prepared.plan, prepared.rig).ledger
        return run_virtual(_run(recording, prepared, prediction, on_message))


def _config_of(recording: Recording, folder: Path, out: Path) -> RunConfig:
    begin = recording.begin
    if not begin.config or not begin.profile:
        remedy = "replay one that `sparkgap run --tape` has recorded"
        raise Refused([Problem("tape", 0, "", "holds no run that could be replayed", remedy)])
    config = msgspec.json.decode(begin.config, type=RunConfig)
    profile = folder / Path(config.profile_path).name
    profile.write_text(begin.profile, encoding="utf-8")
    return msgspec.structs.replace(
        config,
        out=str(out),
        profile_path=str(profile),
        lab="",
        tape="",
        faults=(),
        waive=(),
        endpoints={},
        catalogue="",
    )


async def _run(
    recording: Recording,
    prepared: Prepared,
    predicted: Mapping[str, float],
    on_message: Callable[[Message], None],
) -> Replay:
    loop, config = asyncio.get_running_loop(), prepared.config
    virtual = recording.begin.virtual
    started = config.started_utc or recording.begin.utc
    players = {spec.name: Player(recording, spec.name) for spec in prepared.rig.instruments}
    routes = {spec.name: players[spec.name].route(spec.transport) for spec in prepared.rig.instruments}
    world = World(
        connects=routes,
        offload=inline,
        publish=on_message,
        utc=(lambda: label_of(config.seed, loop.time())) if virtual else (lambda: started),
        today=date.fromisoformat((label_of(config.seed, 0.0) if virtual else started)[:10]),
        simulated=True,
        virtual=True,
        predicted=predicted,
    )
    finished = await run_shot(prepared, world, lambda stop: None)
    taped = "" if recording.ended is None else recording.ended.verdict
    differences = [difference for player in players.values() for difference in player.divergences]
    return Replay(taped, finished, sorted(differences, key=lambda difference: difference.t_ns))


class Player:
    """One instrument of the tape."""

    def __init__(self, recording: Recording, instrument: str) -> None:
        self._connections = recording.of(instrument)
        self._made = 0
        self.divergences: list[Divergence] = []

    def route(self, transport: str) -> Route:
        """The way to it, as the rig file names its transport."""
        joined = linked(lambda: ranked(Rank.LINKS).run(self._serve))

        async def connect(factory: Callable[[], asyncio.BaseProtocol]) -> Any:
            at, self._made = self._made, self._made + 1
            if at >= len(self._connections):
                raise ConnectionRefusedError("the tape has no further connection to it")
            if not self._connections[at].stood:
                raise ConnectionRefusedError(self._connections[at].problem)
            return await joined(factory)

        return cast(Route, way_by(transport, connect))

    def _serve(self) -> "Voice":
        return Voice(self._connections[self._made - 1], self.diverged)

    def diverged(self, difference: Divergence) -> None:
        """Note it."""
        if len(self.divergences) < DIVERGENCES_MAX:
            self.divergences.append(difference)


class Voice(asyncio.Protocol):
    """The far end of one connection: says what the tape says."""

    def __init__(self, taped: Connection, diverged: Callable[[Divergence], None]) -> None:
        self._taped = taped
        self._events = taped.events
        self._at = 0
        self._sent_bytes = 0
        self._diverged = diverged
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._timers: list[asyncio.TimerHandle] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """What it says unasked."""
        self._transport = cast(asyncio.Transport, transport)
        self._say(self._taped.opened_ns, b"")

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more is said."""
        self._transport = None
        for timer in self._timers:
            timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Find it on the tape, and answer as the tape does."""
        at = self._find(data)
        self._sent_bytes += len(data)
        if at is None:
            return
        event = self._events[at]
        self._at = at + 1
        self._say(event.t_ns, data)

    def _find(self, data: bytes) -> int | None:
        wanted = [at for at in range(self._at, len(self._events)) if isinstance(self._events[at], Sent)][:SEARCH_MAX]
        taped = [cast(Sent, self._events[at]).data for at in wanted]
        if taped and taped[0] == data:
            return wanted[0]
        first = taped[0] if taped else b""
        same = next(
            (i for i, (a, b) in enumerate(zip(first, data, strict=False)) if a != b), min(len(first), len(data))
        )
        now_ns = round(self._loop.time() * 1e9)
        self._diverged(
            Divergence(self._taped.instrument, self._taped.index, now_ns, self._sent_bytes + same, data, first)
        )
        for alike in (_equal, _equal_but_number, _of_one_kind):
            for at, known in zip(wanted, taped, strict=True):
                if alike(known, data):
                    return at
        return None

    def _say(self, after_ns: int, request: bytes) -> None:
        """Everything up to the next request, each at its distance from ``after_ns``."""
        self._timers = [timer for timer in self._timers if not timer.cancelled() and timer.when() > self._loop.time()]
        now = self._loop.time()
        while self._at < len(self._events) and not isinstance(self._events[self._at], Sent):
            event = self._events[self._at]
            self._at += 1
            if isinstance(event, Received):
                taped = self._events[self._at - 2] if self._at > 1 else None
                data = _numbered(event.data, taped, request)
                self._later(now + (event.t_ns - after_ns) / 1e9, self._write, data)
            elif isinstance(event, Closed) and event.by == "instrument":
                self._later(now + (event.t_ns - after_ns) / 1e9, self._hang_up)

    def _later(self, when: float, call: Callable[..., None], *arguments: Any) -> None:
        if when <= self._loop.time():
            call(*arguments)
        else:
            self._timers.append(self._loop.call_at(when, call, *arguments))

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _hang_up(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _equal(taped: bytes, sent: bytes) -> bool:
    return taped == sent


def _equal_but_number(taped: bytes, sent: bytes) -> bool:
    return is_modbus_request(sent) and taped[MBAP:] == sent[MBAP:]


def _of_one_kind(taped: bytes, sent: bytes) -> bool:
    """The same Modbus function at the same address: only counters and values differ."""
    return is_modbus_request(sent) and is_modbus_request(taped) and taped[4:12] == sent[4:12]


def is_modbus_request(data: bytes) -> bool:
    """One whole Modbus TCP frame."""
    return len(data) >= 8 and data[2:4] == b"\0\0" and int.from_bytes(data[4:6], "big") == len(data) - 6


def _numbered(data: bytes, taped: object, request: bytes) -> bytes:
    """A Modbus answer with the number of the request that it answers now."""
    if not request or not isinstance(taped, Sent) or not is_modbus_request(request) or data[:2] != taped.data[:2]:
        return data
    return request[:MBAP] + data[MBAP:]
