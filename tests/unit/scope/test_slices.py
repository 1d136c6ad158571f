"""A long record is computed in hundreds of slices, one a tick: the shell must not wait longer between them."""

import asyncio

import pytest

from controller.app.linked import linked, way_by
from controller.runtime.virtual_loop import run_virtual
from drivers.transports.route import make_link
from firmware_sim.personalities.dsox_settings import MEMORY_POINTS
from firmware_sim.personalities.scope_record import SLICE_POINTS
from firmware_sim.servers.tcp import TICK_S, SessionProtocol
from firmware_sim.standalone import STANDALONE

SETUP = b":WAV:POIN:MODE RAW;:ACQ:TYPE NORM;:TRIG:SWEEP AUTO;:DIG CHAN1;:WAV:SOUR CHAN1;FORM WORD;POIN MAX;*OPC?\n"


@pytest.mark.parametrize("transport", ["socket", "hislip"])
def test_the_longest_record_takes_a_tick_per_slice(transport: str) -> None:
    async def main() -> None:
        door = STANDALONE["Keysight DSO-X 3014A"](1)[transport]
        link = make_link("scope", way_by(transport, linked(lambda: SessionProtocol(door))))
        assert await link.query(SETUP, timeout_s=60.0) == b"1"
        out = bytearray(2 * MEMORY_POINTS)
        begin = asyncio.get_running_loop().time()
        assert await link.query_block(b":WAV:DATA?\n", out, timeout_s=60.0) == len(out)
        assert asyncio.get_running_loop().time() - begin < 2 * TICK_S * MEMORY_POINTS / SLICE_POINTS
        await link.close()

    run_virtual(main())
