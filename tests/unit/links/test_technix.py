"""The Technix driver: greetings, pulses on the wire, faults, and how fast it may ask."""

import asyncio
from itertools import pairwise

import pytest

from controller.app.linked import linked
from controller.runtime.virtual_loop import run_virtual
from drivers.errors import ConnectFailed, InstrumentRefused, LinkTimeout, WrongInstrument
from drivers.families.technix import TechnixCharger, open_technix
from firmware_sim.personalities.small_capacitor import SmallCapacitor
from firmware_sim.personalities.technix import TechnixPanel
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.base import Chunk
from firmware_sim.sessions.technix import TechnixSession
from tests.unit.links.peers import Peer, Peers

MS = 1_000_000


class Bench:
    """A charger with a small capacitor; notes what it hears and when."""

    def __init__(self) -> None:
        self.load = SmallCapacitor(100e-6, 100e3)
        self.panel = TechnixPanel(self.load.read, self.load.drive)
        self.heard: list[tuple[int, bytes]] = []

    def _serve(self) -> SessionProtocol:
        bench = self

        class Spy(TechnixSession):
            def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
                bench.heard.append((now_ns, data))
                return super().feed(data, now_ns)

        return SessionProtocol(lambda: Spy(self.panel, self.load.advance))

    async def open(self, identity: str = "CCR10KV") -> TechnixCharger:
        return await open_technix("charger", linked(self._serve), identity=identity)

    def words(self) -> list[bytes]:
        found = [data for _, data in self.heard]
        self.heard.clear()
        return found


def test_what_travels_when_it_is_switched_on_and_off() -> None:
    async def main() -> None:
        bench = Bench()
        charger = await bench.open()
        assert bench.words() == [b"E\r"], "opening changes nothing"
        await charger.configure(5000.0, 1.5)
        assert bench.words() == [b"P7,0\r", b"E\r", b"d2,4095\r", b"d1,2047\r"]
        await charger.output(True)
        on, off = bench.heard[-3][0], bench.heard[-2][0]
        assert off - on == pytest.approx(100 * MS, abs=MS)
        assert bench.words() == [b"P7,0\r", b"E\r", b"E\r", b"P5,1\r", b"P5,0\r", b"E\r"]
        await charger.output(False)
        assert bench.words() == [b"P6,1\r", b"P6,0\r", b"E\r", b"E\r"]
        await charger.close()

    run_virtual(main())


def test_readings_keep_their_distance() -> None:
    async def main() -> None:
        bench = Bench()
        charger = await bench.open()
        await asyncio.sleep(1.0)
        bench.heard.clear()
        await asyncio.gather(*(charger.read() for _ in range(4)))
        times = [now_ns for now_ns, data in bench.heard if data == b"a1\r"]
        assert len(times) == 4
        assert all(later - earlier >= 99 * MS for earlier, later in pairwise(times))
        await charger.close()

    run_virtual(main())


def test_a_latched_fault_is_cleared_once_and_a_lasting_one_named() -> None:
    async def main() -> None:
        bench = Bench()
        charger = await bench.open()
        await charger.configure(1000.0, 1.0)
        bench.panel.inject("interlock_open")
        with pytest.raises(InstrumentRefused, match="interlock is open"):
            await charger.output(True)
        bench.panel.inject("interlock_open", False)
        await charger.output(True)
        assert (await charger.read()).output_on
        bench.panel.inject("internal_fault")
        assert not (await charger.read()).output_on
        with pytest.raises(InstrumentRefused, match="fault that HV off does not clear"):
            await charger.output(True)
        await charger.close()

    run_virtual(main())


def test_local_mode_and_inhibit() -> None:
    async def main() -> None:
        bench = Bench()
        charger = await bench.open()
        await charger.configure(1000.0, 1.0)
        await charger.inhibit(True)
        await charger.output(True)
        assert (await charger.read()).output_on, "switching on lets the output go"
        await charger.inhibit(True)
        assert not (await charger.read()).output_on
        bench.panel.inject("local")
        for job in (charger.configure(1.0, 1.0), charger.output(True)):
            with pytest.raises(InstrumentRefused, match="local mode"):
                await job
        await charger.output(False)
        await charger.close()

    run_virtual(main())


def test_an_echo_that_differs_is_a_refusal() -> None:
    async def main() -> None:
        bench = Bench()
        charger = await bench.open()
        bench.panel.inject("wrong_echo")
        with pytest.raises(InstrumentRefused, match="was sent"):
            await charger.configure(1000.0, 1.0)
        await charger.close()

    run_virtual(main())


def test_a_pulse_that_is_given_up_still_ends() -> None:
    async def main() -> None:
        bench = Bench()
        charger = await bench.open()
        await charger.configure(1000.0, 1.0)
        switching = asyncio.create_task(charger.output(True), name="switching")
        await asyncio.sleep(0.05)
        switching.cancel()
        await asyncio.gather(switching, return_exceptions=True)
        assert bench.words()[-2:] == [b"P5,1\r", b"P5,0\r"]
        await charger.output(False)
        await charger.output(True)
        assert (await charger.read()).output_on
        await charger.close()

    run_virtual(main())


@pytest.mark.parametrize("greeting", [b"", b"\xff\xfb\x01", b"hello\r\n", b"E12\rE34\r", b"\r" * 500])
@pytest.mark.parametrize("pieces_s", [0.0, 0.05, 0.19])
def test_any_greeting_is_drained(greeting: bytes, pieces_s: float) -> None:
    async def main() -> None:
        def answer(peer: Peer, data: bytes) -> None:
            peer.say(b"E32\r" if data == b"E\r" else b"E255\r")

        peers = Peers(answer)
        join = peers.connect

        async def connect(factory):  # type: ignore[no-untyped-def]
            made = await join(factory)
            for index, piece in enumerate((greeting[:3], greeting[3:])):
                if piece:
                    peers.made[-1].say_later(index * pieces_s, piece)
            return made

        charger = await open_technix("charger", connect, identity="")
        assert int(await charger.status()) == 32
        await charger.close()

    run_virtual(main())


def test_a_greeting_that_never_ends_and_one_that_hangs_up() -> None:
    async def main() -> None:
        peers = Peers(lambda peer, data: None)
        join = peers.connect

        def babble(peer: Peer) -> None:
            if not peer.lost:
                peer.say(b"blah\r\n")
                asyncio.get_running_loop().call_later(0.1, babble, peer)

        async def endless(factory):  # type: ignore[no-untyped-def]
            made = await join(factory)
            babble(peers.made[-1])
            return made

        async def rude(factory):  # type: ignore[no-untyped-def]
            made = await join(factory)
            asyncio.get_running_loop().call_later(0.1, peers.made[-1].transport.close)
            return made

        with pytest.raises(LinkTimeout, match="charger"):
            await open_technix("charger", endless, identity="")
        with pytest.raises(ConnectFailed, match="charger"):
            await open_technix("charger", rude, identity="")
        await asyncio.sleep(1.0)
        assert all(peer.lost for peer in peers.made)

    run_virtual(main())


def test_the_model_must_be_the_one_that_the_rig_names() -> None:
    async def main() -> None:
        with pytest.raises(WrongInstrument, match="CCR20KV"):
            await Bench().open("CCR20KV")
        parrot = Peers(lambda peer, data: peer.say(b"what?\r"))
        with pytest.raises(WrongInstrument, match="what"):
            await open_technix("charger", parrot.connect, identity="")

    run_virtual(main())
