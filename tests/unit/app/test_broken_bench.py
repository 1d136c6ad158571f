"""A defect in the simulated bench ends a virtual run loudly and switches the rig child's bench off."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from controller.app import rig_process
from controller.app.control import Lines
from controller.app.rig_sim import SimulatedRig
from controller.app.virtual import run_virtual
from controller.messages import RunConfig
from controller.runtime.virtual_loop import CallbackFailed
from firmware_sim.plant.bench import BenchPlant
from firmware_sim.plc.plc import Plc


def break_it(*_: object) -> None:
    raise ZeroDivisionError("a defect of the bench")


@pytest.mark.parametrize(
    ("owner", "method"),
    [(Plc, "exchange"), (BenchPlant, "pulse"), (Plc, "_note_change")],
)
def test_a_defect_anywhere_in_the_bench_ends_the_run(
    owner: type, method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, method, break_it)
    config = RunConfig(rig="railgun_bench", profile_path="full", out=str(tmp_path / "out"), overrides={"hold": "0 s"})
    with pytest.raises(CallbackFailed) as caught:
        run_virtual(config, lambda message: None, lambda: "")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


class Bench:
    def __init__(self) -> None:
        self.broken = asyncio.Event()


class OpenInput:
    """Standard input that stays open until the test closes it."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    async def until_closed(self, take: Callable[[bytes], None]) -> None:
        await self.closed.wait()


@pytest.mark.parametrize(("what", "code"), [("bench", rig_process.EXIT_BROKEN), ("input", 0)])
async def test_the_rig_child_ends_with_its_bench_or_its_input(what: str, code: int) -> None:
    bench, lines = Bench(), OpenInput()
    ending = asyncio.create_task(rig_process._obey_all(cast(SimulatedRig, bench), cast(Lines, lines)))
    await asyncio.sleep(0)
    assert not ending.done()
    (bench.broken if what == "bench" else lines.closed).set()
    assert await ending == code
