"""Every wire fault, transport and driver: a named error or the right answer, in time, and healed afterwards."""

import asyncio

import pytest

from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentError
from drivers.transports.backoff import MAX_S
from firmware_sim.link_faults import FAULTS
from tests.unit.links.wire_bench import PAIRS, Stage, harmless

ASKED = 4
"""Questions while a fault acts: one more than the missed deadlines after which a Modbus connection is replaced."""

PAUSE_S = 0.3
"""Between two questions, as of a poller."""

HEALED_S = 1100.0
"""A line that dripped one byte per second is quiet again after this long (``wire_faults.SLOW_MAX``)."""

OPEN_S = 6.0
"""An opening ends by then: every driver's own deadline is 5 s at most."""

LIES = ("nan", "overflow", "stale")
"""What the instrument says itself, in a form that may be right (no value, an old one): judged in its driver's tests."""


def pair_id(pair: tuple[str, str]) -> str:
    return f"{pair[0].replace(' ', '_')}-{pair[1]}"


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault not in LIES])
@pytest.mark.parametrize("pair", PAIRS, ids=pair_id)
def test_an_error_or_the_right_answer_in_time_and_the_next_is_right(pair: tuple[str, str], fault: str) -> None:
    async def main() -> None:
        stage = Stage(*pair)
        await stage.open()
        await stage.prepare()
        answer, _ = await stage.ask()
        assert await stage.right(answer), answer
        stage.faults.inject(fault)
        for _ in range(ASKED):
            answer, took_s = await stage.ask()
            assert took_s <= stage.question.deadline_s + 0.01, f"{took_s:.2f} s: {answer!r}"
            named = isinstance(answer, InstrumentError) and not harmless(fault, stage.question.patience_s)
            assert named or await stage.right(answer), answer
            await asyncio.sleep(PAUSE_S)
        assert fault in stage.acted
        stage.faults.inject(fault, on=False)
        await asyncio.sleep(HEALED_S if fault == "slow" else MAX_S)  # the pause between attempts to connect is over
        answer, took_s = await stage.ask()
        assert await stage.right(answer), f"after it: {answer!r}"
        await stage.close()

    run_virtual(main())


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault not in LIES])
@pytest.mark.parametrize("pair", PAIRS, ids=pair_id)
def test_opening_through_a_fault_is_refused_by_name_or_opens_the_right_instrument(
    pair: tuple[str, str], fault: str
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        stage = Stage(*pair)
        stage.faults.inject(fault)
        began = loop.time()
        try:
            await stage.open()
        except InstrumentError as error:
            assert error.instrument == "it"
        assert loop.time() - began <= OPEN_S
        await stage.close()
        stage.faults.inject(fault, on=False)
        if fault == "slow":
            await asyncio.sleep(HEALED_S)
        await stage.open()
        await stage.prepare()
        answer, _ = await stage.ask()
        assert await stage.right(answer), answer
        await stage.close()

    run_virtual(main())
