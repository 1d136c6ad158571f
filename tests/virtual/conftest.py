"""Shots that several files look at are made once."""

from collections.abc import Callable

import pytest

from tests.virtual.virtual_bench import Bench, Run

SEED = 3


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """``shipped("noise")``: a shipped profile as it is, run once in a folder of its own. Tests only look at it."""
    made: dict[str, Run] = {}

    def run(profile: str) -> Run:
        if profile not in made:
            with pytest.MonkeyPatch.context() as patch:
                bench = Bench(tmp_path_factory.mktemp(profile) / "shots", patch)
                made[profile] = bench.run(profile=profile, overrides={}, seed=SEED)
        return made[profile]

    return run
