"""The stand-in's query rate may not fall below half of what first light asks for (bench_scope_server.py)."""

import os

import pytest

from tests.benchmarks.bench_scope_server import GATE, measure


@pytest.mark.skipif(os.name == "nt", reason="uvloop is not available on Windows")
def test_scope_stand_in_keeps_up_with_an_echo_server() -> None:
    assert measure(rounds=3, count=1_000) >= GATE
