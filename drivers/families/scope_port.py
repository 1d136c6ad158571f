"""The :class:`drivers.ports.Oscilloscope` port over any SCPI scope: what is the same for all of them.

A :class:`ScopeModel` says how one kind of scope spells a setup, tells its state and hands out a record; the port keeps
the order of things: stop, write, check the error queue, read back; arm until the scope says so; read only what is
stored. What a :class:`ScopeSetup` cannot express (probe factor, inversion, sweep ...) is forced and checked as well, so
that a knob turned between arming and fire is seen.
"""

import asyncio
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from drivers.errors import InstrumentRefused, LinkTimeout, RemoteWireError
from drivers.families.identity import match_identity
from drivers.ports import Identity, ScopeChannel, ScopeSetup, ScopeState, SegmentedWaveform, Waveform
from drivers.transports.link import Hello
from drivers.transports.route import InstrumentLink, Route, make_link
from drivers.wire.dialect import BadReply, Dialect, Values

EXCHANGE_S = 0.9
"""Deadline of one exchange of text: a scope answers within a screen update, 50 ms. A miss ends the step, and has to
within a second (safety.md 2.3 row 10)."""
STORING_S = 2.0
"""The same where a record is read out: the scope may be busy storing, and nothing waits for it but the record."""
ARM_MARGIN_S = 2.0
"""Allowed beyond the pre-trigger time until the scope must report that it waits."""
STORE_MARGIN_S = 2.0
"""Allowed beyond the window until a triggered acquisition must have stopped."""
POLL_S = 0.005
"""Between two polls of the acquisition: a tenth of the heartbeat."""
BLOCK_RATE_BYTES_S = 1e6
"""Slowest transfer that is not a fault: a tenth of what a scope's LAN port does."""
ERRORS_MAX = 30
"""Entries a scope's error queue can hold; a queue that never ends is a fault."""
TOLERANCE = 0.005
"""Read-back against set-point, relative: scopes keep ranges in three figures."""

Panel = TypeVar("Panel")


class Asking(Protocol):
    """One exchange of a dialect row; ``before`` is sent ahead of it."""

    async def __call__(self, row: str, before: bytes = b"", **values: Any) -> Values:
        """The reply's values. Raises LinkError, RemoteWireError."""
        ...


class Exchange(Protocol):
    """What a model needs to read a record."""

    name: str

    async def ask(self, row: str, before: bytes = b"", **values: Any) -> Values:
        """As :class:`Asking`."""
        ...

    async def block(self, request: bytes, memory: memoryview) -> None:
        """Fill ``memory`` with one block of exactly its size. Raises RemoteWireError, LinkError."""
        ...

    def impossible(self, problem: str) -> RemoteWireError:
        """The error for a reply that cannot be right; the link is restored before its next exchange."""
        ...

    def memory(self, out: bytearray | memoryview | None, size: int) -> memoryview:
        """``size`` bytes of the caller's memory, or new ones. Raises InstrumentRefused when they do not fit."""
        ...


class ScopeModel(Protocol[Panel]):
    """One kind of scope. ``Panel`` is everything that it reads back at one instant."""

    @property
    def dialect(self) -> Dialect:
        """Its rows; those that the port itself uses have the same names everywhere."""
        ...

    @property
    def channels(self) -> tuple[str, ...]:
        """Its inputs."""
        ...

    def setup_lines(self, name: str, setup: ScopeSetup) -> list[bytes]:
        """The commands of a setup. Raises InstrumentRefused for what no scope of this kind can do."""
        ...

    async def read_panel(self, ask: Asking) -> Panel:
        """Ask for every setting."""
        ...

    def setup_of(self, panel: Panel, expected: ScopeSetup | None) -> ScopeSetup:
        """The panel as a setup, values near the expected ones taken for them."""
        ...

    def changed(self, panel: Panel, setup: ScopeSetup) -> list[str]:
        """Settings outside :class:`ScopeSetup` that are not as configure forced them, for a person."""
        ...

    def settings(self, panel: Panel, source: str) -> Mapping[str, str]:
        """The settings to keep with a record of ``source``."""
        ...

    async def forget(self, ask: Asking) -> None:
        """Clear latches that tell of an earlier acquisition."""
        ...

    async def armed(self, ask: Asking) -> bool:
        """True once the acquisition waits for its trigger, or is over already."""
        ...

    async def progress(self, ask: Asking) -> tuple[bool, bool]:
        """(acquiring, waiting for the trigger)."""
        ...

    async def triggered(self, ask: Asking) -> bool:
        """True when a trigger came since the start of the acquisition; may clear the latch that says so."""
        ...

    async def read(
        self,
        link: Exchange,
        source: str,
        setup: ScopeSetup | None,
        panel: Panel | None,
        out: bytearray | memoryview | None,
    ) -> Waveform:
        """Transfer the record of ``source``. Raises RemoteWireError, InstrumentRefused, LinkError."""
        ...


class TrainReader(Protocol):
    """How a scope with segmented memory hands out a train (:mod:`drivers.families.scope_segments`)."""

    async def count(self, ask: Asking) -> int:
        """Segments that are stored."""
        ...

    async def read(self, link: Exchange, source: str, setup: ScopeSetup | None, panel: Any) -> SegmentedWaveform:
        """Every stored segment of ``source``."""
        ...


class ScopePort(Generic[Panel]):
    """One scope; not for concurrent acquisitions. ``trains`` is None for a scope without segmented memory."""

    def __init__(
        self, name: str, link: InstrumentLink, model: ScopeModel[Panel], trains: TrainReader | None = None
    ) -> None:
        self.name = name
        self._link = link
        self._model = model
        self._trains = trains
        self._setup: ScopeSetup | None = None
        self._panel: Panel | None = None
        self._armed = False
        self._triggered = False

    async def identify(self) -> Identity:
        """``*IDN?``."""
        return Identity(**await self.ask("idn?"))

    async def close(self) -> None:
        """Release the link; the scope keeps what it does."""
        await self._link.close()

    async def configure(self, setup: ScopeSetup) -> None:
        """Stop, write the setup with 1:1 probes, check the error queue and the read-back. Raises InstrumentRefused."""
        self._setup, self._panel, self._armed, self._triggered = None, None, False, False
        dialect = self._model.dialect
        lines = self._model.setup_lines(self.name, setup)
        await self._command([dialect["stop"].request(), dialect["cls"].request(), *lines])
        self._setup = setup
        held = await self.read_back()
        if held != setup:
            raise InstrumentRefused(self.name, f"holds {_differences(setup, held)}")

    async def read_back(self) -> ScopeSetup:
        """The setup as the scope holds it now; a value within :data:`TOLERANCE` of the configured one counts as it.

        Channels come in the configured order, further displayed ones after them. Raises InstrumentRefused when a
        setting outside :class:`ScopeSetup` (probe, inversion, sweep ...) was changed since :meth:`configure`.
        """
        panel = await self._model.read_panel(self.ask)
        self._panel = panel
        changed = [] if self._setup is None else self._model.changed(panel, self._setup)
        if changed:
            raise InstrumentRefused(self.name, "changed since it was configured: " + ", ".join(changed))
        return self._model.setup_of(panel, self._setup)

    async def arm(self) -> None:
        """Start one acquisition, return once the scope waits for its trigger. Raises InstrumentRefused, LinkError."""
        self._armed, self._triggered = True, False
        window_s = self._setup.window_s if self._setup is not None else (await self.read_back()).window_s
        if self._panel is None:
            await self.read_back()
        await self._model.forget(self.ask)
        await self._command([self._model.dialect["single"].request()])
        loop = asyncio.get_running_loop()
        deadline = loop.time() + window_s + ARM_MARGIN_S
        while not await self._model.armed(self.ask):
            if loop.time() >= deadline:
                raise InstrumentRefused(self.name, "does not report that it is armed")
            await asyncio.sleep(POLL_S)
        if await self.state() is ScopeState.STOPPED:
            raise InstrumentRefused(self.name, "lost its arm")

    async def state(self) -> ScopeState:
        """Where the acquisition stands. TRIGGERED stays until the next arm; reads no latch that others need."""
        acquiring, waiting = await self._model.progress(self.ask)
        is_train = self._setup is not None and self._setup.segments > 1
        if acquiring and waiting and not is_train:
            return ScopeState.ARMED
        if not self._triggered:
            seen = await self._model.triggered(self.ask)
            self._triggered |= seen  # reading clears it: another task may have had it meanwhile
        if self._triggered:
            return ScopeState.TRIGGERED
        if acquiring and waiting:
            return ScopeState.ARMED
        return ScopeState.ARMING if acquiring else ScopeState.STOPPED

    async def force_trigger(self) -> None:
        """Trigger by command: for noise records only. Raises InstrumentRefused when the scope is not armed."""
        row = self._model.dialect["trigger.force"]
        await self._command([row.request(**dict.fromkeys(getattr(row, "suffix", "").split(), 1))])

    async def read_waveform(self, source: str, out: bytearray | memoryview | None = None) -> Waveform:
        """Transfer one channel's record into ``out`` (at least points * 2 bytes for 16 bit, points for 8 bit).

        Raises InstrumentRefused when there is no record, RemoteWireError when the replies cannot be right.
        """
        if source not in self._model.channels:
            raise InstrumentRefused(self.name, f"has no {source!r}")
        await self._wait_stored()
        wave = await self._model.read(self, source, self._held_setup(), self._panel, out)
        await self._check_errors()
        return wave

    async def segments_done(self) -> int:
        """Segments stored since the arm. Raises InstrumentRefused without segmented memory."""
        return await self._segmented().count(self.ask)

    async def read_train(self, source: str) -> SegmentedWaveform:
        """Transfer all stored segments of one channel; ends a train that still waits for triggers.

        Raises InstrumentRefused when there is none, RemoteWireError when the replies cannot be right.
        """
        trains = self._segmented()
        if source not in self._model.channels:
            raise InstrumentRefused(self.name, f"has no {source!r}")
        state = await self.state()
        if self._armed and state is not ScopeState.TRIGGERED:
            raise InstrumentRefused(self.name, f"has no record: {state.value}")
        setup = self._held_setup()
        planned = 1 if setup is None else setup.segments
        if (await self._model.progress(self.ask))[0] and await trains.count(self.ask) < planned:
            await self._command([self._model.dialect["stop"].request()])
        await self._wait_stored()
        train = await trains.read(self, source, setup, self._panel)
        await self._check_errors()
        return train

    def _held_setup(self) -> ScopeSetup | None:
        """The configured set-up; of a scope that somebody else configured the one that was read back, if it was."""
        if self._setup is None and self._panel is not None:
            return self._model.setup_of(self._panel, None)
        return self._setup

    def _segmented(self) -> TrainReader:
        if self._trains is None:
            raise InstrumentRefused(self.name, "has no segmented memory")
        return self._trains

    # -- exchanges

    async def ask(self, row: str, before: bytes = b"", **values: Any) -> Values:
        """One row of the dialect."""
        return await self._link.ask(self._model.dialect[row], timeout_s=EXCHANGE_S, before=before, **values)

    async def block(self, request: bytes, memory: memoryview) -> None:
        """As :meth:`Exchange.block`."""
        timeout_s = STORING_S + len(memory) / BLOCK_RATE_BYTES_S
        received = await self._link.query_block(request, memory, timeout_s=timeout_s)
        if received != len(memory):
            self._link.poison("short block")
            raise RemoteWireError(self.name, f"sent {received} bytes of {len(memory)}")

    def impossible(self, problem: str) -> RemoteWireError:
        """As :meth:`Exchange.impossible`."""
        self._link.poison(problem)
        return RemoteWireError(self.name, problem)

    def memory(self, out: bytearray | memoryview | None, size: int) -> memoryview:
        """As :meth:`Exchange.memory`."""
        memory = memoryview(bytearray(size) if out is None else out).cast("B")
        if len(memory) < size:
            raise InstrumentRefused(self.name, f"{size} bytes do not fit the {len(memory)} given")
        return memory[:size]

    async def _command(self, lines: Iterable[bytes]) -> None:
        """Write commands and check the error queue in the same exchange."""
        await self._check_errors(b"".join(lines))

    async def _check_errors(self, before: bytes = b"") -> None:
        """Empty the error queue; raises InstrumentRefused naming what was in it."""
        problems: list[str] = []
        for _ in range(ERRORS_MAX + 1):
            error = await self.ask("error?", before=before)
            before = b""
            if error["code"] == 0:
                break
            problems.append(f"{error['code']} {error['text']}")
        if problems:
            raise InstrumentRefused(self.name, "; ".join(problems))

    async def _wait_stored(self) -> None:
        """Until the acquisition has stopped with a record. Raises InstrumentRefused, LinkTimeout."""
        loop = asyncio.get_running_loop()
        window_s = self._setup.window_s if self._setup is not None else 0.0
        deadline = loop.time() + window_s + STORE_MARGIN_S
        while True:
            state = await self.state()
            if self._armed and state is not ScopeState.TRIGGERED:
                raise InstrumentRefused(self.name, f"has no record: {state.value}")
            if not self._armed or not (await self._model.progress(self.ask))[0]:
                return
            if loop.time() >= deadline:
                raise LinkTimeout(self.name, "still storing after the window has passed")
            await asyncio.sleep(POLL_S)


async def open_scope(
    name: str,
    route: Route,
    model: ScopeModel[Panel],
    vendors: Collection[str],
    models: Collection[str],
    *,
    identity: str,
    timeout_s: float,
    trains: TrainReader | None = None,
) -> ScopePort[Panel]:
    """Connect and check who answers: one of ``vendors`` and ``models``, and ``identity`` found in its ``*IDN?``.

    The same check runs after every reconnect. Raises ConnectFailed, LinkTimeout, WrongInstrument.
    """
    matches = match_identity(identity)
    idn = model.dialect["idn?"]

    def accept(line: bytes) -> bool:
        try:
            found = Identity(**idn.parse_reply(line))
        except BadReply:
            return False
        return found.vendor in vendors and found.model in models and matches(line)

    link = make_link(name, route, hello=Hello(idn.request(), b"\n", accept))
    await link.open(timeout_s)
    return ScopePort(name, link, model, trains)


# -- pure parts that models share


def number_of(source: str) -> int:
    """``CHAN3`` -> 3."""
    return int(source.removeprefix("CHAN"))


def near(held: float, wanted: float, scale: float) -> float:
    """``wanted`` where ``held`` is it within :data:`TOLERANCE` of ``scale``, else ``held``."""
    return wanted if abs(held - wanted) <= TOLERANCE * abs(scale) else held


def near_channel(held: ScopeChannel, wanted: ScopeChannel) -> ScopeChannel:
    """``held`` with the range and the offset of ``wanted`` where they are near."""
    return replace(
        held,
        range_v=near(held.range_v, wanted.range_v, wanted.range_v),
        offset_v=near(held.offset_v, wanted.offset_v, wanted.range_v),
    )


def near_setup(held: ScopeSetup, wanted: ScopeSetup) -> ScopeSetup:
    """``held`` with the times and the trigger level of ``wanted`` where they are near."""
    return replace(
        held,
        window_s=near(held.window_s, wanted.window_s, wanted.window_s),
        pretrigger_s=near(held.pretrigger_s, wanted.pretrigger_s, wanted.window_s),
        trigger_level_v=near(held.trigger_level_v, wanted.trigger_level_v, wanted.trigger_level_v),
    )


def is_possible(preamble: Values, form: int, points_max: int) -> bool:
    """True when a preamble of Agilent's kind has this format code, some points, and steps."""
    return bool(
        preamble["format"] == form
        and 1 <= preamble["points"] <= points_max
        and all(math.isfinite(value) for value in preamble.values())
        and preamble["x_increment"] > 0
        and preamble["y_increment"] > 0
    )


def unsigned_samples(memory: memoryview, bits: int) -> npt.NDArray[np.uint16]:
    """Little-endian words, or bytes widened to words."""
    if bits == 16:
        return np.frombuffer(memory, dtype="<u2")
    return np.frombuffer(memory, dtype=np.uint8).astype(np.uint16)


def refuse_sources(name: str, setup: ScopeSetup, channels: tuple[str, ...]) -> None:
    """Raise InstrumentRefused for inputs or resolutions that are not there."""
    sources = [channel.source for channel in setup.channels]
    if not set(sources) <= set(channels) or len(set(sources)) != len(sources) or setup.bits not in (8, 16):
        raise InstrumentRefused(name, f"cannot record {sources} with {setup.bits} bit")


def _differences(expected: ScopeSetup, held: ScopeSetup) -> str:
    """For a person: what the scope holds where it differs."""
    names = ScopeSetup.__dataclass_fields__
    pairs = ((name, getattr(expected, name), getattr(held, name)) for name in names)
    return ", ".join(f"{name} {actual} where {wanted} was set" for name, wanted, actual in pairs if wanted != actual)
