"""The client link on virtual time: deadlines, late replies, turns, reconnects; nothing is ever sent twice."""

import asyncio
from collections.abc import Callable

import pytest

from controller.app.linked import LinkedTransport
from controller.runtime.virtual_loop import run_virtual
from drivers.errors import ConnectFailed, InstrumentRefused, LinkClosed, LinkTimeout, LocalWireError, RemoteWireError
from drivers.transports.modbus import TIMEOUTS_MAX, ModbusLink
from drivers.wire.modbus import Framer, Function, Request, encode_frame

READ = Request(Function.READ_HOLDING, 5, 1)


class Peer(asyncio.Protocol):
    """A server whose answers the test decides: ``delay_s`` None never answers."""

    def __init__(self, log: list[bytes], delay_s: list[float | None], pdu: Callable[[int], bytes]) -> None:
        self.log, self.delay_s, self.pdu = log, delay_s, pdu
        self.framer = Framer()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        for frame in self.framer.feed(data):
            self.log.append(frame.pdu)
            delay_s = self.delay_s.pop(0) if self.delay_s else 0.0
            if delay_s is not None and self.transport is not None:
                answer = encode_frame(frame.transaction, frame.unit, self.pdu(len(self.log)))
                loop = asyncio.get_running_loop()
                loop.call_at(loop.time() + delay_s, self.transport.write, answer)


def _number(count: int) -> bytes:
    return b"\3\2" + count.to_bytes(2, "big")


class Line:
    """A link to a Peer in memory."""

    def __init__(self, *delay_s: float | None, pdu: Callable[[int], bytes] = _number) -> None:
        self.log: list[bytes] = []
        self.delay_s: list[float | None] = list(delay_s)
        self.pdu = pdu
        self.peers: list[Peer] = []
        self.refuse = False
        self.link = ModbusLink("plc", self.connect)

    async def connect(
        self, factory: Callable[[], asyncio.Protocol]
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        if self.refuse:
            raise ConnectionRefusedError("nobody there")
        loop = asyncio.get_running_loop()
        near, far = factory(), Peer(self.log, self.delay_s, self.pdu)
        self.peers.append(far)
        one, other = LinkedTransport(loop, near), LinkedTransport(loop, far)
        one.join(other)
        other.join(one)
        near.connection_made(one)
        far.connection_made(other)
        return one, near


def test_late_reply_is_never_the_next_answer() -> None:
    async def main() -> None:
        line, loop = Line(0.3, 0.25, 0.0), asyncio.get_running_loop()
        with pytest.raises(LinkTimeout, match="plc: no answer within the deadline"):
            await line.link.transact(READ, timeout_s=0.2)
        assert loop.time() == pytest.approx(0.2)
        # the first reply arrives at 0.3 s, in the middle of this exchange
        assert await line.link.transact(READ, timeout_s=0.3) == b"\0\2"
        assert loop.time() == pytest.approx(0.45)
        assert await line.link.transact(READ, timeout_s=0.2) == b"\0\3"
        assert len(line.log) == 3 and len(line.peers) == 1
        await line.link.close()

    run_virtual(main())


def test_write_is_never_repeated() -> None:
    async def main() -> None:
        line = Line(None, None)
        write = Request(Function.WRITE_ONE, 5, data=b"\0\1")
        with pytest.raises(LinkTimeout):
            await line.link.transact(write, timeout_s=5.0)
        assert len(line.log) == 1
        await line.link.close()

    run_virtual(main())


def test_half_open_connection_is_replaced() -> None:
    async def main() -> None:
        line = Line(*([None] * TIMEOUTS_MAX), 0.0)
        for _ in range(TIMEOUTS_MAX):
            with pytest.raises(LinkTimeout):
                await line.link.transact(READ, timeout_s=0.1)
        assert await line.link.transact(READ, timeout_s=0.1) == (TIMEOUTS_MAX + 1).to_bytes(2, "big")
        assert len(line.peers) == 2
        await line.link.close()

    run_virtual(main())


def test_one_at_a_time_in_order() -> None:
    async def main() -> None:
        line = Line(0.05, 0.05, 0.05)
        answers = await asyncio.gather(*(line.link.transact(READ, timeout_s=1.0) for _ in range(3)))
        assert answers == [b"\0\1", b"\0\2", b"\0\3"]
        assert asyncio.get_running_loop().time() == pytest.approx(0.15)
        await line.link.close()

    run_virtual(main())


def test_deadline_covers_the_turn() -> None:
    async def main() -> None:
        line = Line(0.5)
        first = asyncio.create_task(line.link.transact(READ, timeout_s=1.0), name="first")
        await asyncio.sleep(0)
        with pytest.raises(LinkTimeout, match="busy"):
            await line.link.transact(READ, timeout_s=0.2)
        assert await first == b"\0\1"
        await line.link.close()

    run_virtual(main())


def test_cancelled_exchange_leaves_a_usable_link() -> None:
    async def main() -> None:
        line = Line(0.5, 0.0)
        task = asyncio.create_task(line.link.transact(READ, timeout_s=1.0), name="cancelled")
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await line.link.transact(READ, timeout_s=1.0) == b"\0\2"
        await line.link.close()

    run_virtual(main())


def test_peer_that_hangs_up_and_comes_back() -> None:
    async def main() -> None:
        line = Line(0.0, None, 0.0)
        await line.link.transact(READ, timeout_s=0.2)
        waiting = asyncio.create_task(line.link.transact(READ, timeout_s=5.0), name="waiting")
        await asyncio.sleep(0.01)
        assert line.peers[0].transport is not None
        line.peers[0].transport.close()
        with pytest.raises(LinkClosed, match="hung up"):
            await waiting
        line.refuse = True
        with pytest.raises(ConnectFailed, match="nobody there"):
            await line.link.transact(READ, timeout_s=0.2)
        line.refuse = False
        assert await line.link.transact(READ, timeout_s=0.2) == b"\0\3"
        await line.link.close()
        with pytest.raises(LinkClosed, match="closed here"):
            await line.link.transact(READ, timeout_s=0.2)

    run_virtual(main())


def test_garbage_exception_and_impossible_requests() -> None:
    async def main() -> None:
        line = Line(pdu=lambda count: [b"\x83\x02", b"\x83\x63", b"\x04\x02\0\0", b"\x83\x02"][count - 1])
        with pytest.raises(InstrumentRefused, match=r"exception 2 \(illegal address\) to READ_HOLDING 5"):
            await line.link.transact(READ, timeout_s=0.2)
        with pytest.raises(InstrumentRefused, match="exception 99"):
            await line.link.transact(READ, timeout_s=0.2)
        with pytest.raises(RemoteWireError, match="not an answer"):
            await line.link.transact(READ, timeout_s=0.2)
        with pytest.raises(LocalWireError):
            await line.link.transact(Request(Function.READ_HOLDING, 0, 126), timeout_s=0.2)
        waiting = asyncio.create_task(line.link.transact(READ, timeout_s=5.0), name="garbage")
        await asyncio.sleep(0)
        assert line.peers[0].transport is not None
        line.peers[0].transport.write(b"HTTP/1.1 400 Bad Request")
        with pytest.raises(LinkClosed, match="not Modbus"):
            await waiting
        await line.link.close()

    run_virtual(main())
