"""Mistakes in files and cables are refused on any bench: a campaign tries them, here both of two benches are tried."""

import asyncio
from pathlib import Path

import pytest

from controller.app.locate import default_rig
from controller.app.mistakes import MISTAKES, PROFILE_MISTAKES, RIG_MISTAKES
from controller.app.preflight import prepare
from controller.messages import RunConfig
from controller.runtime.virtual_loop import run_virtual
from tests.support import ROOT

BENCHES = (default_rig(), str(ROOT / "tests" / "toy_bench"))


@pytest.mark.parametrize("rig", BENCHES, ids=lambda rig: Path(rig).name)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_mistake_is_refused(mistake: str, rig: str, tmp_path: Path) -> None:
    prepared = prepare(RunConfig(rig, "full", str(tmp_path / "shots")))

    async def attempt() -> str:
        answer = await MISTAKES[mistake](prepared)
        await asyncio.sleep(0.0)
        return answer

    answer = run_virtual(attempt())
    assert answer.startswith("refused: "), answer
    if mistake in ("rig_files", "profile_file"):
        tried = RIG_MISTAKES if mistake == "rig_files" else PROFILE_MISTAKES
        assert answer == f"refused: {', '.join(tried)}"


def test_two_scopes_of_a_model_are_swapped_where_there_are_two(tmp_path: Path) -> None:
    prepared = prepare(RunConfig(default_rig(), "full", str(tmp_path / "shots")))
    assert "scope_1 and scope_2 swapped" in run_virtual(MISTAKES["wrong_instruments"](prepared))
