"""Every model behind a faulty wire on virtual time, and how to ask each kind of instrument one representative thing.

New models join by their rows in ``drivers/registry.py`` and ``firmware_sim/standalone.py``; a new kind of instrument
needs one row in ``QUESTIONS``.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any, TypeVar

import numpy as np

from controller.app.linked import linked, way_by
from drivers.errors import InstrumentError
from drivers.ports import DelayPlan, ScopeChannel, ScopeSetup
from drivers.registry import MODELS
from drivers.wire.plc import PlcRequest
from firmware_sim.link_faults import LinkFaults
from firmware_sim.plc.plc import Plc
from firmware_sim.plc.registers import PlcRegisters
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.base import SessionFactory
from firmware_sim.sessions.modbus import ModbusSession
from firmware_sim.standalone import STANDALONE
from firmware_sim.wire_faults import HARMLESS_NS
from tests.unit.plc.kit import LIMITS

T = TypeVar("T")

PLC = "Sparkgap rig PLC"
RIG_ID = 1
PASS_BY_SESSION = ("socket", "serial", "hislip", "modbus")
"""Transports whose client runs on virtual time; VXI-11's is PyVISA on a thread (see test_wire_faults_visa.py)."""

MAY_BE_RIGHT = ("stale",)
"""An old answer of what stands still is the right one, unless each question has the same bytes (a gauge's ENQ)."""

TOLERANCE = 0.02
"""Between two readings one after the other; a lost digit or a foreign answer is further off."""

SETUP = ScopeSetup(
    channels=(ScopeChannel("CHAN1", 8.0, 0.0, "DC", "ONEM", "A"),),
    window_s=1e-3, pretrigger_s=1e-4, points=10_000, bits=8, trigger_source="CHAN1", trigger_level_v=0.5,
)  # fmt: skip

DELAYS = DelayPlan(delays_s=(0.0, 1e-4, 2e-4, 1e-3), width_s=1e-5, holdoff_s=0.0, level_v=5.0, trigger_level_v=1.5)


@dataclass(frozen=True)
class Question:
    """``prepare`` once on a healthy link; ``ask`` any number of times. ``deadline_s``: the sum of its exchanges'.

    ``patience_s`` is what the shortest of its exchanges leaves for what the wire adds (:func:`harmless`), ``noise`` how
    far two right readings may be apart.
    """

    ask: Callable[[Any], Awaitable[Any]]
    deadline_s: float
    patience_s: float
    prepare: Callable[[Any], Awaitable[Any]] | None = None
    noise: float = 1e-12


async def _read(instrument: Any) -> Any:
    return await instrument.read()


async def _read_back(instrument: Any) -> Any:
    return await instrument.read_back()


async def _record(scope: Any) -> None:
    await scope.configure(SETUP)
    await scope.arm()
    await scope.force_trigger()
    await scope.read_waveform("CHAN1")


async def _waveform(scope: Any) -> Any:
    return await scope.read_back(), (await scope.read_waveform("CHAN1")).raw


async def _configure_inputs(daq: Any) -> None:
    await daq.configure({"AIN0": 10.0, "AIN3": 10.0})


async def _set_delays(generator: Any) -> None:
    await generator.configure(DELAYS)


async def _status(plc: Any) -> Any:
    status = await plc.exchange(PlcRequest())
    return status.rig_id, status.limits_hash, status.state


QUESTIONS: Mapping[str, Question] = {
    "charger": Question(_read, 4.0, 0.15),
    "power_supply": Question(_read, 2.0, 0.8),
    "delay_generator": Question(_read_back, 20.0, 0.8, _set_delays),
    "oscilloscope": Question(_waveform, 30.0, 0.8, _record),
    "vacuum_gauge": Question(_read, 2.0, 0.2),
    "rf_source": Question(_read_back, 10.0, 0.8),
    "chiller": Question(_read, 5.0, 0.8),
    "daq": Question(_read, 0.5, 0.35, _configure_inputs, noise=5e-3),
    "plc": Question(_status, 0.3, 0.15),
}
"""Kind of instrument (``Model.kind``) -> its question."""


def harmless(fault: str, patience_s: float) -> bool:
    """Whether the right answer comes in time although ``fault`` acts.

    ``patience_s`` is what one exchange's deadline leaves beside what a healthy answer takes.
    """
    return HARMLESS_NS.get(fault, math.inf) / 1e9 < patience_s


async def under(fault: str, patience_s: float, deadline_s: float, asked: Awaitable[T]) -> T | None:
    """The answer under a :func:`harmless` fault; None when a harmful one ended in its named error, as it must.

    That error comes within ``deadline_s``. A fault of ``MAY_BE_RIGHT`` may do either.
    """
    if harmless(fault, patience_s):
        return await asked
    loop = asyncio.get_running_loop()
    begin = loop.time()
    try:
        answer = await asked
    except InstrumentError:
        assert loop.time() - begin <= deadline_s
        return None
    assert fault in MAY_BE_RIGHT, f"{fault} was answered by {answer!r}"
    return answer


def doors_of(model: str) -> Mapping[str, SessionFactory]:
    """The stand-in's doors: transport -> what opens a session."""
    if model == PLC:
        registers = PlcRegisters(Plc(LIMITS, RIG_ID, 4242))
        return {"modbus": lambda: ModbusSession(registers)}
    return STANDALONE[model](7)


PAIRS = [
    (model, transport)
    for model in MODELS
    if model == PLC or model in STANDALONE
    for transport in doors_of(model)
    if transport in PASS_BY_SESSION
]
"""Every driver with every transport of its stand-in."""


class Stage:
    """One stand-in, its driver behind a faulty link, and a ``twin`` of the driver on a healthy one: it knows the truth.

    ``faults.on_act`` fills ``acted``.
    """

    def __init__(self, model: str, transport: str) -> None:
        self.model = MODELS[model]
        self.transport = transport
        self.question = QUESTIONS[self.model.kind]
        self.acted: set[str] = set()
        self.faults = LinkFaults(on_act=lambda fault, what: self.acted.add(fault), seed=5)
        self._door = doors_of(model)[transport]
        self._loop = asyncio.get_running_loop()
        self._opened: list[Any] = []
        self.driver: Any = None
        self.twin: Any = None

    async def open(self) -> None:
        """Open the driver through the faults; raises as :class:`drivers.registry.Open`."""
        serial = self.transport == "serial"
        self.driver = await self._open(lambda: SessionProtocol(lambda: self.faults.wrap(self._door(), serial=serial)))

    async def prepare(self) -> None:
        """Open the twin too, and do what the question needs."""
        self.twin = await self._open(lambda: SessionProtocol(self._door))
        if self.question.prepare is not None:
            await self.question.prepare(self.driver)
            await self.question.prepare(self.twin)

    async def _open(self, serve: Callable[[], SessionProtocol]) -> Any:
        identity = f"rig {RIG_ID}" if self.model.kind == "plc" else ""
        opened = await self.model.open("it", way_by(self.transport, linked(serve)), identity=identity)
        self._opened.append(opened)
        return opened

    async def ask(self) -> tuple[Any, float]:
        """The answer, or the error that was raised instead of one; and how long it took."""
        began = self._loop.time()
        try:
            answer = await self.question.ask(self.driver)
        except Exception as error:
            answer = error
        return answer, self._loop.time() - began

    async def right(self, answer: Any) -> bool:
        """Whether ``answer`` is what the instrument shows now."""
        return same(answer, await self.question.ask(self.twin), self.question.noise)

    async def close(self) -> None:
        """Put the drivers away."""
        for driver in self._opened:
            await driver.close()


def same(found: Any, wanted: Any, noise: float) -> bool:
    """Equal, numbers within ``TOLERANCE`` or ``noise``."""
    if isinstance(wanted, np.ndarray):
        return isinstance(found, np.ndarray) and np.array_equal(found, wanted)
    if type(found) is not type(wanted):
        return False
    if is_dataclass(wanted) and not isinstance(wanted, type):
        return same(asdict(found), asdict(wanted), noise)
    if isinstance(wanted, Mapping):
        return found.keys() == wanted.keys() and all(same(found[key], wanted[key], noise) for key in wanted)
    if isinstance(wanted, list | tuple):
        return len(found) == len(wanted) and all(same(a, b, noise) for a, b in zip(found, wanted, strict=True))
    if isinstance(wanted, float):
        return math.isclose(found, wanted, rel_tol=TOLERANCE, abs_tol=noise) or (
            math.isnan(found) and math.isnan(wanted)
        )
    return bool(found == wanted)
