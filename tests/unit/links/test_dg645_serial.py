"""The delay generator on its RS-232, paced at 9600 baud, on virtual time; and a socket's client beside it."""

import asyncio

from controller.app.linked import linked
from controller.runtime.virtual_loop import run_virtual
from drivers.families.delay_generator import open_dg645
from drivers.ports import DelayPlan
from firmware_sim.personalities.dg645 import DelayGeneratorPanel
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.dg645 import BAUD, open_dg645_session

PLAN = DelayPlan(delays_s=(0.0, 100e-6, 250e-6, 1e-3), width_s=10e-6, holdoff_s=0.5, level_v=5.0, trigger_level_v=1.5)


def test_a_plan_goes_over_the_serial_line_at_the_lines_rate_and_the_socket_sees_it() -> None:
    async def main() -> None:
        panel = DelayGeneratorPanel()
        line = await open_dg645(
            "line", linked(lambda: SessionProtocol(lambda: open_dg645_session(panel, BAUD))), identity="DG645"
        )
        before_s = asyncio.get_running_loop().time()
        await line.configure(PLAN)
        assert await line.read_back() == PLAN
        took_s = asyncio.get_running_loop().time() - before_s
        assert 0.5 < took_s < 2.0, "some 800 bytes both ways at 960 bytes a second"
        socket = await open_dg645(
            "socket", linked(lambda: SessionProtocol(lambda: open_dg645_session(panel))), identity="DG645"
        )
        assert await socket.read_back() == PLAN
        await line.arm()
        assert panel.trigger_input(round(asyncio.get_running_loop().time() * 1e9)) is not None
        assert await socket.triggered() is True
        await line.close()
        await socket.close()

    run_virtual(main())
