"""A taped run again, on virtual time: every instrument is its tape, the drivers and everything above them are real.

The n-th connection to an instrument is served by its n-th taped one. What the driver sends is compared with the tape;
the answers follow after the taped delays. A request that differs is noted (``Divergence``) and then served as
:mod:`controller.app.tape_script` says. A run that was taped on virtual time replays byte for byte; one from real time
does not, because the scheduler's moments are not on the tape.
"""

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, cast

import msgspec

from controller.app.booking import open_catalogue
from controller.app.linked import linked, way_by
from controller.app.preflight import Prepared, prepare
from controller.app.shot import World, run_shot
from controller.app.tape_read import Connection, Recording
from controller.app.tape_script import Clock, Line, Script, alike_bytes
from controller.app.twin import foresee
from controller.app.virtual import label_of
from controller.messages import Finished, Message, RunConfig
from controller.rig.source import Problem, Refused
from controller.runtime.offload import inline
from controller.runtime.virtual_loop import Rank, ranked, run_virtual
from drivers.transports.route import Route

DIVERGENCES_MAX = 1000
"""Differences that are kept; a replay with more has nothing to do with its tape."""


NUMBERS_MAX = 10_000
"""Shot numbers that are skipped at most: some seconds."""


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
        _count_to(recording, prepared)
        prediction = foresee(prepared.plan, prepared.rig, prepared.config.rig).ledger
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


def _count_to(recording: Recording, prepared: Prepared) -> None:
    """Let the shot have its taped number, which the PLC's answers name: the catalogue skips those before it."""
    if recording.ended is None:
        return
    number = msgspec.json.decode(recording.ended.finished, type=Finished).shot
    catalogue = open_catalogue(prepared.config, prepared.out)
    try:
        for _ in range(min(number, NUMBERS_MAX) - 1 if not catalogue.list(limit=1) else 0):
            skipped = catalogue.reserve_number(prepared.rig.name, prepared.config.started_utc)
            catalogue.update(skipped, verdict="aborted", ended="refused", reason="a number before the taped shot's")
    finally:
        catalogue.close()


async def _run(
    recording: Recording,
    prepared: Prepared,
    predicted: Mapping[str, float],
    on_message: Callable[[Message], None],
) -> Replay:
    loop, config = asyncio.get_running_loop(), prepared.config
    virtual = recording.begin.virtual
    started = config.started_utc or recording.begin.utc
    clock = Clock()
    players = {spec.name: Player(recording, spec.name, clock) for spec in prepared.rig.instruments}
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

    def __init__(self, recording: Recording, instrument: str, clock: Clock) -> None:
        self._clock = clock
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
        return Voice(self._connections[self._made - 1], self._clock, self.diverged)

    def diverged(self, difference: Divergence) -> None:
        """Note it."""
        if len(self.divergences) < DIVERGENCES_MAX:
            self.divergences.append(difference)


class Voice(asyncio.Protocol):
    """The far end of one connection: says what the tape says."""

    def __init__(self, taped: Connection, clock: Clock, diverged: Callable[[Divergence], None]) -> None:
        self._taped = taped
        self._script = Script(taped.opened_ns, taped.events, clock)
        self._sent_bytes = 0
        self._diverged = diverged
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._timers: list[asyncio.TimerHandle] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """What it says unasked."""
        self._transport = cast(asyncio.Transport, transport)
        self._say(self._script.unasked())

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more is said."""
        self._transport = None
        for timer in self._timers:
            timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer as the tape does."""
        t_ns = round(self._loop.time() * 1e9)
        taped, lines = self._script.answer(data, t_ns)
        if taped is not None:
            offset = self._sent_bytes + alike_bytes(taped, data)
            self._diverged(Divergence(self._taped.instrument, self._taped.index, t_ns, offset, data, taped))
        self._sent_bytes += len(data)
        self._say(lines)

    def _say(self, lines: list[Line]) -> None:
        now = self._loop.time()
        self._timers = [timer for timer in self._timers if not timer.cancelled() and timer.when() > now]
        for line in lines:
            if line.after_ns <= 0:
                self._utter(line)
            else:
                self._timers.append(self._loop.call_at(now + line.after_ns / 1e9, self._utter, line))

    def _utter(self, line: Line) -> None:
        if self._transport is None:
            return
        if line.hangs_up:
            self._transport.close()
        else:
            self._transport.write(line.data)
