"""One RS-232/485 line with TDK-Lambda Genesys supplies (instruments.md 2.6): one link, one lock, one selected address.

Service requests (``!nn``) are taken out of the stream before the link sees it, wherever they come. After anything that
went wrong the next exchange selects its supply again and asks who it is, so that no late answer is taken for another.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NoReturn

from drivers.errors import InstrumentError, LinkBusy, LinkTimeout, RemoteWireError
from drivers.transports.filtered import Filter
from drivers.transports.link import Connect, Link, Recovery
from drivers.transports.multidrop import SharedLine
from drivers.wire.dialect import BadReply, Row, Values
from drivers.wire.genesys import ADDRESS_PAUSE_S, END, GENESYS, GLOBAL_PAUSE_S, checksum, error_of, unseal

SELECT_S = 0.4
"""A supply answers ADR within milliseconds; who needs longer is not on the line."""

TURN_S = 0.25
"""What another supply's exchange may keep the line busy: a new ADR and the longest answer at 9600 baud."""

STALE_LINES_MAX = 16
"""Late answers that are skipped while the line finds its place again."""

_DIGITS = b"0123456789"


class ServiceRequests:
    """Takes ``!nn`` and CR out of a stream and reports the address."""

    def __init__(self, report: Callable[[int], None]) -> None:
        self._report = report
        self._held = bytearray()

    def sift(self, data: bytes) -> bytes:
        """What is left of ``data``; up to three bytes that may begin a request wait for the next ones."""
        held = self._held
        if not held and b"!" not in data:
            return data
        kept = bytearray()
        for byte in data:
            if not self._fits(byte):
                kept += held
                held.clear()
                if not self._fits(byte):
                    kept.append(byte)
                    continue
            held.append(byte)
            if len(held) == 4:
                self._report(int(held[1:3]))
                held.clear()
        return bytes(kept)

    def _fits(self, byte: int) -> bool:
        """Whether ``byte`` goes on with what is held."""
        return (byte == ord("!"), byte in _DIGITS, byte in _DIGITS, byte in END)[len(self._held)]


class GenesysBus:
    """The line. Every exchange names its supply, and errors carry that supply's name."""

    def __init__(self, connect: Connect) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = asyncio.Lock()
        self._selected: int | None = None
        self._sure = False
        self._quiet_since = self._loop.time()
        self.requests: Counter[int] = Counter()

        async def listen(
            factory: Callable[[], asyncio.BaseProtocol],
        ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
            return await connect(lambda: Filter(factory(), ServiceRequests(self._request).sift))

        self._link = Link("line", listen, recovery=Recovery.DRAIN)

    async def ask(
        self, name: str, address: int, row: Row, *, timeout_s: float, sealed: bool = False, **values: Any
    ) -> Values:
        """One exchange with the supply at ``address``, with a checksum both ways if ``sealed``.

        Raises LinkError, RemoteWireError; Refusal when it answers with an error.
        """
        request = row.request(**values)
        if sealed:
            text = request.removesuffix(END)
            request = text + checksum(text) + END
        async with self._turn(name, timeout_s) as deadline:
            await self._select(address, deadline)
            reply = await self._query(request, deadline)
            return self._parse(row, reply, sealed)

    async def ask_fast(self, name: str, address: int, row: Row, *, timeout_s: float) -> Values:
        """A fast query, which carries the address itself: nobody is selected, and no pause is needed."""
        async with self._turn(name, timeout_s) as deadline:
            return self._parse(row, await self._query(row.request(address=address), deadline), sealed=False)

    async def tell_all(self, name: str, row: Row, *, timeout_s: float, **values: Any) -> None:
        """A global command: nobody answers, and then the line rests."""
        async with self._turn(name, timeout_s + GLOBAL_PAUSE_S):
            await self._link.send(row.request(**values), timeout_s=timeout_s)
            await asyncio.sleep(GLOBAL_PAUSE_S)

    def retry_now(self) -> None:
        """The next exchange may open the line at once, whatever failed before."""
        self._link.retry_now()

    async def close(self) -> None:
        """Release the line."""
        await self._link.close()

    # -- pieces

    @asynccontextmanager
    async def _turn(self, name: str, timeout_s: float) -> AsyncIterator[float]:
        """The line for one exchange until its deadline; errors leave with the instrument's ``name``."""
        deadline = self._loop.time() + timeout_s
        try:
            async with asyncio.timeout_at(deadline):
                await self._lock.acquire()
        except TimeoutError as error:
            raise LinkBusy(name, "the line was busy until the deadline") from error
        try:
            yield deadline
        except Refusal:
            raise
        except BaseException as error:
            self._selected, self._sure = None, False
            if isinstance(error, InstrumentError):
                raise type(error)(name, error.problem) from error
            raise
        finally:
            self._quiet_since = self._loop.time()
            self._lock.release()

    async def _select(self, address: int, deadline: float) -> None:
        if self._selected == address:
            return
        pause_s = self._quiet_since + ADDRESS_PAUSE_S - self._loop.time()
        if pause_s > 0:
            await asyncio.sleep(pause_s)
        request = GENESYS["ADR"].request(value=address)
        patience = min(deadline, self._loop.time() + SELECT_S)
        try:
            reply = await self._query(request, patience)
            if reply.strip() != b"OK":  # the end of half a message that the line may have held
                reply = await self._query(request, patience)
        except LinkTimeout as error:
            raise LinkTimeout("line", f"no supply answers at address {address}") from error
        if not self._sure:
            await self._find_place(deadline)
        elif reply.strip() != b"OK":
            self._distrust(f"ADR {address} was answered {reply[:20]!r}")
        self._selected, self._sure = address, True

    async def _find_place(self, deadline: float) -> None:
        """Ask who is there and skip what is older than the answer."""
        timeout_s = max(0.0, deadline - self._loop.time())
        await self._link.query(GENESYS["IDN?"].request(), timeout_s=timeout_s, framer=_skip_to_identity)

    async def _query(self, request: bytes, deadline: float) -> bytes:
        timeout_s = max(0.0, deadline - self._loop.time())
        return await self._link.query(request, timeout_s=timeout_s, terminator=END)

    def _parse(self, row: Row, reply: bytes, sealed: bool) -> Values:
        try:
            text = unseal(reply) if sealed else reply
            code = error_of(text)
            if code is not None:
                raise Refusal(code)
            return row.parse_reply(text)
        except BadReply as problem:
            self._distrust(str(problem), problem)

    def _distrust(self, problem: str, cause: Exception | None = None) -> NoReturn:
        self._link.poison(problem)
        raise RemoteWireError("line", problem) from cause

    def _request(self, address: int) -> None:
        self.requests[address] += 1


class Refusal(Exception):
    """The supply understood, and answered with ``code``; the family says what that means."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _skip_to_identity(held: bytearray) -> int:
    lines = bytes(held).split(END)
    if len(lines) > STALE_LINES_MAX:
        raise ValueError("babble instead of an identification")
    whole = len(lines) > 1 and not lines[-1]
    return len(held) if whole and lines[-2].startswith(b"LAMBDA,") else 0


def claim_bus(line: SharedLine) -> GenesysBus:
    """The bus of ``line``; the first supply on it makes it."""
    return line.claim(GenesysBus)
