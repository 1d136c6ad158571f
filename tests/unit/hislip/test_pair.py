"""Our client and our stand-in with each other, on virtual time."""

import asyncio
from collections.abc import Callable

import pytest

from controller.app.linked import Connect, rewired, way_by
from drivers.errors import LinkTimeout
from drivers.families.oscilloscope import open_dsox
from drivers.ports import ScopeChannel, ScopeSetup
from drivers.transports.hislip import LockInfo
from drivers.transports.route import Hislip
from drivers.wire.hislip import RemoteLocal
from tests.unit.hislip.bench import Bench, run


def test_the_driver_works_over_hislip() -> None:
    async def main(bench: Bench) -> None:
        scope = await open_dsox("scope", Hislip(bench.connect), identity="MY00000001")
        setup = ScopeSetup(
            channels=(ScopeChannel("CHAN1", 8.0, 0.0, "DC", "ONEM", "A"),),
            window_s=1e-3, pretrigger_s=1e-4, points=5000, bits=16, trigger_source="CHAN1", trigger_level_v=0.5,
        )  # fmt: skip
        await scope.configure(setup)
        await scope.arm()
        await scope.force_trigger()
        record = await scope.read_waveform("CHAN1")
        assert len(record.raw) == 5000 and record.raw.std() > 100
        await scope.close()

    run(main)


def test_what_hislip_adds() -> None:
    async def main(bench: Bench) -> None:
        link, other = bench.link(), bench.link()
        await link.open(1.0)
        await other.open(1.0)
        assert await link.lock_info(timeout_s=1.0) == LockInfo(False, 0)
        assert await link.lock(wait_s=0.0, timeout_s=1.0)
        assert await link.lock_info(timeout_s=1.0) == LockInfo(True, 1)
        assert not await other.lock(wait_s=0.5, timeout_s=1.0)
        with pytest.raises(LinkTimeout):
            await other.query(b"*OPC?\n", timeout_s=0.1)  # held up behind the lock
        await link.unlock(timeout_s=1.0)
        assert await other.query(b"*OPC?\n", timeout_s=1.0) == b"1"
        await link.remote_local(RemoteLocal.ENABLE_AND_GO_REMOTE, timeout_s=1.0)
        assert await link.status_byte(timeout_s=1.0) & 0x20 == 0
        await link.send(b"*ESE 32\n:NOSUCH 1\n", timeout_s=1.0)
        assert await link.query(b"*OPC?\n", timeout_s=1.0) == b"1"
        assert await link.status_byte(timeout_s=1.0) & 0x24 == 0x24
        await link.close()
        await other.close()
        await asyncio.sleep(0.01)
        assert not bench.server.clients and not bench.scope.status.watchers

    run(main)


def test_a_group_trigger_and_a_service_request_when_the_work_is_done() -> None:
    async def main(bench: Bench) -> None:
        link = bench.link()
        requests: list[int] = []
        link.on_service_request = requests.append
        await link.send(b"*CLS;*SRE 32;*ESE 1;:TRIG:SOUR EXT;SWE NORM\n", timeout_s=1.0)
        await link.trigger(timeout_s=1.0)
        await link.send(b"*OPC\n", timeout_s=1.0)
        await asyncio.sleep(0.5)
        assert requests == []
        assert bench.scope.trigger(round(asyncio.get_running_loop().time() * 1e9), "EXT")
        await asyncio.sleep(0.5)
        assert [status & 0x60 for status in requests] == [0x60]
        assert await link.status_byte(timeout_s=1.0) & 0x60 == 0x60
        assert await link.status_byte(timeout_s=1.0) & 0x60 == 0x20, "a poll takes the request"
        await link.close()

    run(main)


def test_a_request_longer_than_the_instrument_takes_goes_in_pieces() -> None:
    async def main(bench: Bench) -> None:
        link = bench.link()
        await link.open(1.0)
        link._payload_max = 64
        request = b";".join([b":CHAN1:RANG 4"] * 20) + b";:CHAN1:RANG?\n"
        assert float(await link.query(request, timeout_s=1.0)) == 4.0
        assert float(await link.query(b":CHAN1:RANG?\n", timeout_s=1.0)) == 4.0
        assert await link.query(b":SYST:ERR?\n", timeout_s=1.0) == b'+0,"No error"'
        await link.close()

    run(main)


def test_a_hung_instrument_is_freed_by_the_next_exchange() -> None:
    async def main(bench: Bench) -> None:
        link = bench.link()
        await link.open(1.0)
        with pytest.raises(LinkTimeout):
            await link.query(b":TRIG:SOUR EXT;SWE NORM;:DIGitize CHAN1;*OPC?\n", timeout_s=0.5)
        before = len(bench.protocols)
        assert await link.query(b"*OPT?\n", timeout_s=0.5) == b"0"
        assert len(bench.protocols) == before, "cleared, not reconnected"
        await link.close()

    run(main)


def test_a_rig_that_names_hislip_is_linked_by_both_channels_which_a_campaign_can_hold() -> None:
    async def main(bench: Bench) -> None:
        made: list[asyncio.BaseTransport] = []

        def kept(connect: Connect) -> Connect:
            async def join(
                factory: Callable[[], asyncio.BaseProtocol],
            ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
                transport, protocol = await connect(factory)
                made.append(transport)
                return transport, protocol

            return join

        way = rewired({"scope": way_by("hislip", bench.connect)}, kept)["scope"]
        assert isinstance(way, Hislip)
        scope = await open_dsox("scope", way, identity="")
        assert (await scope.identify()).model == "DSO-X 3014A"
        assert len(made) == 2
        await scope.close()

    run(main)
