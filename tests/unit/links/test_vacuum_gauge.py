"""The gauge driver against lines that misbehave between the two steps of a request (instruments.md 2.9)."""

import asyncio

import pytest

from controller.app.linked import linked
from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentRefused, RemoteWireError, WrongInstrument
from drivers.families.vacuum_gauge import open_tpg_256a, open_tpg_262
from drivers.ports import GaugeStatus
from drivers.wire.tpg import TPG_262
from firmware_sim.personalities.tpg import NO_SENSOR, GaugePanel, Head
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.tpg import GaugeSession
from tests.unit.links.peers import Peer, Peers


def make_panel() -> GaugePanel:
    return GaugePanel(TPG_262, [Head("PKR", lambda: 3.2e-4), Head(NO_SENSOR)])


def test_a_line_restored_between_request_and_enq_gives_no_wrong_answer() -> None:
    """After ETX, ENQ fetches the error word: 0000 would read as the unit mbar."""
    session = GaugeSession(make_panel())
    noise: list[str] = []

    def answer(peer: Peer, data: bytes) -> None:
        now_ns = round(asyncio.get_running_loop().time() * 1e9)
        reply = b"".join(bytes(chunk.data) for chunk in session.feed(data, now_ns))
        if reply:
            peer.say(reply)
        if noise and data.startswith(b"UNI"):
            noise.clear()
            peer.say(b"x")

    async def main() -> None:
        port = await open_tpg_262("gauge", Peers(answer).connect, identity="PKR")
        assert (await port.read())[1].status is GaugeStatus.OK
        session._panel.request(b"UNI,2")
        noise.append("now")
        with pytest.raises(RemoteWireError, match="restored"):
            await port.read()
        assert (await port.read())[1].pressure_pa == pytest.approx(3.2e-4, rel=0.005), "the next one is right"
        await port.close()

    run_virtual(main())


def test_a_controller_that_talks_all_the_time_can_be_opened() -> None:
    async def main() -> None:
        panel = make_panel()
        panel.continuous_s = 0.1
        connect = linked(lambda: SessionProtocol(lambda: GaugeSession(panel)))
        port = await open_tpg_262("gauge", connect, identity="TPG 262")
        assert panel.continuous_s is None
        assert (await port.gauges()) == ("PKR", NO_SENSOR)
        assert (await port.read())[2].status is GaugeStatus.NO_SENSOR
        await port.close()

    run_virtual(main())


def test_nak_tells_what_the_error_word_says() -> None:
    async def main() -> None:
        panel = make_panel()
        connect = linked(lambda: SessionProtocol(lambda: GaugeSession(panel)))
        port = await open_tpg_262("gauge", connect, identity="")
        panel.inject("refuses")
        with pytest.raises(InstrumentRefused, match="controller"):
            await port.switch(1, False)
        assert (await port.read())[1].status is GaugeStatus.OK

    run_virtual(main())


def test_the_number_of_gauges_tells_the_models_apart() -> None:
    async def main() -> None:
        connect = linked(lambda: SessionProtocol(lambda: GaugeSession(make_panel())))
        with pytest.raises(WrongInstrument, match="TPG 262 PKR,noSEn"):
            await open_tpg_256a("gauge", connect, identity="")

    run_virtual(main())
