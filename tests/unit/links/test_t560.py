"""The T560's driver against its stand-in: refusals in a chain, pages, and what another client left behind."""

import asyncio

import pytest

from controller.app.linked import linked
from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentRefused
from drivers.families.t560 import T560DelayGenerator, open_t560
from drivers.ports import DelayPlan
from firmware_sim.personalities.t560 import INSTALL_NS, T560Panel
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.t560 import T560Session

PLAN = DelayPlan(delays_s=(0.0, 100e-6, 250e-6, 1e-3), width_s=10e-6, holdoff_s=500e-6, trigger_level_v=1.5)


def now_ns() -> int:
    return round(asyncio.get_running_loop().time() * 1e9)


async def open_on(panel: T560Panel) -> T560DelayGenerator:
    return await open_t560("t560", linked(lambda: SessionProtocol(lambda: T560Session(panel))), identity="T560")


def test_a_refusal_in_a_chain_is_named() -> None:
    async def main() -> None:
        panel = T560Panel()
        port = await open_on(panel)
        panel.inject("refuses")
        with pytest.raises(InstrumentRefused, match=r"TR OFF: \?\?"):
            await port.configure(PLAN)
        panel.inject("refuses", False)
        await port.configure(PLAN)
        assert await port.read_back() == PLAN, "a hold-off within the longest pulse is kept"

    run_virtual(main())


def test_arming_waits_out_an_install_and_a_shot_is_counted_once() -> None:
    async def main() -> None:
        panel = T560Panel()
        port = await open_on(panel)
        await port.configure(PLAN)
        panel.execute(b"AW 10u", now_ns())
        assert panel._blind_until_ns - now_ns() == INSTALL_NS
        await port.arm()
        assert panel.trigger_input(now_ns()) is not None
        assert panel.trigger_input(now_ns() + 500_000) is None, "busy until the longest pulse has ended"
        assert await port.triggered() is True
        assert panel.front.trigger == "OFF", "the first look that finds a shot disarms"

    run_virtual(main())


def test_identity_comes_from_the_status_page() -> None:
    async def main() -> None:
        port = await open_on(T560Panel(serial="04711"))
        found = await port.identify()
        assert (found.model, found.serial) == ("T560", "04711")
        assert len((await port.status_page()).splitlines()) == 8
        await port.close()

    run_virtual(main())


def test_it_triggers_by_itself_at_a_rate_and_stops() -> None:
    async def main() -> None:
        panel = T560Panel()
        port = await open_on(panel)
        await port.configure(PLAN)
        await port.run_at(50.0)
        assert (panel.front.trigger, panel._active.rate_hz) == ("SYN", 50.0)
        await port.halt()
        assert panel.front.trigger == "OFF"
        with pytest.raises(InstrumentRefused, match="cannot be set"):
            await port.run_at(1e9)
        panel.inject("refuses")
        with pytest.raises(InstrumentRefused, match=r"TR OFF: \?\?"):
            await port.halt()

    run_virtual(main())
