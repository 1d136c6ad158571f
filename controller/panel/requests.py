"""Requests to the core over a connection of their own (design.md section 2): today only the abort.

Every request has its own TCP connection, so a reply that comes late arrives at a socket that nobody reads any more and
can never answer another request; the id is checked all the same. There is no lock: an abort that hangs on a stopped
core delays no other one, and the deadline ends it.
"""

import asyncio

import msgspec

from controller.messages import Reply, Request
from controller.panel.addresses import host_and_port

DEADLINE_S = 1.0
"""From the click to an answer, connecting included: after that a person has to reach for the emergency stop."""

LINE_BYTES_MAX = 64 * 1024
"""Longest reply that is read; a real one has a few hundred bytes."""

REASON_LETTERS_MAX = 200
"""Longest reason that is passed on: one line of the journal and of the event log."""

IN_FLIGHT_MAX = 8
"""Connections at once, half of what the core's port keeps. Beyond them a further abort shares the outcome of the newest
one, which is on its way already: nobody is refused, and a page that sends thousands does not push its own requests out
of the core's port."""

DEFAULT_REASON = "abort from the panel"


class CoreUnreachable(Exception):
    """No core took the request: why, as a sentence for the person who asked."""


class CoreRequests:
    """The panel's side of the request connection; :meth:`attach` names the core to talk to."""

    def __init__(self) -> None:
        self._address: tuple[str, int] | None = None
        self._last_id = 0
        self._in_flight: list[asyncio.Future[Reply]] = []

    def attach(self, address: str) -> None:
        """Send requests to ``host:port`` from now on. Raises ValueError for anything else."""
        self._address = host_and_port(address)

    async def abort(self, reason: str = DEFAULT_REASON) -> Reply:
        """Ask the core to abort what runs and to make the bench safe; at most :data:`DEADLINE_S`.

        Raises CoreUnreachable when there is no core, it does not answer in time, or what it says is not a reply.
        """
        if self._address is None:
            raise CoreUnreachable("no core has been started yet")
        if len(self._in_flight) >= IN_FLIGHT_MAX:
            return await _share(self._in_flight[-1])
        self._last_id += 1
        outcome: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        outcome.add_done_callback(_look_at)
        self._in_flight.append(outcome)
        try:
            reply = await self._send(self._address, Request(self._last_id, abort=_one_line(reason)))
        except CoreUnreachable as error:
            outcome.set_exception(error)
            raise
        else:
            outcome.set_result(reply)
            return reply
        finally:
            outcome.cancel()  # changes nothing unless this request itself was cancelled
            self._in_flight.remove(outcome)

    async def _send(self, address: tuple[str, int], request: Request) -> Reply:
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await _exchange(address, request)
        except TimeoutError:
            raise CoreUnreachable(f"the core did not answer within {DEADLINE_S:g} s") from None
        except OSError as error:
            raise CoreUnreachable(f"the core cannot be reached: {error.strerror or error}") from error
        except (asyncio.LimitOverrunError, ValueError) as error:
            raise CoreUnreachable(f"what the core answered cannot be read: {error}") from error


async def _exchange(address: tuple[str, int], request: Request) -> Reply:
    """One request and its reply on a new connection; the caller holds the deadline."""
    reader, writer = await asyncio.open_connection(*address, limit=LINE_BYTES_MAX)
    try:
        writer.write(msgspec.json.encode(request) + b"\n")
        await writer.drain()
        while line := await reader.readline():
            reply = msgspec.json.decode(line, type=Reply)
            if reply.id == request.id:
                return reply
        raise CoreUnreachable("the core hung up without an answer")
    finally:
        writer.transport.abort()  # a stopped core must not keep the connection in memory


async def _share(outcome: "asyncio.Future[Reply]") -> Reply:
    """The outcome of an abort that somebody else sent; being cancelled here does not cancel that one."""
    try:
        return await asyncio.shield(outcome)
    except asyncio.CancelledError:
        if outcome.cancelled():
            raise CoreUnreachable("the abort that this one had joined was given up; press ABORT again") from None
        raise


def _look_at(outcome: "asyncio.Future[Reply]") -> None:
    """Fetch the exception: whoever sent the request has it anyway, and nobody need have joined."""
    if not outcome.cancelled():
        outcome.exception()


def _one_line(reason: str) -> str:
    """The reason without line breaks and control characters, bounded; never empty."""
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in reason).split())
    return text[:REASON_LETTERS_MAX] or DEFAULT_REASON
