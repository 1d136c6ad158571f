"""PyVISA as a link: GPIB, USB-TMC, VXI-11 and whatever a vendor's VISA reaches, behind one thread per instrument.

The loop never waits for VISA: an exchange that is cancelled or past its deadline leaves its call to the thread. Before
the next exchange the device is cleared; a call that still hangs then is left behind with its thread and its session,
and a new session is opened. Late answers are dropped wherever they come.

No hardware has confirmed this: it was proved on stand-ins by TCP/IP, and for GPIB and USB strings on pyvisa-sim.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

from drivers.errors import ConnectFailed, InstrumentError, LinkClosed, LinkError, LinkTimeout, WrongInstrument
from drivers.transports import visa_thread
from drivers.transports.receiver import Framer
from drivers.transports.route import Visa
from drivers.transports.turns import OVERDUE, REPLY_MAX, Hello, Turns, ask
from drivers.transports.visa_thread import Job, VisaThread
from drivers.wire.dialect import Row, Values
from drivers.wire.visa import BadResource, check_resource

T = TypeVar("T")

OPEN_S = 5.0
"""Longest time VISA may take to open a session: a LAN gateway wakes its bus in about a second."""
CLEAR_S = 0.3
"""Longest device clear, as HiSLIP's."""
STUCK_S = 0.2
"""A call past its deadline may take this much longer before its thread is left behind."""
CLOSE_S = 0.5
"""How long :meth:`VisaLink.close` waits for the session to be closed; the thread does it in any case."""
RETIRED_MAX = 4
"""Threads of one instrument that may be stuck in VISA; each holds a session that the instrument has to serve."""
TIMED_OUT = -1073807339
"""VI_ERROR_TMO."""
NOT_SUPPORTED = -1073807257
"""VI_ERROR_NSUP_OPER: for example a serial poll where the backend has none (trap T6)."""


class VisaLink:
    """The session to instrument ``name``. Opens lazily; raises only the tree of :mod:`drivers.errors`.

    Raises ValueError at once for a resource that is not PyVISA's here: sockets, serial lines, HiSLIP.
    """

    def __init__(self, name: str, route: Visa, *, hello: Hello | None = None) -> None:
        try:
            check_resource(route.resource)
        except BadResource as trouble:
            raise ValueError(f"{name}: {trouble}: write {trouble.remedy}") from trouble
        self.name = name
        self._turns = Turns(name, self, hello)
        self._route = route
        self._thread: VisaThread | None = None
        self._retired = 0
        self._all_ended = asyncio.Event()
        self._broken = False
        self._left_behind = False
        self._job: Job[Any] | None = None

    async def open(self, timeout_s: float) -> None:
        """Open and say hello now, whatever failed before. Raises ConnectFailed, LinkTimeout, WrongInstrument."""
        await self._turns.open(timeout_s)

    async def ask(
        self, row: Row, *, timeout_s: float, terminator: bytes = b"\n", before: bytes = b"", **values: Any
    ) -> Values:
        """One dialect row's values, as :func:`drivers.transports.turns.ask`."""
        return await ask(self, row, timeout_s=timeout_s, terminator=terminator, before=before, values=values)

    def poison(self, problem: str) -> None:
        """Distrust the session: clear or replace it before the next exchange."""
        self._turns.poison(problem)

    def retry_now(self) -> None:
        """The next exchange may connect at once: a command that must not wait for a pause (``backoff.py``)."""
        self._turns.retry_now()

    async def query(
        self,
        request: bytes,
        *,
        timeout_s: float,
        terminator: bytes = b"\n",
        framer: Framer | None = None,
        max_bytes: int = REPLY_MAX,
    ) -> bytes:
        """Send ``request`` as one message, return its one reply without ``terminator``, which END may replace.

        Raises as :meth:`drivers.transports.link.Link.query`.
        """

        def work(thread: VisaThread, left_s: float, job: Job[bytes]) -> bytes:
            visa_thread.write(thread, request, left_s)
            return visa_thread.read_text(thread, terminator, max_bytes, framer)

        return await self._exchange(work, self._turns.loop.time() + timeout_s)

    async def query_block(
        self, request: bytes, out: bytearray | memoryview, *, timeout_s: float, terminator: bytes = b"\n"
    ) -> int:
        """Send ``request``, receive one definite block into ``out``; returns its length in bytes.

        Raises as :meth:`query`; RemoteWireError when the block is larger than ``out``. After an error nothing writes
        to ``out`` any more.
        """
        view = memoryview(out).cast("B")

        def work(thread: VisaThread, left_s: float, job: Job[int]) -> int:
            visa_thread.write(thread, request, left_s)
            return visa_thread.read_block(thread, job, view, terminator)

        return await self._exchange(work, self._turns.loop.time() + timeout_s)

    async def send(self, request: bytes, *, timeout_s: float) -> None:
        """Send ``request``, which has no reply; returns when VISA has sent it. Raises as :meth:`query`."""
        await self._exchange(
            lambda thread, left_s, job: visa_thread.write(thread, request, left_s), self._turns.loop.time() + timeout_s
        )

    async def close(self) -> None:
        """Release the link. Never raises for one that is already gone."""
        self._turns.close()
        self.fail(LinkClosed(self.name, "closed here"))
        self._retire()
        try:
            async with asyncio.timeout(CLOSE_S):
                while self._retired:
                    self._all_ended.clear()
                    await self._all_ended.wait()
        except TimeoutError:
            return  # stuck in VISA: the thread closes the session when it can

    # -- what VISA offers beyond a byte stream

    async def status_byte(self, *, timeout_s: float) -> int:
        """The status byte by a serial poll. Raises as :meth:`query`."""
        return int(await self._with_resource(lambda resource: resource.read_stb(), timeout_s))

    async def trigger(self, *, timeout_s: float) -> None:
        """The group execute trigger."""
        await self._with_resource(lambda resource: resource.assert_trigger(), timeout_s)

    async def clear(self, *, timeout_s: float) -> None:
        """Device clear: the instrument gives up what it does and forgets what it was about to answer."""
        if self._turns.ready:
            self.poison("to be cleared")
        await self._turns.enter(self._turns.loop.time() + timeout_s)
        self._turns.leave()

    async def lock(self, *, wait_s: float, timeout_s: float) -> bool:
        """Ask for the exclusive lock; False when it was not free in ``wait_s``."""

        def work(resource: Any) -> bool:
            try:
                resource.lock_excl(round(wait_s * 1e3))
            except Exception as trouble:
                if getattr(trouble, "error_code", None) in LOCKED:
                    return False
                raise
            return True

        return await self._with_resource(work, timeout_s)

    async def unlock(self, *, timeout_s: float) -> None:
        """Give the lock back."""
        await self._with_resource(lambda resource: resource.unlock(), timeout_s)

    async def _with_resource(self, call: Callable[[Any], T], timeout_s: float) -> T:
        def work(thread: VisaThread, left_s: float, job: Job[T]) -> T:
            thread.resource.timeout = max(round(left_s * 1e3), 1)
            return call(thread.resource)

        return await self._exchange(work, self._turns.loop.time() + timeout_s)

    # -- one exchange

    async def _exchange(self, work: Callable[[VisaThread, float, Job[T]], T], deadline: float) -> T:
        await self._turns.enter(deadline)
        try:
            return await self._run(work, deadline)
        except BaseException as error:
            self._turns.spoil(error)
        finally:
            self._turns.leave()

    async def _run(self, work: Callable[[VisaThread, float, Job[T]], T], deadline: float) -> T:
        """``work`` in the thread, until ``deadline``."""
        thread = self._thread
        if thread is None:
            raise LinkClosed(self.name, self._turns.problem)
        left_s = max(deadline - self._turns.loop.time(), 0.001)
        job: Job[T] = Job(self._turns.loop, lambda owner, job: work(owner, left_s, job))
        self._job = job
        self._turns.watch(deadline)
        thread.submit(job)
        try:
            return await job.waiter
        except (asyncio.CancelledError, InstrumentError, ValueError):
            raise
        except Exception as trouble:
            if isinstance(trouble, NotImplementedError) or getattr(trouble, "error_code", None) == NOT_SUPPORTED:
                raise LinkError(self.name, "this VISA cannot do that with this resource") from trouble
            if getattr(trouble, "error_code", None) == TIMED_OUT:
                raise LinkTimeout(self.name, "no complete answer within the deadline") from trouble
            self._broken = True
            raise LinkClosed(self.name, f"VISA failed: {_words(trouble)}") from trouble
        finally:
            job.abandon()
            self._job = None

    # -- what the turns ask for

    def overdue(self) -> str:
        """What is wrong when the deadline has passed."""
        return OVERDUE

    def fail(self, error: Exception) -> None:
        """End the exchange in progress with ``error``; the thread may go on with it."""
        if self._job is not None and not self._job.waiter.done():
            self._job.waiter.set_exception(error)

    async def restore(self) -> None:
        """Clear the device, or leave the session behind and open another. Raises ConnectFailed, LinkError."""
        thread = self._thread
        if thread is not None and not self._broken and await _idle(thread):
            try:
                await self._call(thread, lambda owner: visa_thread.clear_device(owner, CLEAR_S), CLEAR_S + STUCK_S)
                return
            except Exception as trouble:  # whatever it was: a session that cannot be cleared is not used again
                self._turns.problem = f"{self._turns.problem}; device clear failed: {_words(trouble)}"
        self._left_behind = self._left_behind or thread is not None
        self._retire()
        await self._reopen()
        left_behind, self._left_behind = self._left_behind, False
        if left_behind and self._thread is not None:  # on GPIB and USB the old session's answer waits for the new one
            with contextlib.suppress(Exception):  # not every VISA can clear; hello finds what is left then
                await self._call(
                    self._thread, lambda owner: visa_thread.clear_device(owner, CLEAR_S), CLEAR_S + STUCK_S
                )

    async def greet(self, hello: Hello, deadline: float) -> None:
        """Ask who is there; raises WrongInstrument and what :meth:`query` raises."""

        def work(thread: VisaThread, left_s: float, job: Job[bytes]) -> bytes:
            visa_thread.write(thread, hello.request, left_s)
            return visa_thread.read_text(thread, hello.terminator, REPLY_MAX, len)

        try:
            answer = (await self._run(work, deadline)).removesuffix(hello.terminator)
        except BaseException as error:
            self._turns.spoil(error)
        if not hello.accept(answer):
            text = answer[:80].decode("latin-1").strip()
            raise WrongInstrument(self.name, f"another instrument is there, which answered {text!r}")

    async def _reopen(self) -> None:
        if self._retired > RETIRED_MAX:
            raise LinkError(self.name, f"{self._retired} calls into VISA do not return")
        self._turns.connecting()
        thread = self._thread = VisaThread(self.name, self._route, self._thread_ended)
        try:
            await self._call(thread, lambda owner: visa_thread.open_resource(owner, OPEN_S), OPEN_S + STUCK_S)
        except TimeoutError as trouble:
            self._broken = True
            raise ConnectFailed(self.name, "VISA does not open the address") from trouble
        except ImportError as trouble:
            self._retire()
            raise ConnectFailed(self.name, f"PyVISA is missing: pip install 'sparkgap[visa]' ({trouble})") from trouble
        except Exception as trouble:
            self._retire()
            raise ConnectFailed(self.name, f"nobody answers at the address: {_words(trouble)}") from trouble
        except BaseException:
            self._broken = True
            raise
        self._broken = False

    async def _call(self, thread: VisaThread, call: Callable[[VisaThread], None], timeout_s: float) -> None:
        """One call that is not an exchange. Raises TimeoutError and whatever VISA raises."""
        job: Job[None] = Job(self._turns.loop, lambda owner, job: call(owner))
        thread.submit(job)
        try:
            async with asyncio.timeout(timeout_s):
                await job.waiter
        finally:
            job.abandon()

    def _retire(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            self._retired += 1
            thread.retire()

    def _thread_ended(self) -> None:
        self._retired -= 1
        self._all_ended.set()


LOCKED = (-1073807345, TIMED_OUT)
"""VI_ERROR_RSRC_LOCKED, and what some backends say instead when they have waited for it."""


async def _idle(thread: VisaThread) -> bool:
    """True when the thread has nothing to do, or soon."""
    try:
        async with asyncio.timeout(STUCK_S):
            await thread.idle.wait()
    except TimeoutError:
        return False
    return True


def _words(trouble: BaseException) -> str:
    return " ".join((str(trouble) or type(trouble).__name__).split())[:200]
